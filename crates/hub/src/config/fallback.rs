use std::time::Duration;

use watchfire_model::Channel;

/// Whom the agents tell when the hub is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback {
    /// Tried in this order until one takes the message.
    pub channels: Vec<Channel>,
    /// How long the hub must be gone.
    pub after: Duration,
    /// The same for a hub that was told to stop.
    pub after_stop: Duration,
}
