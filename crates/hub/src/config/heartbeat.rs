use std::time::Duration;

use watchfire_runtime::Secret;

/// A service outside that expects to hear from the hub, and tells somebody when it does not.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    /// What is asked, by GET. Who knows it can make a dead hub seem alive.
    pub url: Secret,
    /// How often.
    pub every: Duration,
}
