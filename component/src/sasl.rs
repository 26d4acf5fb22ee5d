//! AUTH (RFC 5034): base64, `=`, `*` and the challenges between client and host.
//!
//! Knows no mechanism: an exchange is the host's, and secrets only pass through.

use alloc::{string::String, vec::Vec};

use base64ct::{Base64, Encoding};

use crate::{
    authorization::Authorization,
    capability::{Exchange, Host, Turn},
    connection::Connection,
    limits::MECHANISM_OCTETS,
    reply::{Error, Output},
    session::{Context, State},
    transaction,
};

/// A challenge is out; the next line is the client's response.
pub(crate) struct Sasl<H: Host> {
    /// The exchange, at the host.
    pub(crate) exchange: H::Exchange,
    /// Bad commands before AUTH.
    pub(crate) bad_commands: u32,
}

impl<H: Host> Sasl<H> {
    /// Takes the client's response.
    pub(crate) fn response(self, line: &[u8], out: &mut Output) -> State<H> {
        let Self {
            exchange,
            bad_commands,
        } = self;
        let state = response(line).and_then(|response| {
            let turn = exchange.respond(&response);
            advance(turn, exchange, bad_commands, out)
        });
        // RFC 5034 §4: after a failure the state is as if AUTH had not been sent.
        state.unwrap_or_else(|error| {
            out.error(error);
            State::Authorization(Authorization {
                user: None,
                bad_commands,
            })
        })
    }
}

/// The mechanisms, for AUTH without an argument.
pub(crate) fn list(connection: &Connection, out: &mut Output) {
    out.ok("Supported authentication methods:");
    for mechanism in &connection.mechanisms {
        out.line(mechanism);
    }
    out.terminator();
}

/// Starts an exchange by the mechanism that the client names.
pub(crate) fn start<H: Host>(
    mechanism: &[u8],
    context: &Context<'_, H>,
) -> Result<H::Exchange, Error> {
    let name = mechanism_name(mechanism).ok_or(Error::UnknownMechanism)?;
    context.host.start(&name).ok_or(Error::UnknownMechanism)
}

/// Decodes an initial response. RFC 5034 §4: a lone `=` is one that is there but empty.
pub(crate) fn initial_response(argument: &[u8]) -> Result<Vec<u8>, Error> {
    if argument == b"=" {
        Ok(Vec::new())
    } else {
        decode(argument)
    }
}

/// Does what the host wants next.
pub(crate) fn advance<H: Host>(
    turn: Turn<H::Maildrop>,
    exchange: H::Exchange,
    bad_commands: u32,
    out: &mut Output,
) -> Result<State<H>, Error> {
    match turn {
        Turn::Challenge(challenge) => {
            out.challenge(&Base64::encode_string(&challenge));
            Ok(State::Sasl(Sasl {
                exchange,
                bad_commands,
            }))
        }
        Turn::Done(maildrop) => Ok(transaction::enter(maildrop, out)),
        Turn::Refused(refusal) => Err(refusal.into()),
    }
}

/// RFC 5034 §4: `*` cancels; anything else is base64.
fn response(line: &[u8]) -> Result<Vec<u8>, Error> {
    if line == b"*" {
        Err(Error::InvalidAuthResponse)
    } else {
        decode(line)
    }
}

/// RFC 5034 §4: octets outside the alphabet and misplaced `=` are refused, not skipped.
fn decode(base64: &[u8]) -> Result<Vec<u8>, Error> {
    let text = str::from_utf8(base64).map_err(|_| Error::InvalidBase64)?;
    Base64::decode_vec(text).map_err(|_| Error::InvalidBase64)
}

/// RFC 4422 §3.1: letters, digits, `-` and `_`, 20 at most. In upper case, as the host knows them.
fn mechanism_name(octets: &[u8]) -> Option<String> {
    let is_name = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    if octets.len() > MECHANISM_OCTETS || !octets.iter().all(is_name) {
        return None;
    }
    let mut name = String::from(str::from_utf8(octets).ok()?);
    name.make_ascii_uppercase();
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_strict() {
        assert_eq!(decode(b"AGFsaWNl"), Ok(b"\0alice".to_vec()));
        assert_eq!(decode(b""), Ok(Vec::new()));
        for bad in [
            b"=".as_slice(),
            b"YQ",
            b"YQ=",
            b"Y=Q=",
            b"YQ==YQ==",
            b"Y Q==",
            b"YQ==\0",
            b"YR==",
            b"\xff",
        ] {
            assert_eq!(decode(bad), Err(Error::InvalidBase64), "{bad:?}");
        }
    }

    #[test]
    fn an_initial_response_of_one_equals_sign_is_empty() {
        assert_eq!(initial_response(b"="), Ok(Vec::new()));
    }

    #[test]
    fn mechanism_names_are_case_insensitive_and_short() {
        assert_eq!(mechanism_name(b"cram-md5").as_deref(), Some("CRAM-MD5"));
        assert_eq!(mechanism_name(b"PL\0AIN"), None);
        assert_eq!(mechanism_name(&[b'A'; 21]), None);
    }
}
