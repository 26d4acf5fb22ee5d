//! Plays one dialogue with one component, and hears where it departs from it.
//!
//! Makes the calls that a connection makes, without a socket. Knows no dialogue in particular.

use std::sync::Arc;

use super::{
    Cause, Verdict,
    dialogue::{Dialogue, Turn},
    house::House,
};
use crate::{
    capability::Login,
    framing::Input,
    octets,
    pattern::is_like,
    sandbox::{Connection, Error, Next, Sandbox, Session, Step, Terms, Version},
};

/// Octets of a line without its line end, by the contract.
const LINE_OCTETS: usize = 16_384;

/// Octets that a call is asked for.
const OUTPUT_OCTETS: u32 = 16 * 1024;

/// The same where a session is suspended between calls: more calls, so more places to suspend it.
const FEW_OUTPUT_OCTETS: u32 = 1_024;

/// Most octets of a line of POP3 with its CRLF (RFC 2449, section 4).
const ANSWER_OCTETS: usize = 512;

/// Most characters of a line that are shown.
const SHOWN: usize = 120;

/// Where sessions run that are on trial.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) sandbox: &'a Sandbox,
    pub(super) version: &'a Arc<Version>,
    pub(super) terms: &'a Terms,
}

/// A performance under way.
pub(super) struct Stage<'a> {
    place: Place<'a>,
    /// Whether the session is suspended and resumed between any two calls.
    is_suspended: bool,
    house: House,
    facts: Connection,
    /// Not there when it is over.
    session: Option<Session>,
    next: Next,
    input: Input,
    /// What was said and not yet listened to.
    said: Vec<u8>,
    heard: usize,
    /// The line of the dialogue.
    line: usize,
}

/// Plays a dialogue to its end.
///
/// # Errors
///
/// The line of the dialogue, and what was wrong there.
pub(super) async fn play(
    place: Place<'_>,
    dialogue: &Dialogue,
    is_suspended: bool,
) -> Result<Verdict, (usize, Cause)> {
    let house = House::new(&dialogue.scene);
    let mut stage = Stage {
        place,
        is_suspended,
        facts: house.facts(),
        house,
        session: None,
        next: Next::Lines,
        input: Input::default(),
        said: Vec::new(),
        heard: 0,
        line: 1,
    };
    let verdict = stage.perform(dialogue).await;
    verdict.map_err(|cause| (stage.line, cause))
}

