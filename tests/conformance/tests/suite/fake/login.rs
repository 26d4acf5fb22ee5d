//! The fake server's logins: APOP, AUTH, and what a login does to the maildrop.
//!
//! The arithmetic of the mechanisms is in `sasl`.

use base64ct::{Base64, Encoding as _};
use md5::{Digest as _, Md5};

use super::{
    Fault, PASSWORD, USER,
    sasl::{hex, scram_challenge, scram_signature},
    session::{Flow, Session},
    transaction::Maildrop,
    wire::Heard,
};

/// The challenge of CRAM-MD5.
const CHALLENGE: &str = "<1@fake.example.org>";

impl Session<'_> {
    /// Answers a login whose credentials are right or not.
    pub(super) fn log_in(&mut self, is_right: bool) -> Flow {
        let is_locked = self.world.store().is_locked;
        if is_locked && self.has(Fault::InUseBeforePassword) {
            return self.err("[IN-USE] locked");
        }
        let is_poisoned = self.has_failed && self.has(Fault::FailedLoginPoisons);
        if !is_right || is_poisoned || self.has(Fault::NobodyLogsIn) {
            self.has_failed = true;
            return match self.world.fault {
                Some(Fault::SysForCredentials) => self.err("[SYS/TEMP] denied"),
                Some(Fault::DeniedWithoutCode) => self.err("denied"),
                _ => self.err("[AUTH] denied"),
            };
        }
        if is_locked && !self.has(Fault::NoLock) {
            if self.has(Fault::RefusedLoginLocks) {
                self.world.store().is_stuck = true;
            }
            return self.err("[IN-USE] locked");
        }
        self.open()
    }

    fn open(&mut self) -> Flow {
        let setting = self.world.setting;
        let mut store = self.world.store();
        let is_early = setting.has_login_delay && store.logins > 0;
        if store.is_stuck {
            drop(store);
            return self.err("[IN-USE] locked");
        }
        if is_early && !self.has(Fault::LoginDelayNotEnforced) && !self.has(Fault::LoginDelayGrows)
        {
            drop(store);
            return self.err("[LOGIN-DELAY] too early");
        }
        store.is_locked = true;
        store.logins += 1;
        let maildrop = Maildrop::new(self.world, &store);
        drop(store);
        self.maildrop = Some(maildrop);
        if self.has(Fault::LoginDiscardsPipeline) {
            self.wire.discard();
        }
        self.ok("logged in")
    }

    pub(super) fn apop(&mut self, argument: &str) -> Flow {
        if !self.world.setting.has_apop {
            return self.err("no APOP");
        }
        let digest = hex(&Md5::digest(format!("{}{PASSWORD}", self.timestamp)));
        let is_right = argument == format!("{USER} {digest}");
        self.log_in(is_right || self.has(Fault::ApopAnyDigest))
    }

    pub(super) fn auth(&mut self, argument: &str) -> Flow {
        let (name, initial) = match argument.split_once(' ') {
            Some((name, initial)) => (name, Some(initial)),
            None => (argument, None),
        };
        let name = match self.has(Fault::KeywordsInUpperCaseOnly) {
            true => name.to_owned(),
            false => name.to_ascii_uppercase(),
        };
        match name.as_str() {
            "PLAIN" if self.takes_passwords() || self.has(Fault::PlainTakenInTheClear) => {
                self.auth_plain(initial)
            }
            "CRAM-MD5" if !self.is_mute() || self.has(Fault::CramMd5TakenInTheClear) => {
                self.auth_cram_md5(initial)
            }
            "SCRAM-SHA-256" if !self.is_mute() => self.auth_scram(initial),
            _ if self.has(Fault::UnknownMechanismChallenged) => self.line("+ "),
            _ => self.err("no such mechanism"),
        }
    }

    fn auth_plain(&mut self, initial: Option<&str>) -> Flow {
        let response = match initial {
            Some("=") if self.has(Fault::EmptyInitialAsNone) => self.challenge(b""),
            Some("=") => Some(String::new()),
            Some(initial) => Some(initial.to_owned()),
            None if self.has(Fault::InitialResponseNeeded) => return self.err("say more"),
            None => self.challenge(b""),
        };
        let Some(response) = response else {
            return self.cancelled();
        };
        let is_right = self.world.plain(&response);
        let flow = self.log_in(is_right);
        if !is_right && self.has(Fault::FailedAuthCloses) {
            Flow::Close
        } else {
            flow
        }
    }

    fn auth_cram_md5(&mut self, initial: Option<&str>) -> Flow {
        if initial.is_some() && !self.has(Fault::InitialResponseToCramMd5) {
            return self.err("[AUTH] the server speaks first");
        }
        let Some(response) = self.challenge(CHALLENGE.as_bytes()) else {
            return self.cancelled();
        };
        let is_right = self.world.cram_md5(&response, CHALLENGE);
        self.log_in(is_right)
    }

    fn auth_scram(&mut self, initial: Option<&str>) -> Flow {
        let text = |octets| String::from_utf8(octets).ok();
        let first = initial
            .and_then(|initial| self.world.decode(initial))
            .and_then(text);
        let challenge = first.as_deref().and_then(scram_challenge);
        let Some((first, challenge)) = first.zip(challenge) else {
            return self.err("say more");
        };
        let last = self.challenge(challenge.as_bytes());
        let last = last
            .and_then(|last| self.world.decode(&last))
            .and_then(text);
        let signature = last.and_then(|last| scram_signature(&first, &challenge, &last));
        match signature {
            None => self.log_in(false),
            Some(signature) if self.has(Fault::DataWithSuccess) => {
                self.log_in(true);
                self.line(&signature)
            }
            Some(signature) => {
                let is_right = self
                    .challenge(signature.as_bytes())
                    .is_some_and(|it| it.is_empty());
                self.log_in(is_right)
            }
        }
    }

    fn cancelled(&mut self) -> Flow {
        self.err("cancelled")
    }

    /// Sends a challenge and reads the response; none if it was cancelled.
    fn challenge(&mut self, octets: &[u8]) -> Option<String> {
        let space = if self.has(Fault::ChallengeWithoutSpace) {
            ""
        } else {
            " "
        };
        self.line(&format!("+{space}{}", Base64::encode_string(octets)));
        let Heard::Line(line) = self.wire.line(true, None) else {
            return None;
        };
        let line = String::from_utf8_lossy(&line).into_owned();
        if line == "*" && !self.has(Fault::CancellationIgnored) {
            return None;
        }
        if line == "*" {
            return self.challenge(octets);
        }
        if self.has(Fault::ResponsesOf500) && line.len() > 500 {
            self.wire.discard();
            self.line("-ERR too long");
            return Some("too long".to_owned());
        }
        Some(line)
    }
}
