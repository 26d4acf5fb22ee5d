//! Why a check ended before its end.
//!
//! A check that comes to its end has passed; it returns nothing.

/// Why a check did not pass.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Stop {
    /// The server did something else than what is required. One sentence: what was expected, and
    /// what came.
    Wrong(String),
    /// The requirement is about an option that this server does not offer.
    NotOffered(String),
    /// The check could not be made here: the suite's caller can do something about it.
    Skipped(String),
}

impl Stop {
    /// The server is wrong: `expected` says what should have happened.
    pub(crate) fn wrong<T>(expected: impl Into<String>) -> Result<T, Self> {
        Err(Self::Wrong(expected.into()))
    }

    /// The server does not offer `option`.
    pub(crate) fn not_offered<T>(option: impl Into<String>) -> Result<T, Self> {
        Err(Self::NotOffered(option.into()))
    }

    /// The check was not made, and why.
    pub(crate) fn skipped<T>(reason: impl Into<String>) -> Result<T, Self> {
        Err(Self::Skipped(reason.into()))
    }
}

/// Goes on if `holds`, and is the server's fault with `expected` if not.
pub(crate) fn require(holds: bool, expected: impl FnOnce() -> String) -> Result<(), Stop> {
    if holds {
        Ok(())
    } else {
        Err(Stop::Wrong(expected()))
    }
}
