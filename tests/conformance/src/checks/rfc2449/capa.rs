//! CAPA and what single capabilities say (RFC 2449 §3, §5, §6, §9).
//!
//! Commands of other RFCs are with those, whether they are announced or not.

use super::MAX_LINE;
use crate::{
    answer::number,
    capabilities::Capabilities,
    checks::tour,
    client::Client,
    stop::{Stop, require},
    trial::Trial,
};

/// IANA's registry of POP3 capabilities.
const REGISTERED_TAGS: [&str; 13] = [
    "TOP",
    "USER",
    "SASL",
    "RESP-CODES",
    "LOGIN-DELAY",
    "PIPELINING",
    "EXPIRE",
    "UIDL",
    "IMPLEMENTATION",
    "AUTH-RESP-CODE",
    "STLS",
    "LANG",
    "UTF8",
];

pub(super) fn capabilities_are_well_formed(trial: &Trial<'_>) -> Result<(), Stop> {
    for (state, capabilities) in both(trial)? {
        for (tag, line) in capabilities.tags().zip(capabilities.lines()) {
            let is_printable = line
                .bytes()
                .all(|octet| octet == b' ' || octet.is_ascii_graphic());
            let is_tag = !tag.is_empty() && !tag.contains('.');
            require(is_tag && is_printable && line.len() + 2 <= MAX_LINE, || {
                format!("a capability {state} must be a tag and its parameters, not `{line}`")
            })?;
        }
    }
    tour::every_answer(trial, |answer| {
        let code = answer.code();
        let is_code = code
            .as_deref()
            .is_none_or(|code| code.split('/').all(is_level));
        require(is_code, || {
            answer.instead_of("with a well-formed response code")
        })
    })
}

/// A level of a response code: printable, without the characters that have a meaning.
fn is_level(level: &str) -> bool {
    let is_wrong = |octet: u8| !octet.is_ascii_graphic() || b"/[]".contains(&octet);
    !level.is_empty() && !level.bytes().any(is_wrong)
}

/// What CAPA says before and after login.
fn both(trial: &Trial<'_>) -> Result<[(&'static str, Capabilities); 2], Stop> {
    let before = trial.capabilities()?;
    let after = trial.login()?.capabilities()?;
    Ok([("before login", before), ("after login", after)])
}

pub(super) fn capa_in_both_states(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.connect()?;
    let first = client.ask("CAPA")?;
    if first.is_err() {
        return Stop::not_offered("CAPA");
    }
    client.rest_of(first)?;
    client.quit()?;
    let mut client = trial.login()?;
    client.block("CAPA")?;
    client.quit()
}

pub(super) fn announcements_survive_login(trial: &Trial<'_>) -> Result<(), Stop> {
    let [(_, before), (_, after)] = both(trial)?;
    let lost: Vec<_> = before
        .tags()
        .filter(|tag| tag != "STLS" && !after.has(tag))
        .collect();
    require(lost.is_empty(), || {
        format!(
            "CAPA must announce after login what it did before; lost: {}",
            lost.join(", ")
        )
    })
}

pub(super) fn tags_are_commands(trial: &Trial<'_>) -> Result<(), Stop> {
    let capabilities = trial.capabilities()?;
    let mut client = trial.login()?;
    let message = client.any()?;
    for (tag, command) in [
        ("TOP", format!("TOP {message} 0")),
        ("UIDL", "UIDL".to_owned()),
    ] {
        let answer = client.ask(&command)?;
        let is_ok = answer.is_ok();
        require(is_ok == capabilities.has(tag), || {
            let expected = if is_ok {
                "-ERR, or be announced"
            } else {
                "+OK, as announced"
            };
            answer.instead_of(expected)
        })?;
        if is_ok {
            client.rest_of(answer)?;
        }
    }
    client.quit()
}

pub(super) fn user_is_announced_if_accepted(trial: &Trial<'_>) -> Result<(), Stop> {
    let agree = |mut client: Client| {
        let is_announced = client.capabilities()?.has("USER");
        let answer = trial.user(&mut client, &trial.target.user)?;
        require(answer.is_ok() == is_announced, || {
            answer.instead_of(if is_announced {
                "+OK, as announced"
            } else {
                "-ERR, or announced"
            })
        })
    };
    agree(trial.connect()?)?;
    match trial.secure() {
        Ok(client) => agree(client),
        Err(Stop::NotOffered(_)) => Ok(()),
        Err(stop) => Err(stop),
    }
}

