//! Logging in: USER, PASS, APOP, and the lock behind them (RFC 1939 §4, §7).
//!
//! SASL is in `rfc5034`.

use crate::{
    answer::Answer,
    client::Client,
    sasl,
    stop::{Stop, require},
    target::{Account, UNKNOWN_USER, WRONG_PASSWORD},
    trial::Trial,
};

pub(super) fn account_can_log_in(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.connect()?;
    let answer = trial.log_in(&mut client)?;
    require(answer.is_ok(), || {
        answer.instead_of("+OK with right credentials")
    })?;
    client.stat().map(drop)
}

pub(super) fn maildrop_is_locked(trial: &Trial<'_>) -> Result<(), Stop> {
    let _first = trial.login()?;
    let mut second = trial.connect()?;
    let answer = trial.log_in(&mut second)?;
    require(answer.is_err(), || {
        answer.instead_of("-ERR while another session has the maildrop")
    })
}

pub(super) fn lock_is_refused_and_released(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut first = trial.login()?;
    let mut second = trial.connect()?;
    if trial.log_in(&mut second)?.is_ok() {
        return Stop::not_offered("a lock (row 15)");
    }
    first.ok("STAT")?;
    first.quit()?;
    drop(second);
    let mut third = trial.connect()?;
    let answer = trial.log_in(&mut third)?;
    require(answer.is_ok(), || {
        answer.instead_of("+OK: nobody has the maildrop any more")
    })?;
    third.quit()
}

pub(super) fn failed_login_can_be_repeated(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.connect()?;
    let user = &trial.target.user;
    trial.user_pass(&mut client, user, WRONG_PASSWORD)?.err()?;
    client.say("STAT")?;
    let Some(line) = client.line_or_end()? else {
        trial.note("the connection is closed");
        return Ok(());
    };
    let answer = Answer {
        command: "STAT behind a failed login".to_owned(),
        line,
    };
    answer.err()?;
    let answer = trial.log_in(&mut client)?;
    require(answer.is_ok(), || {
        answer.instead_of("+OK with right credentials")
    })
}

pub(super) fn quit_before_login(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.connect()?.quit()
}

pub(super) fn user_before_login_only(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.connect()?;
    let user = &trial.target.user;
    if trial.user_pass(&mut client, user, WRONG_PASSWORD)?.is_err() && !has_closed(&mut client)? {
        let answer = trial.log_in(&mut client)?;
        require(answer.is_ok(), || {
            answer.instead_of("+OK behind a failed PASS")
        })?;
    }
    client.leave();
    let mut client = trial.login()?;
    trial.user(&mut client, user)?.err().map(drop)
}

/// Whether the server has closed behind a failed login, as it may.
fn has_closed(client: &mut Client) -> Result<bool, Stop> {
    client.say("CAPA")?;
    let Some(line) = client.line_or_end()? else {
        return Ok(true);
    };
    let first = Answer {
        command: "CAPA".to_owned(),
        line,
    };
    if first.is_ok() {
        client.rest_of(first)?;
    }
    Ok(false)
}

pub(super) fn user_reveals_nothing(trial: &Trial<'_>) -> Result<(), Stop> {
    let known = trial.user(&mut trial.connect()?, &trial.target.user)?;
    let unknown = trial.user(&mut trial.connect()?, UNKNOWN_USER)?;
    let without_name = |answer: &Answer, name: &str| {
        String::from_utf8_lossy(&answer.line.octets).replace(name, "")
    };
    let known = without_name(&known, &trial.target.user);
    let unknown = without_name(&unknown, UNKNOWN_USER);
    require(known == unknown, || {
        format!("USER must be answered alike; it was `{known}`, and `{unknown}` for nobody")
    })
}

