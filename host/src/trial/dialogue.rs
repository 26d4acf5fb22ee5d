//! The dialogues of the trial as values, read from the files in `dialogues/`.
//!
//! ```text
//! # A comment.
//! @mailbox awkward      what it takes place in, before all else: see `Scene::direct`
//! C: LIST               sent, with CRLF; lines one behind the other go out in one piece
//! C| LIST 1\n           sent as it stands
//! S: +OK 2 320          expected, exactly, with CRLF: clients read it
//! S~ +OK *              expected, `*` being anything: a wording that no RFC fixes
//! S? +OK *              as S~; with another line the component does not have what the dialogue is
//!                       about, which no client may rely on, and the dialogue is over
//! S= RETR 1             expected: message 1 as RETR sends it, to the terminator
//! S= TOP 1 3            the same as TOP sends it
//! S. TOP                expected: lines of a list to the terminator, this one among them
//! X:                    nothing more is said, and the session closes
//! X~                    the session gives the client up, whatever it says; but for a line `.`
//! @login NAME           greeting, USER and PASS, with their answers
//! @reconnect            the client hangs up and connects again
//! @hang-up              the client hangs up
//! @stored 1 3           of alice's messages, counted in the beginning, 1 and 3 are left
//! ```
//!
//! Texts are as [`octets`] has them. What plays them is `stage.rs`.

use super::letters;
use crate::{
    capability::Fault,
    mailbox::memory::Trouble,
    octets::{self, WrongEscape},
};

/// What a dialogue takes place in.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    /// The mail of alice.
    pub(super) messages: Vec<Vec<u8>>,
    /// SASL mechanisms that are offered.
    pub(super) mechanisms: Vec<String>,
    /// Whether APOP is offered.
    pub(super) is_apop: bool,
    /// Capability lines of the host.
    pub(super) announce: Vec<String>,
    /// What goes wrong with which of alice's messages.
    pub(super) troubles: Vec<(u32, Trouble)>,
}

/// One thing that happens in a dialogue.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Turn {
    /// The client sends octets.
    Send(Vec<u8>),
    /// The component says this line, given without its CRLF.
    Say(Vec<u8>),
    /// The component says a line of this form.
    SayLike(String),
    /// The same, if it has what the dialogue is about.
    SayIfThere(String),
    /// The component says lines to a terminator, among them this one.
    SayList(Vec<u8>),
    /// It says nothing more and closes.
    Close,
    /// It gives the client up, in the middle of an answer as it may be.
    GiveUp,
    /// The client hangs up.
    HangUp,
    /// The client hangs up and connects again.
    Reconnect,
    /// These messages of alice are left.
    Stored(Vec<u32>),
}

/// A dialogue and what it takes place in.
#[derive(Clone, Debug)]
pub(super) struct Dialogue {
    pub(super) scene: Scene,
    /// What happens, each with the number of its line.
    pub(super) turns: Vec<(usize, Turn)>,
}

/// A file that is no dialogue: a mistake of whoever wrote it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Problem {
    /// A line of no kind that there is.
    #[error("{0:?} is no line of a dialogue")]
    Line(String),
    /// A directive that does not exist, or that does not take this argument.
    #[error("@{0} is no directive, or not with this argument")]
    Directive(String),
    /// A text that stands for no octets.
    #[error(transparent)]
    Escape(#[from] WrongEscape),
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            messages: letters::maildrop("two").unwrap_or_default(),
            mechanisms: Vec::new(),
            is_apop: false,
            announce: Vec::new(),
            troubles: Vec::new(),
        }
    }
}

impl Scene {
    /// Obeys a directive; `None` if there is none like it.
    fn direct(&mut self, name: &str, argument: &str) -> Option<()> {
        match name {
            "announce" => self.announce.push(argument.to_owned()),
            "apop" => self.is_apop = true,
            "mailbox" => self.messages = letters::maildrop(argument)?,
            "mechanism" => self.mechanisms.push(argument.to_owned()),
            "keep" => self.troubles.push((argument.parse().ok()?, Trouble::Keep)),
            "gone" => self.troubles.push((argument.parse().ok()?, Trouble::Gone)),
            // Reading message so fails behind so many octets.
            "read-fault" => {
                let (number, after) = argument.split_once(' ')?;
                let after = after.parse().ok()?;
                let fault = Fault::Temporary;
                let trouble = Trouble::Read { after, fault };
                self.troubles.push((number.parse().ok()?, trouble));
            }
            _ => return None,
        }
        Some(())
    }
}

