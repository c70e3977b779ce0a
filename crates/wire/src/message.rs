use watchfire_model::{Labels, ProcessTable, Status};

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
