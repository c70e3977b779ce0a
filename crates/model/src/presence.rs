use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::{Moment, ServerName};

/// What the hub believes of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Presence {
    /// The hub has not heard of it yet, and its grace is not over.
    #[default]
    Unknown,
    /// Signs of life arrive.
    Up,
    /// Quiet for longer than `late_after`: it is being probed.
    Late,
    /// Quiet for `down_after`, and nothing at its address answers.
    Down,
    /// Quiet for `down_after`; its host answers, its agent does not.
    AgentDown,
    /// Others reach it and the hub does not.
    Unreachable,
    /// It said goodbye and may be away for a while.
    Leaving,
}

impl Presence {
    /// Every presence, in the order of this enum.
    pub const ALL: [Presence; 7] = [
        Self::Unknown,
        Self::Up,
        Self::Late,
        Self::Down,
        Self::AgentDown,
        Self::Unreachable,
        Self::Leaving,
    ];

    /// The word used in JSON, on screens and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Late => "late",
            Self::Down => "down",
            Self::AgentDown => "agent_down",
            Self::Unreachable => "unreachable",
            Self::Leaving => "leaving",
        }
    }

    /// True for the presences that open an incident.
    #[must_use]
    pub fn is_trouble(self) -> bool {
        matches!(self, Self::Down | Self::AgentDown | Self::Unreachable)
    }
}

impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Presence {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|presence| presence.as_str() == text)
            .ok_or_else(|| format!("{text:?} is no presence"))
    }
}

/// What an observer saw when it tried to reach a quiet server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sight {
    /// The host refused the connection: it runs, and nobody listens.
    Refused,
    /// The host took the connection, and the agent said nothing.
    Silent,
    /// The agent answered and refused the hub's login.
    LoginRefused,
    /// The agent answered that too many logins were tried there, and did not
    /// say whether the hub's was right.
    LoginLimited,
    /// The agent answered something that is not its protocol.
    NotAnAgent,
    /// Nothing came back before the time was over.
    NoAnswer,
    /// The network said that there is no way to the host.
    NoRoute,
    /// The server's name has no address.
    NameUnknown,
    /// The open stream ended: the other side closed or reset it.
    StreamClosed,
    /// The agent itself answered: seen from this observer, host and agent are well.
    Reached,
    /// The host answers pings, and nothing of the agent answers. A look that
    /// connects and pings gives this one in place of [`Sight::NoAnswer`].
    PingAnswered,
    /// The agent said that it is being stopped.
    SaidStop,
    /// The agent said that its machine reboots or powers off.
    SaidReboot,
    /// The agent said that a new release takes over.
    SaidUpgrade,
}

impl Sight {
    /// Every sight, in the order of this enum.
    pub const ALL: [Sight; 14] = [
        Self::Refused,
        Self::Silent,
        Self::LoginRefused,
        Self::LoginLimited,
        Self::NotAnAgent,
        Self::NoAnswer,
        Self::NoRoute,
        Self::NameUnknown,
        Self::StreamClosed,
        Self::Reached,
        Self::PingAnswered,
        Self::SaidStop,
        Self::SaidReboot,
        Self::SaidUpgrade,
    ];

    /// The word used in JSON and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Silent => "silent",
            Self::LoginRefused => "login_refused",
            Self::LoginLimited => "login_limited",
            Self::NotAnAgent => "not_an_agent",
            Self::NoAnswer => "no_answer",
            Self::NoRoute => "no_route",
            Self::NameUnknown => "name_unknown",
            Self::StreamClosed => "stream_closed",
            Self::Reached => "reached",
            Self::PingAnswered => "ping_answered",
            Self::SaidStop => "said_stop",
            Self::SaidReboot => "said_reboot",
            Self::SaidUpgrade => "said_upgrade",
        }
    }

    /// True when this sight proves that the host itself runs.
    #[must_use]
    pub fn host_answers(self) -> bool {
        matches!(
            self,
            Self::Refused
                | Self::Silent
                | Self::LoginRefused
                | Self::LoginLimited
                | Self::NotAnAgent
                | Self::Reached
                | Self::PingAnswered
        )
    }
}

/// What an agent said when it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Goodbye {
    /// Its machine reboots or powers off.
    Reboot,
    /// A new release takes over.
    Upgrade,
    /// It is being stopped: its server is not watched from then on.
    Stop,
}

impl Goodbye {
    /// Every goodbye, in the order of this enum.
    pub const ALL: [Goodbye; 3] = [Self::Reboot, Self::Upgrade, Self::Stop];

    /// The goodbye as a sight of the hub, which heard it.
    #[must_use]
    pub fn sight(self) -> Sight {
        match self {
            Self::Reboot => Sight::SaidReboot,
            Self::Upgrade => Sight::SaidUpgrade,
            Self::Stop => Sight::SaidStop,
        }
    }
}

/// One sight: who saw what, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Who looked: `hub`, or the name of a neighbour server.
    pub observer: String,
    /// When.
    pub at: Moment,
    /// What it saw.
    pub saw: Sight,
}

/// A change of a server's presence, with what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The server.
    pub server: ServerName,
    /// What it was.
    pub from: Presence,
    /// What it is now.
    pub to: Presence,
    /// When the hub judged so.
    pub at: Moment,
    /// The last sign of life before this change; `None` when there never was one
    /// since the hub started.
    pub last_sign: Option<Moment>,
    /// The time inside the silence in which the hub itself stood still. It was
    /// not held against the server.
    pub hub_stalled: Duration,
    /// What observers saw during the silence, oldest first.
    pub evidence: Vec<Evidence>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        for presence in Presence::ALL {
            assert_eq!(presence.as_str().parse(), Ok(presence));
        }
        assert!("dead".parse::<Presence>().is_err());
    }

    #[test]
    fn every_sight_has_its_place_and_a_word_of_its_own() {
        let mut words: Vec<_> = Sight::ALL.iter().map(|sight| sight.as_str()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Sight::ALL.len());
        assert!(Sight::ALL.iter().enumerate().all(|(place, &sight)| sight as usize == place));
    }

    #[test]
    fn a_goodbye_proves_nothing_of_the_host() {
        assert!(Goodbye::ALL.iter().all(|goodbye| !goodbye.sight().host_answers()));
        assert!(Sight::Reached.host_answers() && Sight::PingAnswered.host_answers());
    }
}
