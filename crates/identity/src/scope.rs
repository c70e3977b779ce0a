use std::fmt;
use std::str::FromStr;

/// What a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Status, processes and metrics.
    Read,
    /// The stream to a hub.
    Stream,
    /// Commands, as far as the agent's policy lets.
    Run,
    /// The metrics alone, which say nothing of single processes.
    Metrics,
    /// Changes on a hub, as far as the user's role lets.
    Change,
}

/// A word that names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no scope: use read, stream, run or metrics; on a hub read or change")]
pub struct ScopeError(pub String);

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 5] = [Self::Read, Self::Stream, Self::Run, Self::Metrics, Self::Change];
    /// Those that mean something to an agent.
    pub const OF_AGENTS: [Scope; 4] = [Self::Read, Self::Stream, Self::Run, Self::Metrics];

    /// The word used in the config and in tokens.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Stream => "stream",
            Self::Run => "run",
            Self::Metrics => "metrics",
            Self::Change => "change",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| ScopeError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(scope));
        }
        assert_eq!("write".parse::<Scope>(), Err(ScopeError("write".to_owned())));
    }
}
