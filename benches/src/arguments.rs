//! What can be written behind `popcell-bench`, and the help for it.
//!
//! Every row is a command of its own, with the options of `run`.

use std::{path::PathBuf, time::Duration};

use clap::{
    ArgMatches, Args, Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand,
};

use crate::{
    floor::Preparation,
    maildirs::{Shape, Shapes},
    rows::{Effort, ROWS, Row},
    servers::Server,
};

const HELP: &str = "\
Start here:
  cargo run --release -p popcell-bench -- run            every row, every server that is here
  cargo run --release -p popcell-bench -- noop           one row
  cargo run --release -p popcell-bench -- run --quick    whether it works; no figures

POPCELL_BIN names another popcell than the one of this tree, which is built otherwise.
POPCELL_NATIVE_BIN names one that was built with the feature native-session, to see what the
sandbox costs; otherwise it is popcell-native beside this program.

Exit codes:
  0 done   1 some run met an error   2 wrong arguments";

const MIB: usize = 1024 * 1024;

/// What Popcell costs, beside other servers and a floor.
#[derive(Debug, Parser)]
#[command(name = "popcell-bench", version, after_help = HELP)]
#[command(disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Commands,
}

#[derive(Debug, Subcommand)]
enum Commands {
    /// Measure every row.
    Run(Options),
    /// Measure how costs grow with messages, and sessions with processors. Popcell alone.
    Scale(ScaleOptions),
    /// Show the results of an earlier run again.
    Report {
        /// A file that `run` has written.
        results: PathBuf,
        #[command(flatten)]
        outputs: Outputs,
    },
    /// Be the server that is the floor.
    #[command(hide = true)]
    Floor(Preparation),
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Task {
    Run(Vec<&'static Row>, Box<Options>),
    Scale(ScaleOptions),
    Report(PathBuf, Outputs),
    Floor(Preparation),
}

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// The servers, beside which those are left out that are not here.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "SERVER")]
    #[arg(default_values_t = Server::USUAL)]
    pub(crate) servers: Vec<Server>,

    /// A server more.
    #[arg(long, value_enum, value_name = "SERVER")]
    pub(crate) peer: Vec<Server>,

    /// How often each server has its turn.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) runs: u16,

    /// How long each turn is.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,

    /// Clients at a time.
    #[arg(long, default_value_t = 16, value_parser = count)]
    clients: usize,

    /// Idle connections.
    #[arg(long, default_value_t = 4_000, value_parser = count)]
    idle: usize,

    /// Messages of a mailbox that is listed, retrieved from or drained.
    #[arg(long, default_value_t = 250, value_parser = count)]
    messages: usize,

    /// Octets of a small message.
    #[arg(long, default_value_t = 4 * 1024, value_parser = count)]
    small: usize,

    /// MiB of a medium message.
    #[arg(long, default_value_t = 1, value_parser = count)]
    medium: usize,

    /// MiB of a large message.
    #[arg(long, default_value_t = 25, value_parser = count)]
    large: usize,

    /// Tiny numbers: whether everything works.
    #[arg(long)]
    pub(crate) quick: bool,

    #[command(flatten)]
    pub(crate) outputs: Outputs,
}

/// Where results go, beside the standard output.
#[derive(Args, Debug)]
pub(crate) struct Outputs {
    /// All samples, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// A picture.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,

    /// The page that BENCHMARKS.md is.
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ScaleOptions {
    /// Messages of a maildrop; may be given several times, the smallest first.
    #[arg(long, value_parser = count, default_values_t = [10_000, 100_000, 1_000_000])]
    messages: Vec<usize>,

    /// How often everything is measured.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,

    /// Tiny numbers: whether everything works.
    #[arg(long)]
    pub(crate) quick: bool,

    /// A file of results, as `run` writes it. What else is in it stays.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// The page that BENCHMARKS.md is.
    #[arg(long, value_name = "FILE", requires = "json")]
    pub(crate) markdown: Option<PathBuf>,
}

impl Task {
    /// What the command line says. Ends the program if it can not be understood.
    pub(crate) fn parse() -> Self {
        let matches = command().get_matches();
        if let Some((name, matches)) = matches.subcommand()
            && let Some(row) = Row::find(name)
        {
            let options = or_exit(Options::from_arg_matches(matches));
            return Self::Run(vec![row], Box::new(options));
        }
        let arguments: Arguments = or_exit(from(&matches));
        match arguments.command {
            Commands::Run(options) => Self::Run(ROWS.iter().collect(), Box::new(options)),
            Commands::Scale(options) => Self::Scale(options),
            Commands::Report { results, outputs } => Self::Report(results, outputs),
            Commands::Floor(preparation) => Self::Floor(preparation),
        }
    }
}

impl Options {
    pub(crate) fn effort(&self) -> Effort {
        if self.quick {
            return Effort {
                time: Duration::ZERO,
                clients: self.clients.min(2),
                idle: self.idle.min(8),
            };
        }
        Effort {
            time: Duration::try_from_secs_f64(self.seconds).unwrap_or_default(),
            clients: self.clients,
            idle: self.idle,
        }
    }

    /// What the mailboxes are like.
    pub(crate) fn shapes(&self) -> Shapes {
        let Effort { clients, idle, .. } = self.effort();
        let (messages, mib) = match self.quick {
            true => (self.messages.min(20), [1, 1]),
            false => (self.messages, [self.medium, self.large]),
        };
        let shape = |users, messages, octets| Shape {
            users,
            messages,
            octets,
        };
        Shapes {
            few: shape(clients.max(idle), 10, 1024),
            small: shape(clients, messages, self.small),
            medium: shape(clients.min(4), 8, mib[0] * MIB),
            large: shape(clients.min(2), 2, mib[1] * MIB),
            drain: shape(clients, messages, self.small),
        }
    }

    /// How often each server has its turn.
    pub(crate) fn turns(&self) -> u16 {
        if self.quick { 1 } else { self.runs }
    }
}

impl ScaleOptions {
    /// The messages of each maildrop.
    pub(crate) fn messages(&self) -> Vec<usize> {
        match self.quick {
            true => vec![20, 40],
            false => self.messages.clone(),
        }
    }

    /// How often everything is measured.
    pub(crate) fn turns(&self) -> u16 {
        if self.quick { 1 } else { self.runs }
    }
}

fn command() -> Command {
    ROWS.iter().fold(Arguments::command(), |command, row| {
        // The arguments bring a description of their own along.
        let alone = Options::augment_args(Command::new(row.name));
        command.subcommand(alone.about(format!("The row alone: {}", row.title)))
    })
}

fn from(matches: &ArgMatches) -> Result<Arguments, clap::Error> {
    Arguments::from_arg_matches(matches).map_err(|error| error.format(&mut command()))
}

fn or_exit<T>(parsed: Result<T, clap::Error>) -> T {
    parsed.unwrap_or_else(|error| error.exit())
}

fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("{error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_makes_sense() {
        command().debug_assert();
    }
}
