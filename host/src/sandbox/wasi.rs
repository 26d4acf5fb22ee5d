//! WASI for components that were built with a standard library: clocks, randomness, and nothing
//! behind everything else.
//!
//! Lends no file, no socket, no terminal and no environment; what a guest prints is thrown away.
//! Called by `registry.rs` only, for a component that may have it.

use std::{fmt, time::Instant};

use wasmtime::component::{HasSelf, Linker, Resource, ResourceTable};
use wasmtime_wasi::{
    WasiCtx, WasiCtxView, WasiView,
    p2::{self, DynPollable, bindings::io::poll},
};

use super::{Error, cell::Cell};

/// What a component may import.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Permission {
    /// The contract of `wit/pop3.wit` and nothing else.
    #[default]
    Contract,
    /// WASI 0.2 as well, of which clocks and randomness work: a standard library wants more, but
    /// finds neither files nor sockets, neither arguments nor an environment.
    Wasi,
}

/// The packages of the contract.
const CONTRACT: &str = "popcell:pop3/";

/// Every interface of WASI 0.2 that can be given.
#[rustfmt::skip] // A package in a line.
const INTERFACES: &[&str] = &[
    "wasi:cli/environment", "wasi:cli/exit", "wasi:cli/stdin", "wasi:cli/stdout",
    "wasi:cli/stderr", "wasi:cli/terminal-input", "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin", "wasi:cli/terminal-stdout", "wasi:cli/terminal-stderr",
    "wasi:clocks/monotonic-clock", "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens", "wasi:filesystem/types",
    "wasi:io/error", "wasi:io/poll", "wasi:io/streams",
    "wasi:random/insecure", "wasi:random/insecure-seed", "wasi:random/random",
    "wasi:sockets/instance-network", "wasi:sockets/ip-name-lookup", "wasi:sockets/network",
    "wasi:sockets/tcp", "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp", "wasi:sockets/udp-create-socket",
];

/// Resources that a guest may have the host keep for WASI: streams, pollables and what they wait
/// for. Apart from [`CAPABILITIES`](super::cell), of which these take nothing away.
const RESOURCES: usize = 64;

/// Random octets in one call. A standard library asks for a seed of a few dozen.
const RANDOM_OCTETS: u64 = 64 * 1024;

/// What the host keeps for one guest. Made when the guest calls WASI for the first time.
pub(super) struct Wasi {
    context: WasiCtx,
    table: ResourceTable,
}

impl Permission {
    /// Whether a component with these imports may be loaded.
    ///
    /// # Errors
    ///
    /// [`Error::Component`] names what nobody gives, [`Error::Wasi`] what another permission would.
    pub(super) fn check<'i>(self, imports: impl Iterator<Item = &'i str>) -> Result<(), Error> {
        let beside = imports.filter(|import| !import.starts_with(CONTRACT));
        let (wasi, unknown): (Vec<_>, Vec<_>) = beside.partition(|import| is_given(import));
        if !unknown.is_empty() {
            let unknown = unknown.join(", ");
            return Err(Error::Component(format!(
                "it imports {unknown}, which this server gives to no component"
            )));
        }
        if !wasi.is_empty() && self == Self::Contract {
            return Err(Error::Wasi {
                imports: wasi.join(", "),
            });
        }
        Ok(())
    }
}

/// Whether this is one of the interfaces of WASI that can be given, in any version of 0.2.
fn is_given(import: &str) -> bool {
    let (interface, version) = import.split_once('@').unwrap_or((import, ""));
    INTERFACES.contains(&interface) && version.starts_with("0.2.")
}

/// Lets a component call WASI.
pub(super) fn add_to_linker(linker: &mut Linker<Cell>) -> wasmtime::Result<()> {
    p2::add_to_linker_async(linker)?;
    // In front of what was just added: there a guest would wait for as long as it likes.
    linker.allow_shadowing(true);
    poll::add_to_linker::<Cell, HasSelf<Cell>>(linker, |cell| cell)?;
    linker.allow_shadowing(false);
    Ok(())
}

impl Default for Wasi {
    fn default() -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES);
        // All that the builder is not told is closed, empty or refused. What is refused stands here
        // nevertheless: it must not depend on a default.
        let context = WasiCtx::builder()
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .max_random_size(RANDOM_OCTETS)
            .build();
        Self { context, table }
    }
}

impl fmt::Debug for Wasi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wasi").finish_non_exhaustive()
    }
}

impl WasiView for Cell {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi.get_or_insert_default();
        WasiCtxView {
            ctx: &mut wasi.context,
            table: &mut wasi.table,
        }
    }
}

/// Waiting is the one thing of WASI that takes time, and it is the guest's time: it ends when that
/// of the call does.
impl poll::Host for Cell {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        let since = Instant::now();
        let left = self.time_left(since);
        let polled = tokio::time::timeout(left, self.ctx().table.poll(pollables)).await;
        self.waited(since.elapsed());
        polled.unwrap_or_else(|_| Err(self.out_of_time()))
    }
}

impl poll::HostPollable for Cell {
    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        let since = Instant::now();
        let left = self.time_left(since);
        let blocked = tokio::time::timeout(left, self.ctx().table.block(pollable)).await;
        self.waited(since.elapsed());
        blocked.unwrap_or_else(|_| Err(self.out_of_time()))
    }

    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        self.ctx().table.ready(pollable).await
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        poll::HostPollable::drop(self.ctx().table, pollable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "popcell:pop3/mail@0.1.0";
    const CLOCK: &str = "wasi:clocks/wall-clock@0.2.6";
    const FILES: &str = "wasi:filesystem/types@0.2.0";

    fn check(permission: Permission, imports: &[&str]) -> Result<(), Error> {
        permission.check(imports.iter().copied())
    }

    #[test]
    fn wasi_is_for_those_who_may_have_it() {
        assert_eq!(check(Permission::Contract, &[OURS]), Ok(()));
        assert_eq!(check(Permission::Wasi, &[OURS, CLOCK, FILES]), Ok(()));
        let refused = check(Permission::Contract, &[CLOCK, OURS, FILES]);
        let imports = format!("{CLOCK}, {FILES}");
        assert_eq!(refused, Err(Error::Wasi { imports }));
    }

    #[test]
    fn what_nobody_gives_is_named_whatever_the_permission() {
        for import in [
            "wasi:http/outgoing-handler@0.2.0",
            "wasi:clocks/wall-clock@0.3.0",
            "wasi:clocks/wall-clock",
            "wasi:clocks/wall-clocks@0.2.0",
            "env",
        ] {
            for permission in [Permission::Contract, Permission::Wasi] {
                let refused = check(permission, &[CLOCK, import, OURS]);
                let Err(Error::Component(why)) = &refused else {
                    panic!("{import}: {refused:?}")
                };
                assert!(why.contains(&format!("imports {import},")), "{why}");
            }
        }
    }
}
