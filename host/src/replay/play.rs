//! The client of a replay: says what it said, and compares what it hears.

use std::sync::Arc;

use super::{Allowed, Difference, Ended, Exchanged, Recording, Sent, script::Script};
use crate::{
    octets::encode,
    record::Next,
    sandbox::{self, Connection, Error, Sandbox, Session, Terms, Version},
};

/// Octets of output that a step is asked for, as in a connection.
const OUTPUT_OCTETS: u32 = 64 * 1024;

/// Most characters of a line that are shown.
const SHOWN: usize = 120;

/// Where sessions are replayed.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) sandbox: &'a Sandbox,
    pub(super) version: &'a Arc<Version>,
    pub(super) terms: &'a Terms,
}

/// What a component says in a replay.
struct Found {
    output: Vec<u8>,
    ended: Ended,
}

/// A replay under way.
struct Replay<'a> {
    place: Place<'a>,
    script: Script,
    facts: Connection,
    session: Option<Session>,
}

/// Replays a session to its end.
///
/// # Errors
///
/// The first difference that is not allowed.
pub(super) async fn play(
    place: Place<'_>,
    recording: &Recording,
    allowed: &Allowed,
) -> Result<(), Difference> {
    let script = Script::of(recording);
    let mut replay = Replay {
        place,
        facts: (&recording.header.connection).into(),
        script,
        session: None,
    };
    for part in recording.exchanged() {
        let found = replay.part(&part).await;
        compare(&part, &found, allowed)?;
        if let Some((expected, found)) = replay.script.difference() {
            // What the client had of a cut answer is the same; how far ahead is read is not fixed.
            if part.ended == Ended::Cut {
                return Ok(());
            }
            return Err(part.difference(expected, found));
        }
        let is_over = part.ended != Ended::Next(Next::Lines);
        if is_over {
            let missing = replay.script.missing_commit();
            let missing = missing.filter(|_| part.ended == Ended::Next(Next::Close));
            return match missing {
                Some(expected) => Err(part.difference(expected, "no commit".to_owned())),
                None => Ok(()),
            };
        }
    }
    Ok(())
}

impl Replay<'_> {
    /// Plays one part. After a fault the session is gone.
    async fn part(&mut self, part: &Exchanged) -> Found {
        let mut output = Vec::new();
        let ended = match self.answer(part, &mut output).await {
            Ok(ended) => ended,
            Err(error) => Ended::Fault(error.to_string()),
        };
        Found { output, ended }
    }

    async fn answer(&mut self, part: &Exchanged, output: &mut Vec<u8>) -> Result<Ended, Error> {
        let (version, terms) = (Arc::clone(self.place.version), self.place.terms.clone());
        if let Sent::Moved = part.sent {
            let session = self.session.take().ok_or(Error::Lost)?;
            let parked = session.suspend().await.map_err(|lost| lost.error)?;
            let login = self.script.login();
            let sandbox = self.place.sandbox;
            let resumed = sandbox.resume_in(version, terms, login, parked, &self.facts);
            self.session = Some(resumed.await.map_err(|kept| kept.error)?);
            return Ok(Ended::Next(Next::Lines));
        }
        if self.session.is_none() {
            let (sandbox, login) = (self.place.sandbox, self.script.login());
            let session = sandbox.session_in(version, terms, login, &self.facts);
            self.session = Some(session.await?);
        }
        let session = self.session.as_mut().ok_or(Error::Lost)?;
        let (mut rest, mut step) = match &part.sent {
            Sent::Nothing | Sent::Moved => (&[][..], session.greet().await?),
            Sent::Overlong => (&[][..], session.overlong().await?),
            Sent::Lines(lines) => {
                let step = session.lines(lines, OUTPUT_OCTETS).await?;
                (&lines[step.consumed..], step)
            }
        };
        loop {
            output.append(&mut step.output);
            step = match step.next {
                sandbox::Next::More if part.has_enough(output) => return Ok(Ended::Cut),
                sandbox::Next::More => session.more(OUTPUT_OCTETS).await?,
                sandbox::Next::Lines if !rest.is_empty() => {
                    let step = session.lines(rest, OUTPUT_OCTETS).await?;
                    rest = &rest[step.consumed..];
                    step
                }
                next @ (sandbox::Next::Lines
                | sandbox::Next::Close
                | sandbox::Next::Abort
                | sandbox::Next::StartTls) => return Ok(Ended::Next(next.into())),
            };
        }
    }
}

impl Exchanged {
    /// Whether as much was said as there is to compare.
    fn has_enough(&self, output: &[u8]) -> bool {
        self.ended == Ended::Cut && output.len() >= self.output.len()
    }

    fn difference(&self, expected: String, found: String) -> Difference {
        let sent = match &self.sent {
            Sent::Nothing => String::new(),
            Sent::Moved => "(moved to another cell)".to_owned(),
            Sent::Overlong => "(a line that is too long)".to_owned(),
            Sent::Lines(lines) => {
                let mut lines = lines.split(|octet| *octet == b'\n');
                encode(lines.next().unwrap_or_default().trim_ascii_end())
            }
        };
        Difference {
            line: self.line,
            sent: shown(sent),
            expected: shown(expected),
            found: shown(found),
        }
    }
}

fn compare(part: &Exchanged, found: &Found, allowed: &Allowed) -> Result<(), Difference> {
    let (mut expected, mut said) = (&part.output[..], &found.output[..]);
    if part.ended == Ended::Cut {
        // Whole lines that both have; the rest nobody knows.
        let least = expected.len().min(said.len());
        let end = memchr::memrchr(b'\n', &expected[..least]).map_or(0, |end| end + 1);
        (expected, said) = (&expected[..end], &said[..end]);
    }
    if let Some((expected, said)) = allowed.compare(expected, said) {
        return Err(part.difference(line(expected), line(said)));
    }
    if part.ended != Ended::Cut && part.ended != found.ended {
        return Err(part.difference(describe(&part.ended), describe(&found.ended)));
    }
    Ok(())
}

/// A line as it is shown; its end only if it is not the usual one.
fn line(line: &[u8]) -> String {
    match line {
        [] => "nothing".to_owned(),
        [text @ .., b'\r', b'\n'] => encode(text),
        _ => encode(line),
    }
}

fn describe(ended: &Ended) -> String {
    match ended {
        Ended::Cut | Ended::Next(Next::More) => "an answer that goes on".to_owned(),
        Ended::Next(Next::Lines) => "the session goes on".to_owned(),
        Ended::Next(Next::StartTls) => "TLS begins".to_owned(),
        Ended::Next(Next::Close) => "the session closes".to_owned(),
        Ended::Next(Next::Abort) => "the session gives the client up".to_owned(),
        Ended::Fault(cause) => cause.clone(),
    }
}

/// As much of a text as is looked at.
fn shown(mut text: String) -> String {
    if let Some((at, _)) = text.char_indices().nth(SHOWN) {
        text.truncate(at);
        text.push_str("...");
    }
    text
}
