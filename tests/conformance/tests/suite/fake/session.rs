//! A session of the fake server: from the connection to its end.
//!
//! What is said before and after login is in the files of those states.

use std::{net::TcpStream, time::Instant};

use super::{
    Fault, Protection, World,
    tls::greets_old_version,
    transaction::Maildrop,
    wire::{Heard, Wire},
};

pub(super) struct Session<'a> {
    pub(super) world: &'a World,
    pub(super) wire: Wire,
    /// The name that USER gave.
    pub(super) user: Option<String>,
    pub(super) maildrop: Option<Maildrop>,
    /// The timestamp of APOP, with its brackets.
    pub(super) timestamp: String,
    pub(super) is_utf8: bool,
    /// Whether a failed login has happened, for a server that does not get over it.
    pub(super) has_failed: bool,
    /// Commands, so far.
    lines: u32,
}

/// Whether the session goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Flow {
    On,
    /// The connection is closed behind the answer.
    Close,
    /// The answer is sent, TLS starts.
    StartTls,
}

/// Serves one connection.
pub(super) fn serve(world: &World, socket: TcpStream) {
    let number = {
        let mut store = world.store();
        store.greetings += 1;
        if world.has(Fault::ApopTimestampConstant) {
            1
        } else {
            store.greetings
        }
    };
    let mut session = Session {
        world,
        wire: Wire::new(socket),
        user: None,
        maildrop: None,
        timestamp: format!("<{number}@fake.example.org>"),
        is_utf8: false,
        has_failed: false,
        lines: 0,
    };
    if session.begin() {
        session.run();
    }
    // The lock first: whoever sees the end of the connection may log in at once.
    session.unlock();
    let with_notify = !world.has(Fault::NoCloseNotify);
    session.wire.close(with_notify);
}

impl Session<'_> {
    pub(super) fn has(&self, fault: Fault) -> bool {
        self.world.has(fault)
    }

    pub(super) fn line(&mut self, text: &str) -> Flow {
        self.wire.say(text.as_bytes());
        self.wire.say(b"\r\n");
        Flow::On
    }

    pub(super) fn ok(&mut self, text: &str) -> Flow {
        self.line(&format!("+OK {text}"))
    }

    pub(super) fn err(&mut self, text: &str) -> Flow {
        if self.has(Fault::StatusInLowerCase) {
            return self.line(&format!("-err {text}"));
        }
        self.line(&format!("-ERR {text}"))
    }

    /// The greeting, and with implicit TLS the handshake in front of it.
    fn begin(&mut self) -> bool {
        if self.world.setting.protection == Protection::Implicit {
            if self.has(Fault::GreetsBeforeHandshake) {
                self.ok("too early");
            }
            if !self.start_tls() {
                return false;
            }
        }
        if self.has(Fault::Mute) {
            return true;
        }
        let has_timestamp = self.world.setting.has_apop || self.has(Fault::TimestampWithoutApop);
        let timestamp = if has_timestamp {
            self.timestamp.clone()
        } else {
            String::new()
        };
        self.ok(&format!("fake {timestamp}"));
        if self.has(Fault::GreetingOfTwoLines) {
            self.ok("and welcome");
        }
        true
    }

    fn run(&mut self) {
        let start = Instant::now();
        loop {
            let bare_lf = self.maildrop.is_none() || !self.has(Fault::LfEndsLinesBeforeLoginOnly);
            let idle = self.world.setting.idle.map(|idle| match self.world.fault {
                Some(Fault::ShortTimer) => idle / 8,
                Some(Fault::TimerNotReset) => (idle * 11 / 20).saturating_sub(start.elapsed()),
                _ => idle,
            });
            let flow = match self.wire.line(bare_lf, idle) {
                Heard::Line(line) => self.hear(&line),
                Heard::End(rest) => {
                    self.ended(&rest);
                    return;
                }
                Heard::Silence => {
                    self.expired();
                    return;
                }
            };
            match flow {
                Flow::On => {}
                Flow::Close => return,
                Flow::StartTls => {
                    if !self.restart_behind_tls() {
                        return;
                    }
                }
            }
        }
    }

    fn hear(&mut self, line: &[u8]) -> Flow {
        let octets = line.len() + 2;
        if self.has(Fault::CommandsOf200) && octets > 200 {
            self.err("too long");
            return Flow::Close;
        }
        if octets > 8_000 {
            self.err("too long");
            return Flow::Close;
        }
        self.lines += 1;
        let is_deaf = self.has(Fault::PipelineOf1000) && self.lines > 1_000;
        if is_deaf || self.has(Fault::Mute) {
            return Flow::On;
        }
        let line = String::from_utf8_lossy(line).into_owned();
        let (keyword, argument) = match line.split_once(' ') {
            Some((keyword, argument)) => (keyword, Some(argument)),
            None => (line.as_str(), None),
        };
        let keyword = match self.has(Fault::KeywordsInUpperCaseOnly) {
            true => keyword.to_owned(),
            false => keyword.to_ascii_uppercase(),
        };
        match self.maildrop.is_some() {
            true => self.transaction(&keyword, argument),
            false => self.authorization(&keyword, argument),
        }
    }

    /// What nobody knows.
    pub(super) fn unknown(&mut self, keyword: &str) -> Flow {
        match self.world.fault {
            Some(Fault::EchoesUnknownCommands) => self.err(&format!("unknown: {keyword}")),
            Some(Fault::NonsenseCloses) => Flow::Close,
            Some(Fault::AuthCodeOnCommands) => self.err("[AUTH] unknown"),
            Some(Fault::MalformedCodes) => self.err("[SYS//TEMP] unknown"),
            Some(Fault::TextInBrackets) => self.err("[sorry] unknown"),
            _ => self.err("unknown"),
        }
    }

    fn restart_behind_tls(&mut self) -> bool {
        if self.wire.has_heard() && !self.has(Fault::StlsKeepsLines) {
            return false;
        }
        if self.is_utf8 && self.has(Fault::Utf8BreaksStls) {
            return false;
        }
        let kept = self
            .has(Fault::StlsKeepsUser)
            .then(|| self.user.take())
            .flatten();
        self.is_utf8 = false;
        self.user = kept;
        let is_done = self.start_tls();
        if self.has(Fault::StlsGreetsAgain) {
            self.ok("fake, once more");
        }
        is_done
    }

    /// The handshake; a server that takes no notice of its failure goes on in the clear.
    fn start_tls(&mut self) -> bool {
        let world = self.world;
        if world.has(Fault::HandshakeFails) || self.wire.flush().is_err() {
            return false;
        }
        if world.has(Fault::OldTls) {
            let is_old = self.wire.clear().map(greets_old_version);
            if is_old.is_some_and(|is_old| is_old.is_ok_and(|is_old| is_old)) {
                return false;
            }
        }
        let is_done = self.wire.handshake(&world.certificate.config).is_ok();
        if !is_done && world.has(Fault::ClearAfterFailedHandshake) {
            self.wire.discard();
            self.ok("then in the clear");
            return true;
        }
        is_done
    }
}
