//! A client that says what it is told and writes down what was said.
//!
//! Judges only that there is an answer at all: what it has to be is known to the checks.

use std::time::{Duration, Instant};

use rustls::ProtocolVersion;

use crate::{
    answer::{Answer, Block, Line},
    channel::{Arrival, Channel, End},
    dialogue::{Dialogue, Side, shown},
    stop::Stop,
    tls::Handshake,
};

/// A line that is longer makes no sense in any answer.
const MAX_LINE: usize = 1024 * 1024;

/// An answer that is longer has no end: the suite's largest message is much shorter.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// What a server may say before it closes, where nobody wants to hear anything.
const MAX_FAREWELL: usize = 1024 * 1024;

/// How many times the patience a line may take that comes octet by octet.
const LINE_PATIENCE: u32 = 6;

/// How long the end of a connection is waited for when nobody asks for it.
const FAREWELL: Duration = Duration::from_secs(1);

/// One connection. Dropping it closes it, and waits a moment for the server to do the same, so that
/// the next session finds the maildrop unlocked.
pub(crate) struct Client {
    /// There until a failed handshake consumes it.
    channel: Option<Channel>,
    number: u32,
    heard: Vec<u8>,
    /// Where the octets that nobody has read yet begin in `heard`.
    start: usize,
    end: Option<End>,
    last_command: String,
    patience: Duration,
    dialogue: Dialogue,
}

impl Client {
    /// Takes a channel over. `number` tells the connections of a dialogue apart.
    pub(crate) fn new(
        channel: Channel,
        number: u32,
        patience: Duration,
        dialogue: Dialogue,
    ) -> Result<Self, Stop> {
        let mut client = Self {
            channel: Some(channel),
            number,
            heard: Vec::new(),
            start: 0,
            end: None,
            last_command: "a connection".to_owned(),
            patience,
            dialogue,
        };
        client.set_patience(patience)?;
        Ok(client)
    }

    /// How long every wait may take from now on.
    pub(crate) fn set_patience(&mut self, patience: Duration) -> Result<(), Stop> {
        self.patience = patience;
        let channel = self.channel()?;
        channel
            .set_patience(patience)
            .or_else(|error| Stop::wrong(error.to_string()))
    }

    /// Sends octets as they are. What a server that has closed is sent is lost: its answer, or the
    /// lack of it, tells more than the error does.
    pub(crate) fn send(&mut self, octets: &[u8]) -> Result<(), Stop> {
        for line in octets.split_inclusive(|&octet| octet == b'\n') {
            self.note(Side::Client, line.strip_suffix(b"\r\n").unwrap_or(line));
        }
        self.last_command = format!("`{}`", shown(octets.trim_ascii_end()));
        self.transmit(octets)
    }

    /// Sends octets that hold a secret; the dialogue has `visible` instead.
    pub(crate) fn send_secret(&mut self, visible: &str, octets: &[u8]) -> Result<(), Stop> {
        self.note(Side::Client, visible.as_bytes());
        self.last_command = format!("`{visible}`");
        self.transmit(octets)
    }

    /// Sends a command.
    pub(crate) fn say(&mut self, command: &str) -> Result<(), Stop> {
        self.send(format!("{command}\r\n").as_bytes())
    }

    /// Sends a command and reads the first line of its answer.
    pub(crate) fn ask(&mut self, command: &str) -> Result<Answer, Stop> {
        self.say(command)?;
        self.answer(&format!("`{}`", shown(command.as_bytes())))
    }

    /// Sends a command that has to succeed, with one line.
    pub(crate) fn ok(&mut self, command: &str) -> Result<Answer, Stop> {
        self.ask(command)?.ok()
    }

    /// Sends a command that has to be refused.
    pub(crate) fn err(&mut self, command: &str) -> Result<Answer, Stop> {
        self.ask(command)?.err()
    }

    /// Sends a command that has to succeed, with several lines.
    pub(crate) fn block(&mut self, command: &str) -> Result<Block, Stop> {
        let first = self.ok(command)?;
        self.rest_of(first)
    }

    /// Reads the first line of the answer to `command`.
    pub(crate) fn answer(&mut self, command: &str) -> Result<Answer, Stop> {
        let command = command.to_owned();
        self.last_command.clone_from(&command);
        let line = self.line()?;
        Ok(Answer { command, line })
    }

