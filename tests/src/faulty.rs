//! Builds of the session that differ: by nothing but their digest, or by one fault.
//!
//! The faults are those of `guests/faulty`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

/// The guest of `guests/faulty`.
const GUEST: &[u8] = include_bytes!(env!("POPCELL_FAULTY_GUEST"));

/// What stands in the build where its fault is named, and how much room there is behind it.
const MARK: &[u8] = b"popcell-fault:";
const ROOM: usize = 18;

/// The command that wakes faults that are late.
pub const TRIGGER: &str = "TOP 3 77\r\n";

/// A component that speaks POP3 and has this fault; `none` for one that is right. The number tells
/// builds apart that have the same one.
///
/// # Errors
///
/// The guest is not what it was when this was written.
pub fn component(fault: &str, number: u32) -> Result<Vec<u8>> {
    ensure!(fault.len() <= ROOM, "{fault:?} is too long");
    let mut wasm = GUEST.to_vec();
    let found = wasm.windows(MARK.len()).position(|octets| octets == MARK);
    let start = found.context("no place for a fault")? + MARK.len();
    wasm[start..start + ROOM].fill(b' ');
    wasm[start..start + fault.len()].copy_from_slice(fault.as_bytes());
    wasm.extend(custom_section(number));
    Ok(wasm)
}

/// Writes such a component into a directory.
///
/// # Errors
///
/// As [`component`], and what the system says.
pub fn write(directory: &Path, fault: &str, number: u32) -> Result<PathBuf> {
    let path = directory.join(format!("{fault}-{number}.wasm"));
    std::fs::write(&path, component(fault, number)?)?;
    Ok(path)
}

/// A section that means nothing: id 0, its length, the length of its name, a name.
fn custom_section(number: u32) -> Vec<u8> {
    let name = format!("build {number:010}");
    let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
    [&[0, length + 1, length], name.as_bytes()].concat()
}
