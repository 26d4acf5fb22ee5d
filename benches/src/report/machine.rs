//! What the figures were taken on.
//!
//! Whatever can not be found out is left empty.

use std::{fs, thread};

use serde::{Deserialize, Serialize};

/// A machine.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Machine {
    processor: String,
    processors: usize,
    memory_gib: u64,
    kernel: String,
    system: String,
    /// Whether Popcell was built with optimisations.
    is_release: bool,
}

impl Machine {
    /// This one.
    pub(crate) fn here() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let memory = field(&read("/proc/meminfo"), "MemTotal:", ' ');
        let memory = memory.trim_end_matches("kB").trim().parse::<u64>();
        Self {
            processor: field(&read("/proc/cpuinfo"), "model name", ':'),
            processors: thread::available_parallelism().map_or(0, usize::from),
            memory_gib: memory.unwrap_or_default().div_ceil(1024 * 1024),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            system: field(&read("/etc/os-release"), "PRETTY_NAME", '=')
                .trim_matches('"')
                .to_owned(),
            is_release: !cfg!(debug_assertions),
        }
    }

    /// A sentence.
    pub(crate) fn describe(&self) -> String {
        let Self {
            processor,
            processors,
            memory_gib,
            kernel,
            system,
            is_release,
        } = self;
        let build = match is_release {
            true => "",
            false => "; NOT built with optimisations, so these are no figures",
        };
        format!(
            "{processor}, {processors} processors, {memory_gib} GiB, {system}, Linux {kernel}{build}"
        )
    }
}

/// What stands behind the name and a separator, in the first line that begins with the name.
fn field(text: &str, name: &str, separator: char) -> String {
    let line = text.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.split_once(separator));
    value.map_or_else(String::new, |(_, value)| value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_what_stands_behind_its_name() {
        assert_eq!(field("a\t: 1\nb : 2 x\n", "b", ':'), "2 x");
        assert_eq!(field("a : 1\n", "b", ':'), "");
    }
}