    /// Reads the lines behind the first one, up to the terminator.
    pub(crate) fn rest_of(&mut self, first: Answer) -> Result<Block, Stop> {
        let mut raw = Vec::new();
        self.last_command = format!("the lines of {}", first.command);
        loop {
            let line = self.line()?;
            if line.octets == b"." {
                return Ok(Block {
                    first,
                    raw,
                    is_ended_by_crlf: line.has_crlf,
                });
            }
            if raw.len() > MAX_ANSWER {
                return Stop::wrong(format!(
                    "{} must end; there are more than {MAX_ANSWER} octets",
                    self.last_command
                ));
            }
            raw.extend_from_slice(&line.octets);
            raw.extend_from_slice(if line.has_crlf { b"\r\n" } else { b"\n" });
        }
    }

    /// The next line.
    pub(crate) fn line(&mut self) -> Result<Line, Stop> {
        match self.line_or_end()? {
            Some(line) => Ok(line),
            None => Stop::wrong(format!(
                "{} must be answered; the server closed the connection",
                self.last_command
            )),
        }
    }

    /// The next line, or nothing if the server has closed.
    pub(crate) fn line_or_end(&mut self) -> Result<Option<Line>, Stop> {
        let mut searched = self.start;
        let begin = Instant::now();
        loop {
            if let Some(end) = self.heard[searched..]
                .iter()
                .position(|&octet| octet == b'\n')
            {
                return Ok(Some(self.take_line(searched + end)));
            }
            self.heard.drain(..self.start);
            self.start = 0;
            searched = self.heard.len();
            if searched > MAX_LINE {
                return Stop::wrong(format!(
                    "a line of an answer is longer than {MAX_LINE} octets"
                ));
            }
            if begin.elapsed() > self.patience * LINE_PATIENCE {
                return Stop::wrong(format!(
                    "{} must be answered; what comes is slow and ends no line",
                    self.last_command
                ));
            }
            if !self.read()? {
                return Ok(None);
            }
        }
    }

    /// Demands that the server closes, having said nothing more.
    pub(crate) fn closed(&mut self) -> Result<End, Stop> {
        let unread = self.until_closed()?;
        if !unread.is_empty() {
            return Stop::wrong(format!(
                "nothing must follow the answer to {}; it was `{}`",
                self.last_command,
                shown(&unread)
            ));
        }
        Ok(self.end.unwrap_or(End::Orderly))
    }

    /// Everything until the server closes.
    pub(crate) fn until_closed(&mut self) -> Result<Vec<u8>, Stop> {
        let begin = Instant::now();
        while self.read()? {
            let is_much = self.heard.len() - self.start > MAX_FAREWELL;
            if is_much || begin.elapsed() > self.patience * LINE_PATIENCE {
                return Stop::wrong(format!(
                    "the connection must end behind {}; the server goes on sending",
                    self.last_command
                ));
            }
        }
        let unread = self.heard.split_off(self.start);
        Ok(unread)
    }

    /// The next octet, left unread, or nothing if the server has closed: for what is not said in
    /// lines.
    pub(crate) fn first_octet(&mut self) -> Result<Option<u8>, Stop> {
        while self.heard.len() == self.start && self.read()? {}
        Ok(self.heard.get(self.start).copied())
    }

    /// QUIT, which has to be the last that is heard.
    pub(crate) fn quit(&mut self) -> Result<(), Stop> {
        self.ok("QUIT")?;
        self.closed().map(drop)
    }

    /// Waits as long as the patience allows; `true` if the server neither spoke nor closed.
    pub(crate) fn is_silent(&mut self) -> Result<bool, Stop> {
        let mut octet = [0; 1];
        let arrival = self.channel()?.receive(&mut octet);
        match arrival.or_else(|error| Stop::wrong(error.to_string()))? {
            Arrival::Nothing => Ok(true),
            Arrival::Octets(octets) => {
                self.heard.extend_from_slice(&octet[..octets]);
                Ok(false)
            }
            Arrival::End(end) => {
                self.ended(end);
                Ok(false)
            }
        }
    }

