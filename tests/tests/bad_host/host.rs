//! A host of the contract alone, without the library `popcell`: every import answers as it is told to.
//!
//! Holds one user, `alice`, and two messages; keeps no bounds, since the component is not what is
//! suspected here.

use wasmtime::{
    Engine, Store,
    component::{Component, HasSelf, Linker, Resource, ResourceAny, ResourceTable},
};

/// What `bindgen!` makes of the contract.
mod generated {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "pop3-session",
        imports: { default: trappable },
        with: {
            "popcell:pop3/mail.maildrop": super::lent::Maildrop,
            "popcell:pop3/mail.message": super::lent::Message,
            "popcell:pop3/auth.exchange": super::lent::Exchange,
        },
    });
}

pub(crate) use self::generated::{
    exports::popcell::pop3::session::{Connection, Next, Parked, ResumeError},
    popcell::pop3::{
        auth::{self, Refusal, Turn},
        mail::{self, Fault, Forwarded, Opened, Summary, Unfinished},
    },
};
use self::{
    generated::{LinkOptions, Pop3Session},
    lent::{Maildrop, Message},
};

/// A message: lines of ten octets each.
const LETTER: usize = 5_000;

/// As few octets as a call may be asked for, so that a message takes several.
const MAX: u32 = 1_024;

/// What goes wrong, import by import; nothing by default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bad {
    pub(crate) password: Option<Refusal>,
    pub(crate) apop: Option<Refusal>,
    pub(crate) start: bool,
    pub(crate) begin: Option<Refusal>,
    pub(crate) respond: Option<Refusal>,
    pub(crate) sizes: Option<Fault>,
    pub(crate) uids: Option<Fault>,
    pub(crate) open: Option<Fault>,
    pub(crate) read: Option<Fault>,
    pub(crate) commit: bool,
}

impl Bad {
    /// Everything at once.
    pub(crate) fn all(refusal: Refusal, fault: Fault) -> Self {
        let (refusal, fault) = (Some(refusal), Some(fault));
        Self {
            password: refusal,
            apop: refusal,
            start: true,
            begin: refusal,
            respond: refusal,
            sizes: fault,
            uids: fault,
            open: fault,
            read: fault,
            commit: true,
        }
    }
}

/// What is behind the handles.
#[expect(unreachable_pub, reason = "what is generated exports them again")]
pub(crate) mod lent {
    pub struct Maildrop;
    pub struct Message(pub usize);
    pub struct Exchange;
}

/// The state of the host.
#[derive(Default)]
pub(crate) struct Host {
    pub(crate) bad: Bad,
    pub(crate) table: ResourceTable,
    /// What was forwarded in this step, and behind how much of its own output.
    forwarded: Vec<(usize, Vec<u8>)>,
}

/// A session and its host.
pub(crate) struct Talk {
    store: Store<Host>,
    guest: Pop3Session,
    session: Option<ResourceAny>,
}

impl Talk {
    /// A session that has greeted.
    pub(crate) fn begin(component: &[u8], bad: Bad) -> Self {
        let engine = Engine::default();
        let component = Component::new(&engine, component).unwrap();
        let mut linker = Linker::new(&engine);
        let mut offered = LinkOptions::default();
        offered.forward(true);
        Pop3Session::add_to_linker::<Host, HasSelf<Host>>(&mut linker, &offered, |host| host)
            .unwrap();
        let host = Host {
            bad,
            ..Host::default()
        };
        let mut store = Store::new(&engine, host);
        let guest = Pop3Session::instantiate(&mut store, &component, &linker).unwrap();
        let exports = guest.popcell_pop3_session().session();
        let session = exports.call_constructor(&mut store, &connection()).unwrap();
        exports.call_greet(&mut store, session).unwrap();
        Self {
            store,
            guest,
            session: Some(session),
        }
    }

    /// A session of alice, whose host is a good one up to here.
    pub(crate) fn logged_in(component: &[u8]) -> Self {
        let mut talk = Self::begin(component, Bad::default());
        talk.say("USER alice");
        assert!(talk.say("PASS secret").starts_with("+OK "));
        talk
    }

    /// What is wrong from now on.
    pub(crate) fn turn(&mut self, bad: Bad) {
        self.store.data_mut().bad = bad;
    }

    /// One call of `lines`; a trap fails the test.
    pub(crate) fn call(&mut self, line: &str) -> (String, Next) {
        let exports = self.guest.popcell_pop3_session().session();
        let (session, line) = (self.session.unwrap(), format!("{line}\r\n"));
        let step = exports.call_lines(&mut self.store, session, line.as_bytes(), MAX);
        let step = step.expect("no trap");
        assert_eq!(usize::try_from(step.consumed).unwrap(), line.len());
        (self.said(step.output), step.next)
    }

    /// One call of `more`.
    pub(crate) fn more(&mut self) -> (String, Next) {
        let exports = self.guest.popcell_pop3_session().session();
        let step = exports.call_more(&mut self.store, self.session.unwrap(), MAX);
        let step = step.expect("no trap");
        (self.said(step.output), step.next)
    }

    /// All of a step's output: its own, and what was forwarded.
    fn said(&mut self, output: Vec<u8>) -> String {
        let mut said = String::from_utf8(output).unwrap();
        for (at, octets) in self.store.data_mut().forwarded.drain(..).rev() {
            said.insert_str(at, &String::from_utf8(octets).unwrap());
        }
        said
    }

    /// The answer to a line, of a session that goes on behind it.
    pub(crate) fn say(&mut self, line: &str) -> String {
        let (mut said, mut next) = self.call(line);
        while next == Next::More {
            let (further, then) = self.more();
            said += &further;
            next = then;
        }
        assert_eq!(next, Next::Lines, "{line}: {said}");
        said
    }

