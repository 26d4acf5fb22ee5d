//! What a dialogue takes place in: users, their mail, what goes wrong, what is offered.
//!
//! Plain data, filled by the directives of a transcript or by a property. Nothing here acts; see
//! `fake` for the world that is made of it.

use anyhow::{Context as _, Result, bail};
use popcell_component::{Connection, Fault, Refusal};

use crate::{escape, letters};

/// The challenge of APOP in every scene: that of RFC 1939, section 7.
pub const CHALLENGE: &str = "<1896.697170952@dbc.mtview.ca.us>";

/// Somebody who can log in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct User {
    /// The name, compared octet by octet.
    pub name: Vec<u8>,
    /// The password, compared octet by octet.
    pub password: Vec<u8>,
}

/// What goes wrong, and when.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Faults {
    /// The answer to right credentials.
    pub refuse: Option<Refusal>,
    /// The answer to every question for sizes.
    pub sizes: Option<Fault>,
    /// The answer to every question for unique ids.
    pub uids: Option<Fault>,
    /// Messages (1-based) that can not be opened.
    pub open: Vec<(u32, Fault)>,
    /// Messages (1-based) that can be read up to so many octets.
    pub read: Vec<(u32, usize, Fault)>,
    /// Messages (1-based) that a commit does not remove.
    pub keep: Vec<u32>,
}

/// All of it.
#[derive(Clone, Debug)]
pub struct Scene {
    /// What the session is told about its connection.
    pub connection: Connection,
    /// Who can log in. The first one owns `messages`, the others have the maildrop `two`.
    pub users: Vec<User>,
    /// The mail of the first user, as it goes over the wire but for the stuffing.
    pub messages: Vec<Vec<u8>>,
    /// Capability lines that hold after login.
    pub announce: Vec<String>,
    /// Most octets that one read of a message gives: less than a session asks for.
    pub read_octets: usize,
    /// What goes wrong.
    pub faults: Faults,
}

impl Default for Scene {
    fn default() -> Self {
        let user = |name: &str, password: &str| User {
            name: name.as_bytes().to_vec(),
            password: password.as_bytes().to_vec(),
        };
        Self {
            connection: Connection {
                banner: "Popcell ready".to_owned(),
                challenge: None,
                tls: false,
                may_start_tls: false,
                may_login: true,
                mechanisms: Vec::new(),
                announce: Vec::new(),
                max_bad_commands: 3,
                max_bad_commands_after_login: 20,
            },
            users: vec![
                user("alice", "secret"),
                user("bob", "hunter2"),
                // The examples of RFC 1939 (APOP), RFC 2195 (CRAM-MD5) and RFC 7677 (SCRAM).
                user("mrose", "tanstaaf"),
                user("tim", "tanstaaftanstaaf"),
                user("user", "pencil"),
            ],
            messages: vec![letters::of_octets(120), letters::of_octets(200)],
            announce: Vec::new(),
            read_octets: usize::MAX,
            faults: Faults::default(),
        }
    }
}

impl Scene {
    /// Whether the host can play this scene. Its maildrops come with all sizes and unique ids, so
    /// that there is no way for it to be asked for them and fail.
    pub fn is_playable_by_the_host(&self) -> bool {
        self.faults.sizes.is_none() && self.faults.uids.is_none()
    }

    /// Whether a whole server can play this scene. It makes its own challenges, knows the
    /// mechanisms that it has, and says in CAPA what its configuration says; the drivers without a
    /// socket play the rest.
    pub fn is_playable_by_the_server(&self) -> bool {
        let Connection {
            challenge,
            may_start_tls,
            may_login,
            mechanisms,
            announce,
            ..
        } = &self.connection;
        let has_own_mechanisms = mechanisms
            .iter()
            .all(|name| ["LOGIN", "PLAIN"].contains(&name.as_str()));
        self.is_playable_by_the_host()
            && challenge.is_none()
            && !may_start_tls
            && has_own_mechanisms
            && (*may_login || mechanisms.is_empty())
            && announce.is_empty()
            && self.announce.is_empty()
            && !matches!(
                self.faults.refuse,
                Some(Refusal::Denied | Refusal::LoginDelay)
            )
    }

