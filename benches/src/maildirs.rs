//! The Maildirs of a server: which there are, how they are written, what is left in them.
//!
//! Every server has its own, with the same content. What the messages say is in `letters.rs`.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::chown,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use crate::letters::Letter;

/// The password of everybody.
pub(crate) const PASSWORD: &str = "secret";

/// When the first message was delivered, in seconds since 1970.
const FIRST_DELIVERY: u64 = 1_700_000_000;

/// A kind of mailbox.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// A few small messages, for sessions and memory.
    Few,
    /// Many messages of ordinary size.
    Small,
    /// Messages with a picture.
    Medium,
    /// Messages of the size that servers often allow at most.
    Large,
    /// Messages that are retrieved and deleted.
    Drain,
}

/// How many mailboxes of a kind there are, and what is in each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) users: usize,
    pub(crate) messages: usize,
    /// Of a message's file.
    pub(crate) octets: usize,
}

/// The shapes of all kinds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shapes {
    pub(crate) few: Shape,
    pub(crate) small: Shape,
    pub(crate) medium: Shape,
    pub(crate) large: Shape,
    pub(crate) drain: Shape,
}

/// The Maildirs of one server.
#[derive(Clone, Debug)]
pub(crate) struct Maildirs {
    /// One directory for each user.
    pub(crate) root: PathBuf,
    /// Whose they are; none: ours.
    pub(crate) owner: Option<u32>,
    pub(crate) shapes: Shapes,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [
        Self::Few,
        Self::Small,
        Self::Medium,
        Self::Large,
        Self::Drain,
    ];

    /// The name of a user with such a mailbox, counted from 0.
    pub(crate) fn user(self, index: usize) -> String {
        let name = match self {
            Self::Few => "few",
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
            Self::Drain => "drain",
        };
        format!("{name}{index}")
    }
}

impl Shape {
    /// What is in each of the mailboxes.
    pub(crate) fn letters(self) -> Vec<Letter> {
        self.each_letter().collect()
    }

    /// The same, one after the other: there may be more than are to be in memory.
    pub(crate) fn each_letter(self) -> impl Iterator<Item = Letter> {
        (1..=self.messages).map(move |number| Letter::new(self.octets, number))
    }
}

impl Shapes {
    pub(crate) fn of(&self, kind: Kind) -> Shape {
        match kind {
            Kind::Few => self.few,
            Kind::Small => self.small,
            Kind::Medium => self.medium,
            Kind::Large => self.large,
            Kind::Drain => self.drain,
        }
    }
}

impl Maildirs {
    /// Writes all mailboxes of a kind as deliveries have left them. What was in them is gone.
    pub(crate) fn write(&self, kind: Kind) -> io::Result<()> {
        let shape = self.shapes.of(kind);
        let letters = shape.letters();
        for index in 0..shape.users {
            self.fill(&self.of(kind, index), letters.iter().cloned())?;
        }
        Ok(())
    }

    /// Writes one mailbox of a kind as deliveries have left it, however many messages that is.
    pub(crate) fn write_one(&self, kind: Kind, index: usize) -> io::Result<()> {
        self.fill(&self.of(kind, index), self.shapes.of(kind).each_letter())
    }

    /// A user's Maildir.
    pub(crate) fn of(&self, kind: Kind, index: usize) -> PathBuf {
        self.root.join(kind.user(index))
    }

    /// How many files there are in a user's folders.
    pub(crate) fn left(&self, kind: Kind, index: usize) -> io::Result<usize> {
        let maildir = self.of(kind, index);
        let mut left = 0;
        for folder in ["cur", "new"] {
            left += fs::read_dir(maildir.join(folder))?.count();
        }
        Ok(left)
    }

    /// All users in Dovecot's passwd-file format.
    pub(crate) fn passwd(&self) -> String {
        let owner = self.owner.unwrap_or_default();
        let line = |(user, home): (String, PathBuf)| {
            let home = home.display();
            format!("{user}:{{PLAIN}}{PASSWORD}:{owner}:{owner}::{home}::\n")
        };
        self.users().map(line).collect()
    }

    /// All users, each with the Maildir.
    pub(crate) fn users(&self) -> impl Iterator<Item = (String, PathBuf)> {
        Kind::ALL.into_iter().flat_map(move |kind| {
            let users = 0..self.shapes.of(kind).users;
            users.map(move |index| (kind.user(index), self.of(kind, index)))
        })
    }

    fn fill(&self, maildir: &Path, letters: impl Iterator<Item = Letter>) -> io::Result<()> {
        match fs::remove_dir_all(maildir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => fs::create_dir_all(maildir)?,
        }
        self.give_away(maildir)?;
        for folder in ["cur", "new", "tmp"] {
            let folder = maildir.join(folder);
            fs::create_dir(&folder)?;
            self.give_away(&folder)?;
        }
        for (number, letter) in (0..).zip(letters) {
            self.deliver(maildir, number, &letter)?;
        }
        Ok(())
    }

    /// Puts a message where a delivery leaves it, behind those with a lower number; its file.
    pub(crate) fn deliver(
        &self,
        maildir: &Path,
        number: u64,
        letter: &Letter,
    ) -> io::Result<PathBuf> {
        let delivery = FIRST_DELIVERY + number;
        let path = maildir.join(format!("new/{delivery}.M{number}P1.bench"));
        let mut file = File::create(&path)?;
        file.write_all(&letter.stored)?;
        // Some servers take the order from here.
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(delivery))?;
        self.give_away(&path)?;
        Ok(path)
    }

    fn give_away(&self, path: &Path) -> io::Result<()> {
        match self.owner {
            Some(owner) => chown(path, Some(owner), Some(owner)),
            None => Ok(()),
        }
    }
}
