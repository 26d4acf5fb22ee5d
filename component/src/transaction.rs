//! TRANSACTION (RFC 1939 §5, §7): one user, one maildrop, marks on its messages.
//!
//! Multi-line answers are begun here and sent by `answer.rs`; the commit is in `update.rs`.

use crate::{
    answer::{self, Answer, Part},
    capa,
    capability::{Host, Maildrop, Summary},
    command::{Arguments, Line, MessageNumber, Verb, decimal},
    connection::Connection,
    marks::Marks,
    reply::{Error, Output},
    session::{Context, Ended, State},
    sizes::Sizes,
    top::Top,
    update,
};

/// What is known after login. Owning the maildrop is what makes it this state.
pub(crate) struct Transaction<H: Host> {
    pub(crate) maildrop: H::Maildrop,
    /// What the maildrop held at login.
    pub(crate) summary: Summary,
    pub(crate) marks: Marks,
    /// The octets of the marked messages.
    pub(crate) marked_octets: u64,
    pub(crate) sizes: Sizes,
    /// The highest number that RETR or TOP has opened (RFC 1460, LAST).
    pub(crate) highest: u32,
    /// Bad commands in a row.
    pub(crate) bad_commands: u32,
}

/// Says that the login succeeded and enters TRANSACTION with no message marked.
pub(crate) fn enter<H: Host>(maildrop: H::Maildrop, out: &mut Output) -> State<H> {
    out.ok("Authentication succeeded");
    State::Transaction(Transaction {
        summary: maildrop.summary(),
        maildrop,
        marks: Marks::default(),
        marked_octets: 0,
        sizes: Sizes::default(),
        highest: 0,
        bad_commands: 0,
    })
}

/// What a command comes to: done, or a multi-line answer to go on with.
type Done<H> = Result<Option<Part<<<H as Host>::Maildrop as Maildrop>::Message>>, Error>;

impl<H: Host> Transaction<H> {
    /// Answers a command.
    pub(crate) fn command(
        mut self,
        line: Result<Line<'_>, Error>,
        context: &Context<'_, H>,
        out: &mut Output,
    ) -> State<H> {
        let done = match line.and_then(checked) {
            Ok((Verb::Quit, _)) => return update::quit(self.maildrop, &self.marks, out),
            Ok((verb, arguments)) => self.dispatch(verb, arguments, context.connection, out),
            Err(error) => Err(error),
        };
        match done {
            Ok(part) => {
                self.bad_commands = 0;
                match part {
                    Some(part) => State::Answer(Answer {
                        transaction: self,
                        part,
                    }),
                    None => State::Transaction(self),
                }
            }
            Err(error) => self.refuse(error, context.connection, out),
        }
    }

    fn dispatch(
        &mut self,
        verb: Verb,
        arguments: Arguments<'_>,
        connection: &Connection,
        out: &mut Output,
    ) -> Done<H> {
        match (verb, arguments) {
            (Verb::Stat, _) => Ok(self.stat(out)),
            (Verb::List, [None, _]) => self.list(out),
            (Verb::List, [Some(number), _]) => self.list_one(number, out),
            (Verb::Retr, [Some(number), _]) => self.retr(number, out),
            (Verb::Dele, [Some(number), _]) => self.dele(number, out),
            (Verb::Noop, _) => Ok(done(out)),
            (Verb::Rset, _) => Ok(self.rset(out)),
            (Verb::Top, [Some(number), Some(lines)]) => self.top(number, lines, out),
            (Verb::Uidl, [None, _]) => self.uidl(out),
            (Verb::Uidl, [Some(number), _]) => self.uidl_one(number, out),
            (Verb::Last, _) => Ok(self.last(out)),
            (Verb::Capa, _) => Ok(self.capa(connection, out)),
            _ => Err(Error::ArgumentCount),
        }
    }

    // RFC 1939 §5 (STAT): marked messages are counted in neither number.
    fn stat(&self, out: &mut Output) -> Option<Part<MessageOf<H>>> {
        let count = self.summary.count.saturating_sub(self.marks.count());
        let octets = self.summary.octets.saturating_sub(self.marked_octets);
        out.ok_pair(u64::from(count), octets);
        None
    }

    /// A window is asked for before `+OK`, so that a fault can still be an answer.
    fn list(&self, out: &mut Output) -> Done<H> {
        self.maildrop.sizes(1, 1)?;
        let count = self.summary.count.saturating_sub(self.marks.count());
        out.ok_number(u64::from(count), "");
        Ok(Some(Part::List { next: 1 }))
    }

