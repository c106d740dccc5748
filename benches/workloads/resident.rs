//! How much memory this OS process has.

use std::fs;

/// Its resident bytes.
pub(crate) fn resident() -> Result<f64, String> {
    let status = fs::read_to_string("/proc/self/status").map_err(|_| "there is no /proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("it tells no VmRSS")?;
    let kilobytes: f64 =
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).ok_or("VmRSS is no number")?;
    Ok(kilobytes * 1024.0)
}