    /// Obeys a directive: `name` without its `@`, and what stands behind it.
    ///
    /// # Errors
    ///
    /// A directive that does not exist, or an argument that it does not take.
    pub fn direct(&mut self, name: &str, argument: &str) -> Result<()> {
        let connection = &mut self.connection;
        match name {
            "announce" => connection.announce.push(argument.to_owned()),
            "announce-user" => self.announce.push(argument.to_owned()),
            "apop" => connection.challenge = Some(CHALLENGE.to_owned()),
            "bad-commands" => connection.max_bad_commands = argument.parse()?,
            "bad-commands-after-login" => {
                connection.max_bad_commands_after_login = argument.parse()?;
            }
            "commit-keeps" => self.faults.keep = numbers(argument)?,
            "mailbox" => self.messages = letters::maildrop(argument).context("no such mailbox")?,
            "mechanisms" => connection.mechanisms = words(argument),
            "message" => self.messages.push(escape::decode(argument)?),
            "no-login" => connection.may_login = false,
            "open-fault" => self.faults.open.push(open_fault(argument)?),
            "read-fault" => self.faults.read.push(read_fault(argument)?),
            "reads-of" => self.read_octets = argument.parse()?,
            "refuse" => self.faults.refuse = Some(refusal(argument)?),
            "sizes-fault" => self.faults.sizes = Some(fault(argument)?),
            "stls" => connection.may_start_tls = true,
            "uids-fault" => self.faults.uids = Some(fault(argument)?),
            "user" => self.users.push(user(argument)?),
            _ => bail!("there is no directive @{name}"),
        }
        Ok(())
    }
}

/// The numbers in `text`, with spaces between them.
///
/// # Errors
///
/// A word that is not a number.
pub fn numbers(text: &str) -> Result<Vec<u32>> {
    text.split_whitespace()
        .map(|word| {
            word.parse()
                .with_context(|| format!("{word:?} is not a number"))
        })
        .collect()
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn user(argument: &str) -> Result<User> {
    let (name, password) = argument.split_once(' ').context("a name and a password")?;
    Ok(User {
        name: escape::decode(name)?,
        password: escape::decode(password)?,
    })
}

fn open_fault(argument: &str) -> Result<(u32, Fault)> {
    let (number, kind) = argument.split_once(' ').context("a number and a fault")?;
    Ok((number.parse()?, fault(kind)?))
}

fn read_fault(argument: &str) -> Result<(u32, usize, Fault)> {
    let [number, octets, kind] = argument.split(' ').collect::<Vec<_>>()[..] else {
        bail!("a number, octets and a fault");
    };
    Ok((number.parse()?, octets.parse()?, fault(kind)?))
}

fn fault(word: &str) -> Result<Fault> {
    match word {
        "gone" => Ok(Fault::Gone),
        "temporary" => Ok(Fault::Temporary),
        "permanent" => Ok(Fault::Permanent),
        _ => bail!("there is no fault {word:?}"),
    }
}

fn refusal(word: &str) -> Result<Refusal> {
    match word {
        "denied" => Ok(Refusal::Denied),
        "in-use" => Ok(Refusal::InUse),
        "login-delay" => Ok(Refusal::LoginDelay),
        "temporary" => Ok(Refusal::Temporary),
        "permanent" => Ok(Refusal::Permanent),
        _ => bail!("there is no refusal {word:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_fill_the_scene() {
        let mut scene = Scene::default();
        for (name, argument) in [
            ("mailbox", "empty"),
            ("message", "\\r\\n"),
            ("read-fault", "1 20 gone"),
            ("user", "a\\sb c d"),
        ] {
            scene.direct(name, argument).expect(name);
        }
        assert_eq!(scene.messages, [b"\r\n"]);
        assert_eq!(scene.faults.read, [(1, 20, Fault::Gone)]);
        let User { name, password } = scene.users.last().expect("a user");
        assert_eq!((&name[..], &password[..]), (&b"a b"[..], &b"c d"[..]));
    }

    #[test]
    fn a_wrong_directive_is_an_error() {
        for (name, argument) in [
            ("mailbix", ""),
            ("mailbox", "none"),
            ("reads-of", "x"),
            ("refuse", ""),
            ("user", "a"),
        ] {
            assert!(Scene::default().direct(name, argument).is_err(), "{name}");
        }
    }
}
