//! What the host lends, with somebody who notes what is asked and what is answered.
//!
//! Answers as the capability behind it does, later by no more than a copy.

use super::{
    format::{Asked, Login as LoginAnswer, Maildrop as Opened, Read, Turn as TurnAnswer},
    tape::Tape,
    text::Text,
};
use crate::{
    capability::{
        Answer, Exchange, Fault, Grant, Login, Maildrop, Message, Refusal, Turn, Unfinished,
    },
    snapshot::Snapshot,
};

/// A [`Login`] with its witness.
pub(super) struct WitnessedLogin {
    pub(super) login: Box<dyn Login>,
    pub(super) tape: Tape,
}

struct WitnessedExchange {
    exchange: Box<dyn Exchange>,
    tape: Tape,
    /// Whether the client may be owed a response to it.
    is_open: bool,
}

struct WitnessedMaildrop {
    maildrop: Box<dyn Maildrop>,
    tape: Tape,
}

struct WitnessedMessage {
    message: Box<dyn Message>,
    tape: Tape,
}

impl Login for WitnessedLogin {
    fn password<'a>(
        &'a mut self,
        user: &'a [u8],
        password: &'a [u8],
    ) -> Answer<'a, Result<Grant, Refusal>> {
        Box::pin(async move {
            // Before it is answered: a call that is given up has claimed as well.
            self.tape.secret(password);
            let granted = self.login.password(user, password).await;
            let (granted, answer) = login(granted, &self.tape);
            let user = Text::of(user);
            self.tape.asked(Asked::Password { user, answer });
            granted
        })
    }

    fn apop<'a>(
        &'a mut self,
        user: &'a [u8],
        digest: &'a [u8],
    ) -> Answer<'a, Result<Grant, Refusal>> {
        Box::pin(async move {
            self.tape.secret(digest);
            let granted = self.login.apop(user, digest).await;
            let (granted, answer) = login(granted, &self.tape);
            let user = Text::of(user);
            self.tape.asked(Asked::Apop { user, answer });
            granted
        })
    }

    fn start(&mut self, mechanism: &str) -> Option<Box<dyn Exchange>> {
        let exchange = self.login.start(mechanism)?;
        self.tape.started(mechanism);
        let tape = self.tape.clone();
        Some(Box::new(WitnessedExchange {
            exchange,
            tape,
            is_open: true,
        }))
    }
}

impl Exchange for WitnessedExchange {
    fn begin<'a>(&'a mut self, initial: Option<&'a [u8]>) -> Answer<'a, Turn> {
        Box::pin(async move {
            self.tape.secret(initial.unwrap_or_default());
            let taken = self.exchange.begin(initial).await;
            let initial = initial.is_some();
            let (taken, answer) = turn(taken, &self.tape);
            self.tape.asked(Asked::Begin { initial, answer });
            self.close_unless(&taken);
            taken
        })
    }

    fn respond<'a>(&'a mut self, response: &'a [u8]) -> Answer<'a, Turn> {
        Box::pin(async move {
            self.tape.secret(response);
            let taken = self.exchange.respond(response).await;
            let (taken, answer) = turn(taken, &self.tape);
            self.tape.asked(Asked::Respond { answer });
            self.close_unless(&taken);
            taken
        })
    }
}

impl WitnessedExchange {
    fn close_unless(&mut self, taken: &Turn) {
        match taken {
            Turn::Challenge(_) => {}
            Turn::Done(_) | Turn::Refused(_) => self.close(),
        }
    }

    fn close(&mut self) {
        if std::mem::take(&mut self.is_open) {
            self.tape.exchange_over();
        }
    }
}

impl Drop for WitnessedExchange {
    fn drop(&mut self) {
        self.close();
    }
}

impl Maildrop for WitnessedMaildrop {
    fn snapshot(&self) -> &Snapshot {
        self.maildrop.snapshot()
    }

    fn open(&mut self, number: u32) -> Answer<'_, Result<Box<dyn Message>, Fault>> {
        Box::pin(async move {
            let opened = self.maildrop.open(number).await;
            let fault = opened.as_ref().err().map(|fault| (*fault).into());
            self.tape.asked(Asked::Open { number, fault });
            let tape = self.tape.clone();
            let message = opened?;
            Ok(Box::new(WitnessedMessage { message, tape }) as Box<dyn Message>)
        })
    }

    fn commit(self: Box<Self>, deleted: Vec<u32>) -> Answer<'static, Result<(), Unfinished>> {
        Box::pin(async move {
            let Self { maildrop, tape } = *self;
            let committed = maildrop.commit(deleted.clone()).await;
            let unfinished = committed.err().map(|rest| (rest.removed, rest.kept));
            tape.asked(Asked::Commit {
                deleted,
                unfinished,
            });
            committed
        })
    }
}

impl Message for WitnessedMessage {
    fn read(&mut self, max: usize) -> Answer<'_, Result<Vec<u8>, Fault>> {
        Box::pin(async move {
            let read = self.message.read(max).await;
            let answer = match &read {
                Ok(octets) => Read::Octets(Text::of(octets)),
                Err(fault) => Read::Fault((*fault).into()),
            };
            self.tape.asked(Asked::Read { answer });
            read
        })
    }
}

fn login(granted: Result<Grant, Refusal>, tape: &Tape) -> (Result<Grant, Refusal>, LoginAnswer) {
    match granted {
        Ok(granted) => {
            let (grant, opened) = grant(granted, tape);
            (Ok(grant), LoginAnswer::Granted(opened))
        }
        Err(refusal) => (Err(refusal), LoginAnswer::Refused(refusal.into())),
    }
}

fn turn(taken: Turn, tape: &Tape) -> (Turn, TurnAnswer) {
    match taken {
        Turn::Challenge(challenge) => {
            let answer = TurnAnswer::Challenge(Text::of(&challenge));
            (Turn::Challenge(challenge), answer)
        }
        Turn::Done(granted) => {
            let (grant, opened) = grant(granted, tape);
            (Turn::Done(grant), TurnAnswer::Granted(opened))
        }
        Turn::Refused(refusal) => (Turn::Refused(refusal), TurnAnswer::Refused(refusal.into())),
    }
}

fn grant(granted: Grant, tape: &Tape) -> (Grant, Opened) {
    let Grant { maildrop, announce } = granted;
    let snapshot = maildrop.snapshot();
    let opened = Opened {
        sizes: snapshot.sizes(1, u32::MAX).to_vec(),
        uids: Text::of(snapshot.uids(1, u32::MAX)),
        announce: announce.to_vec(),
    };
    let tape = tape.clone();
    let maildrop = Box::new(WitnessedMaildrop { maildrop, tape });
    (Grant { maildrop, announce }, opened)
}
