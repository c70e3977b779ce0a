//! The channel `terminal:`, for a fleet without mail: the notification is
//! written to the hub's own stderr.

use std::io::Write;

use watchfire_model::{Channel, Content, DeliveryOutcome};

/// The channel's URL.
pub(crate) const URL: &str = "terminal:";

/// True for the URL of this channel.
pub(crate) fn is_terminal(channel: &Channel) -> bool {
    channel.as_str() == URL
}

/// Writes the notification. `alert` has cleaned the text of control characters.
pub(crate) fn print(content: &Content) -> DeliveryOutcome {
    let mut stderr = std::io::stderr().lock();
    let rule = "-".repeat(64);
    match writeln!(stderr, "{rule}\n{}\n\n{}\n{rule}", content.subject, content.text.trim_end()) {
        Ok(()) => DeliveryOutcome::Accepted { reply: "written to the terminal".to_owned() },
        Err(error) => DeliveryOutcome::Retry {
            why: format!("the terminal cannot be written to: {error}"),
            maybe_accepted: false,
        },
    }
}
