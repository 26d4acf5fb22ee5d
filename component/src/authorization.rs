//! AUTHORIZATION (RFC 1939 §4, §7): who is it?
//!
//! Hands claims to the host and never looks at a secret twice. AUTH's dialogue is in `sasl.rs`.

use alloc::vec::Vec;

use crate::{
    capa,
    capability::{Exchange, Host},
    command::{Arguments, Line, Verb},
    connection::Connection,
    reply::{Error, Output},
    sasl,
    session::{Context, Ended, State},
    transaction,
};

/// What is known before login.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Authorization {
    /// The name of the USER on the line before.
    pub(crate) user: Option<Vec<u8>>,
    /// Bad commands so far.
    pub(crate) bad_commands: u32,
}

/// What a command comes to: a new state, or none.
type Change<H> = Result<Option<State<H>>, Error>;

impl Authorization {
    /// Answers a command.
    pub(crate) fn command<H: Host>(
        mut self,
        line: Result<Line<'_>, Error>,
        context: &Context<'_, H>,
        out: &mut Output,
    ) -> State<H> {
        // RFC 1939 §7 (PASS): only directly after a successful USER.
        let user = self.user.take();
        match line.and_then(|line| self.dispatch(line, user, context, out)) {
            Ok(Some(state)) => state,
            Ok(None) => State::Authorization(self),
            Err(error) => self.refuse(error, context.connection, out),
        }
    }

    fn dispatch<H: Host>(
        &mut self,
        line: Line<'_>,
        user: Option<Vec<u8>>,
        context: &Context<'_, H>,
        out: &mut Output,
    ) -> Change<H> {
        if !line.row.authorization {
            return Err(Error::WrongState);
        }
        let connection = context.connection;
        match (line.row.verb, line.arguments()?) {
            (Verb::User, [Some(name), _]) => self.user(name, connection, out),
            (Verb::Pass, [Some(password), _]) => pass(user, password, context, out),
            (Verb::Apop, [Some(user), Some(digest)]) => apop(user, digest, context, out),
            (Verb::Auth, arguments) => self.auth(arguments, context, out),
            (Verb::Capa, _) => {
                capa::list(connection, None, out);
                Ok(None)
            }
            (Verb::Quit, _) => quit(out),
            (Verb::Rpop, _) => Err(Error::PermissionDenied),
            (Verb::Stls, _) => stls(connection, out),
            _ => Err(Error::ArgumentCount),
        }
    }

    /// RFC 1939 §7 (USER): the answer is the same for a name that does not exist.
    fn user<H: Host>(
        &mut self,
        name: &[u8],
        connection: &Connection,
        out: &mut Output,
    ) -> Change<H> {
        if !connection.may_login {
            return Err(Error::NotOffered);
        }
        self.user = Some(name.to_vec());
        out.ok("USER accepted, send PASS");
        Ok(None)
    }

    /// RFC 5034 §4 (AUTH); without an argument the list that Outlook asks for.
    fn auth<H: Host>(
        &mut self,
        [mechanism, initial]: Arguments<'_>,
        context: &Context<'_, H>,
        out: &mut Output,
    ) -> Change<H> {
        if context.connection.mechanisms.is_empty() {
            return Err(Error::AuthUnsupported);
        }
        let Some(mechanism) = mechanism else {
            sasl::list(context.connection, out);
            return Ok(None);
        };
        let exchange = sasl::start(mechanism, context)?;
        let initial = initial.map(sasl::initial_response).transpose()?;
        let turn = exchange.begin(initial.as_deref());
        sasl::advance(turn, exchange, self.bad_commands, out).map(Some)
    }

    /// Says no. So many bad commands end the session.
    pub(crate) fn refuse<H: Host>(
        mut self,
        error: Error,
        connection: &Connection,
        out: &mut Output,
    ) -> State<H> {
        self.bad_commands += u32::from(error.is_bad_command());
        if error.is_bad_command() && self.bad_commands >= connection.max_bad_commands {
            out.error(Error::TooManyBadCommands);
            return State::Ended(Ended::Abort);
        }
        out.error(error);
        State::Authorization(self)
    }
}

/// RFC 1939 §7 (PASS). The password goes to the host as it came and is not kept.
fn pass<H: Host>(
    user: Option<Vec<u8>>,
    password: &[u8],
    context: &Context<'_, H>,
    out: &mut Output,
) -> Change<H> {
    let user = user.ok_or(Error::UserRequired)?;
    let maildrop = context.host.password(&user, password)?;
    Ok(Some(transaction::enter(maildrop, out)))
}

/// RFC 1939 §7 (APOP), offered exactly when the banner has a challenge.
fn apop<H: Host>(
    user: &[u8],
    digest: &[u8],
    context: &Context<'_, H>,
    out: &mut Output,
) -> Change<H> {
    if context.connection.challenge.is_none() {
        return Err(Error::NotOffered);
    }
    let maildrop = context.host.apop(user, digest)?;
    Ok(Some(transaction::enter(maildrop, out)))
}

/// RFC 1939 §4: QUIT before login does not enter UPDATE.
fn quit<H: Host>(out: &mut Output) -> Change<H> {
    out.ok("");
    Ok(Some(State::Ended(Ended::Close)))
}

/// RFC 2595 §4 (STLS). What follows on the connection is not this session's.
fn stls<H: Host>(connection: &Connection, out: &mut Output) -> Change<H> {
    if !connection.may_start_tls {
        return Err(Error::NotOffered);
    }
    out.ok("Begin TLS negotiation");
    Ok(Some(State::Ended(Ended::StartTls)))
}
