//! One check under way: its connections, its dialogue, what it may do.
//!
//! Holds what checks share; what is right and what is wrong is theirs.

use std::{
    cell::{Cell, RefCell},
    time::Instant,
};

use crate::{
    answer::Answer,
    capabilities::Capabilities,
    channel::Channel,
    client::Client,
    dialogue::Dialogue,
    sasl,
    stop::{Stop, require},
    target::{Account, Target, Tls},
    tls::Handshake,
};

/// What a check is given.
pub struct Trial<'a> {
    pub(crate) target: &'a Target,
    dialogue: Dialogue,
    connections: Cell<u32>,
    notes: RefCell<Vec<String>>,
}

impl<'a> Trial<'a> {
    pub(crate) fn new(target: &'a Target) -> Self {
        Self {
            target,
            dialogue: Dialogue::default(),
            connections: Cell::new(0),
            notes: RefCell::default(),
        }
    }

    /// Remembers something that is worth to be read although nothing is wrong.
    pub(crate) fn note(&self, note: impl Into<String>) {
        self.notes.borrow_mut().push(note.into());
    }

    /// A connection before its greeting, as the target says: with implicit TLS behind the
    /// handshake, with STLS in the clear.
    pub(crate) fn dial(&self) -> Result<Client, Stop> {
        let mut client = self.dial_tcp()?;
        if self.target.tls == Tls::Implicit {
            self.handshake(&mut client, &[])?;
        }
        Ok(client)
    }

    /// A connection on which nothing was said and no handshake was made.
    pub(crate) fn dial_tcp(&self) -> Result<Client, Stop> {
        let number = self.connections.get() + 1;
        self.connections.set(number);
        let address = &self.target.address;
        let channel = Channel::connect(address)
            .or_else(|error| Stop::wrong(format!("no connection to {address}: {error}")))?;
        Client::new(
            channel,
            number,
            self.target.patience.answer,
            self.dialogue.clone(),
        )
    }

    /// A connection behind its greeting, protected as the target says, before login.
    pub(crate) fn connect(&self) -> Result<Client, Stop> {
        match self.target.tls {
            Tls::None | Tls::Implicit => self.greeted(),
            Tls::Stls => self.secure(),
        }
    }

    /// A connection behind its greeting and without TLS.
    pub(crate) fn clear(&self) -> Result<Client, Stop> {
        if self.target.tls == Tls::Implicit {
            return Stop::not_offered("clear connections: this port speaks TLS only");
        }
        self.greeted()
    }

    /// A connection behind its greeting and with TLS, if the server offers it at all.
    pub(crate) fn secure(&self) -> Result<Client, Stop> {
        if self.target.tls == Tls::Implicit {
            return self.greeted();
        }
        let mut client = self.before_stls()?;
        client.ok("STLS")?;
        self.handshake(&mut client, &[])?;
        Ok(client)
    }

    /// A clear connection on which STLS is offered.
    pub(crate) fn before_stls(&self) -> Result<Client, Stop> {
        let mut client = self.clear()?;
        if !client.capabilities()?.has("STLS") {
            return Stop::not_offered("STLS");
        }
        Ok(client)
    }

    /// Makes the handshake of TLS. One that fails skips the check: rows 98 and 103 are the ones that
    /// fail.
    pub(crate) fn handshake(
        &self,
        client: &mut Client,
        protocols: &[&[u8]],
    ) -> Result<Handshake, Stop> {
        let handshake = self.offer(protocols)?;
        match client.start_tls(&handshake)? {
            Ok(()) => Ok(handshake),
            Err(error) => Stop::skipped(format!("the TLS handshake fails: {error}")),
        }
    }

    /// A handshake to be made.
    pub(crate) fn offer(&self, protocols: &[&[u8]]) -> Result<Handshake, Stop> {
        Handshake::new(self.target, protocols).or_else(|error| Stop::skipped(error.to_string()))
    }

    /// A session in TRANSACTION. A refused login skips the check: row 14 is the one that fails.
    ///
    /// A maildrop that is still locked by the session before is waited for.
    pub(crate) fn login(&self) -> Result<Client, Stop> {
        self.login_as(&self.target.account())
    }

    /// A session in TRANSACTION of another account.
    pub(crate) fn login_as(&self, account: &Account) -> Result<Client, Stop> {
        let start = Instant::now();
        loop {
            let mut client = self.connect()?;
            let answer = self.log_in_as(&mut client, account)?;
            if answer.is_ok() {
                return Ok(client);
            }
            let is_locked = answer.code().as_deref() == Some("IN-USE");
            if !is_locked || start.elapsed() > self.target.patience.answer {
                return Stop::skipped(format!("the account cannot log in: {answer}"));
            }
        }
    }

