//! What may happen to a server.

use std::time::Duration;

/// A kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// The path to the server is cut: nothing passes, and it goes on recording.
    Cut,
    /// Its agent is killed (SIGKILL): the connection ends without a word.
    Killed,
    /// Its agent freezes (SIGSTOP): the connection stands, and nothing moves.
    Frozen,
    /// It is rebooted as planned, and says goodbye.
    Reboot,
    /// It loses power or is reset, without a word, and starts again.
    Crash,
    /// Its agent is stopped, and says goodbye.
    Stopped,
    /// Something fills its disk.
    Disk,
    /// A process takes all its cpu and more and more of its memory.
    Runaway,
    /// The path to it is cut over and over: 6 s cut, 6 s whole.
    Flapping,
}

/// How long a flapping path stays cut, and then whole.
pub(crate) const FLAP: Duration = Duration::from_secs(6);

impl Trouble {
    /// Every kind, in the order of this enum.
    pub const ALL: [Self; 9] = [
        Self::Cut,
        Self::Killed,
        Self::Frozen,
        Self::Reboot,
        Self::Crash,
        Self::Stopped,
        Self::Disk,
        Self::Runaway,
        Self::Flapping,
    ];

    /// The word in scripts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Killed => "killed",
            Self::Frozen => "frozen",
            Self::Reboot => "reboot",
            Self::Crash => "crash",
            Self::Stopped => "stopped",
            Self::Disk => "disk",
            Self::Runaway => "runaway",
            Self::Flapping => "flapping",
        }
    }

    /// The kind that has this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// How long it lasts when a script does not say.
    #[must_use]
    pub fn usual_time(self) -> Duration {
        Duration::from_secs(match self {
            Self::Cut | Self::Killed | Self::Frozen => 30,
            Self::Reboot | Self::Crash => 45,
            Self::Stopped => 60,
            Self::Disk | Self::Runaway | Self::Flapping => 120,
        })
    }
}
