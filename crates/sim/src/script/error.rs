use crate::script::MAX_LINES;
use crate::trouble::Trouble;

/// What is wrong with a script. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// A line has fewer than three words.
    #[error("line {line}: an event is WHEN WHAT WHOM, such as `30s killed web-3 for 40s`")]
    TooShort {
        /// Which line.
        line: usize,
    },
    /// A time is none.
    #[error("line {line}: {word:?} is no time: write 500ms, 90s, 5m, 1h or 1m30s")]
    Time {
        /// Which line.
        line: usize,
        /// What stands there.
        word: String,
    },
    /// Something has to last or to come again after no time at all.
    #[error("line {line}: the time after `{after}` must be at least one second")]
    NoTime {
        /// Which line.
        line: usize,
        /// Before which time.
        after: &'static str,
    },
    /// What happens is not known.
    #[error("line {line}: {word:?} cannot happen to a server: it is one of {}", troubles())]
    Trouble {
        /// Which line.
        line: usize,
        /// What stands there.
        word: String,
    },
    /// Whom it happens to is none.
    #[error(
        "line {line}: {word:?} names no servers: write a name, a number, a share such as 5%, or all"
    )]
    Whom {
        /// Which line.
        line: usize,
        /// What stands there.
        word: String,
    },
    /// A word is where none is expected.
    #[error("line {line}: {word:?} is not understood: after WHOM come `for TIME` and `every TIME`")]
    Extra {
        /// Which line.
        line: usize,
        /// What stands there.
        word: String,
    },
    /// The fleet has no such server.
    #[error("line {line}: there is no server {name:?} in this fleet of {count}: {shown}")]
    NoServer {
        /// Which line.
        line: usize,
        /// The name.
        name: String,
        /// How many there are.
        count: usize,
        /// Some of their names.
        shown: String,
    },
    /// There are too many lines.
    #[error("a script has at most {MAX_LINES} lines")]
    TooLong,
}

fn troubles() -> String {
    Trouble::ALL.map(Trouble::as_str).join(", ")
}
