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
mod scale;
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
        Task::Run(rows, options) => {
            let outputs = &options.outputs;
            let results = run::run(&rows, &options)?;
            return show(&results.beside(outputs.json.as_deref())?, outputs);
        }
        Task::Scale(options) => {
            let measured = scale::run(&options)?;
            io::stdout().write_all(report::scale(&measured).as_bytes())?;
            let errors = measured.errors();
            if let Some(file) = &options.json {
                Results::write_scale(measured, file, options.markdown.as_deref())?;
            }
            return Ok(ended(errors));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show(results: &Results, outputs: &Outputs) -> Result<ExitCode> {
    io::stdout().write_all(report::table(results).as_bytes())?;
    results.write(outputs)?;
    Ok(ended(results.errors()))
}

fn ended(errors: u64) -> ExitCode {
    match errors {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
