//! The command line: what `popcell demo`, `serve`, `check`, `expire` and `hash` do until the server
//! takes over, how a running one is asked, and what a component is like.
//!
//! Speaks no POP3 and knows no component. `main` gives it the function that serves; everything
//! before (arguments, configuration, sockets) and after (signals, exit code) happens here.

mod args;
mod check;
mod component;
mod demo;
mod expire;
mod failure;
mod hash;
mod launch;
mod operate;
pub mod password;
mod replay;
mod rollout;
mod signals;
mod sockets;
mod table;

use std::{
    env,
    ffi::OsString,
    fs,
    io::{self, Write},
    net::SocketAddr,
    path::{self, PathBuf},
    process::ExitCode,
};

use clap::Parser;

use self::{
    args::{Arguments, Command, Serve},
    demo::Demo,
};
pub use self::{
    failure::Failure,
    launch::{Announcement, Launch, Shutdown},
};
use crate::{
    config::{Apop, Config, Listener, Mailbox, Record, Users},
    mailbox::template::Template,
};

/// What `--version` says beside the version of this crate.
#[derive(Clone, Copy, Debug)]
pub struct Build<'a> {
    /// The SHA-256 of the embedded component, in hexadecimal digits.
    pub component_digest: &'a str,
    /// The package of the contract with its version, such as `popcell:pop3@0.1.0`.
    pub wit: &'a str,
}

/// Runs the program with these arguments, of which the first is its name.
///
/// `serve` is called for the commands that serve, in a runtime with many threads. It has to call
/// [`Announcement::print`] as soon as it accepts connections, and to come back soon after [`Shutdown`]
/// has resolved, when the last session is over.
pub fn run<S>(
    arguments: impl IntoIterator<Item = OsString>,
    build: &Build<'_>,
    serve: S,
) -> ExitCode
where
    S: AsyncFnOnce(Launch, Shutdown) -> Result<(), Failure>,
{
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help that nobody reads is no failure.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() {
                failure::USAGE
            } else {
                0
            });
        }
    };
    let done = match arguments.command {
        Some(Command::Check { file }) => check::check(&file),
        Some(Command::Component(command)) => component::run(command),
        Some(Command::Demo { listen }) => demo(listen, serve),
        Some(Command::Expire { config, dry_run }) => expire::expire(&config, dry_run),
        Some(Command::Hash { scheme, user }) => hash::hash(&scheme, user.as_deref()),
        Some(Command::Kick { whom, ask }) => operate::kick(whom, &ask),
        Some(Command::Replay(arguments)) => replay::replay(&arguments),
        Some(Command::Sessions(ask)) => operate::sessions(&ask),
        Some(Command::Status(ask)) => operate::status(&ask),
        Some(Command::Tenants(ask)) => operate::tenants(&ask),
        Some(Command::Swap { wanted, ask }) => rollout::swap(wanted, &ask),
        Some(Command::Rollback { tenant, ask }) => rollout::roll_back(tenant, &ask),
        Some(Command::Generations(ask)) => rollout::generations(&ask),
        Some(Command::History(ask)) => rollout::history(&ask),
        Some(Command::Serve(arguments)) => self::serve(arguments, serve),
        None => show_version(build),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "{}", failure.report());
            ExitCode::from(failure.code())
        }
    }
}

fn demo<S>(listen: SocketAddr, serve: S) -> Result<(), Failure>
where
    S: AsyncFnOnce(Launch, Shutdown) -> Result<(), Failure>,
{
    let demo = Demo::create(&env::temp_dir())
        .map_err(|source| Failure::io("the demonstration's mail", source))?;
    let template = literal_template(demo.maildir())?;
    let mut config = Config::new(
        vec![Listener::new(listen)],
        demo::users(),
        Mailbox::new(template),
    );
    config.session.apop = Apop::Beside;
    launch::launch(config, None, false, demo::hints, serve)
}

fn serve<S>(arguments: Serve, serve: S) -> Result<(), Failure>
where
    S: AsyncFnOnce(Launch, Shutdown) -> Result<(), Failure>,
{
    let no_hints = |_: &[SocketAddr]| String::new();
    let (record, file) = (arguments.record.clone(), arguments.config.clone());
    let is_takeover = arguments.takeover;
    let mut config = match &file {
        Some(file) => Config::load(file)?,
        None => one_user(arguments)?,
    };
    if let Some(directory) = record {
        let said = config.record.take();
        config.record = Some(Record {
            directory,
            ..said.unwrap_or_else(|| Record::new(PathBuf::new()))
        });
    }
    launch::launch(config, file, is_takeover, no_hints, serve)
}

/// The configuration that the arguments stand for: one listener, one user, one Maildir.
fn one_user(arguments: Serve) -> Result<Config, Failure> {
    let (Some(maildir), Some(name)) = (arguments.maildir, arguments.user) else {
        return Err(Failure::Usage(
            "--maildir and --user belong together".to_owned(),
        ));
    };
    let opened = |source| Failure::io(format!("maildir {}", maildir.display()), source);
    fs::read_dir(&maildir).map_err(opened)?;
    let template = literal_template(&path::absolute(&maildir).map_err(opened)?)?;
    let password = match arguments.password_file {
        Some(file) => password::from_file(&file),
        None => password::ask(&format!("Password for {name}: ")),
    }?;
    let listener = Listener::new(arguments.listen);
    Ok(Config::new(
        vec![listener],
        Users::One { name, password },
        Mailbox::new(template),
    ))
}

/// A template that is this path for every user.
fn literal_template(path: &path::Path) -> Result<Template, Failure> {
    let unusable =
        |why: &str| Failure::Usage(format!("maildir {} cannot be used: {why}", path.display()));
    let text = path
        .to_str()
        .ok_or_else(|| unusable("its path is not UTF-8"))?;
    text.replace('%', "%%")
        .parse()
        .map_err(|error| unusable(&format!("{error}")))
}

fn show_version(build: &Build<'_>) -> Result<(), Failure> {
    let Build {
        component_digest,
        wit,
    } = build;
    let version = env!("CARGO_PKG_VERSION");
    print(&format!(
        "popcell {version}\ncomponent sha256:{component_digest}\nwit {wit}\n"
    ))
}

/// Writes to the standard output, at once.
fn print(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
        .map_err(|source| Failure::io("standard output", source))
}

#[cfg(test)]
mod tests;
