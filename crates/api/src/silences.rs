//! What operators mute: `/api/silences`.

use serde::{Deserialize, Serialize};

/// `GET /api/silences`: the ones that the asker may know of, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceList {
    /// Those that are over stay for five days.
    pub silences: Vec<SilenceRow>,
}

/// A muting that an operator made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceRow {
    /// Its name: a UUID.
    pub id: String,
    /// `pending`, `active` or `expired`.
    pub state: String,
    /// What a server's or an alert's labels must hold, in one line: `role="web",site="fra"`.
    pub matchers: String,
    /// Who made it.
    pub author: String,
    /// Why.
    pub comment: String,
    /// From when on.
    pub from_unix_ms: i64,
    /// Until when.
    pub to_unix_ms: i64,
    /// When it was made.
    pub created_unix_ms: i64,
    /// When it was last changed.
    pub updated_unix_ms: i64,
    /// The servers that the asker may know of and whose own trouble it mutes, by name: the first
    /// ones.
    pub servers: Vec<String>,
    /// How many there are; `None` in a long list, where they are not counted.
    pub server_count: Option<usize>,
}

/// `POST /api/silences`: what is to be muted. It is answered by the [`SilenceRow`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SilenceWish {
    /// Matchers as a selector writes them: `role="web",alertname=~"Disk.*"`.
    pub matchers: String,
    /// From when on; now, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_unix_ms: Option<i64>,
    /// Until when. This or `seconds` is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_unix_ms: Option<i64>,
    /// How long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// Why.
    #[serde(default)]
    pub comment: String,
    /// The silence that it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}
