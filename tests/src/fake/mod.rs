//! A host that keeps its mail in memory and goes wrong on demand.
//!
//! One [`World`] stands behind every driver: natively its parts are the component's capabilities,
//! [`lend`] makes the host's out of them, [`serve`] the backends of a whole server. It checks no
//! hash and computes no digest; where it meets one it knows the answer from an RFC.
//!
//! It watches the contract: a call that `wit/pop3.wit` forbids is a panic that names the rule.

mod exchange;
mod forward;
pub mod lend;
mod mail;
pub mod serve;

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use popcell_component::{Host, Refusal};

pub use self::{
    exchange::FakeExchange,
    forward::Forwarding,
    mail::{FakeMaildrop, FakeMessage},
};
use crate::scene::Scene;

/// The digest of APOP for `mrose` and [`crate::scene::CHALLENGE`] (RFC 1939, section 7).
pub const APOP_DIGEST: &[u8] = b"c4c9334bac560ecc979e58001b3e22fb";

/// Users and stored mail, shared by all connections to them.
#[derive(Clone)]
pub struct World(Arc<Shared>);

struct Shared {
    scene: Scene,
    /// In the order of `scene.users`.
    mailboxes: Mutex<Vec<Mailbox>>,
    /// Told whenever a lock is released.
    released: Condvar,
}

/// Who has a maildrop open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Holder {
    /// A session that the driver drives.
    Session,
    /// Somebody else, as the dialogue wants it.
    Other,
}

/// As long as a test waits for what is bound to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is stored for one user.
struct Mailbox {
    letters: Vec<Letter>,
    holder: Option<Holder>,
}

/// A stored message. Its octets and its unique id never change.
#[derive(Clone)]
struct Letter {
    octets: Arc<[u8]>,
    uid: String,
    /// Its number in the first session, by which dialogues speak of it ever after.
    original: u32,
}

impl World {
    /// The world of a scene before anybody has done anything.
    pub fn new(scene: Scene) -> Self {
        let mailboxes = (0..scene.users.len())
            .map(|index| {
                if index == 0 {
                    scene.messages.clone()
                } else {
                    Scene::default().messages
                }
            })
            .map(|messages| Mailbox {
                letters: letters(&messages),
                holder: None,
            })
            .collect();
        let mailboxes = Mutex::new(mailboxes);
        Self(Arc::new(Shared {
            scene,
            mailboxes,
            released: Condvar::new(),
        }))
    }

    /// Whether this is the other world, and not one that is like it.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The scene that the world was made of.
    pub fn scene(&self) -> &Scene {
        &self.0.scene
    }

    /// What one connection may use.
    pub fn host(&self) -> FakeHost {
        FakeHost {
            world: self.clone(),
            has_granted: Arc::default(),
            forwarding: None,
        }
    }

    /// Opens the maildrop of the user with this index.
    ///
    /// # Errors
    ///
    /// [`Refusal::InUse`] if it is locked.
    pub fn open(&self, user: usize, holder: Holder) -> Result<FakeMaildrop, Refusal> {
        let mut mailboxes = self.mailboxes();
        let mailbox = &mut mailboxes[user];
        if mailbox.holder.is_some() {
            return Err(Refusal::InUse);
        }
        mailbox.holder = Some(holder);
        Ok(FakeMaildrop::new(
            self.clone(),
            user,
            mailbox.letters.clone(),
        ))
    }

    /// The index of the user `name`.
    pub fn user(&self, name: &[u8]) -> Option<usize> {
        self.0.scene.users.iter().position(|user| user.name == name)
    }

    /// What the first user has left: the numbers that the messages had in the beginning.
    pub fn stored(&self) -> Vec<u32> {
        self.mailboxes()[0]
            .letters
            .iter()
            .map(|letter| letter.original)
            .collect()
    }

    /// Whether a session holds the maildrop of the user with this index.
    pub fn is_locked(&self, user: usize) -> bool {
        self.mailboxes()[user].holder.is_some()
    }

