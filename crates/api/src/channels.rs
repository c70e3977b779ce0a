//! The ways to reach whoever asks.

use serde::{Deserialize, Serialize};

/// One channel of the asker's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChannelRow {
    /// Its number, for a test.
    pub number: usize,
    /// Without secrets: a mail address, or the kind alone.
    pub channel: String,
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
