//! Lines, status indicators, states: what holds for every command (RFC 1939 §3, §4).
//!
//! Says nothing about what single commands do, but for NOOP.

use crate::{
    checks::tour,
    client::Client,
    letters::letters,
    stop::{Stop, require},
    trial::Trial,
};

/// Octets of the longest first line, its CRLF counted.
const MAX_FIRST_LINE: usize = 512;

pub(super) fn greets_at_once(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.dial()?.answer("the connection").map(drop)
}

pub(super) fn ignores_case_of_keywords(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.connect()?;
    client.ok("qUiT")?;
    let mut client = trial.login()?;
    for command in ["NOOP", "noop", "NoOp", "sTAT"] {
        client.ok(command)?;
    }
    let message = client.any()?;
    client.ok(&format!("list {message}"))?;
    client.ok("quit").map(drop)
}

pub(super) fn has_one_policy_for_line_ends(trial: &Trial<'_>) -> Result<(), Stop> {
    for (name, end) in [("LF", "\n"), ("CR", "\r")] {
        let before = ends_a_line(&mut trial.connect()?, "STAT", end)?;
        let after = ends_a_line(&mut trial.login()?, "NOOP", end)?;
        let secure = match trial.secure() {
            Ok(mut client) => ends_a_line(&mut client, "STAT", end)?,
            Err(Stop::NotOffered(_)) => before,
            Err(stop) => return Err(stop),
        };
        require(before == after && before == secure, || {
            format!(
                "a bare {name} must mean the same in every state; it ends a line before login: \
                 {before}, after login: {after}, with TLS: {secure}"
            )
        })?;
        trial.note(format!(
            "a bare {name} {} a line",
            if before { "ends" } else { "does not end" }
        ));
    }
    Ok(())
}

/// Whether `end` between two commands makes two of them. Behind the QUIT the server closes, so that
/// nothing has to be waited for.
fn ends_a_line(client: &mut Client, command: &str, end: &str) -> Result<bool, Stop> {
    client.send(format!("{command}{end}{command}\r\nQUIT\r\n").as_bytes())?;
    let mut answers = 0;
    while answers <= 3 && client.line_or_end()?.is_some() {
        answers += 1;
    }
    match answers {
        2 => Ok(false),
        3 => Ok(true),
        _ => Stop::wrong(format!(
            "two or three commands must have as many answers, not {answers} or more"
        )),
    }
}

pub(super) fn status_is_upper_case(trial: &Trial<'_>) -> Result<(), Stop> {
    tour::every_answer(trial, |answer| {
        let is_challenge = answer.line.octets.starts_with(b"+ ");
        require(answer.is_ok() || answer.is_err() || is_challenge, || {
            answer.instead_of("+OK or -ERR")
        })
    })
}

pub(super) fn first_lines_are_short(trial: &Trial<'_>) -> Result<(), Stop> {
    tour::every_answer(trial, |answer| {
        let octets = answer.line.octets.len() + 2;
        require(octets <= MAX_FIRST_LINE, || {
            format!(
                "the answer to {} must have 512 octets at most, not {octets}",
                answer.command
            )
        })
    })?;
    for octets in [300, 500, 600, 2_000] {
        let filler = "A".repeat(octets);
        for command in [
            filler.clone(),
            format!("USER {filler}"),
            format!("AUTH {filler}"),
        ] {
            first_line_is_short(&mut trial.connect()?, &command)?;
        }
        for keyword in ["", "RETR ", "LIST ", "UIDL ", "TOP 1 ", "NOOP "] {
            first_line_is_short(&mut trial.login()?, &format!("{keyword}{filler}"))?;
        }
    }
    Ok(())
}

/// A server may close instead of answering a line that is too long for it.
fn first_line_is_short(client: &mut Client, command: &str) -> Result<(), Stop> {
    client.say(command)?;
    let octets = client
        .line_or_end()?
        .map_or(0, |line| line.octets.len() + 2);
    require(octets <= MAX_FIRST_LINE, || {
        let sent = command.len() + 2;
        format!("a command of {sent} octets must be answered with 512 at most, not {octets}")
    })
}

pub(super) fn lines_end_in_crlf(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.login()?;
    let mut commands = vec!["CAPA".to_owned(), "LIST".to_owned(), "UIDL".to_owned()];
    let messages = client.list()?;
    commands.extend(
        messages
            .iter()
            .take(letters().len())
            .map(|(n, _)| format!("RETR {n}")),
    );
    for command in commands {
        let first = client.ask(&command)?;
        if first.is_err() {
            continue;
        }
        let block = client.rest_of(first)?;
        let has_bare_lf = block
            .raw
            .windows(2)
            .any(|pair| pair[0] != b'\r' && pair[1] == b'\n');
        let is_right = block.first.line.has_crlf && block.is_ended_by_crlf && !has_bare_lf;
        require(is_right && !block.raw.starts_with(b"\n"), || {
            format!("every line of the answer to {command} must end in CRLF")
        })?;
    }
    client.quit()
}

pub(super) fn nonsense_is_refused(trial: &Trial<'_>) -> Result<(), Stop> {
    // Two to a connection: three unknown commands before login are reason enough to close it.
    for commands in [["UNKNOWN", "X"], ["USER", ""]] {
        let mut client = trial.connect()?;
        for command in commands {
            client.err(command)?;
        }
        client.quit()?;
    }
    let mut client = trial.login()?;
    let message = client.any()?;
    let top = format!("TOP {message}");
    let malformed = [
        "UNKNOWN", "RETR", "RETR x", "RETR -1", "RETR 0", &top, "LIST x", "LIST -1",
    ];
    for command in malformed {
        client.err(command)?;
    }
    client.err(&format!("{top} x"))?;
    client.err("")?;
    client.ok("NOOP")?;
    client.quit()
}

pub(super) fn wrong_state_is_refused(trial: &Trial<'_>) -> Result<(), Stop> {
    let transaction = [
        "STAT", "LIST", "RETR 1", "DELE 1", "NOOP", "RSET", "TOP 1 0", "UIDL",
    ];
    for commands in transaction.chunks(2) {
        let mut client = trial.connect()?;
        for command in commands {
            client.err(command)?;
        }
        client.quit()?;
    }
    let mut client = trial.login()?;
    for command in ["USER someone", "PASS something", "APOP someone digest"] {
        client.err(command)?;
    }
    client.quit()
}

pub(super) fn greeting_is_one_positive_line(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.dial()?;
    let greeting = client.answer("the connection")?.ok()?;
    require(greeting.line.has_crlf, || {
        "the greeting must end in CRLF".to_owned()
    })?;
    client.quit()
}

pub(super) fn noop_does_nothing(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.connect()?.err("NOOP")?;
    let mut client = trial.login()?;
    let before = client.stat()?;
    client.ok("NOOP")?;
    let after = client.stat()?;
    require(before == after, || {
        format!("NOOP must change nothing; STAT was {before:?} and is {after:?}")
    })?;
    client.quit()
}
