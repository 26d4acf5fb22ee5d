//! Users in memory, as the lines of a passwd-file give them, and how a claim is checked against
//! them.
//!
//! Reads no file and notices no change; `passwd_file` and `fixed` do.

use std::{
    collections::{HashMap, hash_map::Entry as Slot},
    ffi::OsStr,
    fmt,
    os::unix::ffi::OsStrExt,
    path::PathBuf,
};

use tracing::{error, warn};

use super::{
    Credential, Denial, Known, MAX_USER_OCTETS, Need,
    hasher::Hasher,
    policy::{self, Extremes, Policy},
    scheme::{self, Exhausted, StoredPassword, Work},
    scram::{Hash, Shape},
};
use crate::account::Account;

/// A line that does not give the user a way in. The operator's to mend; holds nothing secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The line, counted from 1.
    pub line: u32,
    /// The user that it is about, as far as it is text.
    pub user: String,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong with a line.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Reason {
    /// An earlier line has the same user; that one counts.
    #[error("already on line {first}, this line is ignored")]
    Duplicate {
        /// The line that counts.
        first: u32,
    },
    /// The line begins with a colon.
    #[error("no user name")]
    NoUser,
    /// The name is not UTF-8; nobody can log in under it.
    #[error("user name is not UTF-8")]
    NotText,
    /// The name is longer than [`MAX_USER_OCTETS`]; nobody can log in under it.
    #[error("user name is longer than {MAX_USER_OCTETS} octets")]
    TooLong,
    /// The password is missing or of no use.
    #[error(transparent)]
    Password(#[from] scheme::Error),
    /// The extra fields say something that cannot be kept.
    #[error(transparent)]
    Policy(#[from] policy::Error),
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}: user {:?}: {}",
            self.line, self.user, self.reason
        )
    }
}

/// Users by name. Names are compared octet by octet.
#[derive(Debug, Default)]
pub struct Directory {
    users: HashMap<Box<[u8]>, Entry>,
    /// How many users have a password of the same cost, in the order of the first of each.
    works: Vec<(Work, usize, StoredPassword)>,
    /// What there is a credential for, for one user at least.
    kept: Vec<Need>,
    /// How many users show the same to a client of SCRAM, in the order of the first of each.
    shapes: Vec<(Hash, Shape, usize)>,
    extremes: Extremes,
}

/// What a user database can keep of a secret.
const KEPT: [Need; 4] = [
    Need::Secret,
    Need::HmacMd5,
    Need::Scram(Hash::Sha1),
    Need::Scram(Hash::Sha256),
];

#[derive(Debug)]
struct Entry {
    line: u32,
    user: Result<User, Reason>,
}

#[derive(Debug)]
struct User {
    account: Account,
    stored: StoredPassword,
    policy: Policy,
}

impl Directory {
    /// Reads lines of the form `user:password:uid:gid:gecos:home:shell:extra`. Everything after the
    /// password may be missing; empty lines and lines that begin with `#` say nothing.
    ///
    /// A line with a problem concerns its user alone, who cannot log in; it is in the list.
    pub fn parse(text: &[u8]) -> (Self, Vec<Problem>) {
        let mut directory = Self::default();
        let mut problems = Vec::new();
        for (line, text) in (1..=u32::MAX).zip(text.split(|octet| *octet == b'\n')) {
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            if text.trim_ascii().is_empty() || text.starts_with(b"#") {
                continue;
            }
            if let Err(reason) = directory.add_line(line, text) {
                let user = text
                    .split(|octet| *octet == b':')
                    .next()
                    .unwrap_or_default();
                let user = String::from_utf8_lossy(&user[..user.len().min(MAX_USER_OCTETS)]);
                problems.push(Problem {
                    line,
                    user: user.into_owned(),
                    reason,
                });
            }
        }
        (directory, problems)
    }

    /// How many users there are, with those who cannot log in.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether there are no users at all.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Adds a user who was not read from a line. The first user of a name counts.
    pub(super) fn add(&mut self, account: Account, stored: StoredPassword) {
        let name = account.user.clone().into_bytes();
        if let Slot::Vacant(slot) = self.users.entry(name.into()) {
            let user = User {
                account,
                stored,
                policy: Policy::default(),
            };
            let stored = user.stored.clone();
            slot.insert(Entry {
                line: 0,
                user: Ok(user),
            });
            self.count(stored);
        }
    }

    /// Checks a password. Takes the same time for users who are not there, as far as they are not
    /// told apart by schemes: the work is that of the scheme that most users have.
    pub(super) async fn password(
        &self,
        hasher: &Hasher,
        user: &[u8],
        password: &[u8],
    ) -> Result<Account, Denial> {
        let Some(entry) = self.users.get(user) else {
            if let Some(stored) = self.usual_work() {
                hasher.pretend(stored, password).await.map_err(exhausted)?;
            }
            return Err(Denial::UnknownUser);
        };
        let known = entry.usable()?;
        match hasher
            .verify(user, &known.stored, password)
            .await
            .map_err(exhausted)?
        {
            true => Ok(known.account.clone()),
            false => Err(Denial::WrongProof),
        }
    }

    /// What is known of a user's secret.
    pub(super) fn credential(
        &self,
        hasher: &Hasher,
        user: &[u8],
        need: Need,
    ) -> Result<Known, Denial> {
        let known = self.find(user)?;
        let credential = match need {
            Need::Scram(hash) => {
                let material = known.stored.scram(hash);
                material.map(|material| Credential::Scram(hasher.verifier(user, hash, material)))
            }
            Need::Secret | Need::HmacMd5 | Need::Token => known.stored.credential(need),
        };
        Ok(Known {
            account: known.account.clone(),
            credential: credential.ok_or(Denial::NoCredential)?,
        })
    }

