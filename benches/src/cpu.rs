//! Processor time of a server: user and system, of its process and all that come from it.
//!
//! Reads /proc. The steadiest figure that a shared machine has: others who use it make a server
//! slower, but hardly dearer.

use std::{collections::BTreeMap, fs, io, time::Duration};

use tokio::time::sleep;

/// How long a tree has to have used no time until it is taken to be idle. Several ticks.
const QUIET: Duration = Duration::from_millis(50);

/// How often that is tried.
const PATIENCE: usize = 40;

/// A process and all that come from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tree {
    root: u32,
}

/// What there is to know of a process here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Stat {
    parent: u32,
    /// Of itself, in whole ticks.
    own: u64,
    /// Of its children that are gone, in whole ticks.
    gone: u64,
}

impl Tree {
    pub(crate) fn new(root: u32) -> Self {
        Self { root }
    }

    /// What the tree has used since it began.
    pub(crate) fn cpu(self) -> io::Result<Duration> {
        let members = self.members()?;
        Ok(members.iter().map(|(number, stat)| stat.cpu(*number)).sum())
    }

    /// The numbers of the processes that are there.
    pub(crate) fn processes(self) -> io::Result<Vec<u32>> {
        Ok(self.members()?.into_keys().collect())
    }

    /// Waits until the tree uses no time, but not for ever.
    pub(crate) async fn settle(self) -> io::Result<()> {
        let mut before = self.cpu()?;
        for _ in 0..PATIENCE {
            sleep(QUIET).await;
            let after = self.cpu()?;
            if after == before {
                break;
            }
            before = after;
        }
        Ok(())
    }

    fn members(self) -> io::Result<BTreeMap<u32, Stat>> {
        let mut all = BTreeMap::new();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(number) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // A process may end between the two.
            if let Ok(text) = fs::read_to_string(format!("/proc/{number}/stat"))
                && let Some(stat) = Stat::parse(&text)
            {
                all.insert(number, stat);
            }
        }
        if !all.contains_key(&self.root) {
            return Err(io::Error::other("the server is gone"));
        }
        let is_member = |number: u32| {
            let mut number = number;
            while number != self.root {
                match all.get(&number) {
                    Some(stat) if stat.parent != 0 => number = stat.parent,
                    Some(_) | None => return false,
                }
            }
            true
        };
        let members = all.iter().filter(|(number, _)| is_member(**number));
        Ok(members.map(|(number, stat)| (*number, *stat)).collect())
    }
}

impl Stat {
    /// The line of /proc/PID/stat: the name in parentheses may hold anything, so count behind it.
    fn parse(line: &str) -> Option<Self> {
        let (_, fields) = line.rsplit_once(") ")?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        // utime, stime, cutime, cstime: fields 14 to 17 of proc(5), the state being field 3.
        Some(Self {
            parent: u32::try_from(number(1)?).ok()?,
            own: number(11)?.checked_add(number(12)?)?,
            gone: number(13)?.checked_add(number(14)?)?,
        })
    }

    /// All of it. A tick is 10 ms, and what a process has used of one is left out: with a process for each
    /// client that may be all. Its threads know to the nanosecond, but those that are gone do not count.
    fn cpu(self, number: u32) -> Duration {
        ticks(self.own).max(threads(number)) + ticks(self.gone)
    }
}

fn ticks(ticks: u64) -> Duration {
    let a_second = rustix::param::clock_ticks_per_second();
    Duration::from_secs_f64(ticks as f64 / a_second as f64)
}

/// What the threads that a process has now have used; none where the kernel does not say.
fn threads(number: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{number}/task"));
    let threads = threads.into_iter().flatten().flatten();
    let used = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(used.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_behind_the_name() {
        let line = "12 (a) b (c)) S 7 12 12 0 -1 4194304 1 2 3 4 100 20 3 0 20 0 1 0 5 6 7";
        let stat = Stat::parse(line).expect("a line");
        assert_eq!(
            stat,
            Stat {
                parent: 7,
                own: 120,
                gone: 3
            }
        );
        assert_eq!(Stat::parse("12 (a) S 7"), None);
    }

    #[test]
    fn threads_know_more_than_ticks() {
        let own = std::process::id();
        let used = threads(own);
        assert_ne!(used.as_nanos() % ticks(1).as_nanos(), 0, "{used:?}");
        assert!(Tree::new(own).cpu().expect("/proc") >= used);
        assert_eq!(threads(u32::MAX), Duration::ZERO);
    }

    #[test]
    fn a_tree_has_its_root_in_it() {
        let own = std::process::id();
        let processes = Tree::new(own).processes().expect("/proc");
        assert!(processes.contains(&own));
        Tree::new(u32::MAX).cpu().expect_err("no such process");
    }
}
