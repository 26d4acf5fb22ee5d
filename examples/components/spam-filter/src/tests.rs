//! The maildrop that a client sees, against one in memory.

use std::{cell::RefCell, rc::Rc};

use popcell_component::{Fault, Maildrop, Message, Summary, Unfinished};

use crate::filtered::Filtered;

struct Letter(RefCell<Vec<u8>>);

#[derive(Clone)]
struct Letters {
    octets: Vec<Vec<u8>>,
    committed: Rc<RefCell<Vec<u8>>>,
}

impl Message for Letter {
    /// A few octets at a time, whatever is asked for.
    fn read(&self, max: u32) -> Result<Vec<u8>, Fault> {
        let mut left = self.0.borrow_mut();
        let read = left.len().min(5).min(max as usize);
        Ok(left.drain(..read).collect())
    }
}

impl Maildrop for Letters {
    type Message = Letter;

    fn summary(&self) -> Summary {
        Summary {
            count: u32::try_from(self.octets.len()).unwrap(),
            octets: self.octets.iter().map(|octets| octets.len() as u64).sum(),
        }
    }

    fn sizes(&self, first: u32, max: u32) -> Result<Vec<u64>, Fault> {
        assert!(
            max <= 4_096 && first > 0,
            "a window of the contract: {first}, {max}"
        );
        let window = self
            .octets
            .iter()
            .skip(first as usize - 1)
            .take(max as usize);
        Ok(window.map(|octets| octets.len() as u64).collect())
    }

    fn uids(&self, first: u32, max: u32) -> Result<Vec<u8>, Fault> {
        let numbers = (first..first + max).take_while(|n| *n as usize <= self.octets.len());
        Ok(numbers
            .flat_map(|number| format!("u{number}\n").into_bytes())
            .collect())
    }

    fn announce(&self) -> Vec<String> {
        Vec::new()
    }

    fn open(&self, number: u32) -> Result<Letter, Fault> {
        let octets = self.octets.get(number as usize - 1).ok_or(Fault::Gone)?;
        Ok(Letter(RefCell::new(octets.clone())))
    }

    fn commit(self, marks: &[u8]) -> Result<(), Unfinished> {
        self.committed.replace(marks.to_vec());
        Ok(())
    }
}

/// Letters of 17 octets and more; those in `spam` are spam.
fn letters(count: u32, spam: &[u32]) -> Letters {
    let letter = |number: u32| match spam.contains(&number) {
        true => format!("X-Spam-Flag: YES\r\n\r\n{number}\r\n"),
        false => format!("Subject: mail\r\n\r\n{number}\r\n"),
    };
    Letters {
        octets: (1..=count)
            .map(|number| letter(number).into_bytes())
            .collect(),
        committed: Rc::default(),
    }
}

#[test]
fn what_is_hidden_is_not_counted_and_the_rest_is_renumbered() {
    let filtered = Filtered::scan(letters(9, &[1, 4, 5, 9]));
    let size = filtered.maildrop.octets[1].len() as u64;
    assert_eq!(
        filtered.summary(),
        Summary {
            count: 5,
            octets: 5 * size
        }
    );
    assert_eq!(filtered.sizes(1, 100), Ok(vec![size; 5]));
    assert_eq!(filtered.sizes(5, 1), Ok(vec![size]));
    assert_eq!(filtered.sizes(6, 10), Ok(Vec::new()));
    assert_eq!(filtered.uids(2, 3), Ok(b"u3\nu6\nu7\n".to_vec()));
}

#[test]
fn a_window_is_as_long_as_it_was_asked_for_whatever_is_hidden_in_it() {
    let spam: Vec<_> = (100..9_000).collect();
    let filtered = Filtered::scan(letters(10_000, &spam));
    assert_eq!(filtered.sizes(90, 50).map(|sizes| sizes.len()), Ok(50));
    let uids = filtered.uids(99, 2);
    assert_eq!(uids, Ok(b"u99\nu9000\n".to_vec()));
}

#[test]
fn a_commit_deletes_what_the_client_has_marked_and_nothing_hidden() {
    let letters = letters(12, &[2, 3, 11]);
    let committed = Rc::clone(&letters.committed);
    // 1, 2 and 9 of the client are 1, 4 and 12.
    Filtered::scan(letters).commit(&[0b0000_0011, 0b1]).unwrap();
    assert_eq!(*committed.borrow(), [0b0000_1001, 0b0000_1000]);
}

#[test]
fn an_empty_maildrop_stays_empty() {
    let filtered = Filtered::scan(letters(3, &[1, 2, 3]));
    assert_eq!(
        filtered.summary(),
        Summary {
            count: 0,
            octets: 0
        }
    );
    assert_eq!(filtered.sizes(1, 10), Ok(Vec::new()));
    assert_eq!(filtered.uids(1, 10), Ok(Vec::new()));
}
