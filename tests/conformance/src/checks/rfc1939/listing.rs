//! STAT, LIST and UIDL (RFC 1939 §5, §7, §11).
//!
//! What they say of marked messages where that is not all of a row is in `deletion`.

use std::collections::BTreeSet;

use crate::{
    answer::number,
    client::Client,
    maildrop::pair,
    stop::{Stop, require},
    trial::Trial,
};

/// A number that no maildrop of this suite reaches.
const NOBODY: u64 = 99_999_999;

/// Octets of the longest unique id.
const MAX_UNIQUE_ID: usize = 70;

pub(super) fn numbers_are_fixed(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.login()?;
    let before = client.list()?;
    let is_consecutive = (1..)
        .zip(&before)
        .all(|(expected, &(message, _))| expected == message);
    require(is_consecutive, || {
        "messages must be numbered from 1 without gaps".to_owned()
    })?;
    let again = client.list()?;
    require(before == again, || {
        "LIST must say the same twice in a session".to_owned()
    })?;
    if trial.may_mark() {
        let message = client.any()?;
        client.ok(&format!("DELE {message}"))?;
        let after = client.list()?;
        let expected: Vec<_> = before
            .into_iter()
            .filter(|entry| entry.0 != message)
            .collect();
        require(after == expected, || {
            format!("LIST must be the same but for message {message}, which is marked")
        })?;
        client.ok("RSET")?;
    }
    client.leave();
    Ok(())
}

pub(super) fn stat_counts_unmarked(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.login()?;
    stat_is_the_sum(&mut client)?;
    if trial.may_mark() {
        let message = client.any()?;
        client.ok(&format!("DELE {message}"))?;
        stat_is_the_sum(&mut client)?;
        client.ok("RSET")?;
    }
    client.leave();
    Ok(())
}

/// LIST is another row's: its marked messages are left out here by their answer to `LIST n`.
fn stat_is_the_sum(client: &mut Client) -> Result<(), Stop> {
    let answer = client.ok("STAT")?;
    let (count, octets) = pair(&answer)?;
    let is_strict = answer
        .text()
        .starts_with(format!("{count} {octets}").as_bytes());
    require(is_strict, || {
        answer.instead_of("`+OK count octets` with single spaces")
    })?;
    let mut sizes = Vec::new();
    for (message, _) in client.list()? {
        let answer = client.ask(&format!("LIST {message}"))?;
        if answer.is_ok() {
            sizes.push(pair(&answer)?.1);
        }
    }
    let expected = (
        u64::try_from(sizes.len()).unwrap_or(u64::MAX),
        sizes.iter().sum(),
    );
    require((count, octets) == expected, || {
        let (count, octets) = expected;
        answer.instead_of(&format!(
            "`+OK {count} {octets}`, as the messages that are not marked"
        ))
    })
}

pub(super) fn nothing_follows_the_size(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.login()?;
    let message = client.any()?;
    for command in ["STAT".to_owned(), format!("LIST {message}")] {
        let answer = client.ok(&command)?;
        require(is_pair(&String::from_utf8_lossy(answer.text())), || {
            answer.instead_of("two numbers and nothing else")
        })?;
    }
    let lines = client.block("LIST")?.text();
    let wrong = lines.iter().find(|line| !is_pair(line));
    require(wrong.is_none(), || {
        format!(
            "a line of LIST must be two numbers; it was `{}`",
            wrong.map_or("", |line| line)
        )
    })
}

fn is_pair(text: &str) -> bool {
    let words = text.split_once(' ');
    words.is_some_and(|(first, second)| number(first).is_some() && number(second).is_some())
}

pub(super) fn lists_all(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.login()?;
    let (count, _) = client.stat()?;
    let listed = client.list()?.len();
    require(u64::try_from(listed) == Ok(count), || {
        format!("LIST must have {count} lines as STAT says, not {listed}")
    })?;
    if trial.may_mark() {
        client
            .list()?
            .into_iter()
            .try_for_each(|(message, _)| client.ok(&format!("DELE {message}")).map(drop))?;
        let left = client.list()?.len();
        require(left == 0, || {
            format!("LIST must be empty when all are marked, not have {left}")
        })?;
        client.ok("RSET")?;
    }
    client.leave();
    Ok(())
}

pub(super) fn lists_one(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.login()?;
    for (message, size) in client.list()? {
        let answer = client.ok(&format!("LIST {message}"))?;
        require(pair(&answer)? == (message, size), || {
            answer.instead_of(&format!("`+OK {message} {size}`, as in LIST"))
        })?;
    }
    client.err(&format!("LIST {NOBODY}"))?;
    if trial.may_mark() {
        let message = client.any()?;
        client.ok(&format!("DELE {message}"))?;
        client.err(&format!("LIST {message}"))?;
        client.ok("RSET")?;
    }
    client.leave();
    Ok(())
}

pub(super) fn sizes_are_exact(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.login()?;
    let mut wrong = Vec::new();
    for (message, size) in client.list()? {
        let first = client.ask(&format!("RETR {message}"))?;
        if first.code().as_deref() == Some("UTF8") {
            continue;
        }
        let sent = client.rest_of(first.ok()?)?.octets().len();
        if u64::try_from(sent) != Ok(size) {
            let name = client
                .name_of(message)?
                .unwrap_or_else(|| format!("message {message}"));
            wrong.push(format!("{name}: LIST says {size}, RETR sends {sent}"));
        }
    }
    require(wrong.is_empty(), || {
        format!(
            "LIST must say how many octets RETR sends; {}",
            wrong.join("; ")
        )
    })
}

pub(super) fn unique_ids_are_well_formed(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.login()?;
    let first = client.ask("UIDL")?;
    if first.is_err() {
        return Stop::not_offered("UIDL");
    }
    for line in client.rest_of(first)?.text() {
        let (message, uid) = line.split_once(' ').unwrap_or((&line, ""));
        require(number(message).is_some() && is_unique_id(uid), || {
            format!("a line of UIDL must be a number and a unique id; it was `{line}`")
        })?;
        let answer = client.ok(&format!("UIDL {message}"))?;
        require(answer.text() == line.as_bytes(), || {
            answer.instead_of(&format!("`+OK {line}`, as in UIDL"))
        })?;
    }
    client.err(&format!("UIDL {NOBODY}")).map(drop)
}

fn is_unique_id(uid: &str) -> bool {
    (1..=MAX_UNIQUE_ID).contains(&uid.len()) && uid.bytes().all(|octet| octet.is_ascii_graphic())
}

pub(super) fn unique_ids_persist(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.login()?;
    let first = client.uids()?;
    let unique: BTreeSet<&String> = first.iter().collect();
    require(unique.len() == first.len(), || {
        "unique ids must differ from each other".to_owned()
    })?;
    client.leave();
    let mut client = trial.login()?;
    let second = client.uids()?;
    client.quit()?;
    let third = trial.login()?.uids()?;
    require(first == second && second == third, || {
        "unique ids must be the same in every session, with and without QUIT".to_owned()
    })
}
