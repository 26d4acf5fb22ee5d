//! A server whose sessions are moved, and what one can ask about them.

use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock},
    thread,
    time::{Duration, Instant},
};

use popcell::{
    auth::Auth,
    component::Options,
    config::Config,
    mailbox::Mailbox,
    rollout::{Canary, Listed, Order, Refusal, Report, Rollout, Standing},
    sandbox::{EMBEDDED_COMPONENT, Engine, EngineOptions, Limits, Sandbox},
    services::Services,
    sessions::{View, Whom},
};
use popcell_tests::{
    client::Client,
    driver::Heard,
    fake::World,
    faulty, letters,
    scene::{Scene, User},
    served,
    server::Running,
    wire,
};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// As long as something may take that is bound to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where swaps are ordered.
pub(crate) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().unwrap()
});

/// A server, its users' mail, and files of components.
pub(crate) struct Site {
    pub(crate) world: World,
    server: Running,
    files: TempDir,
}

/// What is set before a server starts.
pub(crate) struct Setting {
    pub(crate) cells: u32,
    pub(crate) config: Config,
    pub(crate) world: World,
    pub(crate) limits: Limits,
}

impl Default for Setting {
    fn default() -> Self {
        let scene = Scene {
            messages: letters::awkward(),
            users: users(),
            ..Scene::default()
        };
        let world = World::new(scene);
        let mut config = served::config(world.scene());
        config.sandbox.hibernate_after = None;
        config.limits.connections_per_address = 1_000;
        Self {
            cells: 64,
            config,
            world,
            limits: Limits {
                memory: 1 << 20,
                // A component that loops is found out soon, also in an unoptimised build.
                call_time: Duration::from_secs(1),
                session_time: Duration::from_secs(600),
                ..Limits::default()
            },
        }
    }
}

/// The usual users, and a hundred more, who have the maildrop `two` each.
fn users() -> Vec<User> {
    let more = (0..100).map(|number| User {
        name: format!("user{number}").into_bytes(),
        password: b"secret".to_vec(),
    });
    Scene::default().users.into_iter().chain(more).collect()
}

impl Setting {
    pub(crate) fn start(self) -> Site {
        let backends = Arc::new(self.world.clone());
        self.start_with(Arc::<World>::clone(&backends), backends)
    }

    /// The same with these users and their mail.
    pub(crate) fn start_with(self, auth: Arc<dyn Auth>, mailbox: Arc<dyn Mailbox>) -> Site {
        let options = EngineOptions {
            // Those of the trial come on top.
            cells: self.cells + 4,
            cell_memory: 1 << 20,
            engine: Engine::default(),
        };
        let sandbox = Sandbox::new(options, self.limits, EMBEDDED_COMPONENT).unwrap();
        let services = Services::of(&self.config, auth, mailbox, Arc::new(sandbox)).unwrap();
        Site {
            world: self.world,
            server: Running::start_with(&self.config, services).unwrap(),
            files: tempfile::tempdir().unwrap(),
        }
    }
}

