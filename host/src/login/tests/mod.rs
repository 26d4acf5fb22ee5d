//! Logins against a made-up user database and mail store, with a clock that is moved by waiting.
//!
//! What they log in to, and how a test looks at it.

use std::{
    future::{Future, poll_fn, ready},
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::Poll,
    time::Duration,
};

use super::*;
use crate::{
    account::Account,
    auth::{
        Credential, Denial, Known, Need, attempts,
        fixed::FixedUsers,
        hasher::{Hasher, Limits},
        hmac_md5::HmacMd5,
        policy::{Extremes, Policy},
        scheme::StoredPassword,
    },
    capability::{Fault, Maildrop, Message, Turn, Unfinished},
    mailbox::OpenError,
    snapshot::Snapshot,
};

mod exchange;
mod mechanism;
mod password;
mod policy;

const GREETING: &str = "<1896.697170952@dbc.mtview.ca.us>";
const SECOND: Duration = Duration::from_secs(1);

/// alice's secret is known, bob's is not.
struct Users {
    known: FixedUsers,
    asked: AtomicUsize,
    fault: Option<Denial>,
    /// What holds for alice alone.
    policy: Policy,
}

impl Users {
    fn new(fault: Option<Denial>) -> Self {
        let user = |name: &str, stored: &str| {
            let stored = StoredPassword::parse(stored.as_bytes()).expect(stored);
            (
                Account {
                    user: name.to_owned(),
                    home: None,
                },
                stored,
            )
        };
        let bob = "$2y$04$7YdzWq8AJmduhOioM4EJCeLb5yTRJOsnyUyV01tbcxmIUdne3gTIq";
        let users = [user("alice", "{PLAIN}tanstaaf"), user("bob", bob)];
        let hasher = Hasher::new(Limits::default()).expect("a random key");
        Self {
            known: FixedUsers::new(users, hasher),
            asked: AtomicUsize::new(0),
            fault,
            policy: Policy::default(),
        }
    }
}

impl Auth for Users {
    fn password<'a>(
        &'a self,
        user: &'a [u8],
        password: &'a [u8],
    ) -> Answer<'a, Result<Account, Denial>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match self.fault {
            Some(fault) => Box::pin(ready(Err(fault))),
            None => self.known.password(user, password),
        }
    }

    fn credential<'a>(&'a self, user: &'a [u8], need: Need) -> Answer<'a, Result<Known, Denial>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match self.fault {
            Some(fault) => Box::pin(ready(Err(fault))),
            None => self.known.credential(user, need),
        }
    }

    fn decoy(&self, user: &[u8], need: Need) -> Option<Credential> {
        self.known.decoy(user, need)
    }

    fn account<'a>(&'a self, user: &'a [u8]) -> Answer<'a, Result<Account, Denial>> {
        self.known.account(user)
    }

    /// The token of alice is `token`.
    fn token<'a>(
        &'a self,
        user: Option<&'a [u8]>,
        token: &'a [u8],
    ) -> Answer<'a, Result<Account, Denial>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match self.fault {
            Some(fault) => Box::pin(ready(Err(fault))),
            None if token == b"token" && user.is_none_or(|user| user == b"alice") => {
                self.known.account(b"alice")
            }
            None => Box::pin(ready(Err(Denial::WrongProof))),
        }
    }

    fn policy<'a>(&'a self, user: &'a [u8]) -> Answer<'a, Result<Policy, Denial>> {
        let is_alice = user == b"alice";
        let policy = if is_alice {
            self.policy
        } else {
            Policy::default()
        };
        Box::pin(ready(Ok(policy)))
    }

    fn extremes(&self) -> Extremes {
        let mut extremes = Extremes::default();
        extremes.include(&self.policy);
        extremes
    }
}

#[derive(Default)]
struct Store {
    fault: Mutex<Option<OpenError>>,
    /// Whether it never answers.
    never: bool,
    opened: AtomicUsize,
}

struct OneMessage(Snapshot);

impl Mailbox for Store {
    fn open<'a>(
        &'a self,
        account: &'a Account,
        session: &'a str,
    ) -> Answer<'a, Result<Box<dyn Maildrop>, OpenError>> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        assert_eq!(session, "s1");
        if self.never {
            return Box::pin(std::future::pending());
        }
        let mut snapshot = Snapshot::default();
        snapshot
            .push(7, account.user.as_bytes())
            .expect("a unique id");
        let maildrop: Box<dyn Maildrop> = Box::new(OneMessage(snapshot));
        let fault = *self.fault.lock().expect("not poisoned");
        Box::pin(ready(fault.map_or(Ok(maildrop), Err)))
    }
}

