//! What can be written behind `popcell`, and the help for it.
//!
//! Checks shapes only: files are opened by the commands.

mod rollout;

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, builder::PossibleValuesParser};

use crate::{
    auth::{MAX_USER_OCTETS, scheme},
    config::parse_size,
};

use self::rollout::SWAP_HELP;
pub(super) use self::rollout::{Replay, Wanted};

/// A port that needs no privileges.
const LISTEN: &str = "127.0.0.1:1110";

const HELP: &str = "\
Start here:
  popcell demo                                    a server with a few messages to play with
  popcell serve --maildir ~/Maildir --user me     one Maildir, without a configuration file
  popcell serve --config /etc/popcell/popcell.toml

Exit codes:
  0 done   1 failed while running   2 wrong arguments   69 the port is taken, or no server answers
  77 not permitted   78 something is wrong with the configuration";

const COMPONENT_HELP: &str = "\
Examples:
  popcell component export pop3.wasm              POP3, for any host of the contract
  popcell component inspect mine.wasm             what it is, and what it wants
  popcell component test mine.wasm --wasi         whether it can be given a session";

const COMPONENT_TEST_HELP: &str = "\
Plays dialogues with the component, in a sandbox with mail of its own, and each once more with the
session suspended and resumed between any two calls. Wording is free, and what POP3 does not demand
may be missing. The exit code is 1 if a dialogue fails.";

const DEMO_HELP: &str = "\
Examples:
  popcell demo
  popcell demo --listen 127.0.0.1:0               on a free port, which is printed
  curl -s pop3://127.0.0.1:1110/1 -u demo:demo    in another terminal";

const SERVE_USAGE: &str = "\
popcell serve --config <FILE> [--record <DIRECTORY>]
       popcell serve --maildir <PATH> --user <NAME> [--password-file <FILE>] [--listen <ADDRESS>]
                     [--record <DIRECTORY>]";

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

const EXPIRE_HELP: &str = "\
Examples:
  popcell expire --config popcell.toml --dry-run  how much of whom would go
  popcell expire --config popcell.toml            now, beside a server that does it once a day

Users whose \"expire\" is a number of days lose what is older, unless they are logged in. How old a
message is says the younger of two times: that in its file's name and that of its file.";

const HASH_HELP: &str = "\
Examples:
  popcell hash alice >> users                     asks twice, appends a line for alice
  popcell hash < password-file                    the hash alone
  popcell hash --scheme PLAIN alice               for APOP, which needs the password itself";

const ASK_HELP: &str = "\
Needs a server with a \"socket\" in [control]; the exit code is 69 if none answers.";

const KICK_HELP: &str = "\
Examples:
  popcell kick 00ab54f1c09d2e77                   the session that `popcell sessions` calls so
  popcell kick --user alice@example.org

A session ends at once and deletes nothing. The exit code is 1 if there is none, 69 if no server
answers.";

const REPLAY_HELP: &str = "\
Examples:
  popcell replay recordings/                      does this program still say the same?
  popcell replay recordings/ --component mine.wasm --allow differences.txt

A file of answers that may differ has a line each: what is recorded -> what may be said instead, where
* is anything. The exit code is 1 if a session differs or can not be read.";

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

    /// Look at components: the one in this program, or files.
    #[command(subcommand, after_help = COMPONENT_HELP)]
    Component(Component),

    /// Serve a few messages to user demo, password demo.
    #[command(after_help = DEMO_HELP)]
    Demo {
        /// Where to listen; port 0 takes a free one.
        #[arg(long, value_name = "ADDRESS", default_value = LISTEN)]
        listen: SocketAddr,
    },

    /// Remove the mail that has expired, as the server does once a day.
    #[command(after_help = EXPIRE_HELP)]
    Expire {
        /// A configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,

        /// Say how much it is, and remove nothing.
        #[arg(long)]
        dry_run: bool,
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

    /// End sessions of a running server.
    #[command(after_help = KICK_HELP)]
    Kick {
        #[command(flatten)]
        whom: Whom,

        #[command(flatten)]
        ask: Ask,
    },

    /// Replay recorded sessions, and say what the component answers differently.
    #[command(after_help = REPLAY_HELP)]
    Replay(Replay),

    /// List the connections of a running server.
    #[command(after_help = ASK_HELP)]
    Sessions(Ask),

    /// Show what a running server is doing.
    #[command(after_help = ASK_HELP)]
    Status(Ask),

    /// List the tenants of a running server.
    #[command(after_help = ASK_HELP)]
    Tenants(Ask),

    /// Give open sessions of a running server another component.
    #[command(after_help = SWAP_HELP)]
    Swap {
        #[command(flatten)]
        wanted: Wanted,

        #[command(flatten)]
        ask: Ask,
    },

    /// Give open sessions the component that they had before the last swap.
    #[command(after_help = ASK_HELP)]
    Rollback {
        /// Of this tenant; of all who run the server's own component if nothing is said.
        #[arg(long, value_name = "NAME")]
        tenant: Option<String>,

        #[command(flatten)]
        ask: Ask,
    },

    /// List the components that sessions of a running server are in.
    #[command(after_help = ASK_HELP)]
    Generations(Ask),

    /// List what was done with components of a running server.
    #[command(after_help = ASK_HELP)]
    History(Ask),

    /// Serve mail.
    #[command(after_help = SERVE_HELP, override_usage = SERVE_USAGE)]
    Serve(Serve),
}