pub(super) fn login_delay_is_enforced(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.capabilities()?.offered("LOGIN-DELAY")?;
    let account = trial.target.delayed_account();
    let seconds = trial.login_as(&account)?.capabilities()?;
    let seconds = seconds.offered("LOGIN-DELAY")?;
    if seconds.first().is_some_and(|seconds| seconds == "0") {
        return Stop::not_offered("a LOGIN-DELAY above 0");
    }
    let mut client = trial.connect()?;
    let answer = trial.log_in_as(&mut client, &account)?;
    let is_locked = answer.code().as_deref() == Some("IN-USE");
    require(answer.is_err() && !is_locked, || {
        answer.instead_of("-ERR so soon behind another login")
    })?;
    let has_codes = trial.capabilities()?.has("RESP-CODES");
    if has_codes && answer.code().as_deref() != Some("LOGIN-DELAY") {
        trial.note(format!("the answer has no [LOGIN-DELAY]: {answer}"));
    }
    Ok(())
}

pub(super) fn login_delay_is_the_largest(trial: &Trial<'_>) -> Result<(), Stop> {
    per_user(trial, "LOGIN-DELAY", |before, after| after <= before)
}

pub(super) fn expire_is_the_smallest(trial: &Trial<'_>) -> Result<(), Stop> {
    per_user(trial, "EXPIRE", |before, after| after >= before)
}

/// `NEVER` is longer than any number of days.
fn per_user(trial: &Trial<'_>, tag: &str, is_bound: impl Fn(u64, u64) -> bool) -> Result<(), Stop> {
    let before = trial.capabilities()?.offered(tag)?;
    let after = trial.login()?.capabilities()?.offered(tag)?;
    let value = |parameters: &[String]| match parameters.first() {
        Some(never) if never.eq_ignore_ascii_case("NEVER") => Some(u64::MAX),
        value => value.and_then(|value| number(value)),
    };
    let is_bounded = value(&before)
        .zip(value(&after))
        .is_some_and(|(b, a)| is_bound(b, a));
    require(is_bounded, || {
        format!("{tag} must be a bound for all users before login; it was {before:?}, is {after:?}")
    })?;
    let differs_unannounced = before.first() != after.first() && before.len() < 2;
    require(!differs_unannounced, || {
        format!("{tag} differs by user, so USER must stand behind it")
    })
}

pub(super) fn expire_zero_waits_for_quit(trial: &Trial<'_>) -> Result<(), Stop> {
    let account = trial.target.expiring_account();
    let mut client = trial.login_as(&account)?;
    let expire = client.capabilities()?.offered("EXPIRE")?;
    if expire.first().is_none_or(|days| days != "0") {
        return Stop::not_offered("EXPIRE 0");
    }
    trial.must_be_disposable()?;
    let before = client.stat()?;
    let (message, _) = client.find_spare()?;
    client.block(&format!("RETR {message}"))?;
    client.leave();
    let after = trial.login_as(&account)?.stat()?;
    require(before == after, || {
        format!("without QUIT nothing must expire; STAT was {before:?}, is {after:?}")
    })
}

pub(super) fn implementation_says_something(trial: &Trial<'_>) -> Result<(), Stop> {
    let words = trial.login()?.capabilities()?.offered("IMPLEMENTATION")?;
    trial.note(words.join(" "));
    require(!words.is_empty(), || {
        "IMPLEMENTATION must have a parameter".to_owned()
    })
}

pub(super) fn tags_are_registered(trial: &Trial<'_>) -> Result<(), Stop> {
    for (state, capabilities) in both(trial)? {
        let unknown: Vec<_> = capabilities
            .tags()
            .filter(|tag| !REGISTERED_TAGS.contains(&tag.as_str()))
            .collect();
        require(unknown.is_empty(), || {
            format!(
                "CAPA {state} must have registered tags only, not {}",
                unknown.join(", ")
            )
        })?;
    }
    Ok(())
}