    /// Waits until no driven session holds a maildrop any more; false if that does not happen.
    pub fn wait_for_release(&self) -> bool {
        let is_held = |mailboxes: &mut Vec<Mailbox>| {
            mailboxes
                .iter()
                .any(|mailbox| mailbox.holder == Some(Holder::Session))
        };
        let waited = self
            .0
            .released
            .wait_timeout_while(self.mailboxes(), PATIENCE, is_held);
        waited.is_ok_and(|(_, waited)| !waited.timed_out())
    }

    fn release(&self, user: usize) {
        self.mailboxes()[user].holder = None;
        self.0.released.notify_all();
    }

    /// What right credentials give: the maildrop, or the refusal that the scene asks for.
    fn admit(&self, user: usize) -> Result<FakeMaildrop, Refusal> {
        self.0
            .scene
            .faults
            .refuse
            .map_or_else(|| self.open(user, Holder::Session), Err)
    }

    /// The index of the user with this name and password.
    fn authenticate(&self, name: &[u8], password: &[u8]) -> Option<usize> {
        self.user(name)
            .filter(|&user| self.0.scene.users[user].password == password)
    }

    fn check_password(&self, name: &[u8], password: &[u8]) -> Result<FakeMaildrop, Refusal> {
        self.authenticate(name, password)
            .ok_or(Refusal::Denied)
            .and_then(|user| self.admit(user))
    }

    fn mailboxes(&self) -> MutexGuard<'_, Vec<Mailbox>> {
        self.0
            .mailboxes
            .lock()
            .expect("nobody panics with this lock")
    }
}

/// Gives every message its unique id: the two of RFC 1939, the longest that there may be, and
/// plain ones.
fn letters(messages: &[Vec<u8>]) -> Vec<Letter> {
    let letter = |(message, original): (&Vec<u8>, u32)| Letter {
        octets: message.clone().into(),
        uid: match original {
            1 => "whqtswO00WBw418f9t5JxYwZ".to_owned(),
            2 => "QhdPYR:00WBw1Ph7x7".to_owned(),
            3 => "~".repeat(70),
            _ => format!("uid-{original}"),
        },
        original,
    };
    messages.iter().zip(1..).map(letter).collect()
}

/// The claims of one connection.
#[derive(Clone)]
pub struct FakeHost {
    world: World,
    has_granted: Arc<AtomicBool>,
    forwarding: Option<Forwarding>,
}

impl FakeHost {
    /// The same, of a host that forwards.
    #[must_use]
    pub fn forwarding(self, forwarding: Option<Forwarding>) -> Self {
        Self { forwarding, ..self }
    }

    fn grant(&self, login: Result<FakeMaildrop, Refusal>) -> Result<FakeMaildrop, Refusal> {
        let maildrop = login?;
        let again = self.has_granted.swap(true, Ordering::Relaxed);
        assert!(!again, "contract: a login after a login");
        Ok(maildrop.forwarding(self.forwarding.clone()))
    }
}

impl Host for FakeHost {
    type Maildrop = FakeMaildrop;
    type Exchange = FakeExchange;

    fn password(&self, user: &[u8], password: &[u8]) -> Result<FakeMaildrop, Refusal> {
        assert!(
            self.world.scene().connection.may_login,
            "contract: USER and PASS are not offered"
        );
        self.grant(self.world.check_password(user, password))
    }

    fn apop(&self, user: &[u8], digest: &[u8]) -> Result<FakeMaildrop, Refusal> {
        let is_offered = self.world.scene().connection.challenge.is_some();
        assert!(is_offered, "contract: APOP is not offered");
        let index = self.world.user(user).ok_or(Refusal::Denied)?;
        if user != b"mrose" || digest != APOP_DIGEST {
            return Err(Refusal::Denied);
        }
        self.grant(self.world.admit(index))
    }

    fn start(&self, mechanism: &str) -> Option<FakeExchange> {
        let mechanisms = &self.world.scene().connection.mechanisms;
        let is_offered = mechanisms.iter().any(|offered| offered == mechanism);
        if is_offered {
            FakeExchange::new(self.clone(), mechanism)
        } else {
            None
        }
    }
}
