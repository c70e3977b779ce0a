/// The hub asks an agent what it sees of a server that went quiet. The agent
/// answers within 800 ms.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Probe {
    /// Given back in the answer.
    pub id: u64,
    /// The name of the quiet server.
    pub server: String,
    /// Where its agent listens: an IP address and a port, `192.0.2.7:5000` or
    /// `[2001:db8::7]:5000`. What an agent is willing to probe is its own matter.
    pub address: String,
    /// The id of the agent that must answer there, 40 lower hex digits; empty
    /// when it has none.
    pub key: String,
}

/// What an agent saw when it was asked with a [`Probe`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProbeResult {
    /// The probe that it answers.
    pub id: u64,
    /// What was seen.
    pub saw: ProbeSaw,
    /// How long it took, in milliseconds.
    pub took_ms: u32,
}

/// What a probe may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ProbeSaw {
    /// The agent itself answered.
    Reached,
    /// The host refused the connection: it runs, and nobody listens.
    Refused,
    /// The host took the connection, and the agent said nothing.
    Silent,
    /// Nothing came back before the time was over.
    NoAnswer,
    /// The network said that there is no way to the host.
    NoRoute,
    /// The host answers pings; nothing was seen of the agent.
    PingAnswered,
    /// The agent did not look, or saw something that this version does not
    /// know: it says nothing for or against the server.
    #[default]
    Declined,
}

impl ProbeSaw {
    /// Everything that may be seen, in the order of this enum.
    pub const ALL: [Self; 7] = [
        Self::Reached,
        Self::Refused,
        Self::Silent,
        Self::NoAnswer,
        Self::NoRoute,
        Self::PingAnswered,
        Self::Declined,
    ];

    /// The word used in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reached => "reached",
            Self::Refused => "refused",
            Self::Silent => "silent",
            Self::NoAnswer => "no_answer",
            Self::NoRoute => "no_route",
            Self::PingAnswered => "ping_answered",
            Self::Declined => "declined",
        }
    }
}
