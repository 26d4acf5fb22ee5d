//! A cell with what runs in it: the calls of the contract, wherever the guest's code is.
//!
//! Calls, and nothing around them: deadlines and bounds are in `instance.rs`.

use wasmtime::{Store, component::ResourceAny};

#[cfg(feature = "native-session")]
use super::native::Native;
use super::{
    Connection,
    cell::Cell,
    clock::Ticking,
    contract::{Given, Guest, Suspended},
};

/// A cell, and the session in it from [`begin`](Self::begin) or [`resume`](Self::resume) to
/// [`suspend`](Self::suspend).
pub(super) enum Running {
    /// An instance of a component, in a store of its own.
    Instance(Instance),
    /// No sandbox at all, for benchmarks.
    #[cfg(feature = "native-session")]
    Native(Native),
}

/// An instance of a component.
pub(super) struct Instance {
    store: Store<Cell>,
    guest: Guest,
    session: Option<ResourceAny>,
    /// The clock goes for it.
    _ticking: Ticking,
}

impl Instance {
    pub(super) fn new(store: Store<Cell>, guest: Guest, ticking: Ticking) -> Self {
        Self {
            store,
            guest,
            session: None,
            _ticking: ticking,
        }
    }

    fn session(&mut self) -> wasmtime::Result<(&mut Store<Cell>, &Guest, ResourceAny)> {
        let session = self.session.ok_or_else(no_session)?;
        Ok((&mut self.store, &self.guest, session))
    }
}

/// A call before the first or behind the last one.
pub(super) fn no_session() -> wasmtime::Error {
    wasmtime::Error::msg("there is no session in the cell")
}

impl Running {
    pub(super) fn cell(&self) -> &Cell {
        match self {
            Self::Instance(instance) => instance.store.data(),
            #[cfg(feature = "native-session")]
            Self::Native(native) => native.cell(),
        }
    }

    pub(super) fn cell_mut(&mut self) -> &mut Cell {
        match self {
            Self::Instance(instance) => instance.store.data_mut(),
            #[cfg(feature = "native-session")]
            Self::Native(native) => native.cell_mut(),
        }
    }

    /// The guest is looked at when the epoch moves on.
    pub(super) fn watch(&mut self) {
        match self {
            Self::Instance(instance) => instance.store.set_epoch_deadline(1),
            #[cfg(feature = "native-session")]
            Self::Native(_) => {}
        }
    }

    pub(super) async fn begin(&mut self, connection: &Connection) -> wasmtime::Result<()> {
        match self {
            Self::Instance(Instance {
                store,
                guest,
                session,
                ..
            }) => {
                *session = Some(guest.begin(store, connection).await?);
                Ok(())
            }
            #[cfg(feature = "native-session")]
            Self::Native(native) => {
                native.begin(connection);
                Ok(())
            }
        }
    }

    pub(super) async fn greet(&mut self) -> wasmtime::Result<Given> {
        match self {
            Self::Instance(instance) => {
                let (store, guest, session) = instance.session()?;
                guest.greet(store, session).await
            }
            #[cfg(feature = "native-session")]
            Self::Native(native) => native.greet(),
        }
    }

    pub(super) async fn lines(&mut self, asked: (&[u8], u32)) -> wasmtime::Result<Given> {
        match self {
            Self::Instance(instance) => {
                let (store, guest, session) = instance.session()?;
                guest.lines(store, session, asked).await
            }
            #[cfg(feature = "native-session")]
            Self::Native(native) => native.lines(asked),
        }
    }

    pub(super) async fn more(&mut self, max: u32) -> wasmtime::Result<Given> {
        match self {
            Self::Instance(instance) => {
                let (store, guest, session) = instance.session()?;
                guest.more(store, session, max).await
            }
            #[cfg(feature = "native-session")]
            Self::Native(native) => native.more(max),
        }
    }

    pub(super) async fn overlong(&mut self) -> wasmtime::Result<Given> {
        match self {
            Self::Instance(instance) => {
                let (store, guest, session) = instance.session()?;
                guest.overlong(store, session).await
            }
            #[cfg(feature = "native-session")]
            Self::Native(native) => native.overlong(),
        }
    }

    pub(super) async fn suspend(&mut self) -> wasmtime::Result<Suspended> {
        match self {
            Self::Instance(instance) => {
                let (store, guest, session) = instance.session()?;
                let suspended = guest.suspend(store, session).await?;
                instance.session = None;
                Ok(suspended)
            }
            #[cfg(feature = "native-session")]
            Self::Native(native) => native.suspend(),
        }
    }

    /// Takes the session, or gives what the guest has against it.
    pub(super) async fn resume(
        &mut self,
        suspended: Suspended,
        connection: &Connection,
    ) -> wasmtime::Result<Result<(), &'static str>> {
        match self {
            Self::Instance(Instance {
                store,
                guest,
                session,
                ..
            }) => {
                let resumed = guest.resume(store, suspended, connection).await?;
                Ok(resumed.map(|resumed| *session = Some(resumed)))
            }
            #[cfg(feature = "native-session")]
            Self::Native(native) => native.resume(suspended, connection),
        }
    }
}
