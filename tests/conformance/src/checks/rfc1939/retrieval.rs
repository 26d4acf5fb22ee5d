//! RETR and TOP, and the stuffing of what they send (RFC 1939 §3, §5, §7).
//!
//! Compares with the messages of `letters`, by name, never by number.

use crate::{
    client::Client,
    letters::{Letter, letter, letters, stuffed},
    stop::{Stop, require},
    trial::Trial,
};

/// Messages that have lines beginning with a dot.
const DOTTED: [&str; 6] = [
    "first-dot",
    "dots",
    "forged",
    "final-dot",
    "long-line",
    "large",
];

/// A number that no maildrop of this suite reaches.
const NOBODY: u64 = 99_999_999;

/// What fetchmail asks for to get a whole message, and its neighbours.
const HUGE: [&str; 3] = ["99999999", "2147483647", "2147483648"];

pub(super) fn dots_are_stuffed(trial: &Trial<'_>) -> Result<(), Stop> {
    // A session for each: a line that is not stuffed can be taken for the end of the answer.
    for name in DOTTED {
        let mut client = trial.login()?;
        let message = client.find(name)?;
        let raw = client.block(&format!("RETR {message}"))?.raw;
        let expected = stuffed(&letter(name).wire());
        if let Some(wrong) = first_difference(&dotted(&expected), &dotted(&raw)) {
            return Stop::wrong(format!(
                "in `{name}` every dot at a line's start is doubled; {wrong}"
            ));
        }
        client.ok("NOOP")?;
    }
    Ok(())
}

/// The lines that begin with a dot.
fn dotted(octets: &[u8]) -> Vec<&[u8]> {
    let lines = octets.split(|&octet| octet == b'\n');
    lines.filter(|line| line.starts_with(b".")).collect()
}

fn first_difference(expected: &[&[u8]], found: &[&[u8]]) -> Option<String> {
    let show = |line: Option<&&[u8]>| {
        line.map_or_else(
            || "nothing".to_owned(),
            |line| {
                format!(
                    "`{}`",
                    line.get(..40)
                        .unwrap_or(line)
                        .trim_ascii_end()
                        .escape_ascii()
                )
            },
        )
    };
    let at = (0..expected.len().max(found.len())).find(|&at| expected.get(at) != found.get(at))?;
    Some(format!(
        "expected {}, found {}",
        show(expected.get(at)),
        show(found.get(at))
    ))
}

pub(super) fn sends_the_message(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.login()?;
    client.err("RETR")?;
    client.err(&format!("RETR {NOBODY}"))?;
    client.err("RETR 0")?;
    // RFC 6856 §2.1: such a server may send this one otherwise; row 107 is about it.
    let is_native = !trial
        .capabilities()
        .is_ok_and(|capabilities| capabilities.has("UTF8"));
    let known: Vec<_> = letters()
        .into_iter()
        .filter(|letter| is_native || letter.name != "eight-bit-header")
        .collect();
    let mut compared = 0;
    for (message, _) in client.list()? {
        let name = client.name_of(message)?;
        let known = known
            .iter()
            .find(|letter| name.as_deref() == Some(letter.name));
        if let Some(letter) = known {
            arrives_whole(&mut client, message, letter)?;
            compared += 1;
        }
    }
    if trial.may_mark() {
        let message = client.any()?;
        client.ok(&format!("DELE {message}"))?;
        client.err(&format!("RETR {message}"))?;
        client.ok("RSET")?;
    }
    client.leave();
    Ok(())?;
    if compared == 0 {
        return Stop::skipped("needs the messages of `prepare`");
    }
    trial.note(format!("{compared} messages compared"));
    Ok(())
}

fn arrives_whole(client: &mut Client, message: u64, letter: &Letter) -> Result<(), Stop> {
    let octets = client.block(&format!("RETR {message}"))?.octets();
    require(
        without_dots(&octets) == without_dots(&letter.wire()),
        || {
            let (sent, stored) = (octets.len(), letter.wire().len());
            format!(
                "RETR must send `{}` as it is stored ({stored} octets, not {sent})",
                letter.name
            )
        },
    )
}

/// Without dots at the start of lines: whether those are right is row 7's question.
fn without_dots(octets: &[u8]) -> Vec<u8> {
    let lines = octets.split_inclusive(|&octet| octet == b'\n');
    lines
        .flat_map(|line| line.iter().skip_while(|&&octet| octet == b'.'))
        .copied()
        .collect()
}

pub(super) fn top_sends_the_start(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.login()?;
    let message = client.any()?;
    let first = client.ask(&format!("TOP {message} 0"))?;
    if first.is_err() {
        return Stop::not_offered("TOP");
    }
    client.rest_of(first)?;
    for wrong in [
        "TOP".to_owned(),
        format!("TOP {message}"),
        format!("TOP {NOBODY} 0"),
    ] {
        client.err(&wrong)?;
    }
    client.err(&format!("TOP {message} -1"))?;
    for name in [
        "ten-lines",
        "empty-body",
        "no-final-newline",
        "crlf",
        "dots",
    ] {
        let (message, letter) = (client.find(name)?, letter(name));
        for count in [0, 1, 2, 9, 10, 11, 1_000] {
            let sent = client.block(&format!("TOP {message} {count}"))?.octets();
            let expected = letter.top(count);
            require(sent == expected, || {
                format!(
                    "TOP {count} of `{name}` must be header, blank line and {count} lines at most: \
                     {} octets, not {}",
                    expected.len(),
                    sent.len()
                )
            })?;
        }
    }
    if trial.may_mark() {
        client.ok(&format!("DELE {message}"))?;
        client.err(&format!("TOP {message} 0"))?;
        client.ok("RSET")?;
    }
    client.leave();
    Ok(())
}

pub(super) fn huge_top_is_the_message(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.login()?;
    for name in ["ten-lines", "no-final-newline", "large"] {
        let message = client.find(name)?;
        let whole = client.block(&format!("RETR {message}"))?.raw;
        for count in HUGE {
            let top = client.block(&format!("TOP {message} {count}"))?.raw;
            require(top == whole, || {
                format!(
                    "TOP {count} of `{name}` must be what RETR sends: {} octets",
                    whole.len()
                )
            })?;
        }
    }
    client.quit()
}
