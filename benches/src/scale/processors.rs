//! Sessions a second of a server that has one processor, two, and so on up to all.
//!
//! The client, which is one thread, has those that are left, and shares all if none is.

use std::{fs, io, process::Command};

use anyhow::{Context as _, Result, ensure};

use super::Processors;
use crate::{
    maildirs::Kind,
    rows::{Effort, Row},
    run::{in_one_thread, say},
    sample::Sample,
    servers::{self, Place, Server, Setting},
    target::{Mail, Target},
};

/// The row that is repeated.
const ROW: &str = "session";

/// Measures; nothing if the processors of a process can not be chosen here.
pub(super) fn run(
    setting: &Setting,
    place: &Place,
    turns: u16,
    effort: Effort,
) -> Result<Vec<Processors>> {
    let all = allowed().context("the processors")?;
    if let Err(error) = stay_on(&all) {
        say(&format!("processors are not chosen: {error:#}"));
        return Ok(Vec::new());
    }
    let mut results: Vec<_> = (1..=all.len())
        .map(|count| Processors {
            count,
            of_client: all.len() - count,
            samples: Vec::new(),
        })
        .collect();
    for _ in 0..turns {
        for result in &mut results {
            let sample = turn(setting, place, &all, result.count, effort);
            // This thread has other things to do afterwards.
            stay_on(&all)?;
            let sample = sample.unwrap_or_else(|error| Sample::failed(&format!("{error:#}")));
            if let Some(error) = &sample.first_error {
                say(&format!("{} processors: {error}", result.count));
            }
            result.samples.push(sample);
        }
    }
    Ok(results)
}

/// One server, once.
fn turn(
    setting: &Setting,
    place: &Place,
    all: &[usize],
    count: usize,
    effort: Effort,
) -> Result<Sample> {
    let row = Row::find(ROW).context("no such row")?;
    let (of_server, left) = all.split_at(count);
    stay_on(if left.is_empty() { all } else { left })?;
    let running = servers::Build::Product.start_on(&list(of_server), setting, place)?;
    let target = Target::of(Server::Popcell, &running, setting, place);
    let mail = Mail::new(Kind::Few, place.maildirs.shapes.few);
    Ok(in_one_thread(row.run(&target, &mail, effort))??)
}

/// Has this thread, the first of its process, run on these processors only.
fn stay_on(processors: &[usize]) -> Result<()> {
    let mut command = Command::new("taskset");
    command.args(["-c", "-p", &list(processors)]);
    let output = command.arg(std::process::id().to_string()).output();
    let output = output.context("taskset (of util-linux)")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "taskset: {said}");
    Ok(())
}

fn list(processors: &[usize]) -> String {
    let numbers: Vec<_> = processors.iter().map(usize::to_string).collect();
    numbers.join(",")
}

/// The processors that this process may run on.
fn allowed() -> io::Result<Vec<usize>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let parsed = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .and_then(|list| parse(list.trim()));
    parsed.ok_or_else(|| io::Error::other("/proc/self/status names none"))
}

/// A list as the kernel writes it: `0-3,8`.
fn parse(list: &str) -> Option<Vec<usize>> {
    let mut processors = Vec::new();
    for range in list.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        processors.extend(first.parse().ok()?..=last.parse::<usize>().ok()?);
    }
    Some(processors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_the_kernel_is_read() {
        assert_eq!(parse("0-2,8"), Some(vec![0, 1, 2, 8]));
        assert_eq!(parse("5"), Some(vec![5]));
        assert_eq!(parse(""), None);
        assert_eq!(list(&[0, 1, 8]), "0,1,8");
    }

    #[test]
    fn this_process_may_run_somewhere() {
        assert!(!allowed().expect("/proc").is_empty());
    }
}