impl Dialogue {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// The number of the first line that is wrong, and what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, (usize, Problem)> {
        let mut dialogue = Self {
            scene: Scene::default(),
            turns: Vec::new(),
        };
        for (number, line) in (1..).zip(text.lines()) {
            let read = dialogue.line(line, number);
            read.map_err(|problem| (number, problem))?;
        }
        Ok(dialogue)
    }

    fn line(&mut self, line: &str, number: usize) -> Result<(), Problem> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if let Some(directive) = line.strip_prefix('@') {
            let (name, argument) = directive.split_once(' ').unwrap_or((directive, ""));
            let obeyed = self.directive(name, argument, number);
            return obeyed.ok_or_else(|| Problem::Directive(directive.to_owned()));
        }
        let no_line = || Problem::Line(line.to_owned());
        let (kind, text) = line.split_at_checked(2).ok_or_else(no_line)?;
        let text = text.strip_prefix(' ').unwrap_or(text);
        let turn = match kind {
            "C:" => {
                self.send(&[&octets::decode(text)?[..], b"\r\n"].concat(), number);
                return Ok(());
            }
            "C|" => {
                self.send(&octets::decode(text)?, number);
                return Ok(());
            }
            "S:" => Turn::Say(octets::decode(text)?),
            "S~" => Turn::SayLike(text.to_owned()),
            "S?" => Turn::SayIfThere(text.to_owned()),
            "S." => Turn::SayList(octets::decode(text)?),
            "S=" => return self.message(text, number).ok_or_else(no_line),
            "X:" => Turn::Close,
            "X~" => Turn::GiveUp,
            _ => return Err(no_line()),
        };
        self.turns.push((number, turn));
        Ok(())
    }

    fn directive(&mut self, name: &str, argument: &str, number: usize) -> Option<()> {
        let turn = match name {
            "login" => {
                self.login(argument, number);
                return Some(());
            }
            "reconnect" => Turn::Reconnect,
            "hang-up" => Turn::HangUp,
            "stored" => {
                let numbers = argument.split_whitespace().map(|word| word.parse().ok());
                Turn::Stored(numbers.collect::<Option<_>>()?)
            }
            _ => return self.scene.direct(name, argument),
        };
        self.turns.push((number, turn));
        Some(())
    }

    fn login(&mut self, name: &str, number: usize) {
        let said = || Turn::SayLike("+OK*".to_owned());
        let sent = |line: String| Turn::Send(line.into_bytes());
        for turn in [
            said(),
            sent(format!("USER {name}\r\n")),
            said(),
            sent("PASS secret\r\n".to_owned()),
            said(),
        ] {
            self.turns.push((number, turn));
        }
    }

    fn send(&mut self, octets: &[u8], number: usize) {
        match self.turns.last_mut() {
            Some((_, Turn::Send(piece))) => piece.extend_from_slice(octets),
            Some(_) | None => self.turns.push((number, Turn::Send(octets.to_vec()))),
        }
    }

    fn message(&mut self, text: &str, number: usize) -> Option<()> {
        let words: Vec<&str> = text.split(' ').collect();
        let (which, lines) = match words[..] {
            ["RETR", which] => (which, usize::MAX),
            ["TOP", which, lines] => (which, lines.parse().ok()?),
            _ => return None,
        };
        let index = which.parse::<usize>().ok()?.checked_sub(1)?;
        let message = self.scene.messages.get(index)?;
        let lines = letters::sent(message, lines).into_iter().map(Turn::Say);
        self.turns.extend(lines.map(|turn| (number, turn)));
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_client_go_out_in_one_piece() {
        let dialogue = Dialogue::parse("C: NOOP\nC:\nC| QUIT\\n\nS~ +OK *").expect("right");
        let sent = Turn::Send(b"NOOP\r\n\r\nQUIT\n".to_vec());
        let said = Turn::SayLike("+OK *".to_owned());
        assert_eq!(dialogue.turns, [(1, sent), (4, said)]);
    }

    #[test]
    fn a_mistake_has_the_number_of_its_line() {
        for text in [
            "Q: x",
            "C",
            "@nothing",
            "@mailbox nobody",
            "@stored x",
            "@read-fault 1",
            "S= RETR 9",
            "S= RETR 0",
            "S= LIST",
            "C: \\q",
        ] {
            let mistake = Dialogue::parse(&format!("\n{text}")).map(drop);
            assert_eq!(mistake.map_err(|(line, _)| line), Err(2), "{text}");
        }
    }
}
