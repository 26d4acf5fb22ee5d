//! Every bound on what the guest gives back.

use super::{Error, Next, Step, contract::Given};

/// Octets that a step without a `max` may send, by the contract.
const MAX_FIXED_OUTPUT: usize = 1_024;

/// What was asked for with the call that gave a step.
#[derive(Clone, Copy)]
pub(super) enum Asked<'a> {
    /// `greet` or `overlong`.
    Fixed,
    /// `lines`, with these lines and this `max`.
    Lines(&'a [u8], u32),
    /// `more`, with this `max`.
    More(u32),
}

/// Octets that a step of about `max` may have, by the contract.
pub(super) fn most_output(max: u32) -> usize {
    usize::try_from(max).unwrap_or(usize::MAX).saturating_mul(2)
}

/// Checks a step against the contract.
///
/// # Errors
///
/// [`Error::Contract`], the guest's fault.
pub(super) fn step(step: Given, asked: Asked<'_>) -> Result<Step, Error> {
    let consumed = usize::try_from(step.consumed).map_err(|_| CONSUMED)?;
    let max = match asked {
        Asked::Fixed => MAX_FIXED_OUTPUT,
        Asked::Lines(_, max) | Asked::More(max) => most_output(max),
    };
    if step.output.len() > max {
        return Err(Error::Contract("more output than was asked for"));
    }
    match asked {
        Asked::Lines(lines, _) if !ends_line(lines, consumed) => return Err(CONSUMED),
        Asked::Fixed | Asked::More(_) if consumed != 0 => return Err(CONSUMED),
        Asked::Fixed | Asked::Lines(..) | Asked::More(_) => {}
    }
    let next = step.next;
    if next == Next::More && step.output.is_empty() && matches!(asked, Asked::More(_)) {
        return Err(Error::Contract("an answer that does not go on"));
    }
    Ok(Step {
        consumed,
        output: step.output,
        next,
    })
}

const CONSUMED: Error = Error::Contract("consumed something else than whole lines");

fn ends_line(lines: &[u8], consumed: usize) -> bool {
    consumed.checked_sub(1).and_then(|last| lines.get(last)) == Some(&b'\n')
}

/// Whether one of these lines is a QUIT: only a client's own word lets a guest delete.
///
/// All that the sandbox has to know of POP3, and what no guest can make up. What comes to be deleted
/// is the guest's to say, but not when.
pub(super) fn has_quit(lines: &[u8]) -> bool {
    memchr::memchr2(b'Q', b'q', lines).is_some_and(|first| {
        let is_quit = |line: &[u8]| line.trim_ascii().eq_ignore_ascii_case(b"QUIT");
        let start = memchr::memrchr(b'\n', &lines[..first]).map_or(0, |end| end + 1);
        lines[start..].split(|octet| *octet == b'\n').any(is_quit)
    })
}

/// The numbers of the marked messages, ascending; `None` if one of them does not exist.
pub(super) fn marked(marks: &[u8], count: u32) -> Option<Vec<u32>> {
    let mut numbers = Vec::new();
    for (index, octet) in marks.iter().enumerate() {
        for bit in (0..8).filter(|bit| octet & (1 << bit) != 0) {
            let number = u32::try_from(index)
                .ok()?
                .checked_mul(8)?
                .checked_add(bit + 1)?;
            if number > count {
                return None;
            }
            numbers.push(number);
        }
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(consumed: u32, output: usize, next: Next) -> Given {
        Given {
            consumed,
            output: vec![b'x'; output],
            next,
        }
    }

    #[test]
    fn only_whole_lines_are_consumed() {
        let lines = b"NOOP\r\nNO".as_slice();
        let asked = Asked::Lines(lines, 1024);
        assert!(step(given(6, 1, Next::Lines), asked).is_ok());
        for consumed in [0, 5, 7, 8, 9, u32::MAX] {
            assert_eq!(step(given(consumed, 1, Next::Lines), asked), Err(CONSUMED));
        }
        assert_eq!(
            step(given(1, 1, Next::Lines), Asked::More(1024)),
            Err(CONSUMED)
        );
    }

    #[test]
    fn output_has_a_bound() {
        assert!(step(given(0, 2048, Next::More), Asked::More(1024)).is_ok());
        assert!(step(given(0, 2049, Next::More), Asked::More(1024)).is_err());
        assert!(step(given(0, 1025, Next::Lines), Asked::Fixed).is_err());
    }

    #[test]
    fn an_answer_goes_on_or_ends() {
        assert!(step(given(0, 0, Next::More), Asked::More(1024)).is_err());
        assert!(step(given(0, 0, Next::Lines), Asked::More(1024)).is_ok());
    }

    #[test]
    fn a_quit_is_a_line_of_its_own() {
        for lines in [
            "QUIT\r\n",
            "quit\n",
            "NOOP\r\nDELE 1\r\n Quit \r\nNOOP\r\n",
            "UIDL\nQUIT",
        ] {
            assert!(has_quit(lines.as_bytes()), "{lines:?}");
        }
        for lines in [
            "",
            "NOOP\r\n",
            "QUITE\r\n",
            "PASS QUIT\r\n",
            "QUIT 1\r\n",
            "q\r\n",
        ] {
            assert!(!has_quit(lines.as_bytes()), "{lines:?}");
        }
    }

    #[test]
    fn marks_become_numbers_or_nothing() {
        assert_eq!(marked(&[0b1000_0001, 0b1], 9), Some(vec![1, 8, 9]));
        assert_eq!(marked(&[0b1000_0001, 0b1, 0], 9), Some(vec![1, 8, 9]));
        assert_eq!(marked(&[0, 0b10], 9), None);
        assert_eq!(marked(&[], 0), Some(vec![]));
    }
}
