//! What several test modules of this crate build on.

use watchfire_model::{Content, DeliveryOutcome, NotificationKind, Severity};

use crate::Outgoing;

pub(crate) fn content(subject: &str, text: &str) -> Content {
    Content { subject: subject.to_owned(), text: text.to_owned(), html: String::new() }
}

/// The first word about a trouble.
pub(crate) fn outgoing(content: &Content) -> Outgoing<'_> {
    Outgoing {
        content,
        message_id: "down.7.ada@hub",
        references: &[],
        unix_ms: 0,
        kind: NotificationKind::Down,
        severity: Severity::Critical,
        server: None,
        is_over: true,
    }
}

/// What came of a message: a word for it, and what was said.
pub(crate) fn told(outcome: DeliveryOutcome) -> (&'static str, String) {
    match outcome {
        DeliveryOutcome::Accepted { reply } => ("accepted", reply),
        DeliveryOutcome::Refused { why } => ("refused", why),
        DeliveryOutcome::Retry { why, maybe_accepted: false } => ("retry", why),
        DeliveryOutcome::Retry { why, maybe_accepted: true } => ("maybe", why),
        DeliveryOutcome::Unknown => ("unknown", String::new()),
    }
}