pub(super) fn pass_follows_user(trial: &Trial<'_>) -> Result<(), Stop> {
    let password = &trial.target.password;
    let mut client = trial.connect()?;
    trial.pass(&mut client, password)?.err()?;
    client.leave();
    password_is_compared_in_full(trial, &format!(" {password}"))?;
    password_is_compared_in_full(trial, &format!("{password} "))?;
    let mut client = trial.connect()?;
    if trial.user(&mut client, &trial.target.user)?.is_err() {
        return Stop::not_offered("USER and PASS");
    }
    client.say("CAPA")?;
    let first = client.answer("CAPA")?;
    if first.is_ok() {
        client.rest_of(first)?;
    }
    let answer = trial.pass(&mut client, password)?;
    trial.refused(&answer, "-ERR with another command behind USER")
}

fn password_is_compared_in_full(trial: &Trial<'_>, wrong: &str) -> Result<(), Stop> {
    let answer = trial.user_pass(&mut trial.connect()?, &trial.target.user, wrong)?;
    trial.refused(&answer, "-ERR: a space too many is another password")
}

pub(super) fn apop_works_as_announced(trial: &Trial<'_>) -> Result<(), Stop> {
    let account = trial.target.apop_account();
    let (mut client, timestamp) = greeted_with_timestamp(trial)?;
    let inner = timestamp.trim_start_matches('<').trim_end_matches('>');
    let is_message_id = inner.split('@').filter(|part| !part.is_empty()).count() == 2;
    require(is_message_id, || {
        format!("a timestamp must be a message id; it was `{timestamp}`")
    })?;
    let (_, other) = greeted_with_timestamp(trial)?;
    require(timestamp != other, || {
        format!("timestamps must be unique; `{timestamp}` came twice")
    })?;
    let wrong = Account {
        password: WRONG_PASSWORD.to_owned(),
        ..account.clone()
    };
    apop(trial, &mut client, &timestamp, &wrong)?.err()?;
    client.err("STAT")?;
    let (mut client, timestamp) = greeted_with_timestamp(trial)?;
    apop(trial, &mut client, &timestamp, &account)?.ok()?;
    client.quit()
}

pub(super) fn apop_excludes_pass(trial: &Trial<'_>) -> Result<(), Stop> {
    has_one_of_both(trial, &trial.target.account())?;
    match &trial.target.apop {
        Some(account) => has_one_of_both(trial, account),
        None => Ok(()),
    }
}

fn has_one_of_both(trial: &Trial<'_>, account: &Account) -> Result<(), Stop> {
    let (mut client, timestamp) = greeted_with_timestamp(trial)?;
    if apop(trial, &mut client, &timestamp, account)?.is_err() {
        return Ok(());
    }
    client.quit()?;
    let Account { user, password } = account;
    let answer = trial.user_pass(&mut trial.connect()?, user, password)?;
    trial.refused(&answer, "-ERR for a user who has APOP")
}

pub(super) fn timestamp_means_apop(trial: &Trial<'_>) -> Result<(), Stop> {
    match greeted_with_timestamp(trial) {
        Ok((mut client, timestamp)) => {
            let answer = apop(trial, &mut client, &timestamp, &trial.target.apop_account())?;
            require(answer.is_ok(), || {
                answer.instead_of("+OK: the greeting has a timestamp")
            })
        }
        Err(Stop::NotOffered(_)) => trial.connect()?.err("APOP someone digest").map(drop),
        Err(stop) => Err(stop),
    }
}

/// A connection whose greeting has a timestamp, and the timestamp with its brackets.
fn greeted_with_timestamp(trial: &Trial<'_>) -> Result<(Client, String), Stop> {
    let mut client = trial.dial()?;
    let greeting = client.answer("the connection")?.ok()?;
    let text = String::from_utf8_lossy(greeting.text()).into_owned();
    let timestamp = text
        .find('<')
        .zip(text.rfind('>'))
        .and_then(|(start, end)| text.get(start..=end).map(str::to_owned));
    timestamp.map_or_else(
        || Stop::not_offered("APOP"),
        |timestamp| Ok((client, timestamp)),
    )
}

fn apop(
    trial: &Trial<'_>,
    client: &mut Client,
    timestamp: &str,
    account: &Account,
) -> Result<Answer, Stop> {
    let digest = sasl::apop(timestamp, &account.password);
    trial.auth(client, &format!("APOP {}", account.user), &digest)
}
