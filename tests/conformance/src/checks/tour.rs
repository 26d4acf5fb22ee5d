//! A tour through right and wrong commands, for rows that hold for every answer.
//!
//! Judges nothing.

use crate::{
    answer::Answer,
    client::Client,
    stop::Stop,
    target::{UNKNOWN_USER, WRONG_PASSWORD},
    trial::Trial,
};

/// Commands before login, at most two bad ones to a connection.
const BEFORE: [&[&str]; 6] = [
    &["CAPA", "UNKNOWN", "STAT", "QUIT"],
    &["USER", "PASS something"],
    &["RETR 1", "TOP 1 0"],
    &["LIST", "UIDL"],
    &["AUTH NO-SUCH-MECHANISM", "DELE 1"],
    &["NOOP", "RSET"],
];

/// Commands after login: the ones that work, then the ones that do not.
const AFTER: [&str; 29] = [
    "STAT",
    "LIST",
    "UIDL",
    "CAPA",
    "NOOP",
    "RSET",
    "LIST 1",
    "UIDL 1",
    "LIST 0",
    "LIST 99999999",
    "LIST x",
    "UIDL 0",
    "UIDL 99999999",
    "RETR",
    "RETR 0",
    "RETR 99999999",
    "RETR x",
    "TOP",
    "TOP 1",
    "TOP 0 0",
    "TOP 99999999 0",
    "TOP 1 x",
    "DELE",
    "DELE 0",
    "DELE 99999999",
    "UNKNOWN",
    "USER someone",
    "AUTH PLAIN",
    "QUIT",
];

/// Shows every first line of the tour to `judge`, the greeting too.
///
/// Nothing is deleted by it, and no login fails in it.
pub(super) fn every_answer(
    trial: &Trial<'_>,
    judge: impl Fn(&Answer) -> Result<(), Stop>,
) -> Result<(), Stop> {
    for commands in BEFORE {
        let mut client = trial.dial()?;
        // Behind failed logins a server may delay whatever looks like another one.
        client.set_patience(trial.target.patience.login)?;
        judge(&client.answer("the connection")?)?;
        for command in commands {
            judge(&ask(&mut client, command)?)?;
        }
    }
    let mut client = trial.connect()?;
    judge(&trial.user(&mut client, UNKNOWN_USER)?)?;
    let mut client = trial.login()?;
    for command in AFTER {
        judge(&ask(&mut client, command)?)?;
    }
    Ok(())
}

/// The answer to a login that has to fail.
pub(super) fn failed_login(trial: &Trial<'_>) -> Result<Answer, Stop> {
    let mut client = trial.connect()?;
    let user = &trial.target.user;
    trial.user_pass(&mut client, user, WRONG_PASSWORD)?.err()
}

fn ask(client: &mut Client, command: &str) -> Result<Answer, Stop> {
    let answer = client.ask(command)?;
    let has_lines = matches!(command, "LIST" | "UIDL" | "CAPA") && answer.is_ok();
    if has_lines {
        client.rest_of(answer.clone())?;
    }
    Ok(answer)
}
