//! The versions of the contract that components are served by, a file each.
//!
//! Finds out which one a component is of, and calls its guests without anybody else knowing. Nothing
//! that a guest gives is checked here; that is done in `convert.rs` and `park.rs`, for all versions.

pub(super) mod v0_1;
#[cfg(feature = "wit-next")]
mod v0_2;

use wasmtime::{
    Store,
    component::{InstancePre, Linker, Resource, ResourceAny},
};

use super::{
    Connection, Error, Next, WIT_VERSION,
    cell::{Cell, Exchange, Maildrop, Message},
};

/// The interface that a session is exported by, without its version.
const SESSION: &str = "popcell:pop3/session";

/// The versions that are served, that of `wit/` first. A component may be of any patch of one.
const SERVED: &[(Contract, &str)] = &[
    (Contract::V0_1, WIT_VERSION),
    #[cfg(feature = "wit-next")]
    (Contract::V0_2, "0.2.0"),
];

/// A version of the contract, by what is compatible.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Contract {
    V0_1,
    #[cfg(feature = "wit-next")]
    V0_2,
}

/// A component, ready to be instantiated.
pub(super) enum Pre {
    V0_1(v0_1::Pre),
    #[cfg(feature = "wit-next")]
    V0_2(v0_2::Pre),
}

/// An instance of a component.
pub(super) enum Guest {
    V0_1(v0_1::Guest),
    #[cfg(feature = "wit-next")]
    V0_2(v0_2::Guest),
}

/// A step as a guest gave it.
pub(super) struct Given {
    pub(super) consumed: u32,
    pub(super) output: Vec<u8>,
    pub(super) next: Next,
}

/// What goes with a session out of a cell or into one.
pub(super) struct Suspended {
    pub(super) state: Vec<u8>,
    pub(super) maildrop: Option<Resource<Maildrop>>,
    pub(super) message: Option<Resource<Message>>,
    pub(super) exchange: Option<Resource<Exchange>>,
}

impl Contract {
    /// The version that a component with these exports is of. One without a session passes for
    /// that of `wit/`: it is told what it lacks when it is linked.
    ///
    /// # Errors
    ///
    /// [`Error::Component`]: it is of a version that is not served.
    pub(super) fn of<'a>(exports: impl Iterator<Item = &'a str>) -> Result<Self, Error> {
        let sessions = exports.filter(|name| version(name).is_some());
        let sessions: Vec<_> = sessions.collect();
        let served = sessions.iter().find_map(|name| Self::by_name(name));
        match (served, sessions.first()) {
            (Some(contract), _) => Ok(contract),
            (None, Some(other)) => Err(unexpected(other)),
            (None, None) => Ok(Self::V0_1),
        }
    }

    fn by_name(export: &str) -> Option<Self> {
        let (minor, patch) = version(export)?.rsplit_once('.')?;
        patch.parse::<u32>().ok()?;
        let is_of = |served: &str| served.rsplit_once('.').is_some_and(|(of, _)| of == minor);
        let found = SERVED.iter().find(|(_, served)| is_of(served));
        found.map(|(contract, _)| *contract)
    }

    /// The version as it is served.
    pub(super) fn version(self) -> &'static str {
        let found = SERVED.iter().find(|(contract, _)| *contract == self);
        found.map_or(WIT_VERSION, |(_, version)| version)
    }

    /// Gives components of this version what they import.
    pub(super) fn add_to_linker(self, linker: &mut Linker<Cell>) -> wasmtime::Result<()> {
        match self {
            Self::V0_1 => v0_1::add_to_linker(linker),
            #[cfg(feature = "wit-next")]
            Self::V0_2 => v0_2::add_to_linker(linker),
        }
    }

    /// Finds what a component of this version has to export.
    pub(super) fn find(self, pre: InstancePre<Cell>) -> wasmtime::Result<Pre> {
        match self {
            Self::V0_1 => v0_1::Pre::new(pre).map(Pre::V0_1),
            #[cfg(feature = "wit-next")]
            Self::V0_2 => v0_2::Pre::new(pre).map(Pre::V0_2),
        }
    }
}

/// Whether there is a session of a version that is served among these exports, in words that name the
/// version, which is what most often does not fit.
///
/// # Errors
///
/// [`Error::Component`]
pub(super) fn check_exports(exports: &[String]) -> Result<(), Error> {
    let names = || exports.iter().map(String::as_str);
    Contract::of(names())?;
    match (names().any(|name| version(name).is_some()), exports) {
        (true, _) => Ok(()),
        (false, []) => Err(unexpected("nothing")),
        (false, names) => Err(unexpected(&names.join(", "))),
    }
}

/// The version of the contract behind the name of a session.
fn version(export: &str) -> Option<&str> {
    export.strip_prefix(SESSION)?.strip_prefix('@')
}

fn unexpected(found: &str) -> Error {
    let served = SERVED
        .iter()
        .map(|(_, version)| format!("{SESSION}@{version}"));
    let served = served.collect::<Vec<_>>().join(" or ");
    Error::Component(format!("expected that it exports {served}, found {found}"))
}

