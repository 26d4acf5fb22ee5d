//! DELE, RSET and the UPDATE state (RFC 1939 §5, §6).
//!
//! Only where the mailbox is disposable; what is deleted for good is one of the spare messages. Other
//! sessions end without QUIT, so that a server that forgets RSET loses nothing.

use std::collections::BTreeSet;

use crate::{
    stop::{Stop, require},
    trial::Trial,
};

pub(super) fn starts_without_marks(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.must_be_disposable()?;
    let mut client = trial.login()?;
    let before = client.stat()?;
    let (message, _) = client.find_spare()?;
    client.ok(&format!("DELE {message}"))?;
    client.leave();
    let mut client = trial.login()?;
    let after = client.stat()?;
    require(before == after, || {
        format!("a new session must have no marks; STAT was {before:?}, is {after:?}")
    })?;
    client.quit()
}

pub(super) fn marks_and_hides(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.must_be_disposable()?;
    let mut client = trial.login()?;
    let (message, _) = client.find_spare()?;
    client.ok(&format!("DELE {message}"))?;
    for command in ["LIST", "RETR", "DELE", "UIDL"] {
        client.err(&format!("{command} {message}"))?;
    }
    client.err(&format!("TOP {message} 0"))?;
    for wrong in ["DELE", "DELE 0", "DELE x", "DELE 99999999"] {
        client.err(wrong)?;
    }
    client.ok("RSET")?;
    client.leave();
    Ok(())
}

pub(super) fn rset_unmarks(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.must_be_disposable()?;
    let mut client = trial.login()?;
    let before = (client.stat()?, client.list()?);
    let (message, _) = client.find_spare()?;
    client.ok(&format!("DELE {message}"))?;
    client.ok("RSET")?;
    let after = (client.stat()?, client.list()?);
    require(before == after, || {
        "RSET must unmark everything; LIST is not as before".to_owned()
    })?;
    client.block(&format!("RETR {message}"))?;
    client.leave();
    Ok(())
}

pub(super) fn quit_removes(trial: &Trial<'_>) -> Result<(), Stop> {
    let (spare, before, after) = removal(trial)?;
    let (marked, left) = (before.len(), after.len());
    require(!after.contains(&spare) && left + 1 == marked, || {
        format!("one of {marked} messages must be gone behind QUIT; {left} are left")
    })
}

pub(super) fn quit_keeps_the_rest(trial: &Trial<'_>) -> Result<(), Stop> {
    let (spare, before, after) = removal(trial)?;
    let lost: Vec<_> = before
        .difference(&after)
        .filter(|uid| **uid != spare)
        .collect();
    trial.note("a removal that fails is not seen on the wire");
    require(lost.is_empty(), || {
        format!(
            "QUIT must remove marked messages only; {} others are gone",
            lost.len()
        )
    })
}

/// Deletes a spare message: its unique id, and all of them before and after.
fn removal(trial: &Trial<'_>) -> Result<(String, BTreeSet<String>, BTreeSet<String>), Stop> {
    trial.must_be_disposable()?;
    let mut client = trial.login()?;
    let listed = client.uidl()?;
    let (message, _) = client.find_spare()?;
    let spare = listed
        .iter()
        .find(|entry| entry.0 == message)
        .map(|entry| entry.1.clone());
    let Some(spare) = spare else {
        return Stop::wrong(format!("UIDL must list message {message}"));
    };
    client.ok(&format!("DELE {message}"))?;
    client.ok("QUIT")?;
    client.until_closed()?;
    let after = trial.login()?.uids()?;
    let before = listed.into_iter().map(|(_, uid)| uid);
    Ok((spare, before.collect(), after.into_iter().collect()))
}

pub(super) fn only_quit_removes(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.must_be_disposable()?;
    let before = trial.login()?.stat()?;
    for (how, last) in [
        ("closes", ""),
        ("closes in the middle of QUIT", "QUI"),
        ("ends", "QUIT"),
    ] {
        let mut client = trial.login()?;
        let (message, _) = client.find_spare()?;
        client.ok(&format!("DELE {message}"))?;
        client.send(last.as_bytes())?;
        client.leave();
        let after = trial.login()?.stat()?;
        require(before == after, || {
            format!(
                "nothing must be removed if the client {how}; STAT was {before:?}, is {after:?}"
            )
        })?;
    }
    Ok(())
}

pub(super) fn quit_unlocks_and_closes(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut first = trial.login()?;
    first.ok("QUIT")?;
    first.closed()?;
    let mut second = trial.connect()?;
    let answer = trial.log_in(&mut second)?;
    require(answer.is_ok(), || {
        answer.instead_of("+OK behind the QUIT of the session before")
    })?;
    second.quit()
}

pub(super) fn uidl_hides_marked(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.must_be_disposable()?;
    let mut client = trial.login()?;
    let (message, _) = client.find_spare()?;
    client.ok(&format!("DELE {message}"))?;
    let is_listed = client.uidl()?.iter().any(|entry| entry.0 == message);
    require(!is_listed, || {
        format!("UIDL must not list message {message}, which is marked")
    })?;
    client.err(&format!("UIDL {message}"))?;
    client.ok("RSET")?;
    client.leave();
    Ok(())
}
