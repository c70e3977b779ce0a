//! What happens when, and to whom: the script of a simulation.
//!
//! One line an event, in this order; `#` begins a comment:
//!
//! ```text
//! # WHEN  WHAT     WHOM          HOW LONG   AND AGAIN
//! 10s     killed   web-3         for 40s
//! 1m      cut      5%            for 30s    every 5m
//! 2m30s   reboot   1
//! ```
//!
//! WHEN counts from the begin of the simulation. WHAT is a [`Trouble`]. WHOM is
//! a server's name, a number of servers, a share of them, or `all`; those that
//! are drawn are drawn by the seed. A server that is in trouble already is left
//! alone.

mod built_in;
mod director;
mod error;
mod read;

use std::time::Duration;

pub(crate) use self::director::{Act, Director};
pub use self::error::ScriptError;
use crate::trouble::Trouble;

/// The most lines of a script.
pub const MAX_LINES: usize = 1000;

/// A script that was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Script {
    lines: Vec<Line>,
}

/// One event, and its repetitions.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    /// Its place in the text, from 1.
    number: usize,
    at: Duration,
    trouble: Trouble,
    whom: Whom,
    lasts: Duration,
    every: Option<Duration>,
}

/// Whom an event hits.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Whom {
    All,
    Named(String),
    Count(u64),
    /// Per cent, from 1 to 100.
    Share(u64),
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// [`ScriptError`] names the first line that is wrong and says why.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        read::script(text)
    }

    /// The built-in script of that name.
    #[must_use]
    pub fn built_in(name: &str) -> Option<Self> {
        let text = built_in::ALL.iter().find(|(known, _)| *known == name)?.1;
        Some(Self::parse(text).expect("a test reads every built-in script"))
    }

    /// The names of the built-in scripts.
    pub fn built_in_names() -> impl Iterator<Item = &'static str> {
        built_in::ALL.iter().map(|(name, _)| *name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_script_can_be_read() {
        for name in Script::built_in_names() {
            assert!(Script::built_in(name).is_some(), "{name}");
        }
        assert_eq!(Script::built_in("nothing of the kind"), None);
        assert_eq!(Script::built_in("calm"), Some(Script::default()));
    }
}
