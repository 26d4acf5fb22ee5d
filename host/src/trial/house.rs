//! Whom the trial lets in, and what they then hold: users and mail of its own.
//!
//! Keeps everything in memory. Says no more than a host does: what a component makes of it is heard
//! in `stage.rs`.

use std::{future::ready, sync::Arc};

use super::dialogue::Scene;
use crate::{
    account::Account,
    capability::{Answer, Exchange, Grant, Login, Refusal, Turn},
    mailbox::{Mailbox as _, OpenError, memory::Memory},
    sandbox::Connection,
};

/// Whose mail the scene is about.
pub(super) const OWNER: &str = "alice";

/// The challenge, the user and the digest of the example in RFC 1939, section 7.
const CHALLENGE: &str = "<1896.697170952@dbc.mtview.ca.us>";
const APOP_USER: &str = "mrose";
const APOP_DIGEST: &[u8] = b"c4c9334bac560ecc979e58001b3e22fb";

/// Users with their passwords, and why those who have the right one are refused.
const USERS: [(&str, &str, Option<Refusal>); 7] = [
    (OWNER, "secret", None),
    ("bob", "two  words ", None),
    (APOP_USER, "tanstaaf", None),
    ("busy", "secret", Some(Refusal::InUse)),
    ("hasty", "secret", Some(Refusal::LoginDelay)),
    ("unlucky", "secret", Some(Refusal::Temporary)),
    ("broken", "secret", Some(Refusal::Permanent)),
];

/// A maildrop with its users. Clones share it.
#[derive(Clone)]
pub(super) struct House {
    store: Memory,
    scene: Arc<Scene>,
}

impl House {
    pub(super) fn new(scene: &Scene) -> Self {
        let others = USERS.iter().filter(|(name, ..)| *name != OWNER);
        let others = others.map(|(name, ..)| (*name, vec![b"Subject: hi\r\n\r\nhi\r\n".to_vec()]));
        let store = Memory::new(others.chain([(OWNER, scene.messages.clone())]));
        for (number, trouble) in &scene.troubles {
            store.trouble(OWNER, *number, Some(*trouble));
        }
        Self {
            store,
            scene: Arc::new(scene.clone()),
        }
    }

    /// What a session is told of its connection.
    pub(super) fn facts(&self) -> Connection {
        let Scene {
            mechanisms,
            is_apop,
            announce,
            ..
        } = &*self.scene;
        Connection {
            banner: "Trial".into(),
            challenge: is_apop.then(|| CHALLENGE.to_owned()),
            tls: false,
            may_start_tls: false,
            may_login: true,
            mechanisms: mechanisms.iter().cloned().map(Into::into).collect(),
            announce: announce.as_slice().into(),
            // More than a dialogue has: what ends a session is not what it is about.
            max_bad_commands: 100,
            max_bad_commands_after_login: 100,
        }
    }

    /// The claims of one cell.
    pub(super) fn login(&self) -> Box<dyn Login> {
        Box::new(self.clone())
    }

    /// Which of the owner's messages are left, by their numbers in the beginning.
    pub(super) fn stored(&self) -> Vec<u32> {
        let mut left = self.store.messages(OWNER).into_iter().peekable();
        let mut numbers = Vec::new();
        for (number, message) in (1..).zip(&self.scene.messages) {
            if left.next_if_eq(message).is_some() {
                numbers.push(number);
            }
        }
        numbers
    }

    async fn check(&self, user: &[u8], password: &[u8]) -> Result<Grant, Refusal> {
        let found = USERS.iter().find(|(name, ..)| name.as_bytes() == user);
        match found {
            Some((_, right, Some(refusal))) if right.as_bytes() == password => Err(*refusal),
            Some((name, right, None)) if right.as_bytes() == password => self.open(name).await,
            Some(_) | None => Err(Refusal::Denied),
        }
    }

    async fn open(&self, user: &str) -> Result<Grant, Refusal> {
        let account = Account {
            user: user.to_owned(),
            home: None,
        };
        let maildrop = self.store.open(&account, "trial").await;
        let maildrop = maildrop.map_err(|error| match error {
            OpenError::InUse => Refusal::InUse,
            OpenError::Temporary => Refusal::Temporary,
            OpenError::Permanent => Refusal::Permanent,
        })?;
        Ok(Grant {
            maildrop,
            announce: Arc::default(),
        })
    }
}

impl Login for House {
    fn password<'a>(
        &'a mut self,
        user: &'a [u8],
        password: &'a [u8],
    ) -> Answer<'a, Result<Grant, Refusal>> {
        Box::pin(self.check(user, password))
    }

    fn apop<'a>(
        &'a mut self,
        user: &'a [u8],
        digest: &'a [u8],
    ) -> Answer<'a, Result<Grant, Refusal>> {
        if user == APOP_USER.as_bytes() && digest == APOP_DIGEST {
            return Box::pin(self.open(APOP_USER));
        }
        Box::pin(ready(Err(Refusal::Denied)))
    }

    fn start(&mut self, mechanism: &str) -> Option<Box<dyn Exchange>> {
        let is_offered = self.scene.mechanisms.iter().any(|name| name == mechanism);
        is_offered.then(|| Box::new(Plain(self.clone())) as Box<dyn Exchange>)
    }
}

/// SASL PLAIN, the one mechanism of the trial (RFC 4616).
struct Plain(House);

impl Plain {
    async fn check(&self, message: &[u8]) -> Turn {
        let parts: Vec<_> = message.split(|octet| *octet == 0).collect();
        let granted = match parts[..] {
            [acted, user, password] if acted.is_empty() || acted == user => {
                self.0.check(user, password).await
            }
            _ => Err(Refusal::Denied),
        };
        granted.map_or_else(Turn::Refused, Turn::Done)
    }
}

impl Exchange for Plain {
    fn begin<'a>(&'a mut self, initial: Option<&'a [u8]>) -> Answer<'a, Turn> {
        match initial {
            Some(message) => Box::pin(self.check(message)),
            None => Box::pin(ready(Turn::Challenge(Vec::new()))),
        }
    }

    fn respond<'a>(&'a mut self, response: &'a [u8]) -> Answer<'a, Turn> {
        Box::pin(self.check(response))
    }
}
