//! A Maildir from outside: what a session sees, whatever else happens to the files meanwhile.
//!
//! The parts have tests of their own; here they are put together, on real files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::*;
use crate::capability::Fault;

mod crash;
mod expire;
mod login;
mod recent;
mod remembered;
mod session;

/// A store with the Maildir of one user.
struct Mail {
    home: TempDir,
    store: Maildir,
}

impl Mail {
    /// A Maildir with these files (`new/1.a`), in a store with the default options.
    fn new<C: AsRef<[u8]>>(files: &[(&str, C)]) -> Self {
        Self::with(|_| {}, files)
    }

    fn with<C: AsRef<[u8]>>(change: impl FnOnce(&mut Options), files: &[(&str, C)]) -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        for folder in ["new", "cur", "tmp"] {
            fs::create_dir_all(home.path().join("al").join(folder)).expect("a folder");
        }
        let template = format!("{}/%u", home.path().display());
        let mut options = Options::new(template.parse().expect("a template"));
        change(&mut options);
        let mail = Self {
            home,
            store: Maildir::new(options).expect("valid options"),
        };
        files
            .iter()
            .for_each(|(file, content)| mail.put(file, content));
        mail
    }

    fn path(&self, file: &str) -> PathBuf {
        self.home.path().join("al").join(file)
    }

    fn put(&self, file: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(file), content).expect("a file");
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).expect("renamed");
    }

    fn remove(&self, file: &str) {
        fs::remove_file(self.path(file)).expect("removed");
    }

    /// The messages that are there, sorted.
    fn files(&self) -> Vec<String> {
        let mut files: Vec<String> = ["new", "cur"]
            .into_iter()
            .flat_map(|folder| list(&self.path(folder), folder))
            .collect();
        files.sort();
        files
    }

    async fn try_login(&self) -> Result<Box<dyn Maildrop>, OpenError> {
        let account = Account {
            user: "al".to_owned(),
            home: None,
        };
        self.store.open(&account, "session").await
    }

    async fn login(&self) -> Box<dyn Maildrop> {
        self.try_login().await.expect("a maildrop")
    }

    /// Sizes and unique ids as a login shows them.
    async fn listed(&self) -> Vec<(u64, String)> {
        listed(&*self.login().await)
    }
}

fn list(path: &Path, folder: &str) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().to_str().expect("text").to_owned();
    let entries = fs::read_dir(path).expect("a folder");
    entries
        .map(|entry| format!("{folder}/{}", name(entry.expect("an entry"))))
        .collect()
}

fn listed(maildrop: &dyn Maildrop) -> Vec<(u64, String)> {
    let snapshot = maildrop.snapshot();
    let text = |uid: Option<&[u8]>| String::from_utf8(uid.expect("a uid").to_vec()).expect("ASCII");
    let entry = |number| {
        (
            snapshot.size(number).expect("a size"),
            text(snapshot.uid(number)),
        )
    };
    (1..=snapshot.count()).map(entry).collect()
}

fn expected(messages: &[(u64, &str)]) -> Vec<(u64, String)> {
    messages
        .iter()
        .map(|(size, uid)| (*size, (*uid).to_owned()))
        .collect()
}

/// Reads a message to its end in pieces of at most `max` octets.
async fn read(maildrop: &mut dyn Maildrop, number: u32, max: usize) -> Result<Vec<u8>, Fault> {
    let mut message = maildrop.open(number).await?;
    let mut whole = Vec::new();
    loop {
        let is_at_end = message.is_at_end();
        let piece = message.read(max).await?;
        assert!(!is_at_end || piece.is_empty());
        assert!(
            piece.len() <= max,
            "{} octets instead of {max}",
            piece.len()
        );
        if piece.is_empty() {
            return Ok(whole);
        }
        whole.extend(piece);
    }
}
