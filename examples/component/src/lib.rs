//! A session of one's own: it lists mail, sends it and deletes it, and greets like nobody else.
//!
//! To start from, not to run as it is: `docs/write-a-component.md` says what is left out.

use std::{cell::RefCell, collections::BTreeSet};

use self::bindings::{
    exports::popcell::pop3::session as wit,
    popcell::pop3::{
        auth,
        mail::{Maildrop, Message},
    },
};

/// What `generate!` makes of the contract.
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "pop3-session" });

    export!(Component);

    use super::{Component, Session};

    impl exports::popcell::pop3::session::Guest for Component {
        type Session = Session;
    }
}

struct Component;

/// A session, as the host holds it.
struct Session(RefCell<Dialogue>);

#[derive(Default)]
struct Dialogue {
    banner: String,
    user: Option<Vec<u8>>,
    /// There from the login on. Who has it reaches this mail and no other.
    maildrop: Option<Maildrop>,
    deleted: BTreeSet<u32>,
    /// There while it is being sent.
    message: Option<Message>,
    /// Whether what was sent of it last is not the end of a line.
    is_inside_a_line: bool,
}

/// What is said to a command, and what then.
type Answer = (String, wit::Next);

impl Dialogue {
    fn line(&mut self, line: &str) -> Answer {
        let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
        let said = match (verb.to_ascii_uppercase().as_str(), &self.maildrop) {
            ("QUIT", _) => return (self.quit(), wit::Next::Close),
            ("USER", None) => {
                self.user = Some(argument.into());
                "+OK and the password?".to_owned()
            }
            ("PASS", None) => self.login(argument),
            ("NOOP", Some(_)) => "+OK".to_owned(),
            ("RSET", Some(_)) => {
                self.deleted.clear();
                "+OK nothing is deleted".to_owned()
            }
            ("STAT" | "LIST", Some(maildrop)) => self.list(verb, maildrop),
            ("DELE", Some(maildrop)) => match self.number(argument, maildrop) {
                Some(number) => {
                    self.deleted.insert(number);
                    "+OK it goes at QUIT".to_owned()
                }
                None => "-ERR no such message".to_owned(),
            },
            ("RETR", Some(maildrop)) => {
                let opened = self.number(argument, maildrop).map(|n| maildrop.open(n));
                match opened {
                    Some(Ok(message)) => {
                        self.message = Some(message);
                        self.is_inside_a_line = false;
                        return ("+OK here it is".to_owned(), wit::Next::More);
                    }
                    Some(Err(_)) | None => "-ERR no such message".to_owned(),
                }
            }
            _ => "-ERR not now".to_owned(),
        };
        (said, wit::Next::Lines)
    }

    fn login(&mut self, password: &str) -> String {
        let user = self.user.take().unwrap_or_default();
        match auth::password(&user, password.as_bytes()) {
            Ok(maildrop) => {
                self.maildrop = Some(maildrop);
                "+OK welcome to the example".to_owned()
            }
            Err(auth::Refusal::Denied) => "-ERR [AUTH] no".to_owned(),
            Err(auth::Refusal::InUse) => "-ERR [IN-USE] you are here already".to_owned(),
            Err(_) => "-ERR [SYS/TEMP] not now".to_owned(),
        }
    }

    /// STAT in one line, LIST in one for each message.
    fn list(&self, verb: &str, maildrop: &Maildrop) -> String {
        let Ok(sizes) = maildrop.sizes(1, 4_096) else {
            return "-ERR [SYS/TEMP] not now".to_owned();
        };
        let left = (1..).zip(sizes);
        let left: Vec<_> = left.filter(|(n, _)| !self.deleted.contains(n)).collect();
        let octets: u64 = left.iter().map(|(_, size)| size).sum();
        if verb.eq_ignore_ascii_case("STAT") {
            return format!("+OK {} {octets}", left.len());
        }
        let lines = left.iter().map(|(n, size)| format!("{n} {size}\r\n"));
        format!("+OK\r\n{}.", lines.collect::<String>())
    }

    /// The number of a message that is there.
    fn number(&self, argument: &str, maildrop: &Maildrop) -> Option<u32> {
        let number = argument.parse().ok()?;
        let is_there = (1..=maildrop.summary().count).contains(&number);
        (is_there && !self.deleted.contains(&number)).then_some(number)
    }

    /// The next octets of the message, about as many as are wanted, with a dot in front of every line
    /// that begins with one.
    fn more(&mut self, max: u32) -> (Vec<u8>, wit::Next) {
        let Some(message) = &self.message else {
            return (Vec::new(), wit::Next::Abort);
        };
        match message.read(max) {
            Ok(read) if read.is_empty() => {
                self.message = None;
                (b".\r\n".to_vec(), wit::Next::Lines)
            }
            Ok(read) => (self.stuffed(&read), wit::Next::More),
            Err(_) => (Vec::new(), wit::Next::Abort),
        }
    }

