//! What agents say to each other when their hub is quiet: `POST /fallback` at the agent, over
//! mutual TLS, each way the same shape. And whom they tell, as the hub seals it.
//!
//! `Debug` shows no secret.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where an agent asks another one.
pub const FALLBACK_PATH: &str = "/fallback";

/// The largest body of a question or an answer, in bytes.
pub const MAX_EXCHANGE_BYTES: usize = 2 << 10;

/// What an agent sees of the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// It heard the hub a moment ago.
    Hears,
    /// Neither: it has just begun, or the hub is not quiet for long enough.
    Unsure,
    /// The hub is gone.
    Gone,
    /// The same, and this agent is about to tell it.
    Ready,
    /// The same, and this agent is telling it now.
    Telling,
    /// The same, and it was told.
    Told,
}

/// What one agent says to another one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// The deal that its sender keeps, 32 hexadecimal digits.
    pub deal: String,
    /// What its sender sees.
    pub view: View,
    /// The sender's part of the key, 64 hexadecimal digits. Only while it sees the hub gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// What its sender knows of who told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
    /// Another one told its sender a moment ago that it hears the hub.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waits: bool,
    /// So many seconds ago the hub told its sender that it stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_s: Option<u32>,
}

/// That a fallback was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Names the outage, 32 hexadecimal digits.
    pub outage: String,
    /// The agent that told it, 40 hexadecimal digits.
    pub by: String,
    /// How many agents found the hub gone then.
    pub agreed: u32,
    /// Since when, in milliseconds since 1970.
    pub since_unix_ms: i64,
    /// When it was told, in milliseconds since 1970.
    pub told_unix_ms: i64,
}

/// Whom a fallback tells.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Whom {
    /// Their URLs, tried in this order until one takes the message.
    pub channels: Vec<String>,
    /// Where they may lead besides the public internet.
    #[serde(default)]
    pub allow: Vec<String>,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Exchange");
        shown.field("deal", &self.deal).field("view", &self.view).field("told", &self.told);
        shown.finish_non_exhaustive()
    }
}

impl fmt::Debug for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Whom({} channels)", self.channels.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_has_this_shape_and_shows_no_secret() {
        let exchange = Exchange {
            deal: "00".repeat(16),
            view: View::Gone,
            part: Some("5e".repeat(32)),
            told: None,
            waits: false,
            left_s: None,
        };
        let json = serde_json::to_string(&exchange).expect("it is plain");
        let part = "5e".repeat(32);
        let shape = format!(r#"{{"deal":"{}","view":"gone","part":"{part}"}}"#, "00".repeat(16));
        assert_eq!(json, shape);
        assert!(!format!("{exchange:?}").contains(&part));
        let more = Exchange { part: None, waits: true, left_s: Some(7), ..exchange };
        let json = serde_json::to_string(&more).expect("it is plain");
        assert!(json.ends_with(r#""view":"gone","waits":true,"left_s":7}"#), "{json}");
        let newer = r#"{"deal":"","view":"hears","newer":1}"#;
        assert!(serde_json::from_str::<Exchange>(newer).is_ok_and(|it| it.view == View::Hears));
        let whom = Whom { channels: vec!["ntfy://secret".to_owned()], allow: Vec::new() };
        assert_eq!(format!("{whom:?}"), "Whom(1 channels)");
    }
}
