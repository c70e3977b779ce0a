//! A letter once more, to those who keep the incident that it is about and did not take it.

use watchfire_model::{Channel, Notification};
use watchfire_store::{NewNotification, Thread};

/// How the `Message-ID` of a copy begins; no kind of letter does.
const MARK: &str = "also";

/// The same letter to `channel` alone, which is told beside whoever took it. Its `Message-ID` is
/// always the same, so it is written down once, however often that is tried.
pub(crate) fn copy(letter: &Notification, channel: &Channel) -> NewNotification {
    let place = letter.channels.iter().position(|one| one == channel).unwrap_or_default();
    NewNotification {
        incident: letter.incident,
        thread: letter.thread.map_or(Thread::OfIncident, Thread::Of),
        held: false,
        user: letter.user.clone(),
        kind: letter.kind,
        channels: vec![channel.clone()],
        content: letter.content.clone(),
        content_if_first: None,
        message_id: format!("{MARK}-{place}.{}", letter.message_id),
        references: letter.references.clone(),
        created: letter.created,
    }
}

/// True for a copy: it says nothing new, and where it went nothing else need go.
pub(crate) fn is_copy(letter: &Notification) -> bool {
    letter.message_id.starts_with(MARK)
}
