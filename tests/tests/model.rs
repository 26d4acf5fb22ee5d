//! A maildrop as RFC 1939 describes it, beside the session, under random commands.
//!
//! The model is a list with marks; it knows texts of answers, but no steps, chunks or windows.

use popcell_tests::{
    called::{Called, Manner},
    driver::Driver as _,
    fake::World,
    letters,
    native::Native,
    scene::Scene,
    wire,
};
use proptest::{collection::vec, prelude::*};

/// A command after login, or the connection's end.
#[derive(Clone, Debug)]
enum Operation {
    Dele(u32),
    HangUp,
    Last,
    List(Option<u32>),
    Noop,
    Quit,
    Retr(u32),
    Rset,
    Stat,
    Top(u32, u32),
    Uidl(Option<u32>),
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_session_does_what_the_model_does(
        sessions in vec(vec(operation(), 0..30), 1..4),
        is_pipelined in any::<bool>(),
        is_parked in any::<bool>(),
    ) {
        let world = World::new(Scene { messages: letters::awkward(), ..Scene::default() });
        let mut native = Native::driver(Manner { is_parked, max: 1_024, ..Manner::default() });
        let mut stored: Vec<Letter> = letters::awkward().into_iter().zip(1..).collect();
        for operations in &sessions {
            let mut model = Model::of(&stored);
            login(&mut native, &world);
            if is_pipelined {
                pipelined(&mut native, &mut model, operations)?;
            } else {
                one_by_one(&mut native, &mut model, operations)?;
            }
            native.hang_up().expect("the contract is kept");
            stored = model.left();
            let originals: Vec<u32> = stored.iter().map(|(_, original)| *original).collect();
            prop_assert_eq!(world.stored(), originals);
        }
    }
}

/// A message and its number in the first session.
type Letter = (Vec<u8>, u32);

/// Sends every command when the one before it is answered.
fn one_by_one(
    native: &mut Called<Native>,
    model: &mut Model,
    operations: &[Operation],
) -> Result<(), TestCaseError> {
    for operation in operations {
        let Some(command) = command(operation) else {
            break;
        };
        native
            .send(command.as_bytes())
            .expect("the contract is kept");
        let expected = model.answer(operation);
        let (output, is_open) = native.take_output();
        prop_assert_eq!(text(&output), text(&expected), "{}", command);
        prop_assert_eq!(is_open, !model.is_over);
        if model.is_over {
            break;
        }
    }
    Ok(())
}

/// Sends all commands in one piece.
fn pipelined(
    native: &mut Called<Native>,
    model: &mut Model,
    operations: &[Operation],
) -> Result<(), TestCaseError> {
    let commands: Vec<String> = operations.iter().map_while(command).collect();
    native
        .send(commands.concat().as_bytes())
        .expect("the contract is kept");
    let mut expected = Vec::new();
    for operation in &operations[..commands.len()] {
        if !model.is_over {
            expected.extend(model.answer(operation));
        }
    }
    let (output, is_open) = native.take_output();
    prop_assert_eq!(text(&output), text(&expected));
    prop_assert_eq!(is_open, !model.is_over);
    Ok(())
}

fn login(native: &mut Called<Native>, world: &World) {
    native.connect(world).expect("a greeting");
    native
        .send(b"USER alice\r\nPASS secret\r\n")
        .expect("the contract is kept");
    let (output, is_open) = native.take_output();
    assert!(
        is_open && output.ends_with(b"+OK Authentication succeeded\r\n"),
        "{}",
        text(&output)
    );
}

fn text(octets: &[u8]) -> String {
    octets.escape_ascii().to_string()
}

fn operation() -> impl Strategy<Value = Operation> {
    let number = || prop_oneof![1_u32..9, 0_u32..12];
    let maybe = move || prop_oneof![Just(None), number().prop_map(Some)];
    prop_oneof![
        4 => number().prop_map(Operation::Dele),
        1 => Just(Operation::HangUp),
        2 => Just(Operation::Last),
        4 => maybe().prop_map(Operation::List),
        1 => Just(Operation::Noop),
        2 => Just(Operation::Quit),
        3 => number().prop_map(Operation::Retr),
        1 => Just(Operation::Rset),
        3 => Just(Operation::Stat),
        3 => (number(), 0_u32..5).prop_map(|(number, lines)| Operation::Top(number, lines)),
        3 => maybe().prop_map(Operation::Uidl),
    ]
}

/// The line of an operation, or `None` where the client hangs up.
fn command(operation: &Operation) -> Option<String> {
    let about = |verb: &str, number: &Option<u32>| match number {
        Some(number) => format!("{verb} {number}"),
        None => verb.to_owned(),
    };
    let line = match operation {
        Operation::HangUp => return None,
        Operation::Dele(number) => format!("DELE {number}"),
        Operation::Last => "LAST".to_owned(),
        Operation::List(number) => about("LIST", number),
        Operation::Noop => "NOOP".to_owned(),
        Operation::Quit => "QUIT".to_owned(),
        Operation::Retr(number) => format!("RETR {number}"),
        Operation::Rset => "RSET".to_owned(),
        Operation::Stat => "STAT".to_owned(),
        Operation::Top(number, lines) => format!("TOP {number} {lines}"),
        Operation::Uidl(number) => about("UIDL", number),
    };
    Some(format!("{line}\r\n"))
}

