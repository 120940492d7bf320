//! What packets ask of the sysctls: `all` and the device combined, in one word.

use super::DevConf;

/// The combined values of `all` and the device that packets ask for, in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConfBits(pub u32);

impl ConfBits {
    pub const FORWARDING: u32 = 1;
    pub const ACCEPT_LOCAL: u32 = 1 << 1;
    pub const ROUTE_LOCALNET: u32 = 1 << 2;
    pub const SEND_REDIRECTS: u32 = 1 << 3;
    pub const LOG_MARTIANS: u32 = 1 << 4;
    pub const PROXY_ARP: u32 = 1 << 5;
    pub const ARP_FILTER: u32 = 1 << 6;
    pub const DROP_GRATUITOUS_ARP: u32 = 1 << 7;
    pub const SHARED_MEDIA: u32 = 1 << 8;
    pub const BC_FORWARDING: u32 = 1 << 9;
    pub const IGNORE_LINKDOWN: u32 = 1 << 10;
    pub const ACCEPT_REDIRECTS: u32 = 1 << 11;
    pub const PROMOTE_SECONDARIES: u32 = 1 << 12;
    pub const ARP_EVICT_NOCARRIER: u32 = 1 << 13;
    /// IPv4 is on for this device (`in_device` exists).
    pub const IN_DEVICE: u32 = 1 << 14;
    pub const SRC_VALID_MARK: u32 = 1 << 15;
    pub const SECURE_REDIRECTS: u32 = 1 << 27;
    /// Of the device alone.
    pub const PROXY_ARP_PVLAN: u32 = 1 << 28;

    #[inline]
    pub fn has(self, bit: u32) -> bool {
        self.0 & bit != 0
    }
    /// 0 off, 1 strict, 2 loose: the larger of all and the device (RT-34).
    #[inline]
    pub fn rp_filter(self) -> u32 {
        (self.0 >> 16) & 3
    }
    /// 0..8 (ARP-19).
    pub fn arp_ignore(self) -> u32 {
        (self.0 >> 18) & 15
    }
    /// 0..2 (ARP-23).
    pub fn arp_announce(self) -> u32 {
        (self.0 >> 22) & 3
    }
    /// 0..2 (ARP-13).
    pub fn arp_accept(self) -> u32 {
        (self.0 >> 24) & 3
    }
    /// 0..1 (ARP-25).
    pub fn arp_notify(self) -> u32 {
        (self.0 >> 26) & 1
    }

    /// `dev` combined with `all` as the kernel does it for each (DEV-43, include/linux/inetdevice.h); `in_device`: IPv4 is on for the device.
    pub(crate) fn combine(all: &DevConf, dev: &DevConf, in_device: bool) -> ConfBits {
        let or = |f: fn(&DevConf) -> i32| f(all) != 0 || f(dev) != 0;
        let and = |f: fn(&DevConf) -> i32| f(all) != 0 && f(dev) != 0;
        let max = |f: fn(&DevConf) -> i32| f(all).max(f(dev));
        let forwarding = dev.forwarding != 0;
        let redirects: fn(&DevConf) -> i32 = |c| c.accept_redirects;
        let flags = [
            (Self::FORWARDING, forwarding),
            (Self::ACCEPT_LOCAL, or(|c| c.accept_local)),
            (Self::ROUTE_LOCALNET, or(|c| c.route_localnet)),
            (Self::SEND_REDIRECTS, or(|c| c.send_redirects)),
            (Self::LOG_MARTIANS, or(|c| c.log_martians)),
            (Self::PROXY_ARP, or(|c| c.proxy_arp)),
            (Self::ARP_FILTER, or(|c| c.arp_filter)),
            (Self::DROP_GRATUITOUS_ARP, or(|c| c.drop_gratuitous_arp)),
            (Self::SHARED_MEDIA, or(|c| c.shared_media)),
            (Self::BC_FORWARDING, and(|c| c.bc_forwarding)),
            (Self::IGNORE_LINKDOWN, or(|c| c.ignore_routes_with_linkdown)),
            (Self::ACCEPT_REDIRECTS, if forwarding { and(redirects) } else { or(redirects) }),
            (Self::PROMOTE_SECONDARIES, or(|c| c.promote_secondaries)),
            (Self::ARP_EVICT_NOCARRIER, and(|c| c.arp_evict_nocarrier)),
            (Self::IN_DEVICE, in_device),
            (Self::SECURE_REDIRECTS, or(|c| c.secure_redirects)),
            (Self::SRC_VALID_MARK, or(|c| c.src_valid_mark)),
            (Self::PROXY_ARP_PVLAN, dev.proxy_arp_pvlan != 0),
        ];
        let word = flags.into_iter().filter(|f| f.1).fold(0, |word, f| word | f.0);
        // Numbers that the kernel doesn't know act as it treats them: as loose, as the default.
        let rp_filter = match max(|c| c.rp_filter) {
            v @ (0 | 1) => v as u32,
            _ => 2,
        };
        let known = |v: i32, most: i32| if (0..=most).contains(&v) { v as u32 } else { 0 };
        ConfBits(
            word | rp_filter << 16
                | known(max(|c| c.arp_ignore), 8) << 18
                | known(max(|c| c.arp_announce), 2) << 22
                | known(max(|c| c.arp_accept), 2) << 24
                | u32::from(max(|c| c.arp_notify) != 0) << 26,
        )
    }
}
