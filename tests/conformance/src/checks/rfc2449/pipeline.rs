//! Long commands, and many of them at once (RFC 2449 §4, §6.6).
//!
//! Says nothing about what is answered, but in which order.

use super::MAX_COMMAND;
use crate::{
    stop::{Stop, require},
    trial::Trial,
};

/// Commands that are sent before the first answer is read: their answers are more than any window.
const RETRIEVALS: usize = 48;

const NOOPS: usize = 4_000;

pub(super) fn long_commands_are_taken(trial: &Trial<'_>) -> Result<(), Stop> {
    let filled = |keyword: &str| {
        let filler = MAX_COMMAND - keyword.len() - "\r\n".len();
        format!("{keyword}{}", "a".repeat(filler))
    };
    let mut client = trial.connect()?;
    client.ask(&filled("USER "))?;
    client.quit()?;
    let mut client = trial.login()?;
    for keyword in ["UNKNOWN ", "RETR "] {
        // A line that was cut has two answers, so the next one would be the wrong one.
        client.err(&filled(keyword))?;
        client.ok("NOOP")?;
    }
    client.quit()
}

pub(super) fn pipelining_keeps_order(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.capabilities()?.offered("PIPELINING")?;
    let mut client = trial.connect()?;
    let (user, password) = (&trial.target.user, &trial.target.password);
    let visible = format!("USER {user}, PASS <password>, STAT, RETR 1, NOOP, LIST 0, QUIT");
    let lines =
        format!("USER {user}\r\nPASS {password}\r\nSTAT\r\nRETR 1\r\nNOOP\r\nLIST 0\r\nQUIT\r\n");
    client.send_secret(&visible, lines.as_bytes())?;
    client.set_patience(trial.target.patience.login)?;
    let user = client.answer("USER")?;
    let pass = client.answer("PASS")?;
    if user.is_err() || pass.is_err() {
        return Stop::skipped(format!("the account cannot log in: {pass}"));
    }
    let stat = client.answer("STAT behind a pipelined PASS")?.ok()?;
    require(stat.words().len() >= 2, || {
        stat.instead_of("with count and octets")
    })?;
    let first = client.answer("RETR")?;
    if first.is_ok() {
        client.rest_of(first)?;
    }
    client.answer("NOOP behind a pipelined RETR")?.ok()?;
    client.answer("LIST 0")?.err()?;
    client.answer("QUIT")?.ok()?;
    client.closed().map(drop)
}

pub(super) fn full_windows_do_not_deadlock(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.capabilities()?.offered("PIPELINING")?;
    let mut client = trial.login()?;
    let message = client.find("large")?;
    let retrievals = format!("RETR {message}\r\n").repeat(RETRIEVALS);
    client.send(format!("{retrievals}{}QUIT\r\n", "NOOP\r\n".repeat(NOOPS)).as_bytes())?;
    for at in 1..=RETRIEVALS {
        let first = client
            .answer(&format!("RETR, {at} of {RETRIEVALS}"))?
            .ok()?;
        client.rest_of(first)?;
    }
    for at in 1..=NOOPS {
        client.answer(&format!("NOOP, {at} of {NOOPS}"))?.ok()?;
    }
    client.answer("QUIT")?.ok()?;
    client.closed().map(drop)
}
