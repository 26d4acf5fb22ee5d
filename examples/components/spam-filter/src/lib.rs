//! A session that does not show spam: `component/` with one thing changed.
//!
//! ```text
//!   guest ── session (of component/) ── filtered ── mail, auth of the host
//!                                          ├── hidden: which numbers are left out
//!                                          └── spam:   what the header says
//! ```
//!
//! The session of `component/` knows its host as traits (`capability.rs`). [`filtered`] puts
//! itself between the two: a maildrop with some messages left out.
//!
//! The modules of `component/` are compiled here, and not depended on: as a crate it would export
//! its own session beside this one.

#![cfg_attr(not(target_family = "wasm"), forbid(unsafe_code))]
#![cfg_attr(
    not(target_family = "wasm"),
    allow(dead_code, reason = "the border is there on wasm only")
)]

extern crate alloc;

/// The session as it is, a file a module; what `lib.rs` there says, without its border.
macro_rules! session {
    ($($file:literal $module:ident),+) => {
        $(
            #[path = $file]
            #[allow(dead_code, unfulfilled_lint_expectations, reason = "it is not all of use here")]
            mod $module;
        )+
    };
}

session!(
    "../../../../component/src/answer.rs" answer,
    "../../../../component/src/authorization.rs" authorization,
    "../../../../component/src/capa.rs" capa,
    "../../../../component/src/capability.rs" capability,
    "../../../../component/src/command.rs" command,
    "../../../../component/src/connection.rs" connection,
    "../../../../component/src/dot.rs" dot,
    "../../../../component/src/limits.rs" limits,
    "../../../../component/src/marks.rs" marks,
    "../../../../component/src/parked.rs" parked,
    "../../../../component/src/reply.rs" reply,
    "../../../../component/src/sasl.rs" sasl,
    "../../../../component/src/session.rs" session,
    "../../../../component/src/top.rs" top,
    "../../../../component/src/transaction.rs" transaction,
    "../../../../component/src/update.rs" update
);

mod filtered;
mod hidden;
mod seat;
mod spam;

#[cfg(target_family = "wasm")]
mod guest;

#[cfg(test)]
mod tests;
