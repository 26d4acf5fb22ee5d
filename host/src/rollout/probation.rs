//! What a new component may get wrong before it is taken back.
//!
//! Bounds and arithmetic; `mod.rs` acts on it.

use std::time::Duration;

use super::{Generation, Tallied};

/// What a generation may get wrong, and for how long it is looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// For so long after its start. Zero for not at all.
    pub window: Duration,
    /// So many traps, breaches and limits reached are too many.
    pub failures: u64,
    /// Such a part of the sessions that are to move, not taken, is too much; in percent.
    pub refused_percent: u8,
    /// Such a part of the answers being errors is too much, in percent, if it is more than twice
    /// that of the generation before.
    pub error_percent: u8,
    /// The part of answers that were errors in the generation before, of one.
    pub usual_errors: f64,
}

/// Parts of fewer than so many say nothing.
const LEAST: u64 = 20;

impl Default for Bounds {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(60),
            failures: 3,
            refused_percent: 50,
            error_percent: 25,
            usual_errors: 0.0,
        }
    }
}

impl Bounds {
    /// The same bounds, held against what was usual in this generation.
    pub(super) fn beside(self, before: &Generation) -> Self {
        let Tallied {
            calls,
            error_replies,
            ..
        } = before.tallied();
        Self {
            usual_errors: part(error_replies, calls),
            ..self
        }
    }

    /// What a generation got wrong, in words, if it is too much.
    pub(super) fn broken(&self, tallied: &Tallied) -> Option<String> {
        let Tallied {
            calls,
            error_replies,
            moved_in,
            refused,
            failures,
            ..
        } = *tallied;
        if failures >= self.failures {
            return Some(format!("{failures} calls failed"));
        }
        let asked = moved_in + refused;
        if asked >= LEAST && part(refused, asked) > f64::from(self.refused_percent) / 100.0 {
            return Some(format!("{refused} of {asked} sessions were refused"));
        }
        let errors = part(error_replies, calls);
        let bound = (f64::from(self.error_percent) / 100.0).max(2.0 * self.usual_errors);
        if calls >= LEAST && errors > bound {
            return Some(format!("{error_replies} of {calls} answers were errors"));
        }
        None
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a part, to be compared with a bound"
)]
fn part(some: u64, all: u64) -> f64 {
    match all {
        0 => 0.0,
        all => some as f64 / all as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        window: Duration::from_secs(60),
        failures: 3,
        refused_percent: 50,
        error_percent: 25,
        usual_errors: 0.2,
    };

    #[test]
    fn few_failures_are_borne_and_more_are_not() {
        let failed = |failures| Tallied {
            failures,
            ..Tallied::default()
        };
        assert_eq!(BOUNDS.broken(&failed(2)), None);
        assert_eq!(BOUNDS.broken(&failed(3)).as_deref(), Some("3 calls failed"));
    }

    #[test]
    fn a_part_counts_only_of_enough() {
        let refused = |refused, moved_in| Tallied {
            refused,
            moved_in,
            ..Tallied::default()
        };
        assert_eq!(BOUNDS.broken(&refused(19, 0)), None);
        assert_eq!(BOUNDS.broken(&refused(10, 10)), None);
        assert!(BOUNDS.broken(&refused(11, 9)).is_some());
    }

    #[test]
    fn errors_that_are_usual_are_no_fault() {
        let errors = |error_replies| Tallied {
            calls: 100,
            error_replies,
            ..Tallied::default()
        };
        assert_eq!(BOUNDS.broken(&errors(40)), None);
        assert!(BOUNDS.broken(&errors(41)).is_some());
    }
}