impl Pre {
    pub(super) fn engine(&self) -> &wasmtime::Engine {
        match self {
            Self::V0_1(pre) => pre.engine(),
            #[cfg(feature = "wit-next")]
            Self::V0_2(pre) => pre.engine(),
        }
    }

    pub(super) async fn instantiate(&self, store: &mut Store<Cell>) -> wasmtime::Result<Guest> {
        match self {
            Self::V0_1(pre) => pre.instantiate(store).await.map(Guest::V0_1),
            #[cfg(feature = "wit-next")]
            Self::V0_2(pre) => pre.instantiate(store).await.map(Guest::V0_2),
        }
    }
}

/// The calls of `session`, and nothing around them.
impl Guest {
    pub(super) async fn begin(
        &self,
        store: &mut Store<Cell>,
        connection: &Connection,
    ) -> wasmtime::Result<ResourceAny> {
        match self {
            Self::V0_1(guest) => guest.begin(store, connection).await,
            #[cfg(feature = "wit-next")]
            Self::V0_2(guest) => guest.begin(store, connection).await,
        }
    }

    pub(super) async fn greet(
        &self,
        store: &mut Store<Cell>,
        session: ResourceAny,
    ) -> wasmtime::Result<Given> {
        match self {
            Self::V0_1(guest) => guest.greet(store, session).await,
            #[cfg(feature = "wit-next")]
            Self::V0_2(guest) => guest.greet(store, session).await,
        }
    }

    pub(super) async fn lines(
        &self,
        store: &mut Store<Cell>,
        session: ResourceAny,
        asked: (&[u8], u32),
    ) -> wasmtime::Result<Given> {
        match self {
            Self::V0_1(guest) => guest.lines(store, session, asked).await,
            #[cfg(feature = "wit-next")]
            Self::V0_2(guest) => guest.lines(store, session, asked).await,
        }
    }

    pub(super) async fn more(
        &self,
        store: &mut Store<Cell>,
        session: ResourceAny,
        max: u32,
    ) -> wasmtime::Result<Given> {
        match self {
            Self::V0_1(guest) => guest.more(store, session, max).await,
            #[cfg(feature = "wit-next")]
            Self::V0_2(guest) => guest.more(store, session, max).await,
        }
    }

    pub(super) async fn overlong(
        &self,
        store: &mut Store<Cell>,
        session: ResourceAny,
    ) -> wasmtime::Result<Given> {
        match self {
            Self::V0_1(guest) => guest.overlong(store, session).await,
            #[cfg(feature = "wit-next")]
            Self::V0_2(guest) => guest.overlong(store, session).await,
        }
    }

    pub(super) async fn suspend(
        &self,
        store: &mut Store<Cell>,
        session: ResourceAny,
    ) -> wasmtime::Result<Suspended> {
        match self {
            Self::V0_1(guest) => guest.suspend(store, session).await,
            #[cfg(feature = "wit-next")]
            Self::V0_2(guest) => guest.suspend(store, session).await,
        }
    }

    /// Gives the session, or what the guest has against it.
    pub(super) async fn resume(
        &self,
        store: &mut Store<Cell>,
        suspended: Suspended,
        connection: &Connection,
    ) -> wasmtime::Result<Result<ResourceAny, &'static str>> {
        match self {
            Self::V0_1(guest) => guest.resume(store, suspended, connection).await,
            #[cfg(feature = "wit-next")]
            Self::V0_2(guest) => guest.resume(store, suspended, connection).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_of_the_version_that_its_session_has() {
        let of = |name| Contract::of([name].into_iter());
        for name in [
            "popcell:pop3/session@0.1.0",
            "popcell:pop3/session@0.1.7",
            // It is told at the linker what it lacks.
            "wasi:cli/run@0.2.0",
        ] {
            assert_eq!(of(name), Ok(Contract::V0_1), "{name}");
        }
        for name in [
            "popcell:pop3/session@0.3.0",
            "popcell:pop3/session@1.0.0",
            "popcell:pop3/session@0.1.0-draft",
            "popcell:pop3/session@0.1",
            "popcell:pop3/session@0.11.0",
        ] {
            let why = of(name).unwrap_err().to_string();
            for (_, version) in SERVED {
                assert!(why.contains(&format!("{SESSION}@{version}")), "{why}");
            }
            assert!(why.ends_with(&format!(", found {name}")), "{why}");
        }
    }

    #[test]
    fn the_version_for_tests_is_served_to_tests_alone() {
        let found = Contract::of(["popcell:pop3/session@0.2.7"].into_iter());
        let expected = cfg!(feature = "wit-next").then_some("0.2.0");
        assert_eq!(found.map(Contract::version).ok(), expected);
    }

    #[test]
    fn a_component_may_have_sessions_of_several_versions() {
        let names = ["popcell:pop3/session@9.0.0", "popcell:pop3/session@0.1.0"];
        assert_eq!(Contract::of(names.into_iter()), Ok(Contract::V0_1));
    }

    #[test]
    fn what_has_no_session_is_named() {
        let found = check_exports(&[]).unwrap_err().to_string();
        assert!(found.ends_with("found nothing"), "{found}");
        let found = check_exports(&["a:b/c".to_owned()]).unwrap_err();
        assert!(found.to_string().ends_with("found a:b/c"), "{found}");
    }
}