impl Site {
    pub(crate) fn start() -> Self {
        Setting::default().start()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Swaps, and does not wait for those who are busy.
    pub(crate) fn swap_now(&self, fault: &str, number: u32) -> Result<Report, Refusal> {
        let mut order = self.order(fault, number);
        order.wait = false;
        self.carry_out(order)
    }

    pub(crate) fn connect(&self) -> Client {
        let mut client = Client::connect(self.server.address()).unwrap();
        client.ok("").unwrap();
        client
    }

    pub(crate) fn login(&self, user: &str) -> Client {
        Client::login(self.server.address(), user, "secret").unwrap()
    }

    pub(crate) fn rollout(&self) -> &Arc<Rollout> {
        &self.server.operations().rollout
    }

    /// An order for a build with this fault.
    pub(crate) fn order(&self, fault: &str, number: u32) -> Order {
        Order {
            tenant: None,
            component: Options::new(faulty::write(self.files.path(), fault, number).unwrap()),
            canary: None,
            replay: None,
            wait: true,
            who: "a test".to_owned(),
        }
    }

    /// Swaps, and waits until all sessions have moved.
    pub(crate) fn swap(&self, fault: &str, number: u32) -> Result<Report, Refusal> {
        self.carry_out(self.order(fault, number))
    }

    /// The same without the dialogues, which would find the fault.
    pub(crate) fn swap_unrehearsed(&self, fault: &str) -> Result<Report, Refusal> {
        let mut order = self.order(fault, 1);
        order.component.rehearse = false;
        order.wait = false;
        self.carry_out(order)
    }

    pub(crate) fn canary(&self, fault: &str, canary: Canary) -> Report {
        let mut order = self.order(fault, 1);
        order.canary = Some(canary);
        order.component.rehearse = false;
        order.wait = false;
        self.carry_out(order).unwrap()
    }

    pub(crate) fn carry_out(&self, order: Order) -> Result<Report, Refusal> {
        let reports = RUNTIME.block_on(self.rollout().swap(order))?;
        Ok(reports.into_iter().next().unwrap())
    }

    pub(crate) fn roll_back(&self) -> Result<Report, Refusal> {
        let reports = RUNTIME.block_on(self.rollout().roll_back(None, "a test"))?;
        Ok(reports.into_iter().next().unwrap())
    }

    /// Ends the sessions of a user, and says how many.
    pub(crate) fn kick(&self, user: &str) -> usize {
        let sessions = &self.server.operations().sessions;
        sessions.kick(&Whom::User(user.to_owned())).len()
    }

    /// The sessions as an operator sees them.
    pub(crate) fn views(&self) -> Vec<View> {
        self.server.operations().sessions.list()
    }

    /// Waits until so many sessions are parked.
    pub(crate) fn wait_for_parked(&self, count: usize) {
        wait(|| self.views().iter().filter(|view| view.is_parked).count() == count);
    }

    pub(crate) fn standing(&self, number: u64) -> Option<Standing> {
        let listed = self.rollout().generations().into_iter();
        let mut listed = listed.filter(|listed| listed.generation.number() == number);
        listed.next().map(|Listed { standing, .. }| standing)
    }

    pub(crate) fn actions(&self) -> Vec<String> {
        let events = self.rollout().history().into_iter();
        events.map(|event| event.action).collect()
    }
}

/// Waits for what is bound to happen.
///
/// # Panics
///
/// If it does not.
pub(crate) fn wait(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it does not happen");
        thread::yield_now();
    }
}

/// The lines of an answer behind its first one, which has to be `+OK`, up to the terminator.
pub(crate) fn many(client: &mut Client, command: &str) -> Vec<Vec<u8>> {
    client.ok(command).unwrap();
    lines(client)
}

/// The lines up to the terminator.
fn lines(client: &mut Client) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    loop {
        match client.hear().unwrap() {
            Heard::Line(line) if line == b".\r\n" => return lines,
            Heard::Line(line) => lines.push(line),
            heard @ (Heard::Closed(_) | Heard::Silence) => panic!("it breaks off: {heard:?}"),
        }
    }
}

/// Somebody retrieves a message and has read none of it when another component is ordered: all of the
/// message arrives, and the session is in that component then.
pub(crate) fn moves_in_the_middle_of_an_answer(order: impl FnOnce(&Site) -> Order) {
    let message = letters::of_octets(16 << 20);
    let world = World::new(Scene {
        messages: vec![message.clone()],
        ..Scene::default()
    });
    let setting = Setting {
        world,
        ..Setting::default()
    };
    let site = setting.start();
    let mut alice = site.login("alice");
    alice.ok("RETR 1\r\n").unwrap();
    // The rest does not fit the socket's buffers: it is sent by whoever it moves to.
    let mut order = order(&site);
    order.wait = false;
    let digest = site.carry_out(order).unwrap().digest;
    let said = lines(&mut alice).concat();
    assert!(said == wire::stuffed(&message), "an octet differs");
    assert_eq!(site.views()[0].component.as_deref(), Some(&*digest));
    alice.ok("QUIT\r\n").unwrap();
}
