//! RFC 2595 and RFC 8314 with RFC 8997 (TLS): rows 88 to 104.
//!
//! STLS where it is offered, implicit TLS where the target says so.

use super::{clear, row};
use crate::{
    answer::Answer,
    channel::End,
    client::Client,
    row::{
        Level::{Must, Optional, Policy, Should},
        Proof::{Documentation, Nothing, Wire},
        Row,
    },
    stop::{Stop, require},
    target::{Target, Tls},
    tls::{ALPN_POP3, Handshake},
    trial::Trial,
};

#[rustfmt::skip] // A row is easier to find in a table.
pub(super) const ROWS: &[Row] = &[
    row("88", (2595, "2.2"), Should, Wire(clear::nobody_logs_in),
        "there is a mode that refuses logins until the connection is encrypted"),
    row("89", (2595, "2.3"), Must, Wire(clear::passwords_are_refused),
        "all logins in the clear can be refused"),
    row("90", (2595, "2.5"), Must, Wire(failed_handshake_is_the_end),
        "behind a failed handshake nothing is answered in the clear"),
    row("91", (2595, "4 (STLS)"), Must, Wire(stls_is_announced_if_accepted),
        "STLS is announced exactly where it is accepted"),
    row("92", (2595, "4 (STLS)"), Must, Wire(stls_before_login_only),
        "STLS is refused after login, and is no login itself"),
    row("93", (2595, "4 (STLS)"), Must, Wire(nothing_survives_the_handshake),
        "nothing that was sent in the clear has an effect behind the handshake"),
    row("94", (2595, "4 (STLS)"), Optional, Wire(stls_under_tls_is_refused),
        "STLS under TLS is refused"),
    row("95", (2595, "4 (STLS)"), Optional, Nothing("it allows something"),
        "CAPA may differ behind STLS"),
    row("96", (8314, "3.1"), Policy, Wire(implicit_tls_greets_behind_the_handshake),
        "with implicit TLS nothing is said before the handshake, the greeting behind it"),
    row("97", (8314, "3.4"), Should, Wire(close_notify_is_sent),
        "a TLS connection ends with close_notify"),
    row("98", (8314, "4"), Must, Wire(tls_is_there),
        "there is TLS, implicit or by STLS, and the handshake succeeds"),
    row("99", (8314, "4"), Must, Wire(old_versions_are_refused),
        "TLS 1.2 or later; older versions are refused"),
    row("100", (8314, "4"), Should, Documentation("logs are not seen from outside"),
        "TLS version and cipher suite are logged"),
    row("101", (8314, "4.1"), Must, Wire(clear::right_and_wrong_are_refused_alike),
        "where clear logins are barred, right and wrong passwords have one answer"),
    row("102", (8314, "4.2"), Must, Wire(no_certificate_is_asked_for),
        "no client certificate is asked for unless one can log a user in"),
    row("103", (8314, "4.4"), Must, Wire(certificate_is_valid),
        "the certificate is valid for the server's name"),
    row("104", (7301, "3.2"), Should, Wire(alpn_is_strict),
        "ALPN: pop3 is selected; a client that offers other protocols only is refused"),
];

/// Alert and handshake, the types of TLS records that matter here.
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

fn failed_handshake_is_the_end(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = match trial.target.tls {
        Tls::Implicit => trial.dial_tcp()?,
        Tls::None | Tls::Stls => {
            let mut client = trial.before_stls()?;
            client.ok("STLS")?;
            client
        }
    };
    client.send(b"CAPA\r\nQUIT\r\n")?;
    let heard = client.until_closed()?;
    let is_clear = |needle: &[u8]| heard.windows(needle.len()).any(|octets| octets == needle);
    require(!is_clear(b"+OK") && !is_clear(b"-ERR"), || {
        "a failed handshake must not be followed by answers in the clear".to_owned()
    })
}

fn stls_is_announced_if_accepted(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.clear()?;
    if !client.capabilities()?.has("STLS") {
        return client.err("STLS").map(drop);
    }
    client.ok("STLS")?;
    trial.handshake(&mut client, &[])?;
    require(!client.capabilities()?.has("STLS"), || {
        "STLS must not be announced behind the handshake".to_owned()
    })?;
    let after = trial.login()?.capabilities()?;
    require(!after.has("STLS"), || {
        "STLS must not be announced after login".to_owned()
    })
}

