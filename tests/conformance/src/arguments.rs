//! What can be written behind `popcell-conformance`, and the help for it.
//!
//! Connects to nothing.

use std::{
    fs::File,
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use popcell_conformance::{
    deviations::Deviations,
    report::{Format, Report},
    row::Selection,
    target::{Account, Target, Tls},
};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

const HELP: &str = "\
Start here:
  popcell-conformance prepare /tmp/mail/alice/Maildir
  popcell-conformance 127.0.0.1:1110 --user alice --password secret --mailbox-is-disposable
  popcell-conformance localhost:995 --tls implicit --ca ca.pem --user alice --password secret

Exit codes:
  0 every row holds or is a declared deviation
  1 some row does not, or --expect-deviations is not met, or there is no such server
  2 wrong arguments";

/// Holds a POP3 server against the RFCs, requirement by requirement.
#[derive(Debug, Parser)]
#[command(name = "popcell-conformance", version, after_help = HELP)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
#[command(arg_required_else_help = true, subcommand_negates_reqs = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) check: Option<Check>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write the messages that the checks know as a Maildir; what is there is kept.
    Prepare {
        /// The Maildir, made if it is missing.
        directory: PathBuf,
    },
    /// Write CONFORMANCE.md to the standard output.
    Report(Document),
    /// List all rows with what shows them.
    Rows,
}

#[derive(Debug, Args)]
pub(crate) struct Document {
    /// Results of runs, written with --format tap.
    #[arg(long, num_args = 1.., value_name = "FILE")]
    pub(crate) results: Vec<PathBuf>,

    /// Folders of Rust sources that name the clauses that they implement.
    #[arg(long, num_args = 1.., value_name = "FOLDER", default_values = ["component/src", "host/src"])]
    pub(crate) code: Vec<PathBuf>,

    /// Files for rows whose clause says too little, as a TOML file: `"4" = ["src/reply.rs"]`.
    #[arg(long, value_name = "FILE")]
    pub(crate) places: Option<PathBuf>,

    /// The folder of transcripts.
    #[arg(long, value_name = "FOLDER", default_value = "tests/transcripts")]
    pub(crate) transcripts: PathBuf,

    /// Rows that the server fails on purpose.
    #[arg(long, value_name = "FILE")]
    pub(crate) deviations: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The server.
    #[arg(value_name = "HOST:PORT")]
    address: String,

    /// The account.
    #[arg(long, value_name = "NAME")]
    user: String,

    /// The account's password.
    #[arg(long, value_name = "PASSWORD")]
    password: String,

    /// The account for APOP, if a user with APOP has no PASS. Without PASSWORD, it is the account's.
    #[arg(long, value_name = "NAME[:PASSWORD]")]
    apop_user: Option<String>,

    /// An account that has to wait between two logins, if the account has not.
    #[arg(long, value_name = "NAME[:PASSWORD]")]
    login_delay_user: Option<String>,

    /// An account with EXPIRE 0 and the messages of `prepare`, if the account has another EXPIRE.
    #[arg(long, value_name = "NAME[:PASSWORD]")]
    expire_user: Option<String>,

    /// How connections are protected. `none` still tries STLS for the rows about it.
    #[arg(long, value_enum, default_value_t = TlsArgument::None)]
    tls: TlsArgument,

    /// Authorities that the server's certificate must come from (PEM).
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    ca: Option<PathBuf>,

    /// Accept any certificate.
    #[arg(long)]
    insecure: bool,

    /// The form of the report.
    #[arg(long, value_enum, default_value_t = FormatArgument::Text)]
    format: FormatArgument,

    /// Write a report in TAP to a file, too.
    #[arg(long, value_name = "FILE")]
    tap: Option<PathBuf>,

    /// Write a report in JUnit's XML to a file, too.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,

