//! The fake server after login, and what its end does to the mail.
//!
//! Sizes and texts are those of the mode that is on.

use super::{
    Fault, Mail, Store, World,
    session::{Flow, Session},
};

/// The maildrop of one session.
pub(super) struct Maildrop {
    mail: Vec<Mail>,
    is_marked: Vec<bool>,
    is_retrieved: Vec<bool>,
    login: u32,
}

impl Maildrop {
    pub(super) fn new(world: &World, store: &Store) -> Self {
        let is_kept =
            |mail: &Mail| world.has(Fault::MarksSurvive) && store.marked.contains(&mail.uid);
        Self {
            is_marked: store.mail.iter().map(is_kept).collect(),
            is_retrieved: vec![false; store.mail.len()],
            mail: store.mail.clone(),
            login: store.logins,
        }
    }
}

impl Session<'_> {
    pub(super) fn transaction(&mut self, keyword: &str, argument: Option<&str>) -> Flow {
        match (keyword, argument) {
            ("STAT", None) => self.stat(),
            ("LIST", None) => self.list(),
            ("LIST", Some(number)) => self.list_one(number),
            ("UIDL", None) => self.uidl(),
            ("UIDL", Some(number)) => self.uidl_one(number),
            ("RETR", Some(number)) => self.retr(number),
            ("TOP", Some(arguments)) => self.top(arguments),
            ("DELE", Some(number)) => self.dele(number),
            ("NOOP", _) => self.ok(""),
            ("RSET", None) => self.rset(),
            ("CAPA", None) if !self.has(Fault::CapaBeforeLoginOnly) => self.capa(),
            ("LANG", argument) => self.lang(argument),
            ("QUIT", None) => self.quit(),
            ("USER", Some(_)) if self.has(Fault::UserAfterLogin) => self.ok("send PASS"),
            ("AUTH", Some(_)) if self.has(Fault::AuthAfterLogin) => self.ok("once more"),
            ("STLS", None) if self.has(Fault::StlsAfterLogin) => self.ok("begin"),
            _ => self.unknown(keyword),
        }
    }

    fn drop(&self) -> &Maildrop {
        self.maildrop.as_ref().expect("a session after login")
    }

    /// The numbers, from 1, of what is not marked; `fault` takes no notice of marks.
    fn unmarked(&self, fault: Fault) -> Vec<usize> {
        let all = 1..=self.drop().mail.len();
        all.filter(|number| self.has(fault) || !self.drop().is_marked[number - 1])
            .collect()
    }

    /// The index of an unmarked message.
    fn index(&self, number: &str) -> Option<usize> {
        let is_digits = !number.is_empty() && number.bytes().all(|octet| octet.is_ascii_digit());
        let index = number
            .parse::<usize>()
            .ok()
            .filter(|_| is_digits)?
            .checked_sub(1)?;
        let is_marked = *self.drop().is_marked.get(index)?;
        (!is_marked).then_some(index)
    }

    /// The message as this mode sends it.
    fn wire(&self, index: usize) -> Vec<u8> {
        let wire = &self.drop().mail[index].wire;
        let is_native = match self.world.fault {
            Some(Fault::Utf8HeadersAlways) => true,
            Some(Fault::Utf8HeadersNever) => false,
            _ => self.is_utf8,
        };
        if is_native {
            wire.clone()
        } else {
            downgraded(wire)
        }
    }

    fn size(&self, index: usize) -> usize {
        let wire = match self.has(Fault::SizesOfUtf8Always) {
            true => self.drop().mail[index].wire.clone(),
            false => self.wire(index),
        };
        let is_short = self.has(Fault::SizesWithoutFinalLineEnd);
        wire.len()
            - if is_short && wire.ends_with(b"has no end\r\n") {
                2
            } else {
                0
            }
    }

    fn uid(&self, index: usize) -> String {
        let Maildrop { mail, login, .. } = self.drop();
        match self.world.fault {
            Some(Fault::LongUniqueIds) => format!("{:0>71}", mail[index].uid),
            Some(Fault::UniqueIdsOfTheSession) => format!("{login}-{}", mail[index].uid),
            _ => mail[index].uid.clone(),
        }
    }

    fn stat(&mut self) -> Flow {
        let unmarked = self.unmarked(Fault::StatCountsMarked);
        let octets: usize = unmarked.iter().map(|number| self.size(number - 1)).sum();
        match self.world.fault {
            Some(Fault::TextBehindSizes) => self.ok(&format!("{} {octets} octets", unmarked.len())),
            _ => self.ok(&format!("{} {octets}", unmarked.len())),
        }
    }

    fn list(&mut self) -> Flow {
        let numbers = self.unmarked(Fault::ListShowsMarked);
        let entries = numbers
            .iter()
            .map(|number| (*number, self.size(number - 1).to_string()));
        let entries: Vec<_> = entries.collect();
        self.entries(&entries)
    }

    fn uidl(&mut self) -> Flow {
        let numbers = self.unmarked(Fault::UidlShowsMarked);
        let entries = numbers.iter().map(|number| (*number, self.uid(number - 1)));
        let entries: Vec<_> = entries.collect();
        self.entries(&entries)
    }

    fn entries(&mut self, entries: &[(usize, String)]) -> Flow {
        let end = if self.has(Fault::ListsWithBareLf) {
            "\n"
        } else {
            "\r\n"
        };
        self.ok("");
        for (place, (number, text)) in (1..).zip(entries) {
            let number = if self.has(Fault::NumbersMove) {
                place
            } else {
                *number
            };
            self.wire.say(format!("{number} {text}{end}").as_bytes());
        }
        self.line(".")
    }

    fn list_one(&mut self, number: &str) -> Flow {
        if self.has(Fault::ListOfMarked) && number.parse().is_ok_and(|n| (1..=16).contains(&n)) {
            let size = number
                .parse::<usize>()
                .map_or(0, |number| self.size(number - 1));
            return self.ok(&format!("{number} {size}"));
        }
        match self.index(number) {
            Some(index) => self.ok(&format!("{number} {}", self.size(index))),
            None if self.has(Fault::LoginDelayCodeOnList) => self.err("[LOGIN-DELAY] later"),
            None => self.err("no such message"),
        }
    }

    fn uidl_one(&mut self, number: &str) -> Flow {
        match self.index(number) {
            Some(index) => self.ok(&format!("{number} {}", self.uid(index))),
            None if self.has(Fault::Utf8CodeOnUidl) => self.err("[UTF8] later"),
            None => self.err("no such message"),
        }
    }

    fn retr(&mut self, number: &str) -> Flow {
        let Some(index) = self.index(number) else {
            return self.unknown("RETR");
        };
        if let Some(maildrop) = &mut self.maildrop {
            maildrop.is_retrieved[index] = true;
        }
        let mut wire = self.wire(index);
        if self.has(Fault::TruncatesMessages) && wire.len() > 1_000 {
            wire.truncate(1_000);
            wire.extend_from_slice(b"\r\n");
        }
        self.message(&wire)
    }

    fn top(&mut self, arguments: &str) -> Flow {
        let (number, count) = arguments.split_once(' ').unwrap_or((arguments, ""));
        let (Some(index), Ok(count)) = (self.index(number), count.parse::<u64>()) else {
            return self.err("no such message");
        };
        let count = match self.world.fault {
            Some(Fault::TopIgnoresCount) => u64::MAX,
            Some(Fault::TopOverflows) if count > 0x7fff_ffff => 0,
            _ => count,
        };
        let wire = self.wire(index);
        let mut body = None;
        let mut top = Vec::new();
        for line in wire.split_inclusive(|&octet| octet == b'\n') {
            match &mut body {
                Some(sent) if *sent >= count => break,
                Some(sent) => *sent += 1,
                None if line == b"\r\n" => body = Some(0),
                None => {}
            }
            top.extend_from_slice(line);
        }
        self.message(&top)
    }

    fn message(&mut self, wire: &[u8]) -> Flow {
        self.ok("");
        for (at, line) in wire.split_inclusive(|&octet| octet == b'\n').enumerate() {
            let is_unstuffed = match self.world.fault {
                Some(Fault::FirstDotUnstuffed) => at == 0,
                // Not the lone dot: nobody could tell where the answer ends.
                Some(Fault::NoStuffing) => line != b".\r\n",
                _ => false,
            };
            if line.starts_with(b".") && !is_unstuffed {
                self.wire.say(b".");
            }
            self.wire.say(line);
        }
        self.line(".")
    }

    fn dele(&mut self, number: &str) -> Flow {
        let is_marked = number
            .parse::<usize>()
            .ok()
            .and_then(|number| self.drop().is_marked.get(number.checked_sub(1)?).copied());
        if is_marked == Some(true) && self.has(Fault::DeleTwice) {
            return self.ok("");
        }
        let Some(index) = self.index(number) else {
            return self.err("no such message");
        };
        let uid = self.drop().mail[index].uid.clone();
        if let Some(maildrop) = &mut self.maildrop {
            maildrop.is_marked[index] = true;
        }
        if self.has(Fault::MarksSurvive) {
            self.world.store().marked.push(uid);
        }
        self.ok("")
    }

    fn rset(&mut self) -> Flow {
        if self.has(Fault::RsetDoesNothing) {
            return self.ok("");
        }
        if let Some(maildrop) = &mut self.maildrop {
            maildrop.is_marked.fill(false);
        }
        self.world.store().marked.clear();
        self.ok("")
    }

    fn quit(&mut self) -> Flow {
        if !self.has(Fault::QuitKeeps) {
            self.remove();
        }
        if self.has(Fault::QuitStaysOpen) {
            return self.ok("bye");
        }
        if self.has(Fault::QuitStaysLocked) {
            self.maildrop = None;
        }
        self.unlock();
        self.ok("bye");
        Flow::Close
    }

    /// UPDATE.
    fn remove(&self) {
        let maildrop = self.drop();
        let expires = self.world.setting.expires_at_once;
        let removes_all = self.has(Fault::QuitRemovesAll) && maildrop.is_marked.contains(&true);
        let marks = maildrop
            .mail
            .iter()
            .zip(&maildrop.is_marked)
            .zip(&maildrop.is_retrieved);
        let is_removed = |((_, is_marked), is_retrieved): &((&Mail, &bool), &bool)| {
            **is_marked || removes_all || expires && **is_retrieved
        };
        let removed: Vec<_> = marks
            .filter(is_removed)
            .map(|((mail, _), _)| &mail.uid)
            .collect();
        self.world
            .store()
            .mail
            .retain(|mail| !removed.contains(&&mail.uid));
    }

    /// The connection has ended, in front of `rest` of a line.
    pub(super) fn ended(&mut self, rest: &[u8]) {
        let removes = match self.world.fault {
            Some(Fault::EndRemoves | Fault::ExpireBeforeQuit) => true,
            Some(Fault::PartialQuitRemoves) => rest.starts_with(b"QUIT"),
            _ => false,
        };
        if removes && self.maildrop.is_some() {
            self.remove();
        }
    }

    /// The inactivity timer has expired.
    pub(super) fn expired(&mut self) {
        if self.has(Fault::ExpiryTalks) {
            self.err("too slow");
        }
        if self.has(Fault::ExpiryDeletes) && self.maildrop.is_some() {
            self.remove();
        }
    }

    pub(super) fn unlock(&mut self) {
        if self.maildrop.take().is_some() {
            self.world.store().is_locked = false;
        }
    }
}

/// RFC 6856 §2.1: the header in ASCII.
fn downgraded(wire: &[u8]) -> Vec<u8> {
    let blank = wire
        .windows(4)
        .position(|octets| octets == b"\r\n\r\n")
        .unwrap_or(wire.len());
    let (header, body) = wire.split_at(blank);
    let mut downgraded: Vec<u8> = header.iter().copied().filter(u8::is_ascii).collect();
    downgraded.extend_from_slice(body);
    downgraded
}