    /// A credential that looks like that of most users.
    pub(super) fn decoy(&self, hasher: &Hasher, user: &[u8], need: Need) -> Option<Credential> {
        match need {
            Need::Scram(hash) => {
                let verifier = hasher.nobody(user, hash, self.usual_shape(hash));
                Some(Credential::Scram(verifier))
            }
            Need::Secret | Need::HmacMd5 | Need::Token => None,
        }
    }

    /// A user, without any proof.
    pub(super) fn account(&self, user: &[u8]) -> Result<Account, Denial> {
        Ok(self.find(user)?.account.clone())
    }

    /// What holds for this user alone.
    pub(super) fn policy(&self, user: &[u8]) -> Policy {
        let entry = self.users.get(user);
        let user = entry.and_then(|entry| entry.user.as_ref().ok());
        user.map_or_else(Policy::default, |user| user.policy)
    }

    /// Everybody who can log in, by name.
    pub(super) fn everybody(&self) -> Vec<(Account, Policy)> {
        let users = self.users.values();
        let usable = users.filter_map(|entry| entry.user.as_ref().ok());
        let mut all: Vec<_> = usable
            .map(|user| (user.account.clone(), user.policy))
            .collect();
        all.sort_unstable_by(|(one, _), (other, _)| one.user.cmp(&other.user));
        all
    }

    /// The extremes of what holds for single users.
    pub(super) fn extremes(&self) -> Extremes {
        self.extremes
    }

    /// Whether there is a user for whom [`credential`](Self::credential) would give something.
    pub(super) fn keeps(&self, need: Need) -> bool {
        self.kept.contains(&need)
    }

    fn find(&self, user: &[u8]) -> Result<&User, Denial> {
        self.users.get(user).ok_or(Denial::UnknownUser)?.usable()
    }

    fn add_line(&mut self, line: u32, text: &[u8]) -> Result<(), Reason> {
        let mut fields = text.split(|octet| *octet == b':');
        let name = fields.next().unwrap_or_default();
        let password = fields.next().unwrap_or_default();
        let home = fields.nth(3).filter(|home| !home.is_empty());
        // Behind the shell everything is one field, colons and all.
        let extra: Vec<_> = fields.skip(1).collect();
        let account = Account {
            user: user_name(name)?.to_owned(),
            home: home.map(|home| PathBuf::from(OsStr::from_bytes(home))),
        };
        let slot = match self.users.entry(name.into()) {
            Slot::Occupied(taken) => {
                return Err(Reason::Duplicate {
                    first: taken.get().line,
                });
            }
            Slot::Vacant(slot) => slot,
        };
        let read = read(password, &extra.join(&b':'));
        let user = read.clone().map(|(stored, policy)| User {
            account,
            stored,
            policy,
        });
        slot.insert(Entry { line, user });
        let (stored, policy) = read?;
        self.extremes.include(&policy);
        self.count(stored);
        Ok(())
    }

    fn count(&mut self, stored: StoredPassword) {
        for need in KEPT {
            if !self.keeps(need) && stored.keeps(need) {
                self.kept.push(need);
            }
        }
        for hash in [Hash::Sha1, Hash::Sha256] {
            if let Some(material) = stored.scram(hash) {
                self.count_shape(hash, material.shape());
            }
        }
        let work = stored.work();
        match self.works.iter_mut().find(|(known, ..)| *known == work) {
            Some((_, users, _)) => *users += 1,
            None => self.works.push((work, 1, stored)),
        }
    }

    fn count_shape(&mut self, hash: Hash, shape: Shape) {
        let mut shapes = self.shapes.iter_mut();
        match shapes.find(|(known, other, _)| (*known, *other) == (hash, shape)) {
            Some((.., users)) => *users += 1,
            None => self.shapes.push((hash, shape, 1)),
        }
    }

    /// What most users show to a client of SCRAM, the first of two that are as many.
    fn usual_shape(&self, hash: Hash) -> Shape {
        let shapes = self.shapes.iter().filter(|(known, ..)| *known == hash);
        let usual = shapes.rev().max_by_key(|(.., users)| *users);
        usual.map_or_else(Shape::default, |(_, shape, _)| *shape)
    }

    /// A stored password whose check costs what most checks cost. What it says is of no interest.
    fn usual_work(&self) -> Option<&StoredPassword> {
        let most = self.works.iter().map(|(_, users, _)| *users).max()?;
        self.works
            .iter()
            .find(|(_, users, _)| *users == most)
            .map(|(.., stored)| stored)
    }
}

impl Entry {
    fn usable(&self) -> Result<&User, Denial> {
        self.user.as_ref().map_err(|reason| {
            warn!(line = self.line, %reason, "a user cannot log in: the line is broken");
            Denial::Permanent
        })
    }
}

fn read(password: &[u8], extra: &[u8]) -> Result<(StoredPassword, Policy), Reason> {
    Ok((StoredPassword::parse(password)?, Policy::parse(extra)?))
}

fn user_name(name: &[u8]) -> Result<&str, Reason> {
    if name.is_empty() {
        return Err(Reason::NoUser);
    }
    if name.len() > MAX_USER_OCTETS {
        return Err(Reason::TooLong);
    }
    str::from_utf8(name).map_err(|_| Reason::NotText)
}

fn exhausted(cause: Exhausted) -> Denial {
    error!(%cause, "a login was put off");
    Denial::Temporary
}

#[cfg(test)]
mod tests;
