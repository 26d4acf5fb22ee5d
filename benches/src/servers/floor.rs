//! Starts the floor: this program again, in a process of its own.

use std::{env, io, process::Command};

use super::{
    Running,
    process::Process,
    setting::{Place, Setting},
};
use crate::maildirs::Shape;

/// Answers to lines that came together go together.
pub(super) const BATCHED: &[&str] = &[];

/// Every message goes by itself.
pub(super) const UNBATCHED: &[&str] = &["--unbatched"];

pub(super) fn start(
    setting: &Setting,
    place: &Place,
    shape: Shape,
    options: &[&str],
) -> io::Result<Running> {
    let mut command = Command::new(env::current_exe()?);
    command
        .arg("floor")
        .arg("--messages")
        .arg(shape.messages.to_string())
        .arg("--octets")
        .arg(shape.octets.to_string())
        .arg("--certificate")
        .arg(&setting.certificate_file)
        .arg("--key")
        .arg(&setting.key_file)
        .args(options);
    let mut process = Process::start(&mut command, &place.log())?;
    let (plain, tls) = process.addresses()?;
    Ok(Running {
        process,
        plain,
        tls,
    })
}