    fn stuffed(&mut self, octets: &[u8]) -> Vec<u8> {
        let mut stuffed = Vec::with_capacity(octets.len() + 16);
        for octet in octets {
            if !self.is_inside_a_line && *octet == b'.' {
                stuffed.push(b'.');
            }
            stuffed.push(*octet);
            self.is_inside_a_line = *octet != b'\n';
        }
        stuffed
    }

    fn quit(&mut self) -> String {
        let Some(maildrop) = self.maildrop.take() else {
            return "+OK".to_owned();
        };
        let count = maildrop.summary().count;
        let mut marks = vec![0; usize::try_from(count.div_ceil(8)).unwrap_or_default()];
        for number in &self.deleted {
            let (octet, bit) = ((number - 1) / 8, (number - 1) % 8);
            marks[octet as usize] |= 1 << bit;
        }
        match Maildrop::commit(maildrop, &marks) {
            Ok(()) => "+OK it is done".to_owned(),
            Err(_) => "-ERR some messages are still there".to_owned(),
        }
    }
}

fn step(consumed: usize, output: Vec<u8>, next: wit::Next) -> wit::Step {
    let consumed = u32::try_from(consumed).unwrap_or(u32::MAX);
    wit::Step {
        consumed,
        output,
        next,
    }
}

impl wit::GuestSession for Session {
    fn new(connection: wit::Connection) -> Self {
        Self(RefCell::new(Dialogue {
            banner: connection.banner,
            ..Dialogue::default()
        }))
    }

    fn greet(&self) -> wit::Step {
        let greeting = format!("+OK {} (an example)\r\n", self.0.borrow().banner);
        step(0, greeting.into_bytes(), wit::Next::Lines)
    }

    /// One line a call is allowed, and simple.
    fn lines(&self, lines: Vec<u8>, _max: u32) -> wit::Step {
        let end = lines.iter().position(|octet| *octet == b'\n');
        let line = &lines[..end.map_or(lines.len(), |end| end + 1)];
        let text = String::from_utf8_lossy(line);
        // A password may end in spaces.
        let text = text.trim_end_matches(['\r', '\n']);
        let (said, next) = self.0.borrow_mut().line(text);
        step(line.len(), format!("{said}\r\n").into_bytes(), next)
    }

    fn more(&self, max: u32) -> wit::Step {
        let (output, next) = self.0.borrow_mut().more(max);
        step(0, output, next)
    }

    fn overlong(&self) -> wit::Step {
        step(0, b"-ERR too long\r\n".to_vec(), wit::Next::Abort)
    }

    /// What is kept: the user who has not logged in yet, or else the numbers of the deleted
    /// messages. The capabilities go along by themselves.
    fn suspend(this: wit::Session) -> wit::Parked {
        let dialogue = this.into_inner::<Self>().0.into_inner();
        let deleted = dialogue.deleted.iter().flat_map(|n| n.to_le_bytes());
        let kept = match &dialogue.maildrop {
            Some(_) => deleted.collect(),
            None => dialogue.user.unwrap_or_default(),
        };
        let inside = [u8::from(dialogue.is_inside_a_line)];
        wit::Parked {
            state: [b"example1", &inside[..], &kept].concat(),
            maildrop: dialogue.maildrop,
            message: dialogue.message,
            exchange: None,
        }
    }

    fn resume(
        parked: wit::Parked,
        connection: wit::Connection,
    ) -> Result<wit::Session, wit::ResumeError> {
        let mut dialogue = Dialogue {
            banner: connection.banner,
            ..Dialogue::default()
        };
        match parked.state.strip_prefix(b"example1") {
            Some([inside, kept @ ..]) => {
                dialogue.is_inside_a_line = *inside == 1;
                if parked.maildrop.is_some() {
                    let numbers = kept.chunks_exact(4);
                    let numbers = numbers.map(|n| u32::from_le_bytes([n[0], n[1], n[2], n[3]]));
                    dialogue.deleted = numbers.collect();
                } else {
                    dialogue.user = Some(kept.to_vec());
                }
            }
            // Another component's, which has logged the user in: all there is to it is the maildrop.
            _ if parked.maildrop.is_some() && parked.message.is_none() => {}
            _ => return Err(wit::ResumeError::UnknownFormat),
        }
        dialogue.maildrop = parked.maildrop;
        dialogue.message = parked.message;
        Ok(wit::Session::new(Self(RefCell::new(dialogue))))
    }
}
