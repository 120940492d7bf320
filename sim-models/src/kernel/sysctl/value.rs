//! Values: numbers as the kernel reads them, errors as sysctl(8) prints them.

use super::key::{Key, swap};
use crate::kernel::{Errno, RtnlError};

/// ENOENT for a path below /proc/sys.
pub(super) fn no_such(path: &str) -> RtnlError {
    RtnlError::tool(Errno::ENOENT, format!("sysctl: cannot stat /proc/sys/{path}: {}", Errno::ENOENT.text()))
}

/// The kernel refused a value.
pub(super) fn refused(key: &Key<'_>, errno: Errno) -> RtnlError {
    RtnlError::tool(errno, format!("sysctl: setting key \"{}\": {}", swap(&key.path), errno.text()))
}

/// The first number of a value (`proc_dointvec`): decimal, 0x hexadecimal or 0 octal; whatever stands behind a blank
/// is ignored.
///
/// # Errors
/// EINVAL: no number, or not within `min` and `max`.
pub(super) fn int(key: &Key<'_>, value: &str, min: i64, max: i64) -> Result<i64, RtnlError> {
    let first = value.split_whitespace().next().unwrap_or("");
    match number(first) {
        Some(v) if (min..=max).contains(&v) => Ok(v),
        _ => Err(refused(key, Errno::EINVAL)),
    }
}

/// Any `int`.
pub(super) fn any_int(key: &Key<'_>, value: &str) -> Result<i32, RtnlError> {
    int(key, value, i64::from(i32::MIN), i64::from(i32::MAX)).map(|v| v as i32)
}

/// A number without blanks; `None` also for what no 32-bit value could hold.
pub(super) fn number(word: &str) -> Option<i64> {
    let (negative, digits) = match word.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, word),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.strip_prefix("0x") {
        Some(hex) => (16, hex),
        None if lower.len() > 1 && lower.starts_with('0') => (8, &lower[1..]),
        None => (10, lower.as_str()),
    };
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return None;
    }
    let v = i64::from(u32::from_str_radix(digits, radix).ok()?);
    Some(if negative { -v } else { v })
}

/// Accepts only the value that a switch of something that does not exist here has anyway.
pub(super) fn fixed(key: &Key<'_>, only: &str, value: &str) -> Result<(), RtnlError> {
    if value.trim() == only {
        return Ok(());
    }
    any_int(key, value)?;
    Err(key.unsupported(only))
}

/// Milliseconds as they read after the kernel has kept them as ticks (`proc_dointvec_ms_jiffies`): rounded up.
pub(super) fn whole_ticks(hz: u32, ms: u64) -> u64 {
    let hz = u64::from(hz.max(1));
    (ms * hz).div_ceil(1000).saturating_mul(1000).div_ceil(hz)
}