    /// Logs in with USER and PASS, or with AUTH PLAIN where USER is not accepted.
    pub(crate) fn log_in(&self, client: &mut Client) -> Result<Answer, Stop> {
        self.log_in_as(client, &self.target.account())
    }

    /// Logs another account in.
    pub(crate) fn log_in_as(&self, client: &mut Client, account: &Account) -> Result<Answer, Stop> {
        let Account { user, password } = account;
        if self.user(client, user)?.is_ok() {
            return self.pass(client, password);
        }
        self.auth_plain(client, &sasl::plain("", user, password))
    }

    /// USER and PASS, whatever they are answered.
    pub(crate) fn user_pass(
        &self,
        client: &mut Client,
        user: &str,
        password: &str,
    ) -> Result<Answer, Stop> {
        let answer = self.user(client, user)?;
        if answer.is_err() {
            return Ok(answer);
        }
        self.pass(client, password)
    }

    /// USER.
    pub(crate) fn user(&self, client: &mut Client, user: &str) -> Result<Answer, Stop> {
        client.ask(&format!("USER {user}"))
    }

    /// PASS; what follows it is not shown.
    pub(crate) fn pass(&self, client: &mut Client, password: &str) -> Result<Answer, Stop> {
        let line = format!("PASS {password}\r\n");
        client.send_secret("PASS <password>", line.as_bytes())?;
        self.verdict(client, "PASS")
    }

    /// AUTH PLAIN with an initial response in base64.
    pub(crate) fn auth_plain(&self, client: &mut Client, response: &str) -> Result<Answer, Stop> {
        self.auth(client, "AUTH PLAIN", response)
    }

    /// AUTH without an initial response, up to the challenge, whatever comes. A server may delay
    /// this, too, after failed logins.
    pub(crate) fn begin_auth(&self, client: &mut Client, mechanism: &str) -> Result<Answer, Stop> {
        let command = format!("AUTH {mechanism}");
        client.say(&command)?;
        self.verdict(client, &format!("`{command}`"))
    }

    /// An AUTH command with an initial response in base64.
    pub(crate) fn auth(
        &self,
        client: &mut Client,
        command: &str,
        response: &str,
    ) -> Result<Answer, Stop> {
        let line = format!("{command} {response}\r\n");
        client.send_secret(&format!("{command} <response>"), line.as_bytes())?;
        self.verdict(client, "AUTH")
    }

    /// The client's response to a challenge.
    pub(crate) fn respond(&self, client: &mut Client, response: &str) -> Result<Answer, Stop> {
        client.send_secret("<response>", format!("{response}\r\n").as_bytes())?;
        self.verdict(client, "the response")
    }

    /// Demands that a login was refused, and for what was wrong with it: a lock proves nothing.
    pub(crate) fn refused(&self, answer: &Answer, expected: &str) -> Result<(), Stop> {
        if answer.code().as_deref() == Some("IN-USE") {
            return Stop::skipped("the maildrop is locked by somebody else");
        }
        require(answer.is_err(), || answer.instead_of(expected))
    }

    /// The answer to a login, which may take its time.
    fn verdict(&self, client: &mut Client, command: &str) -> Result<Answer, Stop> {
        client.set_patience(self.target.patience.login)?;
        let answer = client.answer(command)?;
        client.set_patience(self.target.patience.answer)?;
        Ok(answer)
    }

    /// What the server can do, if it says so, on a new connection before login.
    pub(crate) fn capabilities(&self) -> Result<Capabilities, Stop> {
        self.connect()?.capabilities()
    }

    /// Ends the check here unless messages may be deleted.
    pub(crate) fn must_be_disposable(&self) -> Result<(), Stop> {
        if self.may_delete() {
            Ok(())
        } else {
            Stop::skipped("needs --mailbox-is-disposable")
        }
    }

    /// Whether messages may be deleted; if not, the row is checked in part and says so.
    pub(crate) fn may_delete(&self) -> bool {
        self.target.is_disposable
    }

    /// As [`Trial::may_delete`], for checks that go without marks.
    pub(crate) fn may_mark(&self) -> bool {
        if !self.may_delete() {
            self.note("marks were not tried: the mailbox is not disposable");
        }
        self.may_delete()
    }

    /// Ends the check here unless it may take long.
    pub(crate) fn must_be_slow(&self) -> Result<(), Stop> {
        if self.target.is_slow {
            Ok(())
        } else {
            Stop::skipped("takes ten minutes: needs --slow")
        }
    }

    /// What was said.
    pub(crate) fn into_parts(self) -> (Vec<String>, Vec<String>) {
        (self.dialogue.to_lines(), self.notes.into_inner())
    }

    fn greeted(&self) -> Result<Client, Stop> {
        let mut client = self.dial()?;
        client.answer("the connection")?.ok()?;
        Ok(client)
    }
}