    /// The answer to QUIT, which ends the session.
    pub(crate) fn quit(&mut self) -> String {
        let (said, next) = self.call("QUIT");
        assert_eq!(next, Next::Close, "{said}");
        said
    }

    /// Handles that the component holds.
    pub(crate) fn held(&mut self) -> usize {
        self.store.data_mut().table.iter_mut().count()
    }

    /// The session as a value, with what it holds changed by the host before it is put back.
    pub(crate) fn repark(&mut self, change: impl FnOnce(&mut Parked)) -> Result<(), ResumeError> {
        let exports = self.guest.popcell_pop3_session().session();
        let session = self.session.take().unwrap();
        let mut parked = exports.call_suspend(&mut self.store, session).unwrap();
        change(&mut parked);
        let resumed = exports.call_resume(&mut self.store, &parked, &connection());
        self.session = Some(resumed.expect("no trap")?);
        Ok(())
    }
}

/// Whether a host that offers nothing that is unstable takes the component.
pub(crate) fn is_portable(component: &[u8]) -> bool {
    let engine = Engine::default();
    let component = Component::new(&engine, component).unwrap();
    let mut linker = Linker::new(&engine);
    let nothing = LinkOptions::default();
    Pop3Session::add_to_linker::<Host, HasSelf<Host>>(&mut linker, &nothing, |host| host).unwrap();
    linker.instantiate_pre(&component).is_ok()
}

fn connection() -> Connection {
    Connection {
        banner: "ready".to_owned(),
        challenge: Some("<1@example.org>".to_owned()),
        tls: false,
        may_start_tls: false,
        may_login: true,
        mechanisms: vec!["PLAIN".to_owned()],
        announce: Vec::new(),
        max_bad_commands: 3,
        max_bad_commands_after_login: 20,
    }
}

impl mail::Host for Host {}

impl mail::HostMaildrop for Host {
    fn summary(&mut self, _: Resource<Maildrop>) -> wasmtime::Result<Summary> {
        let octets = 2 * LETTER as u64;
        Ok(Summary { count: 2, octets })
    }

    fn sizes(
        &mut self,
        _: Resource<Maildrop>,
        first: u32,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<u64>, Fault>> {
        let sizes = (first..=2).take(max as usize).map(|_| LETTER as u64);
        Ok(self.bad.sizes.map_or_else(|| Ok(sizes.collect()), Err))
    }

    fn uids(
        &mut self,
        _: Resource<Maildrop>,
        first: u32,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, Fault>> {
        let uids = (first..=2).take(max as usize);
        let uids: String = uids.map(|number| format!("uid-{number}\n")).collect();
        Ok(self.bad.uids.map_or_else(|| Ok(uids.into_bytes()), Err))
    }

    fn announce(&mut self, _: Resource<Maildrop>) -> wasmtime::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn open(
        &mut self,
        _: Resource<Maildrop>,
        _number: u32,
    ) -> wasmtime::Result<Result<Resource<Message>, Fault>> {
        Ok(match self.bad.open {
            Some(fault) => Err(fault),
            None => Ok(self.table.push(Message(0))?),
        })
    }

    fn forward(
        &mut self,
        this: Resource<Maildrop>,
        number: u32,
        max: u32,
        at: u32,
        stuffed: u8,
    ) -> wasmtime::Result<Result<Opened, Fault>> {
        let message = match self.open(this, number)? {
            Ok(message) => message,
            Err(fault) => return Ok(Err(fault)),
        };
        let borrowed = Resource::new_borrow(message.rep());
        match mail::HostMessage::forward(self, borrowed, max, at, true, stuffed)? {
            Ok(forwarded) => Ok(Ok(Opened {
                forwarded,
                message: Some(message),
            })),
            Err(fault) => {
                self.table.delete(message)?;
                Ok(Err(fault))
            }
        }
    }

    fn commit(
        &mut self,
        this: Resource<Maildrop>,
        marks: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Unfinished>> {
        self.table.delete(this)?;
        let kept = marks.iter().map(|octet| octet.count_ones()).sum();
        let unfinished = Unfinished { removed: 0, kept };
        Ok(if self.bad.commit {
            Err(unfinished)
        } else {
            Ok(())
        })
    }

    fn drop(&mut self, this: Resource<Maildrop>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl mail::HostMessage for Host {
    fn read(
        &mut self,
        this: Resource<Message>,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, Fault>> {
        if let Some(fault) = self.bad.read {
            return Ok(Err(fault));
        }
        let Message(at) = self.table.get_mut(&this)?;
        let start = *at;
        *at = LETTER.min(start + max as usize);
        let line = b"12345678\r\n".iter().cycle();
        Ok(Ok(line
            .skip(start % 10)
            .take(*at - start)
            .copied()
            .collect()))
    }

    /// No line begins with anything that could be stuffed.
    fn forward(
        &mut self,
        this: Resource<Message>,
        max: u32,
        at: u32,
        at_line_start: bool,
        _stuffed: u8,
    ) -> wasmtime::Result<Result<Forwarded, Fault>> {
        let octets = match self.read(this, max)? {
            Ok(octets) => octets,
            Err(fault) => return Ok(Err(fault)),
        };
        let forwarded = Forwarded {
            octets: u32::try_from(octets.len())?,
            at_line_start: octets.last().map_or(at_line_start, |last| *last == b'\n'),
            is_end: false,
        };
        self.forwarded.push((usize::try_from(at)?, octets));
        Ok(Ok(forwarded))
    }

    fn drop(&mut self, this: Resource<Message>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}
