//! A message as a JSON document, for programs: what a webhook posts and what `exec` reads.
//! docs/channels.md describes it. A field may be added within a version; one that changes its
//! meaning or goes makes a new version.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::channel::act::{self, Act};
use crate::channel::text::{self, Limit, Words};
use crate::channel::tone::Tone;
use crate::{Outgoing, clean};

/// The version of the document.
const VERSION: u32 = 1;

/// Enough for any message.
const LIMIT: Limit = Limit::Units(64 * 1024);

/// The whole document.
pub(crate) fn document(message: &Outgoing<'_>) -> Value {
    let words = words(message);
    json!({
        "version": VERSION,
        "action": Act::of(message).as_str(),
        "kind": message.kind.as_str(),
        "type": Tone::of(message.kind).as_str(),
        "id": clean::id(message.message_id),
        "thread": act::thread(message),
        "at": rfc3339(message.unix_ms),
        "server": message.server.map(clean::line),
        "subject": words.subject,
        "text": words.text,
        "link": words.link,
    })
}

/// The words of a message for a program.
pub(crate) fn words(message: &Outgoing<'_>) -> Words {
    text::plain(message, LIMIT)
}

/// Milliseconds since 1970 as `2026-11-23T03:12:45.000Z`.
pub(crate) fn rfc3339(unix_ms: i64) -> String {
    let at = Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_with_milliseconds() {
        assert_eq!(rfc3339(1_763_867_565_000), "2025-11-23T03:12:45.000Z");
        assert_eq!(rfc3339(i64::MAX), "1970-01-01T00:00:00.000Z");
    }
}
