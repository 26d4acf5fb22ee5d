//! Plays transcripts and says where a server departs from them.
//!
//! Compares what is heard with what is expected, line by line. Knows no server; see `driver`.

use std::{
    any::Any,
    fmt::Write as _,
    panic::{self, AssertUnwindSafe},
};

use anyhow::{Context as _, Result, bail, ensure};

use popcell::trial::is_like;

use crate::{
    driver::{Driver, Heard},
    escape,
    fake::{FakeMaildrop, Holder, World},
    transcript::{Transcript, Turn},
};

/// So many lines of the dialogue in front of a difference are shown.
const CONTEXT_LINES: usize = 12;

/// So many lines that the server says behind a difference are shown.
const REST_LINES: usize = 5;

/// Most characters of a line that are shown.
const SHOWN: usize = 160;

/// Plays `transcript` to its end.
///
/// # Errors
///
/// The first difference, or what the world or the session panicked with, and the dialogue in front
/// of it.
pub fn play(transcript: &Transcript, driver: &mut dyn Driver) -> Result<()> {
    let world = World::new(transcript.scene.clone());
    let mut stage = Stage {
        driver,
        world,
        other: None,
        record: Vec::new(),
        is_open: true,
    };
    let mut at = 0;
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| stage.perform(transcript, &mut at)));
    let problem = match outcome {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => format!("{error:#}"),
        Err(panic) => message(panic.as_ref()).to_owned(),
    };
    bail!("{}:{at}: {problem}\n{}", transcript.name, stage.dialogue())
}

/// What a panic was about.
fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a text")
}

/// A performance under way.
struct Stage<'a> {
    driver: &'a mut dyn Driver,
    world: World,
    /// The maildrop that another session holds.
    other: Option<FakeMaildrop>,
    record: Vec<String>,
    is_open: bool,
}

impl Stage<'_> {
    fn perform(&mut self, transcript: &Transcript, at: &mut usize) -> Result<()> {
        self.driver.connect(&self.world)?;
        for (line, turn) in &transcript.turns {
            *at = *line;
            self.turn(turn)?;
        }
        self.end()
    }

    fn turn(&mut self, turn: &Turn) -> Result<()> {
        match turn {
            Turn::Send(octets) => self.send(octets),
            Turn::Say(line) => self.expect(&escape::encode(line), |heard| heard == line),
            Turn::SayLike(pattern) => self.expect(pattern, |heard| is_like(pattern, heard)),
            Turn::Close => self.close(),
            Turn::Cut => self.cut(),
            Turn::HangUp => self.hang_up(),
            Turn::Reconnect => {
                self.hang_up()?;
                self.is_open = true;
                self.driver.connect(&self.world)
            }
            Turn::Lock(name) => self.lock(name),
            Turn::Unlock(name) => {
                self.note("@unlock", name);
                self.other = None;
                Ok(())
            }
            Turn::Stored(expected) => {
                let stored = self.world.stored();
                ensure!(
                    stored == *expected,
                    "stored are {stored:?}, expected are {expected:?}"
                );
                Ok(())
            }
        }
    }

    fn send(&mut self, octets: &[u8]) -> Result<()> {
        for line in octets.split_inclusive(|&octet| octet == b'\n') {
            match line.strip_suffix(b"\r\n") {
                Some(text) => self.note("C:", &escape::encode(text)),
                None => self.note("C|", &escape::encode(line)),
            }
        }
        self.driver.send(octets)
    }

    fn expect(&mut self, expected: &str, is_it: impl Fn(&[u8]) -> bool) -> Result<()> {
        let heard = self.driver.hear()?;
        if let Heard::Line(line) = &heard
            && let Some(text) = line.strip_suffix(b"\r\n")
            && is_it(text)
        {
            self.note("S:", &escape::encode(text));
            return Ok(());
        }
        self.note("- S:", expected);
        self.differ(heard)
    }

    fn close(&mut self) -> Result<()> {
        let heard = self.driver.hear()?;
        if heard != Heard::Closed(Vec::new()) {
            self.note("- X:", "");
            return self.differ(heard);
        }
        self.note("X:", "");
        self.is_open = false;
        Ok(())
    }

    fn cut(&mut self) -> Result<()> {
        loop {
            match self.driver.hear()? {
                Heard::Line(line) if line != b".\r\n" => {
                    self.note("S:", &escape::encode(&line));
                }
                Heard::Closed(rest) => {
                    self.note("X~", &escape::encode(&rest));
                    self.is_open = false;
                    return Ok(());
                }
                heard @ (Heard::Line(_) | Heard::Silence) => {
                    self.note("- X~", "");
                    return self.differ(heard);
                }
            }
        }
    }

    fn hang_up(&mut self) -> Result<()> {
        self.note("@hang-up", "");
        self.is_open = false;
        self.driver.hang_up()
    }

    fn lock(&mut self, name: &str) -> Result<()> {
        self.note("@lock", name);
        let user = self.world.user(name.as_bytes()).context("no such user")?;
        let maildrop = self
            .world
            .open(user, Holder::Other)
            .map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
        self.other = Some(maildrop);
        Ok(())
    }

    /// Behind the last turn the server has nothing more to say, and when it is gone no maildrop is
    /// locked by it.
    fn end(&mut self) -> Result<()> {
        if self.is_open {
            self.driver.finish()?;
            let heard = self.driver.hear()?;
            if matches!(heard, Heard::Line(_)) {
                self.note("- end", "");
                return self.differ(heard);
            }
        }
        self.driver.hang_up()?;
        self.other = None;
        for user in 0..self.world.scene().users.len() {
            ensure!(!self.world.is_locked(user), "a maildrop is still locked");
        }
        Ok(())
    }

    /// Notes what was heard instead, and what follows it.
    fn differ(&mut self, heard: Heard) -> Result<()> {
        let mut next = heard;
        for _ in 0..REST_LINES {
            match &next {
                Heard::Line(line) => self.note("+ S|", &escape::encode(line)),
                Heard::Closed(rest) => self.note("+ X~", &escape::encode(rest)),
                Heard::Silence => self.note("+ silence", ""),
            }
            if !matches!(next, Heard::Line(_)) {
                break;
            }
            next = self.driver.hear()?;
        }
        bail!("the server says something else")
    }

    fn note(&mut self, kind: &str, text: &str) {
        let shown: String = text.chars().take(SHOWN).collect();
        let more = if shown.len() < text.len() { "..." } else { "" };
        self.record.push(format!("{kind} {shown}{more}"));
    }

    fn dialogue(&self) -> String {
        let mut text = String::new();
        let shown = self.record.len().saturating_sub(CONTEXT_LINES + REST_LINES);
        for line in &self.record[shown..] {
            let indent = if line.starts_with(['+', '-']) {
                "  "
            } else {
                "    "
            };
            writeln!(text, "{indent}{}", line.trim_end()).expect("a String takes everything");
        }
        text
    }
}