impl Stage<'_> {
    async fn perform(&mut self, dialogue: &Dialogue) -> Result<Verdict, Cause> {
        self.connect().await?;
        for (line, turn) in &dialogue.turns {
            self.line = *line;
            match turn {
                Turn::Send(octets) => self.send(octets).await?,
                Turn::Say(line) => self.expect(&octets::encode(line), |said| said == line)?,
                Turn::SayLike(form) => self.expect_like(form)?,
                Turn::SayIfThere(form) => match self.expect_like(form) {
                    Ok(()) => {}
                    Err(Cause::Differs { .. }) => return Ok(Verdict::NotThere),
                    Err(cause) => return Err(cause),
                },
                Turn::SayList(line) => self.list(line)?,
                Turn::Close => self.close()?,
                Turn::GiveUp => self.give_up()?,
                Turn::HangUp => self.hang_up(),
                Turn::Reconnect => {
                    self.hang_up();
                    self.connect().await?;
                }
                Turn::Stored(expected) => {
                    let (expected, found) = (expected.clone(), self.house.stored());
                    if found != expected {
                        return Err(Cause::Stored { expected, found });
                    }
                }
            }
        }
        self.silent()?;
        Ok(Verdict::Passed)
    }

    async fn connect(&mut self) -> Result<(), Cause> {
        let Place {
            sandbox,
            version,
            terms,
        } = self.place;
        let (version, terms) = (Arc::clone(version), terms.clone());
        let session = sandbox.session_in(version, terms, self.login(), &self.facts);
        let mut session = session.await?;
        let step = session.greet().await?;
        self.session = Some(session);
        self.went_on(step).await
    }

    fn login(&self) -> Box<dyn Login> {
        self.house.login()
    }

    /// Hands octets over, and goes on until they are answered.
    async fn send(&mut self, octets: &[u8]) -> Result<(), Cause> {
        self.input.push(octets, LINE_OCTETS);
        loop {
            let max = match self.is_suspended {
                true => FEW_OUTPUT_OCTETS,
                false => OUTPUT_OCTETS,
            };
            let session = self.session.as_mut().ok_or(Cause::Over)?;
            let step = match self.next {
                Next::More => session.more(max).await?,
                Next::Lines if !self.input.lines().is_empty() => {
                    session.lines(self.input.lines(), max).await?
                }
                Next::Lines if self.input.is_overlong() => session.overlong().await?,
                Next::Lines | Next::Close | Next::Abort | Next::StartTls => return Ok(()),
            };
            self.input.consume(step.consumed);
            self.went_on(step).await?;
        }
    }

    /// Keeps what was said; and puts the session into another cell, if that is the manner.
    async fn went_on(&mut self, step: Step) -> Result<(), Cause> {
        self.said.extend_from_slice(&step.output);
        self.next = step.next;
        match step.next {
            Next::StartTls => {
                return Err(Error::Contract("start-tls where it is not offered").into());
            }
            Next::Close | Next::Abort => return Ok(()),
            Next::Lines | Next::More => {}
        }
        if let Some(session) = self.session.take_if(|_| self.is_suspended) {
            let parked = session.suspend().await?;
            let Place {
                sandbox,
                version,
                terms,
            } = self.place;
            let (version, terms) = (Arc::clone(version), terms.clone());
            let resumed = sandbox.resume_in(version, terms, self.login(), parked, &self.facts);
            self.session = Some(resumed.await.map_err(|kept| kept.error)?);
        }
        Ok(())
    }

    /// The next line that was said, without its CRLF; without one, as much as there is.
    fn hear(&mut self) -> Option<Vec<u8>> {
        let rest = &self.said[self.heard..];
        let end = memchr::memmem::find(rest, b"\r\n");
        let line = end.map_or(rest, |end| &rest[..end]).to_vec();
        self.heard += end.map_or(rest.len(), |end| end + 2);
        (end.is_some() || !line.is_empty()).then_some(line)
    }

    /// A line of a wording that is free, within the bounds of what a line may be.
    fn expect_like(&mut self, form: &str) -> Result<(), Cause> {
        self.expect(form, |said| is_like(form, said) && is_line(said))
    }

    fn expect(&mut self, expected: &str, is_right: impl Fn(&[u8]) -> bool) -> Result<(), Cause> {
        let Some(said) = self.hear() else {
            let expected = shown(expected.to_owned());
            return Err(Cause::Silent { expected });
        };
        if !is_right(&said) {
            let said = shown(octets::encode(&said));
            let expected = shown(expected.to_owned());
            return Err(Cause::Differs { expected, said });
        }
        Ok(())
    }

    /// A list to its terminator, each line of it printable and not too long.
    fn list(&mut self, wanted: &[u8]) -> Result<(), Cause> {
        let mut is_there = false;
        let expected = shown(octets::encode(wanted));
        loop {
            let Some(line) = self.hear() else {
                let expected = ".".to_owned();
                return Err(Cause::Silent { expected });
            };
            if line == b"." {
                break;
            }
            if line.is_empty() || !is_line(&line) {
                let expected = "a line of 1 to 510 printable characters".to_owned();
                let said = shown(octets::encode(&line));
                return Err(Cause::Differs { expected, said });
            }
            is_there |= line == wanted;
        }
        match is_there {
            true => Ok(()),
            false => Err(Cause::Unlisted { expected }),
        }
    }

    /// Nothing was said that nobody asked for.
    fn silent(&mut self) -> Result<(), Cause> {
        match self.hear() {
            Some(line) => Err(Cause::Unasked {
                said: shown(octets::encode(&line)),
            }),
            None => Ok(()),
        }
    }

    fn close(&mut self) -> Result<(), Cause> {
        self.silent()?;
        if self.session.is_none() || self.next != Next::Close {
            return Err(Cause::GoesOn);
        }
        self.hang_up();
        Ok(())
    }

    fn give_up(&mut self) -> Result<(), Cause> {
        while let Some(line) = self.hear() {
            if line == b"." {
                return Err(Cause::Whole);
            }
        }
        if self.session.is_none() || self.next != Next::Abort {
            return Err(Cause::GoesOn);
        }
        self.hang_up();
        Ok(())
    }

    fn hang_up(&mut self) {
        self.session = None;
        self.next = Next::Lines;
        self.input.discard();
        self.said.clear();
        self.heard = 0;
    }
}

/// Whether an answer may have this line: printable characters, and not too many.
fn is_line(line: &[u8]) -> bool {
    let is_printable = line.iter().all(|octet| (0x20..=0x7e).contains(octet));
    is_printable && line.len() + 2 <= ANSWER_OCTETS
}

/// As much of a text as is looked at.
fn shown(mut text: String) -> String {
    if let Some((at, _)) = text.char_indices().nth(SHOWN) {
        text.truncate(at);
        text.push_str("...");
    }
    text
}
