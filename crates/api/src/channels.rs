//! The ways to reach whoever asks.

use serde::{Deserialize, Serialize};

/// One channel of the asker's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChannelRow {
    /// Its number, for a test.
    pub number: usize,
    /// Without secrets: a mail address, or the kind alone.
    pub channel: String,
    /// The last try to tell the asker by it.
    #[serde(default)]
    pub last: Option<ChannelLast>,
    /// How much may go by it; none where nobody counts.
    #[serde(default)]
    pub budget: Option<ChannelBudget>,
}

/// A try to tell somebody by a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelLast {
    /// When it began.
    pub at_unix_ms: i64,
    /// `accepted`, `retry`, `refused` or `unknown`.
    pub outcome: String,
    /// The provider's words, or why it failed.
    pub detail: String,
}

/// How much goes by a channel in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelBudget {
    /// Messages of the last hour, those to others by the same channel among them.
    pub used: u32,
    /// How many there may be.
    pub most: u32,
}

/// A message by one channel that only shows whether it works.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChannelTest {
    /// Its number.
    pub id: i64,
    /// `pending`, `delivered` or `dead`.
    pub state: String,
    /// The provider's words of the last try, or why it failed.
    pub detail: Option<String>,
}
