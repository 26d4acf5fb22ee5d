//! RFC 5034 (AUTH): rows 67 to 87.
//!
//! Mostly with PLAIN, which every server has to have; the others where they are offered.

use super::{clear, row};
use crate::{
    answer::Answer,
    client::Client,
    row::{
        Level::{Must, Optional, Should},
        Proof::{Nothing, Wire},
        Row,
    },
    sasl,
    stop::{Stop, require},
    target::{Target, WRONG_PASSWORD},
    trial::Trial,
};

#[rustfmt::skip] // A row is easier to find in a table.
pub(super) const ROWS: &[Row] = &[
    row("67", (5034, "3"), Must, Wire(sasl_in_both_states),
        "SASL is announced before and after login, an AUTH included"),
    row("68", (5034, "3"), Optional, Nothing("it allows something"),
        "the mechanisms may differ behind STLS"),
    row("69", (5034, "4"), Must, Wire(initial_response_is_taken),
        "AUTH takes a mechanism in any case and an initial response; `=` is an empty one"),
    row("70", (5034, "4"), Must, Wire(auth_before_login_only),
        "AUTH is refused after login"),
    row("71", (5034, "4"), Must, Wire(unknown_mechanism_is_refused),
        "a mechanism that is not supported is answered -ERR"),
    row("72", (5034, "4"), Must, Wire(challenge_is_base64),
        "a challenge is +, one space and base64; the empty one is + and a space"),
    row("73", (5034, "4"), Must, Wire(missing_initial_response_is_asked_for),
        "without an initial response PLAIN is answered with an empty challenge"),
    row("74", (5034, "4"), Must, Wire(cancellation_is_refused),
        "`*` cancels: -ERR, and a login is possible"),
    row("75", (5034, "4"), Must, Wire(auth_line_of_255_is_taken),
        "an AUTH command of 255 octets is taken"),
    row("76", (5034, "4"), Must, Wire(long_response_is_taken),
        "a response may be as long as the mechanism needs"),
    row("77", (5034, "4"), Must, Wire(initial_response_to_server_first_is_refused),
        "an initial response is refused where the server speaks first"),
    row("78", (5034, "4"), Must, Wire(wrong_base64_is_refused),
        "what is not base64 is refused, not skipped"),
    row("79", (5034, "4"), Must, Wire(failure_changes_nothing),
        "a failed AUTH changes nothing; a successful one is a login"),
    row("80", (5034, "4"), Must, Wire(success_carries_no_data),
        "the final +OK carries no data of the mechanism"),
    row("81", (5034, "4"), Must, Wire(authorization_identity_is_checked),
        "an authorization identity is a simple user name; what is none is refused"),
    row("82", (5034, "4"), Must, Nothing("this suite offers no security layer"),
        "a security layer starts behind the +OK"),
    row("83", (5034, "4"), Must, Nothing("no mechanism that this suite speaks carries the name"),
        "the service name of SASL is `pop`"),
    row("84", (5034, "4"), Must, Wire(plain_works_over_tls),
        "PLAIN over TLS is implemented"),
    row("85", (5034, "4"), Must, Wire(clear::plaintext_is_neither_said_nor_taken),
        "passwords without TLS can be forbidden: they are neither announced nor taken"),
    row("86", (5034, "4"), Should, Wire(some_mechanism_hides_the_password),
        "some mechanism does not send the password"),
    row("87", (5034, "5"), Must, Wire(only_keywords_ignore_case),
        "keyword and mechanism in any case; base64 is case-sensitive"),
];

/// Octets of an AUTH command, CRLF counted.
const MAX_COMMAND: usize = 255;

/// Octets of a user name and of a password that PLAIN allows (RFC 4616 §2).
const MAX_PLAIN_PART: usize = 255;

/// Mechanisms that do not send the password.
const HIDING: [&str; 5] = ["SCRAM", "CRAM-MD5", "DIGEST-MD5", "GSSAPI", "EXTERNAL"];

/// Right credentials for PLAIN, in base64.
fn right(trial: &Trial<'_>) -> String {
    let Target { user, password, .. } = trial.target;
    sasl::plain("", user, password)
}

fn wrong(trial: &Trial<'_>) -> String {
    sasl::plain("", &trial.target.user, WRONG_PASSWORD)
}

/// A connection before login on which PLAIN is offered.
fn with_plain(trial: &Trial<'_>) -> Result<Client, Stop> {
    let mut client = trial.connect()?;
    client.capabilities()?.offered_mechanism("PLAIN")?;
    Ok(client)
}

