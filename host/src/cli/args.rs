//! What can be written behind `popcell`, and the help for it.
//!
//! Checks shapes only: files are opened by the commands.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, builder::PossibleValuesParser};

use crate::auth::{MAX_USER_OCTETS, scheme};

/// A port that needs no privileges.
const LISTEN: &str = "127.0.0.1:1110";

const HELP: &str = "\
Start here:
  popcell demo                                    a server with a few messages to play with
  popcell serve --maildir ~/Maildir --user me     one Maildir, without a configuration file
  popcell serve --config /etc/popcell/popcell.toml

Exit codes:
  0 done   1 failed while running   2 wrong arguments   69 the port is taken
  77 not permitted   78 something is wrong with the configuration";

const DEMO_HELP: &str = "\
Examples:
  popcell demo
  popcell demo --listen 127.0.0.1:0               on a free port, which is printed
  curl -s pop3://127.0.0.1:1110/1 -u demo:demo    in another terminal";

const SERVE_USAGE: &str = "\
popcell serve --config <FILE>
       popcell serve --maildir <PATH> --user <NAME> [--password-file <FILE>] [--listen <ADDRESS>]";

const SERVE_HELP: &str = "\
Examples:
  popcell serve --config /etc/popcell/popcell.toml
  popcell serve --maildir ~/Maildir --user me
  popcell serve --maildir ~/Maildir --user me --password-file ~/.pop3-password

Without --password-file the password is asked for, or read as one line if the input is no terminal.
Passwords are accepted from this machine only; a configuration file can say otherwise.
SIGTERM or Ctrl-C lets open sessions finish for a while; a second one ends at once.";

const CHECK_HELP: &str = "\
Example:
  $ popcell check popcell.toml
  popcell.toml:12:1: unknown key \"idel\" in [timeouts]; did you mean \"idle\"?

Every problem is listed, with its line and column; the exit code is 78 if there is one.";

const HASH_HELP: &str = "\
Examples:
  popcell hash alice >> users                     asks twice, appends a line for alice
  popcell hash < password-file                    the hash alone
  popcell hash --scheme PLAIN alice               for APOP, which needs the password itself";

/// A POP3 server whose protocol runs in WebAssembly, one sandboxed instance per connection.
#[derive(Debug, Parser)]
#[command(name = "popcell", after_help = HELP, arg_required_else_help = true)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
#[command(override_usage = "popcell <COMMAND>")]
pub(super) struct Arguments {
    /// Print the versions of the program, of its component and of their contract.
    #[arg(short = 'V', long)]
    version: bool,

    /// What to do; without it, `--version`.
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List everything that is wrong with a configuration file.
    #[command(after_help = CHECK_HELP)]
    Check {
        /// The configuration file.
        file: PathBuf,
    },

    /// Serve a few messages to user demo, password demo.
    #[command(after_help = DEMO_HELP)]
    Demo {
        /// Where to listen; port 0 takes a free one.
        #[arg(long, value_name = "ADDRESS", default_value = LISTEN)]
        listen: SocketAddr,
    },

    /// Make a stored password for the users' file.
    #[command(after_help = HASH_HELP)]
    Hash {
        /// How to store it.
        #[arg(long, default_value = scheme::DEFAULT, ignore_case = true)]
        #[arg(value_parser = PossibleValuesParser::new(scheme::generators()))]
        scheme: String,

        /// Make a whole line for this user.
        #[arg(value_parser = user)]
        user: Option<String>,
    },

    /// Serve mail.
    #[command(after_help = SERVE_HELP, override_usage = SERVE_USAGE)]
    Serve(Serve),
}

#[derive(Args, Debug)]
pub(super) struct Serve {
    /// A configuration file.
    #[arg(long, value_name = "FILE", required_unless_present = "maildir")]
    #[arg(conflicts_with_all = ["maildir", "user", "listen", "password_file"])]
    pub(super) config: Option<PathBuf>,

    /// The Maildir of the only user.
    #[arg(long, value_name = "PATH", requires = "user")]
    pub(super) maildir: Option<PathBuf>,

    /// The name of the only user.
    #[arg(long, value_name = "NAME", requires = "maildir", value_parser = user)]
    pub(super) user: Option<String>,

    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = LISTEN)]
    pub(super) listen: SocketAddr,

    /// A file whose first line is the password.
    #[arg(long, value_name = "FILE", requires = "user")]
    pub(super) password_file: Option<PathBuf>,
}

/// A name that can stand in the users' file.
fn user(name: &str) -> Result<String, &'static str> {
    if name.is_empty() || name.len() > MAX_USER_OCTETS {
        return Err("a user name has 1 to 255 octets");
    }
    if name.contains(|char: char| char == ':' || char.is_control()) || name.starts_with('#') {
        return Err("a user name begins with no '#' and holds neither ':' nor control characters");
    }
    Ok(name.to_owned())
}
