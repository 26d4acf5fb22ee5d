//! A SASL exchange: carries out what the mechanism asks for.
//!
//! Knows no mechanism by name.

use std::{mem, sync::Arc};

use super::{Attempt, Cause, Session};
use crate::{
    account::Account,
    auth::{
        Denial,
        sasl::{Dialogue, Mechanism, Step},
    },
    capability::{Answer, Exchange, Grant, Refusal, Turn},
};

pub(super) struct SaslExchange {
    session: Arc<Session>,
    method: &'static str,
    dialogue: Box<dyn Dialogue>,
    phase: Phase,
}

/// Who the exchange is about, from when the mechanism has asked for a credential on.
struct Claim {
    attempt: Attempt,
    account: Result<Account, Denial>,
}

enum Phase {
    Fresh,
    /// A challenge waits for its response.
    Challenged(Option<Claim>),
    /// Also while a step is being carried out: one that is given up in the middle is not resumed.
    Over,
}

impl SaslExchange {
    pub(super) fn new(session: Arc<Session>, mechanism: &Mechanism) -> Self {
        let dialogue = mechanism.start(&session.context.host);
        Self {
            session,
            method: mechanism.name,
            dialogue,
            phase: Phase::Fresh,
        }
    }

    /// Carries out a step and those that follow from it, until it is the client's turn or over.
    /// `response` is what the client sent last.
    async fn advance(&mut self, claim: Option<Claim>, step: Step, response: &[u8]) -> Turn {
        let (mut claim, mut step) = (claim, step);
        loop {
            match step {
                Step::Challenge(octets) => {
                    self.phase = Phase::Challenged(claim);
                    return Turn::Challenge(octets);
                }
                Step::CheckPassword { user, password } => {
                    return match self.session.admit(self.method, &user).await {
                        Ok(attempt) => attempt.password(password.expose()).await.into(),
                        Err(refusal) => Turn::Refused(refusal),
                    };
                }
                Step::NeedCredential { user, need } => {
                    let attempt = match self.session.admit(self.method, &user).await {
                        Ok(attempt) => attempt,
                        Err(refusal) => return Turn::Refused(refusal),
                    };
                    let known = attempt.credential(need).await;
                    step = self
                        .dialogue
                        .check(known.as_ref().ok().map(|known| &known.credential));
                    claim = Some(Claim {
                        attempt,
                        account: known.map(|known| known.account),
                    });
                }
                Step::Proven => return proven(claim, response).await.into(),
                Step::Refused => return self.refused(claim, response).await,
                Step::Unavailable => return self.refuse(Cause::NoRandomness, b"").await,
            }
        }
    }

    async fn refused(&mut self, claim: Option<Claim>, response: &[u8]) -> Turn {
        let Some(Claim { attempt, account }) = claim else {
            return self.refuse(Cause::Malformed, response).await;
        };
        let cause = account.map_or_else(Cause::from, |_| Cause::WrongProof);
        Turn::Refused(attempt.refuse(cause, response).await)
    }

    /// Refuses before a user is known.
    async fn refuse(&mut self, cause: Cause, response: &[u8]) -> Turn {
        Turn::Refused(match self.session.admit(self.method, b"").await {
            Ok(attempt) => attempt.refuse(cause, response).await,
            Err(refusal) => refusal,
        })
    }
}

impl Exchange for SaslExchange {
    fn begin<'a>(&'a mut self, initial: Option<&'a [u8]>) -> Answer<'a, Turn> {
        Box::pin(async move {
            match mem::replace(&mut self.phase, Phase::Over) {
                Phase::Fresh => {
                    let step = self.dialogue.begin(initial);
                    self.advance(None, step, initial.unwrap_or_default()).await
                }
                Phase::Challenged(_) | Phase::Over => Turn::Refused(Refusal::Denied),
            }
        })
    }

    fn respond<'a>(&'a mut self, response: &'a [u8]) -> Answer<'a, Turn> {
        Box::pin(async move {
            match mem::replace(&mut self.phase, Phase::Over) {
                Phase::Challenged(claim) => {
                    let step = self.dialogue.respond(response);
                    self.advance(claim, step, response).await
                }
                Phase::Fresh | Phase::Over => Turn::Refused(Refusal::Denied),
            }
        })
    }
}

async fn proven(claim: Option<Claim>, response: &[u8]) -> Result<Grant, Refusal> {
    match claim {
        Some(Claim {
            attempt,
            account: Ok(account),
        }) => attempt.open(&account).await,
        // A mechanism that proves a user who is not there is broken; the user is refused.
        Some(Claim {
            attempt,
            account: Err(denial),
        }) => Err(attempt.refuse(denial.into(), response).await),
        None => Err(Refusal::Denied),
    }
}

impl From<Result<Grant, Refusal>> for Turn {
    fn from(result: Result<Grant, Refusal>) -> Self {
        match result {
            Ok(grant) => Self::Done(grant),
            Err(refusal) => Self::Refused(refusal),
        }
    }
}
