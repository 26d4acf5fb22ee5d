//! A driver for everything that is called like the component: the host's part in a few lines.
//!
//! Frames lines, calls, collects output, parks if asked to, and checks that every step keeps the
//! bounds of `wit/pop3.wit`. What is called stands behind a [`Door`]. No timers, no TLS.

use std::collections::VecDeque;

use anyhow::{Result, bail, ensure};
use popcell_component::{Next, Step};

use crate::{
    driver::{Driver, Heard},
    escape,
    fake::{FakeHost, World},
};

/// The longest line that the host hands over, without its line end.
pub const MAX_LINE: usize = 16_384;

/// The most octets that a step without `max` may send.
const MAX_PLAIN_OUTPUT: usize = 1_024;

/// The most octets of a state, but for the marks.
const MAX_STATE: usize = 32 * 1_024;

/// How the host calls. None of this may be visible to the client.
#[derive(Clone, Debug)]
pub struct Manner {
    /// The `max` of every call.
    pub max: u32,
    /// Most lines that are handed over in one call.
    pub lines: usize,
    /// Whether the session is suspended and resumed between any two calls.
    pub is_parked: bool,
    /// Most octets that arrive at once.
    pub arrival: usize,
    /// Whether the host forwards messages, where sessions are native. In a sandbox it is for the
    /// component to ask.
    pub forwards: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            max: 65_536,
            lines: usize::MAX,
            is_parked: false,
            arrival: usize::MAX,
            forwards: false,
        }
    }
}

/// Where sessions are: in this process, or in a sandbox. An error is a breach of the contract or a
/// failure of what is behind the door.
pub trait Door {
    /// One session.
    type Session;

    /// A session before its greeting.
    ///
    /// # Errors
    ///
    /// See [`Door`].
    fn enter(&self, world: &World, host: &FakeHost) -> Result<Self::Session>;

    /// `session.greet`.
    ///
    /// # Errors
    ///
    /// See [`Door`].
    fn greet(&self, session: &mut Self::Session) -> Result<Step>;

    /// `session.lines`.
    ///
    /// # Errors
    ///
    /// See [`Door`].
    fn lines(&self, session: &mut Self::Session, lines: &[u8], max: u32) -> Result<Step>;

    /// `session.more`.
    ///
    /// # Errors
    ///
    /// See [`Door`].
    fn more(&self, session: &mut Self::Session, max: u32) -> Result<Step>;

    /// `session.overlong`.
    ///
    /// # Errors
    ///
    /// See [`Door`].
    fn overlong(&self, session: &mut Self::Session) -> Result<Step>;

    /// `session.suspend` and `session.resume`. Hands the state to `look` in between, which may put
    /// another one in its place.
    ///
    /// # Errors
    ///
    /// See [`Door`], and those of `look`.
    fn park(
        &self,
        session: Self::Session,
        world: &World,
        host: &FakeHost,
        look: &dyn Fn(&mut Vec<u8>) -> Result<()>,
    ) -> Result<Self::Session>;
}

/// A connection to a session behind a door.
pub struct Called<D: Door> {
    door: D,
    manner: Manner,
    live: Option<Live<D::Session>>,
    output: VecDeque<u8>,
}

/// A connection that is not closed.
struct Live<S> {
    session: S,
    world: World,
    /// The host of the connection: what is resumed speaks to the same one.
    host: FakeHost,
    next: Next,
    input: Vec<u8>,
}

impl<D: Door> Called<D> {
    /// A driver that calls in this manner.
    pub fn new(door: D, manner: Manner) -> Self {
        Self {
            door,
            manner,
            live: None,
            output: VecDeque::new(),
        }
    }

    /// Everything that has been said since the last call, and whether the connection is open.
    pub fn take_output(&mut self) -> (Vec<u8>, bool) {
        (self.output.drain(..).collect(), self.live.is_some())
    }

    /// Calls the session until it waits for lines that are not there.
    fn run(&mut self) -> Result<()> {
        while let Some(mut live) = self.live.take() {
            let Some(step) = self.call(&mut live)? else {
                self.live = Some(live);
                break;
            };
            self.output.extend(step.output);
            live.next = step.next;
            match step.next {
                Next::Lines | Next::More => self.live = Some(self.park(live)?),
                // What would follow the handshake is another session.
                Next::StartTls | Next::Close | Next::Abort => break,
            }
        }
        Ok(())
    }

    /// The call that is due, or `None` if a line has to come first.
    fn call(&self, live: &mut Live<D::Session>) -> Result<Option<Step>> {
        match live.next {
            Next::More => self.more(live).map(Some),
            Next::Lines => self.lines(live),
            Next::StartTls | Next::Close | Next::Abort => Ok(None),
        }
    }