fn logged_in(trial: &Trial<'_>) -> Result<Client, Stop> {
    let mut client = with_plain(trial)?;
    trial.auth_plain(&mut client, &right(trial))?.ok()?;
    Ok(client)
}

/// The connection is in AUTHORIZATION, as can be seen by a login.
fn can_log_in(trial: &Trial<'_>, client: &mut Client, behind: &str) -> Result<(), Stop> {
    let answer = trial.auth_plain(client, &right(trial))?;
    require(answer.is_ok(), || {
        answer.instead_of(&format!("+OK behind {behind}"))
    })
}

fn sasl_in_both_states(trial: &Trial<'_>) -> Result<(), Stop> {
    let before = with_plain(trial)?.capabilities()?;
    let after = logged_in(trial)?.capabilities()?;
    require(before.has("SASL") && after.has("SASL"), || {
        "SASL must be announced after a login by AUTH as before it".to_owned()
    })
}

fn initial_response_is_taken(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = with_plain(trial)?;
    trial.auth(&mut client, "AUTH plain", &right(trial))?.ok()?;
    client.quit()?;
    // Present but empty: PLAIN has nothing to go on with, so there must be no challenge.
    let answer = trial.auth(&mut with_plain(trial)?, "AUTH PLAIN", "=")?;
    trial.refused(&answer, "-ERR: an empty response is no credentials")
}

fn auth_before_login_only(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = logged_in(trial)?;
    trial.auth_plain(&mut client, &right(trial))?.err()?;
    client.ok("NOOP")?;
    client.quit()
}

fn unknown_mechanism_is_refused(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.connect()?;
    trial.begin_auth(&mut client, "NO-SUCH-MECHANISM")?.err()?;
    client.quit()
}

fn challenge_is_base64(trial: &Trial<'_>) -> Result<(), Stop> {
    let names = trial.capabilities()?.mechanisms();
    let names = names
        .iter()
        .filter(|name| ["PLAIN", "LOGIN", "CRAM-MD5"].contains(&name.as_str()));
    let mut tried = 0;
    for name in names {
        let answer = trial.begin_auth(&mut trial.connect()?, name)?;
        let Some(challenge) = answer.line.octets.strip_prefix(b"+ ") else {
            return Stop::wrong(answer.instead_of("`+`, one space and base64"));
        };
        sasl::decoded(challenge)?;
        tried += 1;
    }
    if tried == 0 {
        Stop::not_offered("PLAIN, LOGIN and CRAM-MD5")
    } else {
        Ok(())
    }
}

fn missing_initial_response_is_asked_for(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = with_plain(trial)?;
    let challenge = trial.begin_auth(&mut client, "PLAIN")?;
    require(challenge.line.octets == b"+ ", || {
        challenge.instead_of("an empty challenge: `+ `")
    })?;
    trial.respond(&mut client, &right(trial))?.ok()?;
    client.quit()
}

fn cancellation_is_refused(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = with_plain(trial)?;
    trial.begin_auth(&mut client, "PLAIN")?;
    client.say("*")?;
    client.set_patience(trial.target.patience.login)?;
    client.answer("`*`")?.err()?;
    can_log_in(trial, &mut client, "a cancelled AUTH")
}

fn auth_line_of_255_is_taken(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = with_plain(trial)?;
    let room = MAX_COMMAND - "AUTH PLAIN \r\n".len();
    // Base64 comes in groups of four for three octets; two of them separate the parts of PLAIN.
    let user = "u".repeat(room / 4 * 3 - 2 - WRONG_PASSWORD.len());
    let response = sasl::plain("", &user, WRONG_PASSWORD);
    trial.auth_plain(&mut client, &response)?.err()?;
    goes_on(&mut client)
}

fn long_response_is_taken(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = with_plain(trial)?;
    trial.begin_auth(&mut client, "PLAIN")?;
    let part = "p".repeat(MAX_PLAIN_PART);
    trial
        .respond(&mut client, &sasl::plain(&part, &part, &part))?
        .err()?;
    goes_on(&mut client)
}

/// The last line was one command: the next one has its own answer.
fn goes_on(client: &mut Client) -> Result<(), Stop> {
    client.block("CAPA")?;
    client.quit()
}

fn initial_response_to_server_first_is_refused(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.connect()?;
    client.capabilities()?.offered_mechanism("CRAM-MD5")?;
    let answer = trial.auth(&mut client, "AUTH CRAM-MD5", &wrong(trial))?;
    require(answer.is_err(), || {
        answer.instead_of("-ERR: here the server speaks first")
    })
}

