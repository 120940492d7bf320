//! Memory that a kernel shares with whoever started it: jobs and records pass through it. The serial line, a byte a
//! system call, only says that there is one.

use std::{fs::File, io, os::unix::fs::FileExt};

/// Room for the largest record. What is not written takes no memory.
pub const BYTES: u64 = 64 << 20;
/// The length comes first.
const HEAD: u64 = 8;
/// Where the kernel has it.
pub const DEVICE: &str = "/dev/mmapper";

/// Leaves `bytes` for the other side.
///
/// # Errors
/// There is no room.
pub fn put(file: &File, bytes: &[u8]) -> io::Result<()> {
    if bytes.len() as u64 > BYTES - HEAD {
        return Err(io::Error::other("more than the shared memory holds"));
    }
    file.write_all_at(&(bytes.len() as u64).to_ne_bytes(), 0)?;
    file.write_all_at(bytes, HEAD)
}

/// What the other side has left.
///
/// # Errors
/// It is not all there.
pub fn take(file: &File) -> io::Result<Vec<u8>> {
    let mut head = [0; HEAD as usize];
    file.read_exact_at(&mut head, 0)?;
    let len = u64::from_ne_bytes(head);
    if len > BYTES - HEAD {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    }
    let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, HEAD)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::{super::sys, *};

    #[test]
    fn what_is_put_is_taken() {
        let file = sys::memory(BYTES).unwrap();
        put(&file, b"a job").unwrap();
        assert_eq!(take(&file).unwrap(), b"a job");
        put(&file, b"").unwrap();
        assert_eq!(take(&file).unwrap(), b"");
        file.write_all_at(&u64::MAX.to_ne_bytes(), 0).unwrap();
        assert_eq!(take(&file).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
