//! CAPA (RFC 2449): what the session accepts, said from the facts that decide whether it does.
//!
//! The same before and after login but for STLS (RFC 2449 §5, RFC 2595 §4).

use alloc::string::String;

use crate::{connection::Connection, reply::Output};

/// Writes the whole answer. After login `user` has the lines that hold for the user.
pub(crate) fn list(connection: &Connection, user: Option<&[String]>, out: &mut Output) {
    out.ok("I can do the following:");
    for line in ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"] {
        out.line(line);
    }
    if connection.may_login {
        out.line("USER");
    }
    if !connection.mechanisms.is_empty() {
        out.part("SASL");
        for mechanism in &connection.mechanisms {
            out.part(" ");
            out.part(mechanism);
        }
        out.crlf();
    }
    if connection.may_start_tls && user.is_none() {
        out.line("STLS");
    }
    announce(&connection.announce, user.unwrap_or_default(), out);
    out.terminator();
}

/// The host's lines; one of the user's takes the place of one that begins with the same word.
fn announce(common: &[String], user: &[String], out: &mut Output) {
    for line in common {
        if !user.iter().any(|own| tag(own) == tag(line)) {
            out.line(line);
        }
    }
    for line in user {
        out.line(line);
    }
}

fn tag(line: &str) -> &str {
    line.split(' ').next().unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capa(connection: &Connection, user: Option<&[String]>) -> Vec<String> {
        let mut out = Output::new(1024);
        list(connection, user, &mut out);
        let text = String::from_utf8(out.into_octets()).expect("ASCII");
        text.lines().skip(1).map(Into::into).collect()
    }

    #[test]
    fn only_stls_goes_with_login_and_user_values_replace_common_ones() {
        let connection = Connection {
            banner: String::new(),
            challenge: None,
            tls: false,
            may_start_tls: true,
            may_login: true,
            mechanisms: vec!["PLAIN".into(), "CRAM-MD5".into()],
            announce: vec!["EXPIRE 30 USER".into(), "IMPLEMENTATION x".into()],
            max_bad_commands: 3,
            max_bad_commands_after_login: 3,
        };
        let common = [
            "TOP",
            "UIDL",
            "RESP-CODES",
            "AUTH-RESP-CODE",
            "PIPELINING",
            "USER",
        ];
        let before = [
            "SASL PLAIN CRAM-MD5",
            "STLS",
            "EXPIRE 30 USER",
            "IMPLEMENTATION x",
            ".",
        ];
        assert_eq!(capa(&connection, None), [&common[..], &before[..]].concat());
        let after = ["SASL PLAIN CRAM-MD5", "IMPLEMENTATION x", "EXPIRE 60", "."];
        let user = ["EXPIRE 60".into()];
        assert_eq!(
            capa(&connection, Some(&user)),
            [&common[..], &after[..]].concat()
        );
    }
}
