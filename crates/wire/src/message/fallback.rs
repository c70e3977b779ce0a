/// What a hub hands to an agent for the day on which the hub is gone: whom to tell, sealed, and
/// the other agents that hold a part of it. It takes the place of the one before.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Fallback {
    /// Names this deal; each of its members has the same.
    pub deal: [u8; 16],
    /// How long the hub must be gone before anybody is told, in seconds.
    pub after_s: u32,
    /// The same for a hub that said that it stops.
    pub after_stop_s: u32,
    /// How many members must find it gone.
    pub quorum: u32,
    /// What the hub is called in the message.
    pub hub: String,
    /// This agent's part of the key, of 32 bytes.
    pub part: Vec<u8>,
    /// The key, once for each set of members, this agent among them, that is a quorum; it opens
    /// with all their parts together.
    pub boxes: Vec<FallbackBox>,
    /// Whom to tell, sealed with that key.
    pub sealed: Vec<u8>,
    /// Who else has a part, and this agent itself.
    pub members: Vec<FallbackMember>,
}

/// The key of a [`Fallback`], sealed for one set of its members.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FallbackBox {
    /// Their places in the list of members, rising.
    pub members: Vec<u32>,
    /// The key, which all their parts open.
    pub sealed: Vec<u8>,
}

/// An agent that holds a part of a [`Fallback`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FallbackMember {
    /// The id of its key, 40 lower hex digits.
    pub id: String,
    /// What its server is called.
    pub server: String,
    /// Where it listens: an IP address and a port; empty when nobody can reach it.
    pub address: String,
}

/// What an agent says of the fallback in its hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FallbackSeat {
    /// The port at which it answers other agents; 0 when it answers on its own machine alone.
    pub port: u16,
    /// The deal that it keeps.
    pub deal: Option<[u8; 16]>,
}

/// Agent to hub, when it is back: the fallback was told that it was gone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FallbackTold {
    /// Names the outage; each agent that knows of it says the same.
    pub outage: [u8; 16],
    /// The agent that told it, 40 lower hex digits.
    pub by: String,
    /// How many agents found the hub gone then.
    pub agreed: u32,
    /// Since when, on that agent's wall clock, in milliseconds since 1970.
    pub since_unix_ms: i64,
    /// When it was told.
    pub told_unix_ms: i64,
}

/// Hub to agent: it knows of a [`FallbackTold`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FallbackHeard {
    /// The outage that it was told of.
    pub outage: [u8; 16],
}

/// A part of the key and a sealed secret are in it.
impl std::fmt::Debug for Fallback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fallback").field("members", &self.members).finish_non_exhaustive()
    }
}