    fn more(&self, live: &mut Live<D::Session>) -> Result<Step> {
        let step = self.door.more(&mut live.session, self.manner.max)?;
        check_output(&step, self.manner.max)?;
        ensure!(step.consumed == 0, "more consumed {} octets", step.consumed);
        let goes_on = !step.output.is_empty() || step.next != Next::More;
        ensure!(goes_on, "more gave nothing and wants to be called again");
        Ok(step)
    }

    /// Hands over what has arrived, or `None` if that is not a line.
    fn lines(&self, live: &mut Live<D::Session>) -> Result<Option<Step>> {
        let mut given = 0;
        let mut is_too_long = false;
        for line in live
            .input
            .split_inclusive(|&octet| octet == b'\n')
            .take(self.manner.lines)
        {
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            is_too_long = text.strip_suffix(b"\r").unwrap_or(text).len() > MAX_LINE;
            if is_too_long || !line.ends_with(b"\n") {
                break;
            }
            given += line.len();
        }
        if given == 0 {
            return if is_too_long {
                self.overlong(live).map(Some)
            } else {
                Ok(None)
            };
        }
        let max = self.manner.max;
        let step = self
            .door
            .lines(&mut live.session, &live.input[..given], max)?;
        check_output(&step, max)?;
        let consumed = usize::try_from(step.consumed)?;
        ensure!(
            (1..=given).contains(&consumed),
            "{consumed} of {given} octets consumed"
        );
        ensure!(
            live.input[consumed - 1] == b'\n',
            "a part of a line was consumed"
        );
        live.input.drain(..consumed);
        Ok(Some(step))
    }

    fn overlong(&self, live: &mut Live<D::Session>) -> Result<Step> {
        let step = self.door.overlong(&mut live.session)?;
        ensure!(
            step.output.len() <= MAX_PLAIN_OUTPUT,
            "{} octets",
            step.output.len()
        );
        ensure!(
            step.next == Next::Abort,
            "the session goes on behind a line too long"
        );
        Ok(step)
    }

    /// Suspends and resumes the session, if that is the manner.
    fn park(&self, live: Live<D::Session>) -> Result<Live<D::Session>> {
        if !self.manner.is_parked {
            return Ok(live);
        }
        let Live {
            session,
            world,
            host,
            next,
            input,
        } = live;
        let look = |state: &mut Vec<u8>| check_state(state, &world);
        let session = self.door.park(session, &world, &host, &look)?;
        Ok(Live {
            session,
            world,
            host,
            next,
            input,
        })
    }
}

fn check_output(step: &Step, max: u32) -> Result<()> {
    let limit = usize::try_from(max)?.saturating_mul(2);
    ensure!(
        step.output.len() <= limit,
        "{} octets for a max of {max}",
        step.output.len()
    );
    Ok(())
}

fn check_state(state: &[u8], world: &World) -> Result<()> {
    let messages = world.scene().messages.len();
    let limit = MAX_STATE + messages.div_ceil(8);
    ensure!(state.len() <= limit, "a state of {} octets", state.len());
    // A password of an octet or two is in many states by chance.
    for user in world
        .scene()
        .users
        .iter()
        .filter(|user| user.password.len() > 4)
    {
        let password = &user.password;
        let holds = state.windows(password.len()).any(|part| part == password);
        ensure!(!holds, "the state holds a password");
    }
    Ok(())
}

impl<D: Door> Driver for Called<D> {
    fn connect(&mut self, world: &World) -> Result<()> {
        self.hang_up()?;
        let host = world.host();
        let mut session = self.door.enter(world, &host)?;
        let Step {
            consumed,
            output,
            next,
        } = self.door.greet(&mut session)?;
        ensure!(
            consumed == 0 && next == Next::Lines,
            "a greeting of {consumed} octets, {next:?}"
        );
        ensure!(
            output.len() <= MAX_PLAIN_OUTPUT,
            "a greeting of {} octets",
            output.len()
        );
        self.output = output.into();
        let live = Live {
            session,
            world: world.clone(),
            host,
            next,
            input: Vec::new(),
        };
        self.live = Some(self.park(live)?);
        Ok(())
    }

    fn send(&mut self, octets: &[u8]) -> Result<()> {
        ensure!(self.manner.arrival > 0, "nothing ever arrives");
        for piece in octets.chunks(self.manner.arrival) {
            let Some(live) = &mut self.live else { break };
            live.input.extend_from_slice(piece);
            self.run()?;
        }
        Ok(())
    }

    fn hear(&mut self) -> Result<Heard> {
        if let Some(end) = self.output.iter().position(|&octet| octet == b'\n') {
            return Ok(Heard::Line(self.output.drain(..=end).collect()));
        }
        let rest: Vec<u8> = self.output.drain(..).collect();
        match (&self.live, &rest[..]) {
            (None, _) => Ok(Heard::Closed(rest)),
            (Some(_), []) => Ok(Heard::Silence),
            (Some(_), half) => bail!("waits behind half a line: {}", escape::encode(half)),
        }
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }

    fn hang_up(&mut self) -> Result<()> {
        self.live = None;
        self.output.clear();
        Ok(())
    }
}
