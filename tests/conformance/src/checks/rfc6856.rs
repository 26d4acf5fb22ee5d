//! RFC 6856 (UTF8, LANG): rows 105 to 113.
//!
//! Nothing here fails on a server that offers neither.

use super::{row, tour};
use crate::{
    answer::Answer,
    client::Client,
    letters::letter,
    row::{
        Level::{Must, Optional, Policy, Should},
        Proof::Wire,
        Row,
    },
    stop::{Stop, require},
    target::Target,
    trial::Trial,
};

#[rustfmt::skip] // A row is easier to find in a table.
pub(super) const ROWS: &[Row] = &[
    row("105", (6856, "2"), Must, Wire(utf8_before_login),
        "UTF8 is announced in both states; the command is valid before login, without arguments"),
    row("106", (6856, "2.1"), Must, Wire(headers_are_ascii_by_default),
        "without UTF8 no header is sent with octets above 127"),
    row("107", (6856, "2.1"), Policy, Wire(headers_are_native_with_utf8),
        "with UTF8 a message is sent as it is stored"),
    row("108", (6856, "2.1"), Should, Wire(sizes_fit_the_mode),
        "a size is what RETR sends in the mode that is on"),
    row("109", (6856, "2.1"), Optional, Wire(stls_behind_utf8_is_refused_or_works),
        "STLS behind UTF8 may be refused; if it is not, it works"),
    row("110", (6856, "2.2"), Must, Wire(names_are_prepared),
        "with UTF8 USER, names and passwords are prepared; malformed UTF-8 is refused"),
    row("111", (6856, "3"), Must, Wire(languages_are_listed_and_taken),
        "LANG lists, takes a tag or *, and refuses an unknown tag without a change"),
    row("112", (6856, "5"), Must, Wire(utf8_code_is_for_messages),
        "[UTF8] only on the -ERR of LIST, TOP and RETR"),
    row("113", (6856, "7"), Should, Wire(default_language_tells_nothing),
        "LANG * tells nothing about a user before login"),
];

/// How far a fullwidth character is from the ASCII one.
const FULLWIDTH: u32 = 0xfee0;

/// The message whose header has octets above 127.
const LETTER: &str = "eight-bit-header";

fn utf8_before_login(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.connect()?;
    let before = client.capabilities()?;
    let after = trial.login()?.capabilities()?;
    if !before.has("UTF8") && !after.has("UTF8") {
        return Stop::not_offered("UTF8");
    }
    require(before.has("UTF8") && after.has("UTF8"), || {
        "UTF8 must be announced both before and after login".to_owned()
    })?;
    client.err("UTF8 argument")?;
    client.ok("UTF8")?;
    client.quit()
}

fn headers_are_ascii_by_default(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.login()?;
    client.capabilities()?.offered("UTF8")?;
    let Some(message) = find(&mut client)? else {
        return Ok(());
    };
    let first = client.ask(&format!("RETR {message}"))?;
    if first.is_err() {
        return Ok(());
    }
    let octets = client.rest_of(first)?.octets();
    let header = octets
        .split(|&octet| octet == b'\n')
        .take_while(|line| line.len() > 1);
    require(header.flatten().all(u8::is_ascii), || {
        "a header must be ASCII while UTF8 is off; there are octets above 127".to_owned()
    })
}

/// The message, if this mode shows it at all.
fn find(client: &mut Client) -> Result<Option<u64>, Stop> {
    for (message, _) in client.list()? {
        let top = client.ask(&format!("TOP {message} 0"))?;
        if top.is_err() {
            continue;
        }
        let lines = client.rest_of(top)?.text();
        if lines
            .iter()
            .any(|line| line.ends_with(&format!(": {LETTER}")))
        {
            return Ok(Some(message));
        }
    }
    Ok(None)
}

/// A session in UTF-8 mode.
fn with_utf8(trial: &Trial<'_>) -> Result<Client, Stop> {
    let mut client = trial.connect()?;
    client.capabilities()?.offered("UTF8")?;
    client.ok("UTF8")?;
    let answer = trial.log_in(&mut client)?;
    if answer.is_err() {
        return Stop::skipped(format!("the account cannot log in: {answer}"));
    }
    Ok(client)
}

fn headers_are_native_with_utf8(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = with_utf8(trial)?;
    let message = client.find(LETTER)?;
    let octets = client.block(&format!("RETR {message}"))?.octets();
    require(octets == letter(LETTER).wire(), || {
        "with UTF8 a message must be sent as it is stored".to_owned()
    })
}

