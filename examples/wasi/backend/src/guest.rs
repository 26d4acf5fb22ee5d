//! The border: exports `mail` and `auth`. Converts, and checks the numbers that the session gives.

use std::{cell::RefCell, io, path::Path};

use crate::{Place, maildir, users};

use exports::popcell::pop3::{auth, mail};

wit_bindgen::generate!({ path: "../../../wit", world: "pop3-backend" });

struct Backend;

export!(Backend);

struct Maildrop(maildir::Maildrop);

struct Message(RefCell<maildir::Message>);

/// No mechanism is offered, so that there is never one.
enum Exchange {}

impl mail::Guest for Backend {
    type Maildrop = Maildrop;
    type Message = Message;
}

impl auth::Guest for Backend {
    type Exchange = Exchange;

    fn password(user: Vec<u8>, password: Vec<u8>) -> Result<mail::Maildrop, auth::Refusal> {
        let place =
            Place::from_arguments(std::env::args().skip(1)).ok_or(auth::Refusal::Permanent)?;
        let is_right = users::is_right(&place.users, &user, &password)
            .map_err(|error| unavailable(&place.users, &error))?;
        if !is_right {
            return Err(auth::Refusal::Denied);
        }
        let name = String::from_utf8(user).map_err(|_| auth::Refusal::Denied)?;
        let folder = place.mail.join(name);
        match maildir::Maildrop::lock(folder.clone()) {
            Ok(maildrop) => Ok(mail::Maildrop::new(Maildrop(maildrop))),
            Err(maildir::Error::InUse) => Err(auth::Refusal::InUse),
            Err(maildir::Error::Io(error)) => Err(unavailable(&folder, &error)),
        }
    }

    /// The challenge is the driver's, and the contract has no way to tell it to a backend.
    fn apop(_user: Vec<u8>, _digest: Vec<u8>) -> Result<mail::Maildrop, auth::Refusal> {
        Err(auth::Refusal::Denied)
    }
}

/// The client is told that an operator has to act; why is for the operator to read.
fn unavailable(path: &Path, error: &io::Error) -> auth::Refusal {
    eprintln!("pop3-server: {}: {error}", path.display());
    auth::Refusal::Permanent
}

impl auth::GuestExchange for Exchange {
    fn start(_mechanism: String) -> Option<auth::Exchange> {
        None
    }

    fn begin(&self, _initial: Option<Vec<u8>>) -> auth::Turn {
        match *self {}
    }

    fn respond(&self, _response: Vec<u8>) -> auth::Turn {
        match *self {}
    }
}

impl mail::GuestMaildrop for Maildrop {
    fn summary(&self) -> mail::Summary {
        let count = self.0.count();
        mail::Summary {
            count,
            octets: self.0.sizes(1, count).sum(),
        }
    }

    fn sizes(&self, first: u32, max: u32) -> Result<Vec<u64>, mail::Fault> {
        Ok(self.0.sizes(first, max).collect())
    }

    fn uids(&self, first: u32, max: u32) -> Result<Vec<u8>, mail::Fault> {
        let lines = self.0.uids(first, max).map(|uid| uid + "\n");
        Ok(lines.collect::<String>().into_bytes())
    }

    fn announce(&self) -> Vec<String> {
        Vec::new()
    }

    fn open(&self, number: u32) -> Result<mail::Message, mail::Fault> {
        let message = self.0.open(number)?;
        Ok(mail::Message::new(Message(RefCell::new(message))))
    }

    fn commit(this: mail::Maildrop, marks: Vec<u8>) -> Result<(), mail::Unfinished> {
        let maildrop = this.into_inner::<Self>().0;
        let is_marked = |number: &u32| {
            let (octet, bit) = ((number - 1) / 8, (number - 1) % 8);
            usize::try_from(octet)
                .ok()
                .and_then(|octet| marks.get(octet))
                .is_some_and(|octet| octet & (1 << bit) != 0)
        };
        let numbers: Vec<_> = (1..=maildrop.count()).filter(is_marked).collect();
        let marked = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        match maildrop.commit(&numbers) {
            0 => Ok(()),
            kept => Err(mail::Unfinished {
                removed: marked - kept,
                kept,
            }),
        }
    }
}

impl mail::GuestMessage for Message {
    fn read(&self, max: u32) -> Result<Vec<u8>, mail::Fault> {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        Ok(self.0.borrow_mut().read(max)?)
    }
}

impl From<maildir::Fault> for mail::Fault {
    fn from(fault: maildir::Fault) -> Self {
        match fault {
            maildir::Fault::Gone => Self::Gone,
            maildir::Fault::Temporary => Self::Temporary,
        }
    }
}