    /// Rows to check: numbers and ranges, such as `7,42a,60-66`.
    #[arg(
        long,
        value_name = "ROWS",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) only: Selection,

    /// Rows that the server fails on purpose, as a TOML file.
    #[arg(long, value_name = "FILE")]
    deviations: Option<PathBuf>,

    /// A row that the server fails on purpose; may be repeated.
    #[arg(long, value_name = "ROW")]
    deviation: Vec<String>,

    /// Fail also if a declared row does not fail as declared: for servers whose faults are known.
    #[arg(long)]
    pub(crate) expect_deviations: bool,

    /// Show every dialogue, not only those of failures.
    #[arg(long)]
    verbose: bool,

    /// Messages may be deleted. Without it, rows about deletion are skipped.
    #[arg(long)]
    mailbox_is_disposable: bool,

    /// Make the checks that take ten minutes and more.
    #[arg(long)]
    slow: bool,

    /// Seconds to wait for an answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    timeout: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TlsArgument {
    None,
    Stls,
    Implicit,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormatArgument {
    Text,
    Tap,
    Junit,
}

impl From<FormatArgument> for Format {
    fn from(format: FormatArgument) -> Self {
        match format {
            FormatArgument::Text => Self::Text,
            FormatArgument::Tap => Self::Tap,
            FormatArgument::Junit => Self::Junit,
        }
    }
}

impl From<TlsArgument> for Tls {
    fn from(tls: TlsArgument) -> Self {
        match tls {
            TlsArgument::None => Self::None,
            TlsArgument::Stls => Self::Stls,
            TlsArgument::Implicit => Self::Implicit,
        }
    }
}

impl Check {
    /// The server as the checks see it.
    ///
    /// # Errors
    ///
    /// The arguments do not go together, or the file of authorities cannot be used.
    pub(crate) fn target(&self) -> Result<Target, String> {
        let tls = Tls::from(self.tls);
        if tls != Tls::None && self.ca.is_none() && !self.insecure {
            return Err("--tls needs --ca FILE or --insecure: a password is sent".to_owned());
        }
        let is_address = self
            .address
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        if !is_address {
            return Err(format!("`{}` is no HOST:PORT", self.address));
        }
        let mut target = Target::new(&self.address, &self.user, &self.password);
        let other = |written: &Option<String>| written.as_deref().map(|name| self.other(name));
        target.apop = other(&self.apop_user);
        target.delayed = other(&self.login_delay_user);
        target.expiring = other(&self.expire_user);
        target.tls = tls;
        target.authorities = self.authorities()?;
        target.patience.answer = Duration::from_secs(self.timeout);
        target.is_disposable = self.mailbox_is_disposable;
        target.is_slow = self.slow;
        Ok(target)
    }

    /// The reports that are wanted: one to the standard output, the others to files.
    ///
    /// # Errors
    ///
    /// What the system says about a file or the standard output.
    pub(crate) fn reports(&self) -> Result<Vec<Report<Box<dyn Write>>>, String> {
        let begin = |format, out| {
            Report::begin(format, self.verbose, out).map_err(|error| error.to_string())
        };
        let mut reports = vec![begin(
            self.format.into(),
            Box::new(io::stdout()) as Box<dyn Write>,
        )?];
        for (format, file) in [(Format::Tap, &self.tap), (Format::Junit, &self.junit)] {
            if let Some(file) = file {
                let out =
                    File::create(file).map_err(|error| format!("{}: {error}", file.display()))?;
                reports.push(begin(format, Box::new(out))?);
            }
        }
        Ok(reports)
    }

    /// Another account, written as NAME or NAME:PASSWORD.
    fn other(&self, written: &str) -> Account {
        let (user, password) = written.split_once(':').unwrap_or((written, &self.password));
        Account {
            user: user.to_owned(),
            password: password.to_owned(),
        }
    }

    /// The declared deviations.
    ///
    /// # Errors
    ///
    /// The file cannot be used, or a row is named twice or is not there.
    pub(crate) fn deviations(&self) -> Result<Deviations, String> {
        let mut deviations = Deviations::default();
        if let Some(file) = &self.deviations {
            deviations.read(file).map_err(|error| error.to_string())?;
        }
        for row in &self.deviation {
            let reason = "declared on the command line";
            deviations
                .declare(row, reason)
                .map_err(|error| error.to_string())?;
        }
        Ok(deviations)
    }

    fn authorities(&self) -> Result<Option<Arc<Vec<CertificateDer<'static>>>>, String> {
        let Some(file) = &self.ca else {
            return Ok(None);
        };
        let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let certificates: Vec<_> = CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect)
            .map_err(|error| wrong(&error))?;
        if certificates.is_empty() {
            return Err(wrong(&"there is no certificate in it"));
        }
        Ok(Some(Arc::new(certificates)))
    }
}
