//! Whose user somebody is.

use std::time::Duration;

use super::*;
use crate::{
    account::Account,
    auth::{
        Auth, Denial,
        attempts::{self, Attempts},
        policy::Policy,
    },
    capability::Answer,
    mailbox::memory::Memory,
    sandbox::{EMBEDDED_COMPONENT, Engine, EngineOptions, Limits, Sandbox},
};

/// A database in which everybody may log in.
struct Anybody(Policy);

impl Auth for Anybody {
    fn password<'a>(&'a self, user: &'a [u8], _: &'a [u8]) -> Answer<'a, Result<Account, Denial>> {
        let user = String::from_utf8_lossy(user).into_owned();
        Box::pin(async { Ok(Account { user, home: None }) })
    }

    fn extremes(&self) -> Extremes {
        let mut extremes = Extremes::default();
        extremes.include(&self.0);
        extremes
    }
}

struct Setting {
    front: Arc<SessionPolicy>,
}

impl Setting {
    fn new() -> Self {
        let options = EngineOptions {
            cells: 1,
            cell_memory: 1 << 20,
            engine: Engine::default(),
        };
        let sandbox = Sandbox::new(options, Limits::default(), EMBEDDED_COMPONENT);
        let sandbox = sandbox.expect("the embedded component");
        let front = SessionPolicy {
            greeting: "hello".into(),
            apop: false,
            mechanisms: Vec::new(),
            announce: Arc::new(["EXPIRE NEVER".to_owned()]),
            track: Arc::new(Track::new(sandbox.version())),
            terms: sandbox.terms().clone(),
            is_recorded: false,
        };
        Self {
            front: Arc::new(front),
        }
    }

    fn tenant(&self, name: &str, domains: &[&str], policy: Policy) -> Arc<Tenant> {
        let attempts = Attempts::new(attempts::Limits::default()).expect("a random key");
        Arc::new(Tenant {
            domains: domains.iter().map(ToString::to_string).collect(),
            login: Arc::new(LoginContext {
                tenant: name.into(),
                auth: Arc::new(Anybody(policy)),
                mailbox: Arc::new(Memory::default()),
                attempts: Arc::new(attempts),
                max_refused: 3,
                host: "example.org".into(),
                announce: Arc::clone(&self.front.announce),
                login_delay: Some(Duration::ZERO),
                expire: None,
                apop_is_exclusive: false,
                quota: Arc::default(),
            }),
            policy: Arc::clone(&self.front),
            has_own_component: false,
        })
    }

    fn tenants(&self, default: Option<Arc<Tenant>>, named: Vec<Arc<Tenant>>) -> Tenants {
        Tenants::new(Arc::clone(&self.front), default, named).expect("users")
    }
}

/// Where a user is looked for, by which name, and whether in earnest.
fn found<'u>(realms: &dyn Realms, user: &'u str) -> (String, &'u str, bool) {
    let found = realms.find(user.as_bytes());
    let user = str::from_utf8(found.user).expect("text");
    (found.context.tenant.to_string(), user, found.is_stranger)
}

fn is(tenant: &str, user: &'static str, is_stranger: bool) -> (String, &'static str, bool) {
    (tenant.to_owned(), user, is_stranger)
}

#[test]
fn the_domain_says_whose_user_it_is_and_is_cut_off() {
    let setting = Setting::new();
    let one = setting.tenant("one", &["one.example", "eins.example"], Policy::default());
    let two = setting.tenant("two", &["two.example"], Policy::default());
    let tenants = setting.tenants(None, vec![one, two]);
    assert_eq!(found(&tenants, "a@one.example"), is("one", "a", false));
    assert_eq!(found(&tenants, "a@EINS.Example"), is("one", "a", false));
    assert_eq!(found(&tenants, "a@b@two.example"), is("two", "a@b", false));
    // The work of looking for them is done, and nobody is found.
    assert_eq!(
        found(&tenants, "a@three.example"),
        is("one", "a@three.example", true)
    );
    assert_eq!(found(&tenants, "a"), is("one", "a", true));
    assert_eq!(found(&tenants, "a@"), is("one", "a@", true));
}

#[test]
fn who_belongs_to_no_tenant_is_looked_up_as_a_whole() {
    let setting = Setting::new();
    let default = setting.tenant("", &[], Policy::default());
    let one = setting.tenant("one", &["one.example"], Policy::default());
    let tenants = setting.tenants(Some(default), vec![one]);
    assert_eq!(found(&tenants, "a@one.example"), is("one", "a", false));
    assert_eq!(
        found(&tenants, "a@other.example"),
        is("", "a@other.example", false)
    );
    assert_eq!(found(&tenants, "a"), is("", "a", false));
    assert_eq!(
        tenants.by_name("default").map(|tenant| tenant.name()),
        Some(DEFAULT)
    );
    assert!(tenants.by_name("two").is_none());
}

#[test]
fn where_the_tenant_is_known_others_users_are_strangers() {
    let setting = Setting::new();
    let one = setting.tenant("one", &["one.example"], Policy::default());
    assert_eq!(found(&*one, "a"), is("one", "a", false));
    assert_eq!(found(&*one, "a@one.example"), is("one", "a", false));
    assert_eq!(
        found(&*one, "a@two.example"),
        is("one", "a@two.example", true)
    );
    let whole = setting.tenant("whole", &[], Policy::default());
    assert_eq!(
        found(&*whole, "a@two.example"),
        is("whole", "a@two.example", false)
    );
}

#[test]
fn a_host_is_its_domains() {
    let setting = Setting::new();
    let one = setting.tenant("one", &["One.example"], Policy::default());
    let tenants = setting.tenants(None, vec![one]);
    for host in ["one.example", "pop.one.example", "a.b.ONE.example"] {
        assert_eq!(
            tenants.by_host(host).map(|tenant| tenant.name()),
            Some("one"),
            "{host}"
        );
    }
    for host in ["", "example", "someone.example", "one.example.org"] {
        assert!(tenants.by_host(host).is_none(), "{host}");
    }
}

#[test]
fn before_login_the_worst_of_all_tenants_holds() {
    let setting = Setting::new();
    let slow = Policy {
        login_delay: Some(Duration::from_secs(90)),
        ..Policy::default()
    };
    let one = setting.tenant("one", &["one.example"], slow);
    let two = setting.tenant("two", &["two.example"], Policy::default());
    let tenants = setting.tenants(None, vec![one, two]);
    let lines = login::announce_before_login(&tenants.front().announce, &tenants);
    assert_eq!(*lines, ["EXPIRE NEVER", "LOGIN-DELAY 90 USER"]);
}

#[test]
fn what_holds_for_all_tenants_does_not_depend_on_the_user() {
    let setting = Setting::new();
    let tenant = setting.tenant("", &[], Policy::default());
    let tenants = setting.tenants(Some(tenant), Vec::new());
    let lines = login::announce_before_login(&tenants.front().announce, &tenants);
    assert_eq!(*lines, ["EXPIRE NEVER"]);
}

#[test]
fn without_users_there_is_nobody_to_serve() {
    let setting = Setting::new();
    let tenants = Tenants::new(Arc::clone(&setting.front), None, Vec::new());
    assert_eq!(tenants.err(), Some(NoUsers));
}
