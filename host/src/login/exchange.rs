//! A SASL exchange: carries out what the mechanism asks for.
//!
//! Knows no mechanism by name.

use std::{mem, sync::Arc};

use tracing::error;

use super::{Cause, Session, attempt::Attempt};
use crate::{
    account::Account,
    auth::{
        Credential, Denial, Known, Need,
        sasl::{Dialogue, Mechanism, Proof, Setting, Step},
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
    /// The client has been told why it is refused, and has to answer before it is.
    Told(Refusal),
    /// Also while a step is being carried out: one that is given up in the middle is not resumed.
    Over,
}

impl SaslExchange {
    pub(super) fn new(session: Arc<Session>, mechanism: &Mechanism) -> Self {
        let dialogue = mechanism.start(&Setting {
            host: &session.realms.context().host,
            offered: &session.channel.mechanisms,
            protection: session.circumstances.protection.as_ref(),
        });
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
                Step::NeedCredential { user, need } => match self.look_up(&user, need).await {
                    Ok((found, next)) => (claim, step) = (Some(found), next),
                    Err(refusal) => return Turn::Refused(refusal),
                },
                Step::CheckProof(proof) => match self.verify(&proof).await {
                    Ok(next) => step = next,
                    Err(cause) => return self.fail(claim, cause, response).await,
                },
                Step::CheckPassword { user, password } => {
                    return match self.session.admit(self.method, &user).await {
                        Ok(attempt) => attempt.password(password.expose()).await.into(),
                        Err(refusal) => Turn::Refused(refusal),
                    };
                }
                Step::CheckToken {
                    user,
                    token,
                    failure,
                } => return self.token(user.as_deref(), token.expose(), failure).await,
                Step::Identified { user } => {
                    return match self.session.admit(self.method, user.as_bytes()).await {
                        Ok(attempt) => attempt.identified().await.into(),
                        Err(refusal) => Turn::Refused(refusal),
                    };
                }
                Step::Proven => return proven(claim, response).await.into(),
                Step::Refused => return self.refused(claim, response).await,
                Step::Unavailable => return self.fail(claim, Cause::NoRandomness, b"").await,
            }
        }
    }

    /// Asks for what is known of a user. A user who does not exist is shown to the mechanism too, as
    /// one who knows nothing.
    async fn look_up(&mut self, user: &[u8], need: Need) -> Result<(Claim, Step), Refusal> {
        let attempt = self.session.admit(self.method, user).await?;
        let known = attempt.credential(need).await;
        let decoy: Option<Credential> = match &known {
            Err(Denial::UnknownUser | Denial::NoCredential) => attempt.decoy(need),
            Ok(_) | Err(Denial::WrongProof | Denial::Temporary | Denial::Permanent) => None,
        };
        let (account, credential) = match known {
            Ok(Known {
                account,
                credential,
            }) => (Ok(account), Some(credential)),
            Err(denial) => (Err(denial), decoy),
        };
        let step = self.dialogue.check(credential.as_ref());
        Ok((Claim { attempt, account }, step))
    }

    async fn verify(&mut self, proof: &Proof) -> Result<Step, Cause> {
        let Proof {
            verifier,
            message,
            proof,
        } = proof;
        match verifier.verify(message, proof).await {
            Ok(signature) => Ok(self.dialogue.verified(signature)),
            Err(cause) => {
                error!(%cause, "a login was put off");
                Err(Cause::AuthTemporary)
            }
        }
    }

    async fn token(&mut self, user: Option<&[u8]>, token: &[u8], failure: Vec<u8>) -> Turn {
        let attempt = match self
            .session
            .admit(self.method, user.unwrap_or_default())
            .await
        {
            Ok(attempt) => attempt,
            Err(refusal) => return Turn::Refused(refusal),
        };
        match attempt.token(user, token).await {
            Ok(account) => attempt.open(&account).await.into(),
            // Counted before the client is told, and so even if it does not answer.
            Err(cause) => {
                let refusal = attempt.refuse(cause, token).await;
                if refusal != Refusal::Denied {
                    return Turn::Refused(refusal);
                }
                self.phase = Phase::Told(refusal);
                Turn::Challenge(failure)
            }
        }
    }

    async fn refused(&mut self, claim: Option<Claim>, response: &[u8]) -> Turn {
        let cause = match &claim {
            Some(Claim {
                account: Err(denial),
                ..
            }) => Cause::from(*denial),
            Some(_) => Cause::WrongProof,
            None => Cause::Malformed,
        };
        self.fail(claim, cause, response).await
    }

    /// Refuses, whether it is known who is refused or not.
    async fn fail(&mut self, claim: Option<Claim>, cause: Cause, response: &[u8]) -> Turn {
        let attempt = match claim {
            Some(claim) => Ok(claim.attempt),
            None => self.session.admit(self.method, b"").await,
        };
        Turn::Refused(match attempt {
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
                Phase::Challenged(_) | Phase::Told(_) | Phase::Over => {
                    Turn::Refused(Refusal::Denied)
                }
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
                Phase::Told(refusal) => Turn::Refused(refusal),
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
