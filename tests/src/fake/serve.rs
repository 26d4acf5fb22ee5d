//! The fake host as the backends of a server: a user database and a store.
//!
//! Keeps no secret in a form that APOP or CRAM-MD5 could use: what they say is random over a
//! socket, and is tested with the mechanisms themselves.

use std::future::ready;

use popcell::{
    account::Account,
    auth::{Auth, Denial},
    capability::{Answer, Maildrop},
    mailbox::{Mailbox, OpenError},
};
use popcell_component::Refusal;

use super::{World, lend};

impl Auth for World {
    fn password<'a>(
        &'a self,
        user: &'a [u8],
        password: &'a [u8],
    ) -> Answer<'a, Result<Account, Denial>> {
        let account = self.authenticate(user, password).map(|_| Account {
            user: String::from_utf8_lossy(user).into_owned(),
            home: None,
        });
        Box::pin(ready(account.ok_or(Denial::WrongProof)))
    }
}

impl Mailbox for World {
    fn open<'a>(
        &'a self,
        account: &'a Account,
        _session: &'a str,
    ) -> Answer<'a, Result<Box<dyn Maildrop>, OpenError>> {
        let user = self
            .user(account.user.as_bytes())
            .ok_or(OpenError::Permanent);
        let maildrop = user.and_then(|user| self.admit(user).map_err(open_error));
        Box::pin(ready(maildrop.map(lend::lend)))
    }
}

fn open_error(refusal: Refusal) -> OpenError {
    match refusal {
        Refusal::InUse => OpenError::InUse,
        Refusal::Temporary => OpenError::Temporary,
        Refusal::Denied | Refusal::LoginDelay | Refusal::Permanent => OpenError::Permanent,
    }
}
