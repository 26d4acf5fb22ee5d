//! RFC 3206 (SYS and AUTH response codes): rows 63 to 66.
//!
//! A fault of the server's own cannot be caused from outside: what is seen here is that a client's
//! fault is not taken for one.

use super::{row, tour};
use crate::{
    answer::Answer,
    row::{
        Level::{Must, Should},
        Proof::Wire,
        Row,
    },
    sasl,
    stop::{Stop, require},
    target::{UNKNOWN_USER, WRONG_PASSWORD},
    trial::Trial,
};

#[rustfmt::skip] // A row is easier to find in a table.
pub(super) const ROWS: &[Row] = &[
    row("63", (3206, "4"), Must, Wire(sys_is_no_fault_of_the_client),
        "[SYS/TEMP] and [SYS/PERM] are the server's faults, never the credentials'"),
    row("64", (3206, "5"), Must, Wire(auth_is_for_logins),
        "[AUTH] only for credentials, only on the -ERR of AUTH, PASS and APOP"),
    row("65", (3206, "6"), Should, Wire(every_denied_login_has_auth),
        "[AUTH] and AUTH-RESP-CODE come together; every denied login has the code"),
    row("66", (3206, "6"), Must, Wire(auth_resp_code_in_both_states),
        "AUTH-RESP-CODE is announced before and after login"),
];

fn sys_is_no_fault_of_the_client(trial: &Trial<'_>) -> Result<(), Stop> {
    let is_client_fault = |answer: &Answer| {
        let is_sys = answer.code().is_some_and(|code| code.starts_with("SYS/"));
        require(!is_sys, || {
            answer.instead_of("without [SYS/...]: it is the client's fault")
        })
    };
    tour::every_answer(trial, is_client_fault)?;
    is_client_fault(&tour::failed_login(trial)?)
}

fn auth_is_for_logins(trial: &Trial<'_>) -> Result<(), Stop> {
    tour::every_answer(trial, |answer| {
        let is_login = ["PASS", "APOP", "AUTH"]
            .iter()
            .any(|name| answer.command.contains(name));
        let is_auth = answer.code().as_deref() == Some("AUTH");
        require(is_login || !is_auth, || {
            answer.instead_of("without [AUTH]: it is no login")
        })
    })
}

fn every_denied_login_has_auth(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.connect()?;
    let capabilities = client.capabilities()?;
    let is_announced = capabilities.has("AUTH-RESP-CODE");
    let agrees = |answer: &Answer| {
        let is_auth = answer.code().as_deref() == Some("AUTH");
        require(is_auth == is_announced, || {
            let expected = if is_announced {
                "with [AUTH]"
            } else {
                "without [AUTH], or announced"
            };
            answer.instead_of(expected)
        })
    };
    agrees(&tour::failed_login(trial)?)?;
    agrees(
        &trial
            .user_pass(&mut client, UNKNOWN_USER, WRONG_PASSWORD)?
            .err()?,
    )?;
    if capabilities.offered_mechanism("PLAIN").is_ok() {
        let response = sasl::plain("", &trial.target.user, WRONG_PASSWORD);
        agrees(&trial.auth_plain(&mut trial.connect()?, &response)?.err()?)?;
    }
    if is_announced {
        Ok(())
    } else {
        Stop::not_offered("AUTH-RESP-CODE")
    }
}

fn auth_resp_code_in_both_states(trial: &Trial<'_>) -> Result<(), Stop> {
    let before = trial.capabilities()?.has("AUTH-RESP-CODE");
    let after = trial.login()?.capabilities()?.has("AUTH-RESP-CODE");
    if !before && !after {
        return Stop::not_offered("AUTH-RESP-CODE");
    }
    require(before && after, || {
        "AUTH-RESP-CODE must be announced both before and after login".to_owned()
    })
}