    /// Goes on with TLS; octets that were heard and not read are lost with the clear channel.
    ///
    /// A failed handshake is given back as what the library says.
    pub(crate) fn start_tls(&mut self, handshake: &Handshake) -> Result<Result<(), String>, Stop> {
        let Some(channel) = self.channel.take() else {
            return Stop::wrong("the connection is gone");
        };
        self.heard.clear();
        self.start = 0;
        match channel.handshake(handshake) {
            Ok(channel) => {
                let version = channel.version();
                self.channel = Some(channel);
                let name = version
                    .and_then(|version| version.as_str())
                    .unwrap_or("TLS");
                self.note(Side::Event, format!("{name} handshake").as_bytes());
                Ok(Ok(()))
            }
            Err(error) => {
                self.note(
                    Side::Event,
                    format!("TLS handshake failed: {error}").as_bytes(),
                );
                Ok(Err(error.to_string()))
            }
        }
    }

    /// Does `work` without writing down what is said, but for a line about it.
    pub(crate) fn aside<T>(
        &mut self,
        about: &str,
        work: impl FnOnce(&mut Self) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        self.note(Side::Event, about.as_bytes());
        self.dialogue.mute(true);
        let done = work(self);
        self.dialogue.mute(false);
        done
    }

    /// The channel below, for what is not said in lines.
    pub(crate) fn channel(&mut self) -> Result<&mut Channel, Stop> {
        let gone = || Stop::Wrong("the connection must outlive the handshake".to_owned());
        self.channel.as_mut().ok_or_else(gone)
    }

    /// The version of TLS, behind a handshake.
    pub(crate) fn version(&self) -> Option<ProtocolVersion> {
        self.channel.as_ref().and_then(Channel::version)
    }

    /// Closes without a QUIT, and waits a moment for the server.
    pub(crate) fn leave(mut self) {
        self.part();
    }

    fn part(&mut self) {
        let Some(channel) = &mut self.channel else {
            return;
        };
        if self.end.is_some() || channel.set_patience(FAREWELL).is_err() {
            return;
        }
        let begin = Instant::now();
        let mut buffer = [0; 4_096];
        if channel.finish().is_ok() {
            while let Ok(Arrival::Octets(_)) = channel.receive(&mut buffer) {
                if begin.elapsed() > FAREWELL {
                    break;
                }
            }
        }
        self.end = Some(End::Orderly);
    }

    fn transmit(&mut self, octets: &[u8]) -> Result<(), Stop> {
        // What was answered before the connection broke can still be read.
        let _lost = self.channel()?.send(octets);
        Ok(())
    }

    /// Reads more; `false` at the end.
    fn read(&mut self) -> Result<bool, Stop> {
        if self.end.is_some() {
            return Ok(false);
        }
        let mut buffer = [0; 16 * 1024];
        let arrival = self.channel()?.receive(&mut buffer);
        match arrival.or_else(|error| Stop::wrong(error.to_string()))? {
            Arrival::Octets(octets) => self.heard.extend_from_slice(&buffer[..octets]),
            Arrival::End(end) => {
                self.ended(end);
                return Ok(false);
            }
            Arrival::Nothing => {
                self.note(Side::Event, b"nothing came");
                let (command, patience) = (&self.last_command, self.patience);
                return Stop::wrong(format!(
                    "{command} must have an answer or an end within {patience:?}; nothing came"
                ));
            }
        }
        Ok(true)
    }

    fn ended(&mut self, end: End) {
        self.end = Some(end);
        self.note(
            Side::Event,
            match end {
                End::Orderly => b"closed by the server".as_slice(),
                End::Truncated => b"closed by the server without close_notify",
                End::Broken => b"reset by the server",
            },
        );
    }

    fn take_line(&mut self, end: usize) -> Line {
        let line = &self.heard[self.start..end];
        let has_crlf = line.ends_with(b"\r");
        let octets = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
        self.start = end + 1;
        if self.start == self.heard.len() {
            self.heard.clear();
            self.start = 0;
        }
        self.note(Side::Server, &octets);
        Line { octets, has_crlf }
    }

    fn note(&self, side: Side, octets: &[u8]) {
        self.dialogue.add(self.number, side, octets);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.part();
    }
}