fn sizes_fit_the_mode(trial: &Trial<'_>) -> Result<(), Stop> {
    for is_utf8 in [false, true] {
        let mut client = match is_utf8 {
            true => with_utf8(trial)?,
            false => trial.login()?,
        };
        client.capabilities()?.offered("UTF8")?;
        let Some(message) = find(&mut client)? else {
            continue;
        };
        let size = client.size(message)?;
        let sent = client.block(&format!("RETR {message}"))?.octets().len();
        require(u64::try_from(sent) == Ok(size), || {
            format!("LIST must say {sent} octets with UTF8 {is_utf8}, not {size}")
        })?;
    }
    Ok(())
}

fn stls_behind_utf8_is_refused_or_works(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.before_stls()?;
    client.capabilities()?.offered("UTF8")?;
    // A handshake that never succeeds is row 98's, or row 103's.
    trial.secure()?.quit()?;
    client.ok("UTF8")?;
    if client.ask("STLS")?.is_err() {
        return client.quit();
    }
    let handshake = client.start_tls(&trial.offer(&[])?)?;
    require(handshake.is_ok(), || {
        "STLS behind UTF8 must be refused, or the handshake must succeed".to_owned()
    })?;
    client.quit()
}

fn names_are_prepared(trial: &Trial<'_>) -> Result<(), Stop> {
    let names = trial.capabilities()?.offered("UTF8")?;
    if !names.iter().any(|name| name.eq_ignore_ascii_case("USER")) {
        return Stop::not_offered("UTF8 USER");
    }
    let Target { user, password, .. } = trial.target;
    let answer = log_in_with_utf8(trial, wide(user).as_bytes(), &wide(password))?;
    require(answer.is_ok(), || {
        answer.instead_of("+OK: fullwidth letters are the account's when they are prepared")
    })?;
    let malformed = [user.as_bytes(), b"\xff"].concat();
    let answer = log_in_with_utf8(trial, &malformed, password)?;
    trial.refused(&answer, "-ERR: the name is no UTF-8")
}

/// UTF8, USER and PASS, up to the first of the last two that is refused.
fn log_in_with_utf8(trial: &Trial<'_>, user: &[u8], password: &str) -> Result<Answer, Stop> {
    let mut client = trial.connect()?;
    client.ok("UTF8")?;
    client.send(&[b"USER ", user, b"\r\n"].concat())?;
    let answer = client.answer("USER")?;
    if answer.is_err() {
        return Ok(answer);
    }
    trial.pass(&mut client, password)
}

/// ASCII as fullwidth characters, of which SASLprep makes ASCII again.
fn wide(text: &str) -> String {
    let wide = |c: char| match c.is_ascii_graphic() {
        true => char::from_u32(u32::from(c) + FULLWIDTH).unwrap_or(c),
        false => c,
    };
    text.chars().map(wide).collect()
}

fn default_language_tells_nothing(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.connect()?;
    client.capabilities()?.offered("LANG")?;
    let of_nobody = client.ok("LANG *")?;
    let mut client = trial.connect()?;
    trial.user(&mut client, &trial.target.user)?;
    let of_user = client.ok("LANG *")?;
    require(of_nobody.line == of_user.line, || {
        of_user.instead_of("the same behind USER as without: nobody has logged in")
    })
}

fn languages_are_listed_and_taken(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.connect()?;
    client.capabilities()?.offered("LANG")?;
    languages(&mut client)?;
    let mut client = trial.login()?;
    let announced = client.capabilities()?.has("LANG");
    require(announced, || {
        "LANG must be announced after login too".to_owned()
    })?;
    languages(&mut client)
}

fn languages(client: &mut Client) -> Result<(), Stop> {
    let lines = client.block("LANG")?.text();
    require(!lines.is_empty(), || {
        "LANG must list a language at least".to_owned()
    })?;
    for line in &lines {
        let tag = line.split(' ').next().unwrap_or_default();
        let answer = client.ok(&format!("LANG {tag}"))?;
        let named = answer.words().first().cloned().unwrap_or_default();
        require(named.eq_ignore_ascii_case(tag), || {
            answer.instead_of(&format!("+OK {tag}"))
        })?;
    }
    client.err("LANG x-no-such-language")?;
    client.ok("LANG *").map(drop)
}

fn utf8_code_is_for_messages(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.capabilities()?.offered("UTF8")?;
    tour::every_answer(trial, |answer| {
        let may_have = ["LIST", "TOP", "RETR"]
            .iter()
            .any(|name| answer.command.contains(name));
        let has = answer.code().as_deref() == Some("UTF8");
        require(may_have || !has, || {
            answer.instead_of("without [UTF8]: it is about no message")
        })
    })
}
