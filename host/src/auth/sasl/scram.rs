//! SCRAM (RFC 5802, RFC 7677), with and without channel binding: both sides prove that they know
//! the password, and neither shows it.
//!
//! Parses and compares; what is computed is in `auth::scram`. A user who does not exist is led to
//! the end like one who does.

use std::mem;

use base64ct::{Base64, Encoding};
use subtle::ConstantTimeEq;

use super::{
    Dialogue, Proof, Setting, Step,
    scram_message::{BindingFlag, ClientFinal, ClientFirst},
};
use crate::auth::{
    Credential, Need,
    protection::ChannelBindings,
    scram::{Hash, Verifier},
};

/// Octets of the server's part of the nonce.
const NONCE_OCTETS: usize = 18;

struct Scram {
    hash: Hash,
    binding: Binding,
    phase: Phase,
}

/// What the client may say of channel binding.
enum Binding {
    /// It must use one of these.
    Required(ChannelBindings),
    /// It must not use one. Whether it may say that it could have tells `is_possible`: then it
    /// could, and somebody between has struck that from the list.
    Absent { is_possible: bool },
}

enum Phase {
    AwaitFirst,
    /// The user database is being asked.
    AwaitCredential(Opening),
    AwaitFinal {
        opening: Opening,
        /// The server's message, with the whole nonce and the salt.
        first: String,
        nonce: String,
        verifier: Verifier,
    },
    /// The proof is being checked.
    AwaitVerdict,
    /// The signature has been sent.
    AwaitEnd,
    Over,
}

/// What is kept of the client's first message.
struct Opening {
    /// Without the header of channel binding.
    bare: String,
    nonce: String,
    /// What the client has to repeat: the header, and the data of the channel binding.
    bound: Vec<u8>,
}

/// The mechanism without channel binding.
pub(super) fn start(hash: Hash, setting: &Setting<'_>) -> Box<dyn Dialogue> {
    let plus = match hash {
        Hash::Sha1 => "SCRAM-SHA-1-PLUS",
        Hash::Sha256 => "SCRAM-SHA-256-PLUS",
    };
    let is_possible = setting.offered.contains(&plus);
    scram(hash, Binding::Absent { is_possible })
}

/// The mechanism with channel binding.
pub(super) fn start_plus(hash: Hash, setting: &Setting<'_>) -> Box<dyn Dialogue> {
    scram(hash, Binding::Required(setting.bindings()))
}

fn scram(hash: Hash, binding: Binding) -> Box<dyn Dialogue> {
    Box::new(Scram {
        hash,
        binding,
        phase: Phase::AwaitFirst,
    })
}

impl Scram {
    fn first(&mut self, message: &[u8]) -> Option<Step> {
        let first = ClientFirst::parse(message)?;
        let data = self.binding.data(&first.flag)?;
        self.phase = Phase::AwaitCredential(Opening {
            bare: first.bare.to_owned(),
            nonce: first.nonce.to_owned(),
            bound: [first.header.as_bytes(), data].concat(),
        });
        Some(Step::NeedCredential {
            user: first.user,
            need: Need::Scram(self.hash),
        })
    }

    /// RFC 5802 §5.1: the nonce, the salt and the iterations.
    fn challenge(&mut self, opening: Opening, verifier: Verifier, random: &[u8]) -> Step {
        let nonce = format!("{}{}", opening.nonce, Base64::encode_string(random));
        let salt = Base64::encode_string(verifier.salt());
        let first = format!("r={nonce},s={salt},i={}", verifier.iterations());
        let octets = first.clone().into_bytes();
        self.phase = Phase::AwaitFinal {
            opening,
            first,
            nonce,
            verifier,
        };
        Step::Challenge(octets)
    }
}

impl Binding {
    /// The data that the client's header has to be followed by; `None` if it must not say this.
    fn data(&self, flag: &BindingFlag<'_>) -> Option<&[u8]> {
        match (self, flag) {
            (Self::Required(bindings), BindingFlag::Used(name)) => bindings.find(name),
            (Self::Absent { .. }, BindingFlag::Unsupported) => Some(&[]),
            // RFC 5802 §6: a client that could have used channel binding, and was not told that it
            // can, has been lied to.
            (Self::Absent { is_possible }, BindingFlag::Unused) => (!is_possible).then_some(&[]),
            (Self::Required(_), BindingFlag::Unused | BindingFlag::Unsupported)
            | (Self::Absent { .. }, BindingFlag::Used(_)) => None,
        }
    }
}

impl Dialogue for Scram {
    fn begin(&mut self, initial: Option<&[u8]>) -> Step {
        initial.map_or_else(
            || Step::Challenge(Vec::new()),
            |initial| self.respond(initial),
        )
    }

    fn respond(&mut self, response: &[u8]) -> Step {
        match mem::replace(&mut self.phase, Phase::Over) {
            Phase::AwaitFirst => self.first(response).unwrap_or(Step::Refused),
            Phase::AwaitFinal {
                opening,
                first,
                nonce,
                verifier,
            } => {
                let Some(proof) = prove(&opening, &first, &nonce, verifier, response) else {
                    return Step::Refused;
                };
                self.phase = Phase::AwaitVerdict;
                Step::CheckProof(proof)
            }
            Phase::AwaitEnd if response.is_empty() => Step::Proven,
            Phase::AwaitCredential(_) | Phase::AwaitVerdict | Phase::AwaitEnd | Phase::Over => {
                Step::Refused
            }
        }
    }

    fn check(&mut self, credential: Option<&Credential>) -> Step {
        let Phase::AwaitCredential(opening) = mem::replace(&mut self.phase, Phase::Over) else {
            return Step::Refused;
        };
        let Some(verifier) = credential.and_then(|credential| credential.scram(self.hash)) else {
            return Step::Refused;
        };
        let mut random = [0; NONCE_OCTETS];
        match getrandom::fill(&mut random) {
            Ok(()) => self.challenge(opening, verifier.clone(), &random),
            Err(_) => Step::Unavailable,
        }
    }

    fn verified(&mut self, signature: Option<Vec<u8>>) -> Step {
        let is_awaited = matches!(
            mem::replace(&mut self.phase, Phase::Over),
            Phase::AwaitVerdict
        );
        match signature {
            Some(signature) if is_awaited => {
                self.phase = Phase::AwaitEnd;
                // RFC 5034 §4: nothing can go with the +OK, so this is one more challenge.
                let text = format!("v={}", Base64::encode_string(&signature));
                Step::Challenge(text.into_bytes())
            }
            Some(_) | None => Step::Refused,
        }
    }
}

/// The proof in the client's last message, if that belongs to what was said before it.
fn prove(
    opening: &Opening,
    first: &str,
    nonce: &str,
    verifier: Verifier,
    message: &[u8],
) -> Option<Proof> {
    let last = ClientFinal::parse(message)?;
    // RFC 5802 §5.1: what is repeated must be what was said. It is no secret; what it is bound to
    // may be.
    let is_bound = bool::from(last.bound.ct_eq(&opening.bound));
    (is_bound && last.nonce == nonce).then(|| Proof {
        verifier,
        message: format!("{},{first},{}", opening.bare, last.without_proof).into_bytes(),
        proof: last.proof,
    })
}

#[cfg(test)]
mod client;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
