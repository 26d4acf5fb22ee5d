//! The mail of `popcell demo`: a Maildir of its own with a few messages that are awkward to serve.
//!
//! Gone when the program ends in order; a killed one leaves it in the temporary directory.

use std::{
    fmt::Write,
    fs::{self, DirBuilder},
    io,
    net::SocketAddr,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use crate::{auth::secret::Secret, config::Users};

/// The user and the password.
const NAME: &str = "demo";

/// What is served, in the order of the message numbers.
const MESSAGES: [&[u8]; 6] = [
    include_bytes!("demo/1-welcome.eml"),
    include_bytes!("demo/2-minutes-with-attachment.eml"),
    include_bytes!("demo/3-recipe-in-utf-8.eml"),
    include_bytes!("demo/4-lines-that-begin-with-dots.eml"),
    include_bytes!("demo/5-one-long-line.eml"),
    include_bytes!("demo/6-without-a-final-newline.eml"),
];

/// When the first message was delivered, by its file name; the others follow a minute apart each.
const DELIVERED: u64 = 1_767_254_400;

/// A temporary Maildir with messages. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Demo {
    directory: PathBuf,
    maildir: PathBuf,
}

/// The only user.
pub(super) fn users() -> Users {
    Users::One {
        name: NAME.to_owned(),
        password: Secret::from(NAME.as_bytes()),
    }
}

/// What to try with a server that listens here.
pub(super) fn hints(addresses: &[SocketAddr]) -> String {
    let count = MESSAGES.len();
    let mut hints = format!("\n{count} messages for user {NAME}, password {NAME}. Try:\n");
    for address in addresses {
        let (host, port) = (address.ip(), address.port());
        let lines = [
            (
                format!("curl -s pop3://{address} -u {NAME}:{NAME}"),
                "lists the messages",
            ),
            (
                format!("curl -s pop3://{address}/1 -u {NAME}:{NAME}"),
                "shows the first one",
            ),
            (
                format!("telnet {host} {port}"),
                "then: USER demo, PASS demo, STAT, QUIT",
            ),
        ];
        for (command, purpose) in lines {
            // Writing to a String does not fail.
            let _ = writeln!(hints, "  {command:<46}  {purpose}");
        }
    }
    hints.push_str("Ctrl-C stops the server and removes the messages.\n");
    hints
}

impl Demo {
    /// Writes the messages to a new directory in `parent`, which nobody else can read.
    pub(super) fn create(parent: &Path) -> io::Result<Self> {
        let random = getrandom::u64().map_err(io::Error::other)?;
        let directory = fs::canonicalize(parent)?.join(format!("popcell-demo-{random:016x}"));
        DirBuilder::new().mode(0o700).create(&directory)?;
        let demo = Self {
            maildir: directory.join("Maildir"),
            directory,
        };
        demo.fill()?;
        Ok(demo)
    }

    pub(super) fn maildir(&self) -> &Path {
        &self.maildir
    }

    fn fill(&self) -> io::Result<()> {
        for name in ["new", "cur", "tmp"] {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(self.maildir.join(name))?;
        }
        for (seconds, message) in (DELIVERED..).step_by(60).zip(MESSAGES) {
            fs::write(
                self.maildir.join(format!("new/{seconds}.{NAME}.popcell")),
                message,
            )?;
        }
        Ok(())
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // What is left lies in the temporary directory, and there is nobody to tell.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_messages_are_there_until_the_end() {
        let parent = tempfile::tempdir().expect("temporary directory");
        let demo = Demo::create(parent.path()).expect("created");
        let mut names: Vec<PathBuf> = fs::read_dir(demo.maildir().join("new"))
            .expect("a directory")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        names.sort();
        let read: Vec<Vec<u8>> = names
            .iter()
            .map(|name| fs::read(name).expect("a message"))
            .collect();
        assert_eq!(read, MESSAGES);
        drop(demo);
        assert_eq!(fs::read_dir(parent.path()).expect("a directory").count(), 0);
    }

    #[test]
    fn the_messages_are_as_awkward_as_their_names_say() {
        let [welcome, attachment, utf_8, dots, long, unfinished] = MESSAGES;
        let lines = |message: &'static [u8]| message.split(|octet| *octet == b'\n');
        for message in MESSAGES {
            let header: Vec<&[u8]> = lines(message).take_while(|line| !line.is_empty()).collect();
            for field in ["From: ", "To: ", "Subject: ", "Date: ", "Message-ID: "] {
                let count = header
                    .iter()
                    .filter(|line| line.starts_with(field.as_bytes()))
                    .count();
                assert_eq!(
                    count,
                    1,
                    "{field} in {}",
                    String::from_utf8_lossy(header[0])
                );
            }
            assert!(
                !message.contains(&b'\r'),
                "a Maildir has the line ends of its machine"
            );
        }
        assert!(lines(welcome).any(|line| line == b"."));
        assert!(lines(attachment).any(|line| line.starts_with(b"Content-Type: multipart/mixed")));
        assert!(utf_8.iter().filter(|octet| !octet.is_ascii()).count() > 20);
        assert!(lines(dots).filter(|line| line.starts_with(b".")).count() > 5);
        assert!(lines(long).any(|line| line.len() > 4000));
        assert_eq!(
            MESSAGES
                .iter()
                .filter(|message| !message.ends_with(b"\n"))
                .count(),
            1
        );
        assert!(!unfinished.ends_with(b"\n"));
    }

    #[test]
    fn hints_name_the_address_as_clients_take_it() {
        let hints = hints(&["[::1]:1110".parse().expect("address")]);
        assert!(
            hints.contains("  curl -s pop3://[::1]:1110/1 -u demo:demo "),
            "{hints}"
        );
        assert!(hints.contains("  telnet ::1 1110 "), "{hints}");
        assert!(
            hints.starts_with("\n6 messages for user demo, password demo."),
            "{hints}"
        );
    }
}
