//! First lines and response codes (RFC 2449 §4, §8).
//!
//! The codes of RFC 3206 are there; that they are registered is seen here.

use super::{MAX_COMMAND, MAX_LINE};
use crate::{
    answer::Answer,
    checks::tour,
    stop::{Stop, require},
    target::WRONG_PASSWORD,
    trial::Trial,
};

/// IANA's registry of POP3 response codes.
const REGISTERED_CODES: [&str; 6] = [
    "LOGIN-DELAY",
    "IN-USE",
    "SYS/TEMP",
    "SYS/PERM",
    "AUTH",
    "UTF8",
];

pub(super) fn first_lines_are_short(trial: &Trial<'_>) -> Result<(), Stop> {
    let is_short = |answer: &Answer| {
        require(answer.line.octets.len() + 2 <= MAX_LINE, || {
            format!(
                "the answer to {} must have 512 octets at most",
                answer.command
            )
        })
    };
    tour::every_answer(trial, is_short)?;
    let mut client = trial.connect()?;
    is_short(&trial.user(&mut client, &"u".repeat(MAX_COMMAND - 7))?)
}

pub(super) fn brackets_are_codes(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.capabilities()?.offered("RESP-CODES")?;
    let is_registered = |answer: &Answer| {
        let is_code = answer
            .code()
            .is_some_and(|code| REGISTERED_CODES.contains(&code.as_str()));
        require(is_code || !answer.text().starts_with(b"["), || {
            answer.instead_of("without a bracket, or with a registered response code")
        })
    };
    tour::every_answer(trial, is_registered)?;
    is_registered(&tour::failed_login(trial)?)
}

pub(super) fn login_delay_code_is_for_logins(trial: &Trial<'_>) -> Result<(), Stop> {
    tour::every_answer(trial, |answer| {
        require(answer.code().as_deref() != Some("LOGIN-DELAY"), || {
            answer.instead_of("without [LOGIN-DELAY]: it is no login")
        })
    })
}

pub(super) fn in_use_needs_right_credentials(trial: &Trial<'_>) -> Result<(), Stop> {
    tour::every_answer(trial, |answer| {
        require(answer.code().as_deref() != Some("IN-USE"), || {
            answer.instead_of("without [IN-USE]: it is no login")
        })
    })?;
    let _first = trial.login()?;
    let mut second = trial.connect()?;
    let answer = trial.user_pass(&mut second, &trial.target.user, WRONG_PASSWORD)?;
    let is_told = answer.is_err() && answer.code().as_deref() != Some("IN-USE");
    require(is_told, || {
        answer.instead_of("-ERR without [IN-USE]: the password is wrong")
    })
}
