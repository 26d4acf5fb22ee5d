//! Logins without TLS where they are barred: rows 85, 88, 89 and 101.
//!
//! A server that takes passwords in the clear here may bar them elsewhere: it is not wrong.

use crate::{
    answer::Answer,
    client::Client,
    sasl,
    stop::{Stop, require},
    target::{Target, WRONG_PASSWORD},
    trial::Trial,
};

/// Mechanisms that send the password as it is.
const PLAINTEXT: [&str; 2] = ["PLAIN", "LOGIN"];

/// Mechanisms that do not, and need neither TLS nor a certificate nor a ticket.
const HIDING: [&str; 3] = ["CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"];

/// The answer to the right password in the clear, which has to be refused.
fn barred(trial: &Trial<'_>) -> Result<Answer, Stop> {
    let Target { user, password, .. } = trial.target;
    let answer = trial.user_pass(&mut trial.clear()?, user, password)?;
    if answer.is_ok() {
        return Stop::not_offered("a bar to clear logins");
    }
    trial.refused(&answer, "-ERR")?;
    Ok(answer)
}

pub(super) fn right_and_wrong_are_refused_alike(trial: &Trial<'_>) -> Result<(), Stop> {
    let right = barred(trial)?;
    let user = &trial.target.user;
    let wrong = trial.user_pass(&mut trial.clear()?, user, WRONG_PASSWORD)?;
    require(right.line == wrong.line, || {
        format!("right and wrong passwords must have one answer; they have `{right}`, `{wrong}`")
    })
}

pub(super) fn passwords_are_refused(trial: &Trial<'_>) -> Result<(), Stop> {
    barred(trial)?;
    let Target { user, password, .. } = trial.target;
    let plain = sasl::plain("", user, password);
    let answer = trial.auth_plain(&mut trial.clear()?, &plain)?;
    trial.refused(&answer, "-ERR as USER is: it sends the password")?;
    let answer = auth_login(trial, &mut trial.clear()?)?;
    trial.refused(&answer, "-ERR as USER is: it sends the password")?;
    // What was refused were right credentials.
    let answer = trial.log_in(&mut trial.secure()?)?;
    require(answer.is_ok(), || answer.instead_of("+OK with TLS"))
}

/// AUTH LOGIN up to its end, or to where it is refused.
fn auth_login(trial: &Trial<'_>, client: &mut Client) -> Result<Answer, Stop> {
    let Target { user, password, .. } = trial.target;
    let mut answer = trial.begin_auth(client, "LOGIN")?;
    for response in [user, password] {
        if answer.line.octets.starts_with(b"+ ") {
            answer = trial.respond(client, &sasl::base64(response.as_bytes()))?;
        }
    }
    Ok(answer)
}

pub(super) fn plaintext_is_neither_said_nor_taken(trial: &Trial<'_>) -> Result<(), Stop> {
    passwords_are_refused(trial)?;
    let capabilities = trial.clear()?.capabilities()?;
    let names = capabilities.mechanisms();
    let said = names.iter().find(|name| PLAINTEXT.contains(&name.as_str()));
    require(said.is_none() && !capabilities.has("USER"), || {
        let said = said.map_or("USER", |name| name);
        format!("{said} must not be announced where passwords are refused")
    })
}

pub(super) fn nobody_logs_in(trial: &Trial<'_>) -> Result<(), Stop> {
    passwords_are_refused(trial)?;
    let names = trial.clear()?.capabilities()?.mechanisms();
    if !names.is_empty() {
        let names = names.join(", ");
        return Stop::not_offered(format!(
            "a bar to every login in the clear: there is {names}"
        ));
    }
    for name in HIDING {
        let answer = trial.begin_auth(&mut trial.clear()?, name)?;
        require(answer.is_err(), || {
            answer.instead_of("-ERR: nothing is announced here")
        })?;
    }
    Ok(())
}
