//! Transcripts: dialogues as files.
//!
//! Reads `NN-topic-case.pop3` into values; `dialogue` plays them.
//!
//! ```text
//! # A comment. `# rows: 21 42a` names rows of the conformance table, `# instead: a-name` a place
//! # where another server's behaviour is not followed.
//! @mailbox awkward      a directive for the scene (see `scene`), or one of those below
//! C: LIST               sent, with CRLF; lines one behind the other go out in one piece
//! C| LIST 1\n           sent as it stands
//! S: +OK 1              expected, exactly, with CRLF
//! S~ +OK * octets       expected, `*` being anything, where a value is not ours to fix
//! S= RETR 1             expected: message 1 (of the first user, as it was in the beginning) as
//! S= TOP 1 3            RETR sends it, or as TOP does, to the terminator
//! X:                    the server says nothing more and closes
//! X~                    the server closes, after whatever it says; a line `.` is not part of it
//! ```
//!
//! `\` begins an escape in every text (see `escape`), and a line must not end in a space. Between
//! the lines there may stand
//!
//! ```text
//! @login NAME           greeting, USER and PASS, with their answers
//! @reconnect            the client hangs up and connects again
//! @hang-up              the client hangs up
//! @lock NAME            another session opens the maildrop, @unlock NAME lets it go
//! @stored 1 3           the first user's messages 1 and 3, counted in the beginning, are left
//! ```

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    escape,
    scene::{Scene, numbers},
    wire,
};

/// A dialogue and what it takes place in.
#[derive(Clone, Debug)]
pub struct Transcript {
    /// The name of the file, or of the property that made it.
    pub name: String,
    /// Rows of the conformance table that it covers.
    pub rows: Vec<String>,
    /// Places where another server's behaviour is not followed, by the names of
    /// `tests/transcripts.rs`.
    pub instead: Vec<String>,
    /// What it takes place in.
    pub scene: Scene,
    /// What happens, each with the number of its line.
    pub turns: Vec<(usize, Turn)>,
}

/// One thing that happens in a dialogue.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Turn {
    /// The client sends octets.
    Send(Vec<u8>),
    /// The server says this line, given without its CRLF.
    Say(Vec<u8>),
    /// The server says a line of this form.
    SayLike(String),
    /// The server says nothing more and closes.
    Close,
    /// The server closes in the middle of an answer.
    Cut,
    /// The client hangs up.
    HangUp,
    /// The client hangs up and connects again.
    Reconnect,
    /// Another session opens the maildrop of this user.
    Lock(String),
    /// That session lets the maildrop go.
    Unlock(String),
    /// These messages of the first user are left.
    Stored(Vec<u32>),
}

