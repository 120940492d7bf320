//! Error numbers, with the C library's texts.

macro_rules! errnos {
    ($($Name:ident $number:literal $text:literal),* $(,)?) => {
        /// `errno`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(clippy::upper_case_acronyms, reason = "the C library's own spelling")]
        pub enum Errno { $($Name = $number),* }
        impl Errno {
            pub const ALL: &'static [Errno] = &[$(Errno::$Name),*];
            pub const fn name(self) -> &'static str { match self { $(Errno::$Name => stringify!($Name)),* } }
            /// `strerror`.
            pub const fn text(self) -> &'static str { match self { $(Errno::$Name => $text),* } }
        }
    };
}

errnos! {
    EPERM 1 "Operation not permitted",
    ENOENT 2 "No such file or directory",
    ESRCH 3 "No such process",
    EAGAIN 11 "Resource temporarily unavailable",
    ENOMEM 12 "Cannot allocate memory",
    EACCES 13 "Permission denied",
    EBUSY 16 "Device or resource busy",
    EEXIST 17 "File exists",
    ENODEV 19 "No such device",
    EINVAL 22 "Invalid argument",
    ENFILE 23 "Too many open files in system",
    ENOSPC 28 "No space left on device",
    ERANGE 34 "Numerical result out of range",
    ELOOP 40 "Too many levels of symbolic links",
    EXFULL 54 "Exchange full",
    EPROTO 71 "Protocol error",
    EDESTADDRREQ 89 "Destination address required",
    EMSGSIZE 90 "Message too long",
    ENOPROTOOPT 92 "Protocol not available",
    EOPNOTSUPP 95 "Operation not supported",
    EADDRINUSE 98 "Address already in use",
    EADDRNOTAVAIL 99 "Cannot assign requested address",
    ENETDOWN 100 "Network is down",
    ENETUNREACH 101 "Network is unreachable",
    ENOBUFS 105 "No buffer space available",
    ENOTCONN 107 "Transport endpoint is not connected",
    ETIMEDOUT 110 "Connection timed out",
    ECONNREFUSED 111 "Connection refused",
    EHOSTDOWN 112 "Host is down",
    EHOSTUNREACH 113 "No route to host",
}