fn stls_before_login_only(trial: &Trial<'_>) -> Result<(), Stop> {
    let answer = trial.secure()?.ask("STAT")?;
    require(answer.is_err(), || {
        answer.instead_of("-ERR: STLS is no login, and no second greeting follows it")
    })?;
    let mut client = trial.login()?;
    client.err("STLS")?;
    client.ok("NOOP")?;
    client.quit()
}

fn nothing_survives_the_handshake(trial: &Trial<'_>) -> Result<(), Stop> {
    if trial.target.tls == Tls::Implicit {
        return Stop::not_offered("STLS");
    }
    let user = &trial.target.user;
    injected(trial, "STLS\r\nNOOP\r\nCAPA\r\n", "UNKNOWN")?;
    injected(trial, "STLS\r\nUS", &format!("ER {user}"))?;
    let mut client = trial.before_stls()?;
    trial.user(&mut client, user)?;
    client.ok("STLS")?;
    trial.handshake(&mut client, &[])?;
    let answer = trial.pass(&mut client, &trial.target.password)?;
    trial.refused(&answer, "-ERR: USER was sent in the clear")
}

/// Sends `together` in one piece, does the handshake, and demands that `nonsense` is refused as the
/// first thing that was said. A server that gives such a client up is right, too.
fn injected(trial: &Trial<'_>, together: &str, nonsense: &str) -> Result<(), Stop> {
    let mut client = trial.before_stls()?;
    client.send(together.as_bytes())?;
    let Some(line) = client.line_or_end()? else {
        return Ok(());
    };
    Answer {
        command: "STLS".to_owned(),
        line,
    }
    .ok()?;
    if client.start_tls(&trial.offer(&[])?)?.is_err() {
        return Ok(());
    }
    client.say(nonsense)?;
    let Some(line) = client.line_or_end()? else {
        return Ok(());
    };
    let answer = Answer {
        command: format!("`{nonsense}` behind the handshake"),
        line,
    };
    answer.err()?;
    client.quit().or_else(|_| {
        Stop::wrong("only what was sent behind the handshake must be answered, each once")
    })
}

fn stls_under_tls_is_refused(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.secure()?;
    client.err("STLS")?;
    client.quit()
}

fn implicit_tls_greets_behind_the_handshake(trial: &Trial<'_>) -> Result<(), Stop> {
    if trial.target.tls != Tls::Implicit {
        return Stop::not_offered("implicit TLS on this port");
    }
    let mut client = trial.dial_tcp()?;
    client.send(b"QUIT\r\n")?;
    let heard = client.until_closed()?;
    require(!heard.windows(3).any(|octets| octets == b"+OK"), || {
        "nothing must be said in the clear".to_owned()
    })?;
    let mut client = trial.connect()?;
    client.err("STAT")?;
    client.quit()
}

fn close_notify_is_sent(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = trial.secure()?;
    client.ok("QUIT")?;
    let end = client.closed()?;
    require(end == End::Orderly, || {
        "a connection must end with close_notify".to_owned()
    })
}

fn tls_is_there(trial: &Trial<'_>) -> Result<(), Stop> {
    // Whether the certificate is valid is row 103's question.
    let trusting = Target {
        authorities: None,
        ..trial.target.clone()
    };
    let handshake = Handshake::new(&trusting, &[]);
    let handshake = handshake.or_else(|error| Stop::skipped(error.to_string()))?;
    let client = succeeded(begin_tls(trial)?, &handshake)?;
    let version = client.version();
    trial.note(
        version
            .and_then(|version| version.as_str())
            .unwrap_or("TLS"),
    );
    Ok(())
}

/// The connection behind a handshake that has to succeed.
fn succeeded(mut client: Client, handshake: &Handshake) -> Result<Client, Stop> {
    match client.start_tls(handshake)? {
        Ok(()) => Ok(client),
        Err(error) => Stop::wrong(format!(
            "the TLS handshake must succeed; it failed: {error}"
        )),
    }
}