impl Transcript {
    /// All transcripts of the folder `transcripts/`, in the order of their names.
    ///
    /// # Errors
    ///
    /// A file that can not be read, or that is not a transcript.
    pub fn all() -> Result<Vec<Self>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts");
        let mut files: Vec<PathBuf> = fs::read_dir(&folder)
            .with_context(|| folder.display().to_string())?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        files.retain(|file| {
            file.extension()
                .is_some_and(|extension| extension == "pop3")
        });
        files.sort();
        files.iter().map(|file| Self::read(file)).collect()
    }

    fn read(file: &Path) -> Result<Self> {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        Self::parse(&name, &text)
    }

    /// Reads the text of a transcript.
    ///
    /// # Errors
    ///
    /// The first line that is wrong.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let mut transcript = Self {
            name: name.to_owned(),
            rows: Vec::new(),
            instead: Vec::new(),
            scene: Scene::default(),
            turns: Vec::new(),
        };
        for (line, number) in text.lines().zip(1..) {
            transcript
                .line(line, number)
                .with_context(|| format!("{name}:{number}: {line:?}"))?;
        }
        Ok(transcript)
    }

    fn line(&mut self, line: &str, number: usize) -> Result<()> {
        if line.ends_with(' ') {
            bail!("a space at the end of a line: write \\s");
        }
        if let Some(comment) = line.strip_prefix('#') {
            self.comment(comment.trim());
            return Ok(());
        }
        if line.is_empty() {
            return Ok(());
        }
        if let Some(directive) = line.strip_prefix('@') {
            let (name, argument) = directive.split_once(' ').unwrap_or((directive, ""));
            return self.directive(name, argument.trim_start(), number);
        }
        let (kind, text) = line
            .split_at_checked(2)
            .context("not a line of a transcript")?;
        let text = text.strip_prefix(' ').unwrap_or(text);
        self.turn(kind, text, number)
    }

    fn comment(&mut self, comment: &str) {
        let names = |list: &str| {
            list.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        if let Some(rows) = comment.strip_prefix("rows:") {
            self.rows.extend(names(rows));
        } else if let Some(places) = comment.strip_prefix("instead:") {
            self.instead.extend(names(places));
        }
    }

    fn directive(&mut self, name: &str, argument: &str, number: usize) -> Result<()> {
        let turn = match name {
            "login" => return self.login(argument, number),
            "reconnect" => Turn::Reconnect,
            "hang-up" => Turn::HangUp,
            "lock" => Turn::Lock(argument.to_owned()),
            "unlock" => Turn::Unlock(argument.to_owned()),
            "stored" => Turn::Stored(numbers(argument)?),
            _ if self.turns.is_empty() => return self.scene.direct(name, argument),
            _ => bail!("the scene is set when the dialogue begins"),
        };
        self.turns.push((number, turn));
        Ok(())
    }

    fn login(&mut self, name: &str, number: usize) -> Result<()> {
        let user = self
            .scene
            .users
            .iter()
            .find(|user| user.name == name.as_bytes());
        let password = user
            .with_context(|| format!("no user {name:?}"))?
            .password
            .clone();
        for turn in [
            Turn::SayLike("+OK *".to_owned()),
            Turn::Send(format!("USER {name}\r\n").into_bytes()),
            Turn::Say(b"+OK USER accepted, send PASS".to_vec()),
            Turn::Send([b"PASS ", &password[..], b"\r\n"].concat()),
            Turn::Say(b"+OK Authentication succeeded".to_vec()),
        ] {
            self.turns.push((number, turn));
        }
        Ok(())
    }

    fn turn(&mut self, kind: &str, text: &str, number: usize) -> Result<()> {
        let turn = match kind {
            "C:" => return self.send([escape::decode(text)?, b"\r\n".to_vec()].concat(), number),
            "C|" => return self.send(escape::decode(text)?, number),
            "S:" => Turn::Say(escape::decode(text)?),
            "S~" => Turn::SayLike(text.to_owned()),
            "S=" => return self.message(text, number),
            "X:" => Turn::Close,
            "X~" => Turn::Cut,
            _ => bail!("not a line of a transcript"),
        };
        self.turns.push((number, turn));
        Ok(())
    }

    fn send(&mut self, octets: Vec<u8>, number: usize) -> Result<()> {
        if let Some((_, Turn::Send(piece))) = self.turns.last_mut() {
            piece.extend(octets);
        } else {
            self.turns.push((number, Turn::Send(octets)));
        }
        Ok(())
    }

    fn message(&mut self, text: &str, number: usize) -> Result<()> {
        let words: Vec<&str> = text.split(' ').collect();
        let (which, lines) = match words[..] {
            ["RETR", which] => (which, u64::MAX),
            ["TOP", which, lines] => (which, lines.parse()?),
            _ => bail!("neither RETR nor TOP"),
        };
        let index = which
            .parse::<usize>()?
            .checked_sub(1)
            .context("messages begin with 1")?;
        let message = self.scene.messages.get(index).context("no such message")?;
        let octets = [wire::stuffed(&wire::top(message, lines)), b".\r\n".to_vec()].concat();
        for line in wire::lines(&octets) {
            let line = line
                .strip_suffix(b"\r\n")
                .context("a message has lines that end in CRLF")?;
            self.turns.push((number, Turn::Say(line.to_vec())));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(text: &str) -> Vec<Turn> {
        let transcript = Transcript::parse("test", text).expect("a transcript");
        transcript.turns.into_iter().map(|(_, turn)| turn).collect()
    }

    #[test]
    fn lines_of_the_client_go_out_in_one_piece() {
        let sent = Turn::Send(b"NOOP\r\n\r\nQUIT\n".to_vec());
        assert_eq!(turns("C: NOOP\nC:\nC| QUIT\\n"), [sent]);
    }

    #[test]
    fn a_message_is_written_out_with_its_terminator() {
        let text = "@mailbox empty\n@message .a\\r\\n\\r\\nb\\r\\nc\\r\\n\nS= TOP 1 1";
        let lines = ["..a", "", "b", "."].map(|line| Turn::Say(line.as_bytes().to_vec()));
        assert_eq!(turns(text), lines);
    }

    #[test]
    fn rows_and_places_are_collected() {
        let text = "# rows: 1 42a\n# A remark.\n# instead: some-place\n# rows: 7";
        let transcript = Transcript::parse("test", text).expect("a transcript");
        assert_eq!(transcript.rows, ["1", "42a", "7"]);
        assert_eq!(transcript.instead, ["some-place"]);
    }

    #[test]
    fn an_error_names_file_and_line() {
        for text in [
            "\nQ: x",
            "\nS: x ",
            "\n@nothing",
            "\nS= RETR 9",
            "\nC: \\q",
            "\n@login x",
        ] {
            let error = Transcript::parse("name", text).expect_err(text);
            assert!(error.to_string().starts_with("name:2:"), "{error}");
        }
        assert!(Transcript::parse("name", "X:\n@apop").is_err());
    }
}
