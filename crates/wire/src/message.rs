mod command;
mod fallback;
mod probe;
mod records;
mod renew;

use watchfire_model::{Labels, ProcessTable, Status};

pub use self::command::{
    CancelCommand, Command, CommandRefused, CommandStarted, Exit, OpenWork, Output, OutputAck,
    OutputStream, RunPolicy, Runbook, RunbookParam, RunbookWork, Runbooks, SignedWork, Work,
};
pub use self::fallback::{
    Fallback, FallbackBox, FallbackHeard, FallbackMember, FallbackSeat, FallbackTold,
};
pub use self::probe::{Probe, ProbeResult, ProbeSaw};
pub use self::records::{Ack, Backfill, BackfillEnd, Record, RecordKind, Records};
pub use self::renew::{Renew, Renewed};
use crate::{PROTOCOL, Version};

/// What one side tells the other.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "a message lives for one frame and is moved once or twice"
)]
pub enum Message {
    /// The first message of each side.
    Hello(Hello),
    /// The state of the server.
    Status(Status),
    /// The processes of the server.
    Processes(ProcessTable),
    /// A sign of life and nothing else.
    Alive(Alive),
    /// The last message: the side that sends it is about to leave.
    Goodbye(GoodbyeReason),
    /// Agent to hub: what its recorder holds.
    Records(Records),
    /// Hub to agent: what is durable at the hub.
    Ack(Ack),
    /// Hub to agent: which old records it wants.
    Backfill(Backfill),
    /// Agent to hub: that was all of them.
    BackfillEnd(BackfillEnd),
    /// Hub to agent: look whether a quiet server can be reached.
    Probe(Probe),
    /// Agent to hub: what it saw.
    ProbeResult(ProbeResult),
    /// Agent to hub: its certificate wants to be renewed.
    Renew(Renew),
    /// Hub to agent: the renewed certificate.
    Renewed(Renewed),
    /// Hub to agent: what to keep for the day on which the hub is gone.
    Fallback(Box<Fallback>),
    /// Hub to agent: forget what you keep for that day.
    FallbackOver,
    /// Agent to hub: the fallback was told.
    FallbackTold(FallbackTold),
    /// Hub to agent: it knows that now.
    FallbackHeard(FallbackHeard),
    /// Hub to agent: it was told to stop, and is not to be missed at once.
    HubLeaves,
    /// Hub to agent: run this, if your policy lets you.
    Command(Box<Command>),
    /// Hub to agent: end it.
    CancelCommand(CancelCommand),
    /// Agent to hub: it does not run.
    CommandRefused(CommandRefused),
    /// Agent to hub: it runs.
    CommandStarted(CommandStarted),
    /// Agent to hub: what it says.
    Output(Output),
    /// Hub to agent: what it has of that.
    OutputAck(OutputAck),
    /// Agent to hub: it is over.
    Exit(Exit),
    /// Agent to hub: what may be run there.
    Runbooks(Runbooks),
}

/// Who speaks. What it says of itself is a claim: the hub knows a server by the
/// stream it arrived on, never by this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The major version of the protocol that the sender speaks.
    pub major: u32,
    /// The minor version.
    pub minor: u32,
    /// The sender's own name; an agent without a configured one sends its host name.
    pub server: String,
    /// Changes with each boot of the sender's machine.
    pub boot_id: String,
    /// Stays the same over restarts, and differs between installations.
    pub agent_id: String,
    /// The sender's release.
    pub agent_version: String,
    /// The labels that the sender was configured with.
    pub labels: Labels,
    /// The sender's wall clock, in milliseconds since 1970.
    pub unix_ms: i64,
    /// From an agent that records: what its recorder holds.
    pub ring: Option<RingState>,
    /// From the side that listens: the session that pulses beside this stream
    /// name. None when it takes no pulses.
    pub pulse: Option<u64>,
    /// How long the sender's machine is up, in milliseconds.
    pub uptime_ms: Option<u64>,
    /// Why the machine was started the last time, as far as its agent can
    /// tell, in words; empty when it cannot.
    pub reboot_reason: String,
    /// From a hub: send [`Records`] instead of status and process tables.
    pub wants_ticks: bool,
    /// From an agent that keeps what is for the day without a hub.
    pub fallback: Option<FallbackSeat>,
}

/// What an agent's recorder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RingState {
    /// The id of the ring. Sequences of two rings have nothing to do with one another.
    pub ring: [u8; 16],
    /// The oldest sequence that is still there; 0 when there is none.
    pub oldest: u64,
    /// The newest sequence; 0 when there is none.
    pub newest: u64,
}

impl Hello {
    /// The version that the sender speaks.
    #[must_use]
    pub fn version(&self) -> Version {
        Version { major: self.major, minor: self.minor }
    }
}

impl Default for Hello {
    /// An empty hello of [`PROTOCOL`].
    fn default() -> Self {
        Self {
            major: PROTOCOL.major,
            minor: PROTOCOL.minor,
            server: String::new(),
            boot_id: String::new(),
            agent_id: String::new(),
            agent_version: String::new(),
            labels: Labels::new(),
            unix_ms: 0,
            ring: None,
            pulse: None,
            uptime_ms: None,
            reboot_reason: String::new(),
            wants_ticks: false,
            fallback: None,
        }
    }
}

/// A sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Alive {
    /// Grows by one with each sign of life of a stream.
    pub sequence: u64,
    /// The sender's wall clock, in milliseconds since 1970.
    pub unix_ms: i64,
}

/// Why a side leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum GoodbyeReason {
    /// None was given, or one that this version does not know.
    #[default]
    Unknown,
    /// The process was told to stop.
    Stop,
    /// The machine reboots or powers off.
    Reboot,
    /// A new release takes over.
    Upgrade,
}

impl GoodbyeReason {
    /// Every reason, in the order of this enum.
    pub const ALL: [GoodbyeReason; 4] = [Self::Unknown, Self::Stop, Self::Reboot, Self::Upgrade];

    /// The word used in JSON and on screens.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Stop => "stop",
            Self::Reboot => "reboot",
            Self::Upgrade => "upgrade",
        }
    }
}
