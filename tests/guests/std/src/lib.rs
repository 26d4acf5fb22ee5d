//! A session of `wit/pop3.wit` that is built with the standard library, as foreign ones are: it
//! imports WASI, and a line of the client has it try what that offers.
//!
//! Speaks as much POP3 as a login and a QUIT need, and builds for wasm only. What it tries is in
//! `attempt.rs`.

mod attempt;

use std::cell::RefCell;

use self::bindings::{
    exports::popcell::pop3::session as wit,
    popcell::pop3::{auth, mail::Maildrop},
};

/// What `generate!` makes of the contract.
mod bindings {
    wit_bindgen::generate!({ path: "../../../wit", world: "pop3-session" });

    export!(Component);

    use super::{Component, Session};

    impl exports::popcell::pop3::session::Guest for Component {
        type Session = Session;
    }
}

/// The component.
struct Component;

/// A session, as it is exported.
struct Session(RefCell<Dialogue>);

/// What is known so far.
#[derive(Default)]
struct Dialogue {
    banner: String,
    user: Option<String>,
    maildrop: Option<Maildrop>,
}

impl Dialogue {
    /// Answers a line. An answer without a status line is none of POP3, but of an attempt.
    fn line(&mut self, line: &str) -> (String, wit::Next) {
        let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
        let answer = match verb {
            "USER" => {
                self.user = Some(argument.to_owned());
                "+OK".to_owned()
            }
            "PASS" => self.login(argument),
            "STAT" => self.stat(),
            "QUIT" => return (self.quit(), wit::Next::Close),
            _ => match attempt::attempt(verb) {
                Some(Ok(found)) => format!("+OK {found}"),
                Some(Err(error)) => format!("-ERR {error}"),
                None => "-ERR unknown command".to_owned(),
            },
        };
        (answer, wit::Next::Lines)
    }

    fn login(&mut self, password: &str) -> String {
        let user = self.user.take().unwrap_or_default();
        match auth::password(user.as_bytes(), password.as_bytes()) {
            Ok(maildrop) => self.maildrop = Some(maildrop),
            Err(refusal) => return format!("-ERR {refusal:?}"),
        }
        "+OK".to_owned()
    }

    fn stat(&self) -> String {
        let Some(maildrop) = &self.maildrop else {
            return "-ERR not logged in".to_owned();
        };
        let summary = maildrop.summary();
        format!("+OK {} {}", summary.count, summary.octets)
    }

    fn quit(&mut self) -> String {
        let committed = self
            .maildrop
            .take()
            .map(|maildrop| Maildrop::commit(maildrop, &[]));
        match committed {
            Some(Err(_)) => "-ERR".to_owned(),
            Some(Ok(())) | None => "+OK".to_owned(),
        }
    }
}

/// What a call gives.
fn step(consumed: usize, answer: &str, next: wit::Next) -> wit::Step {
    wit::Step {
        consumed: u32::try_from(consumed).unwrap_or(u32::MAX),
        output: format!("{answer}\r\n").into_bytes(),
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
        let greeting = format!("+OK {}", self.0.borrow().banner);
        step(0, &greeting, wit::Next::Lines)
    }

    fn lines(&self, lines: Vec<u8>, _: u32) -> wit::Step {
        let end = lines.iter().position(|&octet| octet == b'\n');
        let line = &lines[..end.map_or(lines.len(), |end| end + 1)];
        let text = String::from_utf8_lossy(line);
        let (answer, next) = self.0.borrow_mut().line(text.trim_end());
        step(line.len(), &answer, next)
    }

    fn more(&self, _: u32) -> wit::Step {
        step(0, "-ERR", wit::Next::Abort)
    }

    fn overlong(&self) -> wit::Step {
        step(0, "-ERR", wit::Next::Abort)
    }

    fn suspend(this: wit::Session) -> wit::Parked {
        let dialogue = this.into_inner::<Self>().0.into_inner();
        wit::Parked {
            state: dialogue.user.unwrap_or_default().into_bytes(),
            maildrop: dialogue.maildrop,
            message: None,
            exchange: None,
        }
    }

    fn resume(
        parked: wit::Parked,
        connection: wit::Connection,
    ) -> Result<wit::Session, wit::ResumeError> {
        let user = String::from_utf8(parked.state).map_err(|_| wit::ResumeError::UnknownFormat)?;
        Ok(wit::Session::new(Self(RefCell::new(Dialogue {
            banner: connection.banner,
            user: (!user.is_empty()).then_some(user),
            maildrop: parked.maildrop,
        }))))
    }
}
