//! What Popcell costs, beside other servers and a floor: processor time, memory, latency.
//!
//! ```text
//! run -> servers (a process each) <- /proc: cpu, memory
//!  |        ^
//!  |     target <- rows (what is done) -> client, door -> socket, TLS
//!  report (table, JSON, picture, page)
//! ```
//!
//! The load comes from this process, the servers are others. Linux only.

mod arguments;
mod client;
mod cpu;
mod door;
mod floor;
mod letters;
mod maildirs;
mod memory;
mod report;
mod rows;
mod run;
mod sample;
mod servers;
mod target;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::Result;
use arguments::{Outputs, Task};
use report::Results;

fn main() -> Result<ExitCode> {
    match Task::parse() {
        Task::Floor(preparation) => floor::run(&preparation)?,
        Task::Report(file, outputs) => return show(&Results::read(&file)?, &outputs),
        Task::Run(rows, options) => return show(&run::run(&rows, &options)?, &options.outputs),
    }
    Ok(ExitCode::SUCCESS)
}

fn show(results: &Results, outputs: &Outputs) -> Result<ExitCode> {
    io::stdout().write_all(report::table(results).as_bytes())?;
    results.write(outputs)?;
    match results.errors() {
        0 => Ok(ExitCode::SUCCESS),
        _ => Ok(ExitCode::FAILURE),
    }
}
