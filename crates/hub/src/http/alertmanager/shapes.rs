//! The JSON of Alertmanager's version 2, field by field.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Labels or annotations.
pub(super) type Pairs = BTreeMap<String, String>;

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GettableAlert {
    pub(super) annotations: Pairs,
    pub(super) ends_at: String,
    pub(super) fingerprint: String,
    pub(super) receivers: Vec<Receiver>,
    pub(super) starts_at: String,
    pub(super) status: AlertStatus,
    pub(super) updated_at: String,
    #[serde(rename = "generatorURL", skip_serializing_if = "String::is_empty")]
    pub(super) generator_url: String,
    pub(super) labels: Pairs,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AlertStatus {
    pub(super) inhibited_by: Vec<String>,
    pub(super) muted_by: Vec<String>,
    pub(super) silenced_by: Vec<String>,
    /// `active` or `suppressed`.
    pub(super) state: &'static str,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Receiver {
    pub(super) name: String,
}

#[derive(Debug, Serialize)]
pub(super) struct AlertGroup {
    pub(super) alerts: Vec<GettableAlert>,
    pub(super) labels: Pairs,
    pub(super) receiver: Receiver,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GettableSilence {
    pub(super) id: String,
    pub(super) status: SilenceStatus,
    pub(super) updated_at: String,
    pub(super) comment: String,
    pub(super) created_by: String,
    pub(super) ends_at: String,
    pub(super) matchers: Vec<SilenceMatcher>,
    pub(super) starts_at: String,
}

#[derive(Debug, Serialize)]
pub(super) struct SilenceStatus {
    pub(super) state: &'static str,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SilenceMatcher {
    #[serde(default = "yes")]
    pub(super) is_equal: bool,
    #[serde(default)]
    pub(super) is_regex: bool,
    pub(super) name: String,
    pub(super) value: String,
}

/// What is wanted to be silenced. Who wants it is known by the token, whatever `createdBy` says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PostableSilence {
    #[serde(default)]
    pub(super) id: Option<String>,
    pub(super) comment: String,
    pub(super) ends_at: String,
    pub(super) matchers: Vec<SilenceMatcher>,
    pub(super) starts_at: String,
}

#[derive(Debug, Serialize)]
pub(super) struct SilenceMade {
    #[serde(rename = "silenceID")]
    pub(super) silence_id: String,
}

/// An alert that another program sends.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PostableAlert {
    pub(super) labels: Pairs,
    #[serde(default)]
    pub(super) annotations: Option<Pairs>,
    #[serde(default)]
    pub(super) starts_at: Option<String>,
    #[serde(default)]
    pub(super) ends_at: Option<String>,
    #[serde(default, rename = "generatorURL")]
    pub(super) generator_url: Option<String>,
}

fn yes() -> bool {
    true
}

/// A moment as Alertmanager writes it: `2026-11-23T19:43:19.901Z`.
pub(super) fn moment(unix_ms: i64) -> String {
    let stamp = Timestamp::from_millisecond(unix_ms).unwrap_or(match unix_ms {
        ..0 => Timestamp::MIN,
        _ => Timestamp::MAX,
    });
    stamp.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Reads a moment in RFC 3339, in milliseconds since 1970. Go writes the year 1 for none.
pub(super) fn read_moment(text: &str) -> Result<Option<i64>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let stamp: Timestamp =
        text.parse().map_err(|_| format!("parsing time {text:?}: not RFC 3339"))?;
    let ms = stamp.as_millisecond();
    Ok((ms > 0).then_some(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_three_decimals_and_go_has_none_by_the_year_one() {
        assert_eq!(moment(1_790_538_199_901), "2026-09-27T19:43:19.901Z");
        assert_eq!(moment(0), "1970-01-01T00:00:00.000Z");
        for (text, read) in [
            ("2026-09-27T19:43:19.901Z", Ok(Some(1_790_538_199_901))),
            ("2026-09-27T21:43:19.901+02:00", Ok(Some(1_790_538_199_901))),
            ("2026-09-27T19:43:19.901123456Z", Ok(Some(1_790_538_199_901))),
            ("0001-01-01T00:00:00.000Z", Ok(None)),
            ("", Ok(None)),
        ] {
            assert_eq!(read_moment(text), read, "{text}");
        }
        assert!(read_moment("tomorrow").is_err());
    }
}