/// The maildrop of one session.
struct Model {
    messages: Vec<Message>,
    highest: u32,
    is_over: bool,
}

struct Message {
    octets: Vec<u8>,
    original: u32,
    is_marked: bool,
}

/// An answer, or the text of an error.
type Answer = Result<Vec<u8>, &'static str>;

impl Model {
    fn of(stored: &[Letter]) -> Self {
        let message = |(octets, original): &Letter| Message {
            octets: octets.clone(),
            original: *original,
            is_marked: false,
        };
        Self {
            messages: stored.iter().map(message).collect(),
            highest: 0,
            is_over: false,
        }
    }

    /// What is stored when the session is over: marks count after a QUIT only.
    fn left(&self) -> Vec<Letter> {
        let stays = |message: &&Message| !(self.is_over && message.is_marked);
        let messages = self.messages.iter().filter(stays);
        messages
            .map(|message| (message.octets.clone(), message.original))
            .collect()
    }

    fn answer(&mut self, operation: &Operation) -> Vec<u8> {
        self.carry_out(operation)
            .unwrap_or_else(|error| format!("-ERR {error}\r\n").into_bytes())
    }

    fn carry_out(&mut self, operation: &Operation) -> Answer {
        match *operation {
            Operation::HangUp => unreachable!("no command"),
            Operation::Dele(number) => self.dele(number),
            Operation::Last => Ok(format!("+OK {}\r\n", self.highest).into_bytes()),
            Operation::List(None) => Ok(self.list()),
            Operation::List(Some(number)) => self.list_one(number),
            Operation::Noop => Ok(b"+OK \r\n".to_vec()),
            Operation::Quit => {
                self.is_over = true;
                Ok(b"+OK \r\n".to_vec())
            }
            Operation::Retr(number) => self.retr(number),
            Operation::Rset => Ok(self.rset()),
            Operation::Stat => Ok(self.stat()),
            Operation::Top(number, lines) => self.top(number, lines),
            Operation::Uidl(None) => Ok(self.uidl()),
            Operation::Uidl(Some(number)) => self.uidl_one(number),
        }
    }

    fn dele(&mut self, number: u32) -> Answer {
        let index = self.index(number, "Bad message number argument")?;
        self.messages[index].is_marked = true;
        Ok(b"+OK \r\n".to_vec())
    }

    fn list(&self) -> Vec<u8> {
        let mut answer = format!("+OK {}\r\n", self.unmarked().count());
        for (number, message) in self.unmarked() {
            answer += &format!("{number} {}\r\n", message.octets.len());
        }
        (answer + ".\r\n").into_bytes()
    }

    fn list_one(&self, number: u32) -> Answer {
        let index = self.index(number, "Invalid message-number")?;
        Ok(format!("+OK {number} {}\r\n", self.messages[index].octets.len()).into_bytes())
    }

    fn retr(&mut self, number: u32) -> Answer {
        let index = self.index(number, "Bad message number argument")?;
        self.highest = self.highest.max(number);
        let octets = &self.messages[index].octets;
        let first = format!("+OK {} octets\r\n", octets.len());
        Ok([first.as_bytes(), &wire::stuffed(octets), b".\r\n"].concat())
    }

    fn rset(&mut self) -> Vec<u8> {
        self.messages
            .iter_mut()
            .for_each(|message| message.is_marked = false);
        self.highest = 0;
        b"+OK \r\n".to_vec()
    }

    fn stat(&self) -> Vec<u8> {
        let octets: usize = self
            .unmarked()
            .map(|(_, message)| message.octets.len())
            .sum();
        format!("+OK {} {octets}\r\n", self.unmarked().count()).into_bytes()
    }

    fn top(&mut self, number: u32, lines: u32) -> Answer {
        let index = self.index(number, "Bad message number argument")?;
        self.highest = self.highest.max(number);
        let body = wire::stuffed(&wire::top(&self.messages[index].octets, lines.into()));
        Ok([b"+OK Top of message follows\r\n", &body[..], b".\r\n"].concat())
    }

    fn uidl(&self) -> Vec<u8> {
        let mut answer = "+OK \r\n".to_owned();
        for (number, message) in self.unmarked() {
            answer += &format!("{number} {}\r\n", uid(message));
        }
        (answer + ".\r\n").into_bytes()
    }

    fn uidl_one(&self, number: u32) -> Answer {
        let index = self.index(number, "Bad message number argument")?;
        Ok(format!("+OK {number} {}\r\n", uid(&self.messages[index])).into_bytes())
    }

    fn unmarked(&self) -> impl Iterator<Item = (u32, &Message)> {
        (1..)
            .zip(&self.messages)
            .filter(|(_, message)| !message.is_marked)
    }

    fn index(&self, number: u32, bad: &'static str) -> Result<usize, &'static str> {
        let index = (1..)
            .zip(0..self.messages.len())
            .find(|(n, _)| *n == number)
            .ok_or(bad)?
            .1;
        if self.messages[index].is_marked {
            Err("message deleted")
        } else {
            Ok(index)
        }
    }
}

fn uid(message: &Message) -> String {
    match message.original {
        1 => "whqtswO00WBw418f9t5JxYwZ".to_owned(),
        2 => "QhdPYR:00WBw1Ph7x7".to_owned(),
        3 => "~".repeat(70),
        original => format!("uid-{original}"),
    }
}
