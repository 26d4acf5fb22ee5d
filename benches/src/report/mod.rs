//! Results: as a table, as JSON, as a picture, as the page BENCHMARKS.md.
//!
//! Measures nothing.

mod machine;
mod page;
mod picture;
mod scale;
mod table;

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

pub(crate) use self::{machine::Machine, scale::scale, table::table};
use crate::{
    arguments::Outputs,
    rows::Row,
    sample::{Figures, Sample},
    scale::Scale,
    servers::Server,
};

/// All that was measured.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    /// What was asked for.
    pub(crate) settings: String,
    pub(crate) servers: Vec<Column>,
    pub(crate) lines: Vec<Line>,
    /// What somebody who reads them has to know. Written by hand.
    #[serde(default)]
    pub(crate) remark: String,
    /// What `scale` has measured, at another time.
    #[serde(default)]
    pub(crate) scale: Option<Scale>,
}

/// A server.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Column {
    pub(crate) server: String,
    pub(crate) version: String,
}

/// A row with the samples of each server, in the order of the servers.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Line {
    pub(crate) row: String,
    pub(crate) samples: Vec<Vec<Sample>>,
}

/// One server in one row.
struct Cell<'a> {
    server: &'a str,
    /// None: no run is a figure.
    figures: Option<Figures>,
    errors: u64,
    /// What the server does not do that the row is about.
    lacks: Option<&'a str>,
}

impl Results {
    /// Reads what was written as JSON.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        serde_json::from_str(&text).with_context(|| file.display().to_string())
    }

    /// The same, with what another command has left in this file, if it is there.
    pub(crate) fn beside(self, file: Option<&Path>) -> Result<Self> {
        match file {
            Some(file) if file.exists() => Ok(Self {
                scale: Self::read(file)?.scale,
                ..self
            }),
            Some(_) | None => Ok(self),
        }
    }

    /// Puts what `scale` has measured into a file of results, beside what is there, and writes the page.
    pub(crate) fn write_scale(scale: Scale, file: &Path, markdown: Option<&Path>) -> Result<()> {
        let earlier = match file.exists() {
            true => Self::read(file)?,
            false => Self {
                machine: scale.machine.clone(),
                settings: String::new(),
                servers: Vec::new(),
                lines: Vec::new(),
                remark: String::new(),
                scale: None,
            },
        };
        let results = Self {
            scale: Some(scale),
            ..earlier
        };
        results.write(&Outputs {
            json: Some(file.to_owned()),
            svg: None,
            markdown: markdown.map(Path::to_owned),
        })
    }

    /// Writes the files that were asked for.
    pub(crate) fn write(&self, outputs: &Outputs) -> Result<()> {
        let write = |file: &Option<_>, text: &dyn Fn() -> String| match file {
            Some(file) => fs::write(file, text()).context("a file of results"),
            None => Ok(()),
        };
        let json = serde_json::to_string_pretty(self)?;
        write(&outputs.json, &|| format!("{json}\n"))?;
        write(&outputs.svg, &|| picture::picture(self))?;
        write(&outputs.markdown, &|| page::page(self))
    }

    /// Errors of all servers.
    pub(crate) fn errors(&self) -> u64 {
        let samples = self
            .lines
            .iter()
            .flat_map(|line| line.samples.iter().flatten());
        samples.map(|sample| sample.errors).sum()
    }

    /// The rows that are known, with each server's figures.
    fn rows(&self) -> impl Iterator<Item = (&'static Row, Vec<Cell<'_>>)> {
        self.lines.iter().filter_map(|line| {
            let cells = self.servers.iter().zip(&line.samples);
            let measured = cells.filter(|(_, samples)| !samples.is_empty());
            let cells = measured.map(|(column, samples)| Cell {
                server: &column.server,
                figures: Figures::of(samples),
                errors: samples.iter().map(|sample| sample.errors).sum(),
                lacks: samples.iter().find_map(|sample| sample.lacks.as_deref()),
            });
            Some((Row::find(&line.row)?, cells.collect()))
        })
    }
}

/// The processor time of a server in a row, if it is among them.
fn cpu_of(cells: &[Cell<'_>], server: Server) -> Option<f64> {
    let cell = cells.iter().find(|cell| cell.server == server.key())?;
    let cpu = cell.figures?.cpu_microseconds;
    (cpu > 0.0).then_some(cpu)
}