fn old_versions_are_refused(trial: &Trial<'_>) -> Result<(), Stop> {
    for (name, minor) in [("TLS 1.0", 1), ("TLS 1.1", 2)] {
        let mut client = begin_tls(trial)?;
        client
            .channel()?
            .send(&client_hello(minor))
            .or_else(|e| Stop::wrong(e.to_string()))?;
        let answer = client.first_octet()?;
        require(answer.is_none_or(|kind| kind == ALERT), || {
            let what = if answer == Some(HANDSHAKE) {
                "goes on with the handshake"
            } else {
                "answers"
            };
            format!("{name} must be refused with an alert or by closing; the server {what}")
        })?;
    }
    Ok(())
}

/// A connection on which the next octets are a client's hello.
fn begin_tls(trial: &Trial<'_>) -> Result<Client, Stop> {
    if trial.target.tls == Tls::Implicit {
        return trial.dial_tcp();
    }
    let mut client = trial.before_stls()?;
    client.ok("STLS")?;
    Ok(client)
}

/// A hello that offers `3.minor` at most, with the suites and extensions of its day.
fn client_hello(minor: u8) -> Vec<u8> {
    // ECDHE and RSA with AES-CBC, which every server that speaks these versions has.
    let suites = [
        0xc0, 0x13, 0xc0, 0x14, 0xc0, 0x09, 0xc0, 0x0a, 0x00, 0x2f, 0x00, 0x35,
    ];
    // supported_groups: x25519, secp256r1, secp384r1; ec_point_formats: uncompressed.
    let extensions = [
        [0, 10, 0, 8, 0, 6, 0, 29, 0, 23, 0, 24].as_slice(),
        [0, 11, 0, 2, 1, 0].as_slice(),
    ]
    .concat();
    let random = [0x5a; 32];
    let body = [
        [3, minor].as_slice(),
        random.as_slice(),
        [0].as_slice(),
        with_length(&suites).as_slice(),
        [1, 0].as_slice(),
        with_length(&extensions).as_slice(),
    ]
    .concat();
    let message = [[1, 0].as_slice(), with_length(&body).as_slice()].concat();
    [
        [HANDSHAKE, 3, 1].as_slice(),
        with_length(&message).as_slice(),
    ]
    .concat()
}

/// Octets behind their number, of two octets.
fn with_length(octets: &[u8]) -> Vec<u8> {
    let length = u16::try_from(octets.len()).expect("a hello has a few hundred octets");
    [length.to_be_bytes().as_slice(), octets].concat()
}

fn no_certificate_is_asked_for(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = begin_tls(trial)?;
    let handshake = trial.handshake(&mut client, &[])?;
    if trial.target.tls == Tls::Implicit {
        client.answer("the connection")?.ok()?;
    }
    let mechanisms = client.capabilities()?.mechanisms();
    let is_usable = mechanisms.iter().any(|name| name == "EXTERNAL");
    require(!handshake.was_asked_for_certificate() || is_usable, || {
        "no client certificate must be asked for: SASL EXTERNAL is not offered".to_owned()
    })
}

fn certificate_is_valid(trial: &Trial<'_>) -> Result<(), Stop> {
    if trial.target.authorities.is_none() {
        begin_tls(trial)?;
        return Stop::skipped("needs --ca");
    }
    succeeded(begin_tls(trial)?, &trial.offer(&[])?).map(drop)
}

fn alpn_is_strict(trial: &Trial<'_>) -> Result<(), Stop> {
    let mut client = begin_tls(trial)?;
    trial.handshake(&mut client, &[ALPN_POP3])?;
    let selected = client.channel()?.application_protocol().map(<[u8]>::to_vec);
    require(selected.as_deref() == Some(ALPN_POP3), || {
        "the protocol pop3 must be selected where it is offered".to_owned()
    })?;
    let mut client = begin_tls(trial)?;
    let refused = client.start_tls(&trial.offer(&[b"http/1.1", b"imap"])?)?;
    require(refused.is_err(), || {
        "a client that offers other protocols only must be refused".to_owned()
    })
}