    fn list_one(&mut self, number: &[u8], out: &mut Output) -> Done<H> {
        let number = self.unmarked(number, Error::InvalidMessageNumber)?;
        out.ok_pair(u64::from(number), self.size(number)?);
        Ok(None)
    }

    fn retr(&mut self, number: &[u8], out: &mut Output) -> Done<H> {
        let number = self.unmarked(number, Error::BadMessageNumber)?;
        let octets = self.size(number)?;
        let part = answer::begin(&self.maildrop, number, None, out, |out| {
            out.ok_number(octets, " octets");
        })?;
        self.highest = self.highest.max(number);
        Ok(part)
    }

    // RFC 1939 §5 (DELE): marks only; the message goes in UPDATE.
    fn dele(&mut self, number: &[u8], out: &mut Output) -> Done<H> {
        let number = self.unmarked(number, Error::BadMessageNumber)?;
        let octets = self.size(number)?;
        self.marked_octets = self.marked_octets.saturating_add(octets);
        self.marks.mark(number);
        Ok(done(out))
    }

    fn rset(&mut self, out: &mut Output) -> Option<Part<MessageOf<H>>> {
        self.marks = Marks::default();
        self.marked_octets = 0;
        self.highest = 0;
        done(out)
    }

    // The line count is looked at first.
    fn top(&mut self, number: &[u8], lines: &[u8], out: &mut Output) -> Done<H> {
        let lines = decimal(lines).ok_or(Error::BadLineCount)?;
        let number = self.unmarked(number, Error::BadMessageNumber)?;
        let top = Some(Top::new(lines));
        let part = answer::begin(&self.maildrop, number, top, out, |out| {
            out.ok("Top of message follows");
        })?;
        self.highest = self.highest.max(number);
        Ok(part)
    }

    fn uidl(&self, out: &mut Output) -> Done<H> {
        self.maildrop.uids(1, 1)?;
        out.ok("");
        Ok(Some(Part::Uidl { next: 1 }))
    }

    fn uidl_one(&self, number: &[u8], out: &mut Output) -> Done<H> {
        let number = self.unmarked(number, Error::BadMessageNumber)?;
        let uid = self.maildrop.uids(number, 1)?;
        out.ok_uid(
            number,
            uid.strip_suffix(b"\n").ok_or(Error::StoragePermanent)?,
        );
        Ok(None)
    }

    // RFC 1460 §5 (LAST), as far as it was ever defined; RSET sets it back.
    fn last(&self, out: &mut Output) -> Option<Part<MessageOf<H>>> {
        out.ok_number(u64::from(self.highest), "");
        None
    }

    fn capa(&self, connection: &Connection, out: &mut Output) -> Option<Part<MessageOf<H>>> {
        capa::list(connection, Some(&self.maildrop.announce()), out);
        None
    }

    /// The message that the client names, if it is there and not marked.
    ///
    /// RFC 1939 §5 (DELE): a later reference to a marked message is an error.
    fn unmarked(&self, number: &[u8], bad: Error) -> Result<u32, Error> {
        let number =
            MessageNumber::parse(number).and_then(|number| number.within(self.summary.count));
        let number = number.ok_or(bad)?;
        if self.marks.is_marked(number) {
            Err(Error::MessageDeleted)
        } else {
            Ok(number)
        }
    }

    fn size(&mut self, number: u32) -> Result<u64, Error> {
        Ok(self.sizes.of(&self.maildrop, number)?)
    }

    /// Says no. So many bad commands in a row end the session; the maildrop is released unchanged.
    fn refuse(mut self, error: Error, connection: &Connection, out: &mut Output) -> State<H> {
        self.bad_commands += u32::from(error.is_bad_command());
        if error.is_bad_command() && self.bad_commands >= connection.max_bad_commands_after_login {
            out.error(Error::TooManyBadCommands);
            return State::Ended(Ended::Abort);
        }
        out.error(error);
        State::Transaction(self)
    }
}

type MessageOf<H> = <<H as Host>::Maildrop as Maildrop>::Message;

fn checked(line: Line<'_>) -> Result<(Verb, Arguments<'_>), Error> {
    if !line.row.transaction {
        return Err(Error::WrongState);
    }
    Ok((line.row.verb, line.arguments()?))
}

fn done<M>(out: &mut Output) -> Option<Part<M>> {
    out.ok("");
    None
}