fn wrong_base64_is_refused(trial: &Trial<'_>) -> Result<(), Stop> {
    let right = right(trial);
    let (start, end) = right.split_at(right.len() / 2);
    let (digits, padding) = right.split_at(right.trim_end_matches('=').len());
    for response in [
        format!("{start}!{end}"),
        format!("{start} {end}"),
        format!("={right}"),
        format!("{right}=!"),
        format!("{right}===="),
        format!("{digits}{padding}x"),
    ] {
        // As a response, not an initial one: a space would make a second argument of it.
        let mut client = with_plain(trial)?;
        trial.begin_auth(&mut client, "PLAIN")?;
        let answer = trial.respond(&mut client, &response)?;
        trial.refused(&answer, "-ERR: it is not base64")?;
    }
    Ok(())
}

fn failure_changes_nothing(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = with_plain(trial)?;
    trial.auth_plain(&mut client, &wrong(trial))?.err()?;
    client.err("STAT")?;
    can_log_in(trial, &mut client, "a failed AUTH")?;
    client.stat()?;
    client.quit()
}

fn success_carries_no_data(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.connect()?;
    client.capabilities()?.offered_mechanism("SCRAM-SHA-256")?;
    let Target { user, password, .. } = trial.target;
    let scram = sasl::Scram::new(user);
    let first = trial.auth(&mut client, "AUTH SCRAM-SHA-256", &scram.first())?;
    let (last, signature) = scram.last(challenge(&first)?, password)?;
    let answer = trial.respond(&mut client, &last)?;
    let sent = sasl::decoded(challenge(&answer)?)?;
    require(sent == signature.as_bytes(), || {
        answer.instead_of("the server's signature as a challenge")
    })?;
    let answer = trial.respond(&mut client, "")?;
    require(answer.is_ok(), || {
        answer.instead_of("+OK to the empty response")
    })?;
    client.quit()
}

fn challenge(answer: &Answer) -> Result<&[u8], Stop> {
    let challenge = answer.line.octets.strip_prefix(b"+ ");
    challenge.map_or_else(|| Stop::wrong(answer.instead_of("a challenge")), Ok)
}

fn authorization_identity_is_checked(trial: &Trial<'_>) -> Result<(), Stop> {
    let Target { user, password, .. } = trial.target;
    let mut client = with_plain(trial)?;
    let answer = trial.auth_plain(&mut client, &sasl::plain(user, user, password))?;
    if answer.is_err() {
        trial.note("the user's own name is refused as an authorization identity");
    }
    client.leave();
    // A control character that is prohibited, and a soft hyphen of which SASLprep leaves nothing.
    for identity in ["\u{7}", "\u{ad}"] {
        let mut client = with_plain(trial)?;
        let answer = trial.auth_plain(&mut client, &sasl::plain(identity, user, password))?;
        trial.refused(&answer, "-ERR: the authorization identity is no user name")?;
    }
    Ok(())
}

fn plain_works_over_tls(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.secure()?;
    let names = client.capabilities()?.mechanisms();
    require(names.iter().any(|name| name == "PLAIN"), || {
        format!("PLAIN must be announced over TLS; there is {names:?}")
    })?;
    let answer = trial.auth_plain(&mut client, &right(trial))?;
    require(answer.is_ok(), || {
        answer.instead_of("+OK with right credentials")
    })?;
    client.quit()
}

fn some_mechanism_hides_the_password(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.connect()?;
    let names = client.capabilities()?.mechanisms();
    let is_hiding = |name: &String| HIDING.iter().any(|hiding| name.starts_with(hiding));
    require(names.iter().any(is_hiding), || {
        format!("some mechanism must not send the password; there is {names:?}")
    })?;
    if names.iter().any(|name| name == "CRAM-MD5") {
        let answer = trial.begin_auth(&mut client, "CRAM-MD5")?;
        let Target { user, password, .. } = trial.target;
        let response = sasl::cram_md5(challenge(&answer)?, user, password)?;
        if trial.respond(&mut client, &response)?.is_err() {
            trial.note("CRAM-MD5 is refused for this account: its password may be stored hashed");
        }
    }
    Ok(())
}

fn only_keywords_ignore_case(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = with_plain(trial)?;
    trial.auth(&mut client, "aUtH pLaIn", &right(trial))?.ok()?;
    client.quit()?;
    let swapped = |c: char| match c.is_ascii_lowercase() {
        true => c.to_ascii_uppercase(),
        false => c.to_ascii_lowercase(),
    };
    let response: String = right(trial).chars().map(swapped).collect();
    let answer = trial.auth_plain(&mut with_plain(trial)?, &response)?;
    trial.refused(&answer, "-ERR: base64 in another case is other octets")
}
