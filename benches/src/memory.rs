//! User memory of a server: the proportional set size of its process tree.
//!
//! Reads /proc. What processes share is counted once; sockets' buffers in the kernel are not.

use std::{fs, io};

use crate::cpu::Tree;

/// Of the whole tree, in KiB.
pub(crate) fn pss(tree: Tree) -> io::Result<u64> {
    let mut sum = 0;
    for process in tree.processes()? {
        match fs::read_to_string(format!("/proc/{process}/smaps_rollup")) {
            Ok(rollup) => sum += kib(&rollup, "Pss:").unwrap_or_default(),
            // It has ended, or is about to: it holds nothing.
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sum)
}

/// The most that one process has had, in KiB: its resident set when that was largest.
pub(crate) fn peak(process: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    Ok(kib(&status, "VmHWM:").unwrap_or_default())
}

fn is_gone(error: &io::Error) -> bool {
    let no_process = rustix::io::Errno::SRCH.raw_os_error();
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(no_process)
}

fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_whole_is_read() {
        let rollup = "Rss:  10 kB\nPss:                 7 kB\nPss_Dirty: 3 kB\n";
        assert_eq!(kib(rollup, "Pss:"), Some(7));
        assert_eq!(kib("Pss_Dirty: 3 kB\n", "Pss:"), None);
    }

    #[test]
    fn this_process_has_memory() {
        let own = std::process::id();
        assert!(pss(Tree::new(own)).expect("/proc") > 0);
        assert!(peak(own).expect("/proc") > 0);
    }
}