impl Maildrop for OneMessage {
    fn snapshot(&self) -> &Snapshot {
        &self.0
    }

    fn open(&mut self, _number: u32) -> Answer<'_, Result<Box<dyn Message>, Fault>> {
        Box::pin(ready(Err(Fault::Gone)))
    }

    fn commit(self: Box<Self>, _deleted: Vec<u32>) -> Answer<'static, Result<(), Unfinished>> {
        Box::pin(ready(Ok(())))
    }
}

struct Fixture {
    users: Arc<Users>,
    store: Arc<Store>,
    context: Arc<LoginContext>,
}

impl Fixture {
    fn new() -> Self {
        Self::with(None, Store::default())
    }

    fn with(fault: Option<Denial>, store: Store) -> Self {
        Self::of(Users::new(fault), store)
    }

    fn of(users: Users, store: Store) -> Self {
        let (users, store) = (Arc::new(users), Arc::new(store));
        let context = LoginContext {
            tenant: "".into(),
            auth: users.clone(),
            mailbox: store.clone(),
            attempts: Arc::new(Attempts::new(attempts::Limits::default()).expect("a random key")),
            max_refused: 3,
            host: Arc::from("example.org"),
            announce: Arc::new(["EXPIRE NEVER".to_owned()]),
            login_delay: None,
            expire: None,
            apop_is_exclusive: false,
            quota: Arc::default(),
        };
        Self {
            users,
            store,
            context: Arc::new(context),
        }
    }

    /// The same users, in a context that differs in this.
    fn differing(self, how: impl FnOnce(&mut LoginContext)) -> Self {
        let LoginContext {
            auth,
            mailbox,
            attempts,
            host,
            announce,
            ..
        } = &*self.context;
        let mut context = LoginContext {
            tenant: "".into(),
            auth: Arc::clone(auth),
            mailbox: Arc::clone(mailbox),
            attempts: Arc::clone(attempts),
            max_refused: self.context.max_refused,
            host: Arc::clone(host),
            announce: Arc::clone(announce),
            login_delay: None,
            expire: None,
            apop_is_exclusive: false,
            quota: Arc::default(),
        };
        how(&mut context);
        Self {
            context: Arc::new(context),
            ..self
        }
    }

    /// A connection of that address that offers everything.
    fn connect(&self, peer: &str) -> SessionLogin {
        self.connect_under(peer, Circumstances::default())
    }

    fn connect_under(&self, peer: &str, circumstances: Circumstances) -> SessionLogin {
        let mechanisms = crate::auth::sasl::MECHANISMS.iter();
        let channel = Channel {
            peer: peer.parse().expect(peer),
            session: "s1".to_owned(),
            challenge: Some(GREETING.into()),
            password: true,
            mechanisms: mechanisms.map(|mechanism| mechanism.name).collect(),
        };
        let whole = Whole(Arc::clone(&self.context));
        SessionLogin::under(Arc::new(whole), channel, circumstances)
    }

    /// A connection that offers nothing.
    fn connect_closed(&self) -> SessionLogin {
        let channel = Channel {
            peer: IpAddr::from([192, 0, 2, 1]),
            session: "s1".to_owned(),
            challenge: None,
            password: false,
            mechanisms: vec![],
        };
        SessionLogin::new(Arc::clone(&self.context), channel)
    }

    fn asked(&self) -> usize {
        self.users.asked.load(Ordering::Relaxed)
    }

    fn opened(&self) -> usize {
        self.store.opened.load(Ordering::Relaxed)
    }
}

/// The unique id of the only message, which is who was let in.
fn user(grant: &Grant) -> &[u8] {
    grant.maildrop.snapshot().uid(1).expect("one message")
}

/// What came of a claim, and after how many seconds.
async fn timed(claim: Answer<'_, Result<Grant, Refusal>>) -> (Result<Vec<u8>, Refusal>, u64) {
    let start = Instant::now();
    let result = claim.await.map(|grant| user(&grant).to_vec());
    (result, start.elapsed().as_secs())
}

async fn pass(login: &mut SessionLogin, user: &str, password: &str) -> (Result<(), Refusal>, u64) {
    let (result, seconds) = timed(login.password(user.as_bytes(), password.as_bytes())).await;
    (result.map(drop), seconds)
}

/// Polls once and gives up.
async fn give_up<T>(answer: impl Future<Output = T>) {
    let mut answer = pin!(answer);
    let is_pending =
        poll_fn(|context| Poll::Ready(answer.as_mut().poll(context).is_pending())).await;
    assert!(is_pending);
}
