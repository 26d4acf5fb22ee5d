//! The inactivity timer (RFC 1939 §3).
//!
//! These checks wait by reading; they are made on request only.

use std::time::Duration;

use crate::{
    stop::{Stop, require},
    trial::Trial,
};

/// How many times the least timer an expiry is waited for.
const EXPIRES_WITHIN: u32 = 4;

/// Long enough to see an end that has come already.
const AT_ONCE: Duration = Duration::from_millis(50);

pub(super) fn idles_ten_minutes(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.must_be_slow()?;
    let mut before = trial.connect()?;
    let mut after = trial.login()?;
    // The server's timer started a moment earlier than this wait does.
    let idle = trial.target.patience.idle;
    after.set_patience(idle - idle / 100)?;
    let is_kept_after = after.is_silent()?;
    before.set_patience(AT_ONCE)?;
    let is_kept_before = before.is_silent()?;
    require(is_kept_after, || expected(trial, "after login"))?;
    require(is_kept_before, || expected(trial, "before login"))
}

fn expected(trial: &Trial<'_>, state: &str) -> String {
    let idle = trial.target.patience.idle;
    format!("an idle connection must be kept {idle:?} {state}; the server ended it earlier")
}

pub(super) fn command_resets_timer(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.must_be_slow()?;
    let mut client = trial.login()?;
    for _ in 0..2 {
        client.set_patience(trial.target.patience.idle * 6 / 10)?;
        require(client.is_silent()?, || {
            "a command must reset the timer; the server ended the session".to_owned()
        })?;
        client.set_patience(trial.target.patience.answer)?;
        client.ok("NOOP")?;
    }
    client.quit()
}

pub(super) fn expiry_is_silent_and_deletes_nothing(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.must_be_slow()?;
    trial.must_be_disposable()?;
    let mut client = trial.login()?;
    let before = client.stat()?;
    let (message, _) = client.find_spare()?;
    client.ok(&format!("DELE {message}"))?;
    client.set_patience(trial.target.patience.idle * EXPIRES_WITHIN)?;
    if client.is_silent()? {
        return Stop::skipped("the timer is longer than four times the least one");
    }
    client.closed()?;
    let after = trial.login()?.stat()?;
    require(before == after, || {
        format!("an expired session must delete nothing; STAT was {before:?}, is {after:?}")
    })
}
