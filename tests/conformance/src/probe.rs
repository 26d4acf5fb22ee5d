//! Whether there is a POP3 server at all, asked once before the rows are.
//!
//! Judges no requirement: a greeting that is wrong is the rows' to find.

use crate::{
    dialogue::shown,
    stop::Stop,
    target::{Target, Tls},
    trial::Trial,
};

/// Connects, and reads a line that looks like a greeting.
///
/// # Errors
///
/// Why nothing can be held against the RFCs there, as a sentence with the address.
pub fn probe(target: &Target) -> Result<(), String> {
    // Whether the certificate is valid is row 103's question.
    let trusting = Target {
        authorities: None,
        ..target.clone()
    };
    let trial = Trial::new(&trusting);
    let mut client = trial.dial_tcp().map_err(reason)?;
    let about = |why: &str| format!("{}: {why}", target.address);
    let hint = match target.tls {
        Tls::Implicit => "does the port begin with TLS? Else it wants --tls stls, or none",
        Tls::None | Tls::Stls => "if the port begins with TLS, it wants --tls implicit",
    };
    let hinted = |stop| about(&format!("{} ({hint})", reason(stop)));
    if target.tls == Tls::Implicit {
        trial.handshake(&mut client, &[]).map_err(hinted)?;
    }
    let line = client.answer("the connection").map_err(hinted)?.line;
    if is_status(&line.octets) {
        return Ok(());
    }
    let line = shown(&line.octets);
    Err(about(&format!("this is no POP3 server: it says `{line}`")))
}

fn reason(stop: Stop) -> String {
    match stop {
        Stop::Wrong(why) | Stop::Skipped(why) | Stop::NotOffered(why) => why,
    }
}

/// A status indicator, in any case: the wrong case is a row's.
fn is_status(line: &[u8]) -> bool {
    let starts = |with: &[u8]| {
        line.get(..with.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(with))
    };
    starts(b"+OK") || starts(b"-ERR")
}