#[derive(Debug, Subcommand)]
pub(super) enum Component {
    /// Write the component that speaks POP3 to a file, as every host of the contract takes it.
    ///
    /// The one that this program runs says the same, and has messages sent by a function that only
    /// this program offers.
    Export {
        /// The file to make.
        file: PathBuf,

        /// Overwrite a file that is there.
        #[arg(long)]
        force: bool,
    },

    /// Show what a component is, and whether it could be a session here.
    Inspect {
        /// The component.
        file: PathBuf,

        /// Print an object of JSON.
        #[arg(long)]
        json: bool,
    },

    /// Try whether a component speaks POP3 as its clients need it.
    #[command(after_help = COMPONENT_TEST_HELP)]
    Test {
        /// The component.
        file: PathBuf,

        /// Let it import WASI, of which clocks and randomness work.
        #[arg(long)]
        wasi: bool,

        /// Memory that a session may have.
        #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = size)]
        memory: usize,

        /// Print an object of JSON a line.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args, Debug)]
pub(super) struct Serve {
    /// A configuration file.
    #[arg(long, value_name = "FILE", required_unless_present = "maildir")]
    #[arg(conflicts_with_all = ["maildir", "user", "listen", "password_file"])]
    pub(super) config: Option<PathBuf>,

    /// Take over the sockets and the sessions of the server that runs by this configuration.
    #[arg(long, requires = "config")]
    pub(super) takeover: bool,

    /// The Maildir of the only user.
    #[arg(long, value_name = "PATH", requires = "user")]
    pub(super) maildir: Option<PathBuf>,

    /// The name of the only user.
    #[arg(long, value_name = "NAME", requires = "maildir", value_parser = user)]
    pub(super) user: Option<String>,

    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = LISTEN)]
    pub(super) listen: SocketAddr,

    /// Record sessions in this directory, to replay them; recordings hold mail.
    #[arg(long, value_name = "DIRECTORY")]
    pub(super) record: Option<PathBuf>,

    /// A file whose first line is the password.
    #[arg(long, value_name = "FILE", requires = "user")]
    pub(super) password_file: Option<PathBuf>,
}

/// Which server is asked, and how it is answered.
#[derive(Args, Debug)]
pub(super) struct Ask {
    /// The server's control socket; /run/popcell/control.sock if nothing else is said.
    #[arg(long, value_name = "PATH")]
    pub(super) socket: Option<PathBuf>,

    /// The server's configuration file, which names the socket.
    #[arg(long, value_name = "FILE", conflicts_with = "socket")]
    pub(super) config: Option<PathBuf>,

    /// Print an object of JSON a line.
    #[arg(long)]
    pub(super) json: bool,
}

/// Whose sessions.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(super) struct Whom {
    /// The session with this id.
    #[arg(value_name = "ID")]
    pub(super) id: Option<String>,

    /// All sessions of a user, by the name that the log has.
    #[arg(long, value_name = "NAME")]
    pub(super) user: Option<String>,

    /// All sessions of a tenant.
    #[arg(long, value_name = "NAME")]
    pub(super) tenant: Option<String>,
}

/// A size as configuration files have it.
fn size(text: &str) -> Result<usize, &'static str> {
    let octets = parse_size(text).filter(|octets| (1 << 16..=1 << 30).contains(octets));
    octets.ok_or("a size from 64KiB to 1GiB, such as 1MiB")
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
