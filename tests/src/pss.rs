//! How much memory this process has, as the system counts it. Linux only.

use std::fs;

use anyhow::{Context as _, Result};

/// The proportional set size of this process, in KiB.
///
/// # Errors
///
/// The system does not say.
pub fn pss() -> Result<u64> {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let words = line.context("no Pss")?.split_whitespace().next();
    Ok(words.context("no number")?.parse()?)
}
