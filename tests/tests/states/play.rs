//! Plays a session up to its state, puts another state in its place, and plays on.

use popcell_component::Next;
use popcell_tests::{called::Door, fake::World};

use super::kinds::Kind;

/// The smallest `max` there is: answers take several steps.
const MAX: u32 = 1_024;

/// What came behind the state.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Outcome {
    /// What was sent.
    pub(crate) output: Vec<u8>,
    /// What the last step asked for.
    pub(crate) next: Next,
    /// What is left of the mail.
    pub(crate) stored: Vec<u32>,
}

/// What looks at a state and may put another one in its place; it gives the one that was there.
pub(crate) type Exchange<'a> = &'a dyn Fn(&mut Vec<u8>) -> Vec<u8>;

/// Plays a session; one that is to be suspended is resumed with the state that is there then.
pub(crate) fn play<D: Door>(door: &D, kind: &Kind, exchange: Option<Exchange<'_>>) -> Outcome {
    let world = World::new(kind.scene());
    let host = world.host();
    let mut session = door.enter(&world, &host).expect("a session");
    let mut next = door.greet(&mut session).expect("a greeting").next;
    for lines in kind.before {
        (next, _) = say(door, &mut session, lines, false);
    }
    for _ in 0..kind.more {
        next = door.more(&mut session, MAX).expect("a step").next;
    }
    if let Some(exchange) = exchange {
        let look = |state: &mut Vec<u8>| {
            exchange(state);
            Ok(())
        };
        let parked = door.park(session, &world, &host, &look);
        session = parked.unwrap_or_else(|error| panic!("{}: {error:#}", kind.name));
    }
    let mut output = Vec::new();
    while next == Next::More {
        let step = door.more(&mut session, MAX).expect("a step");
        (next, output) = (step.next, [output, step.output].concat());
    }
    let (next, rest) = say(door, &mut session, kind.behind, true);
    drop(session);
    Outcome {
        output: [output, rest].concat(),
        next,
        stored: world.stored(),
    }
}

/// Says these lines, as far as the session takes them, and gives what the last step asked for and
/// what was sent. Answers of several steps are waited for only if they are to be complete.
fn say<D: Door>(
    door: &D,
    session: &mut D::Session,
    lines: &str,
    is_complete: bool,
) -> (Next, Vec<u8>) {
    let (mut rest, mut output) = (lines.as_bytes(), Vec::new());
    loop {
        let mut step = door.lines(session, rest, MAX).expect("a step");
        rest = &rest[usize::try_from(step.consumed).expect("small")..];
        output.append(&mut step.output);
        while is_complete && step.next == Next::More {
            step = door.more(session, MAX).expect("a step");
            output.append(&mut step.output);
        }
        if step.next != Next::Lines || rest.is_empty() {
            return (step.next, output);
        }
    }
}
