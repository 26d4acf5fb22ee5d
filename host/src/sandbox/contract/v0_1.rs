//! What `bindgen!` makes of `wit/pop3.wit`; nothing is written here by hand.

/// The generated modules.
mod generated {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "pop3-session",
        imports: {
            // What may wait for a disk, a hash or a delay; everything else answers at once.
            "popcell:pop3/auth.password": async | trappable,
            "popcell:pop3/auth.apop": async | trappable,
            "popcell:pop3/auth.[method]exchange.begin": async | trappable,
            "popcell:pop3/auth.[method]exchange.respond": async | trappable,
            "popcell:pop3/mail.[method]maildrop.open": async | trappable,
            "popcell:pop3/mail.[static]maildrop.commit": async | trappable,
            "popcell:pop3/mail.[method]message.read": async | trappable,
            default: trappable,
        },
        exports: { default: async },
        with: {
            "popcell:pop3/mail.maildrop": super::super::cell::Maildrop,
            "popcell:pop3/mail.message": super::super::cell::Message,
            "popcell:pop3/auth.exchange": super::super::cell::Exchange,
        },
    });
}

pub(super) use self::generated::{
    Pop3Session, Pop3SessionPre,
    exports::popcell::pop3::session as wit,
    popcell::pop3::{auth, mail},
};
