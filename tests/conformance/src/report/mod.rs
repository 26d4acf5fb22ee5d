//! Reports: findings as text, and the table of requirements as a document.
//!
//! Judges nothing.

mod junit;
pub mod markdown;
mod tap;
mod text;

use std::io::{self, Write};

use crate::run::Finding;

/// A form of report.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// For people.
    Text,
    /// Test Anything Protocol, version 14.
    Tap,
    /// JUnit's XML.
    Junit,
}

/// A report that is being written.
pub struct Report<W> {
    format: Format,
    /// Whether dialogues of rows that did not fail are written, too.
    is_verbose: bool,
    findings: Vec<Finding>,
    out: W,
}

impl<W: Write> Report<W> {
    /// Starts a report.
    ///
    /// # Errors
    ///
    /// What the system says about `out`.
    pub fn begin(format: Format, is_verbose: bool, mut out: W) -> io::Result<Self> {
        match format {
            Format::Tap => tap::begin(&mut out)?,
            Format::Text | Format::Junit => {}
        }
        Ok(Self {
            format,
            is_verbose,
            findings: Vec::new(),
            out,
        })
    }

    /// Adds a finding. Text and TAP are written at once, JUnit needs to know all of them.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn add(&mut self, finding: &Finding) -> io::Result<()> {
        let number = self.findings.len() + 1;
        match self.format {
            Format::Text => {
                let before = self.findings.last();
                text::add(&mut self.out, before, finding, self.is_verbose)?;
            }
            Format::Tap => tap::add(&mut self.out, number, finding, self.is_verbose)?,
            Format::Junit => {}
        }
        self.findings.push(finding.clone());
        self.out.flush()
    }

    /// Ends the report.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn finish(mut self) -> io::Result<()> {
        match self.format {
            Format::Text => text::finish(&mut self.out, &self.findings)?,
            Format::Tap => tap::finish(&mut self.out, self.findings.len())?,
            Format::Junit => junit::write(&mut self.out, &self.findings)?,
        }
        self.out.flush()
    }
}
