use watchfire_model::{Content, NotificationKind, Severity};

/// One message, ready for any channel.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// The words.
    pub content: &'a Content,
    /// The `Message-ID` without brackets. It must be the same on every try, so
    /// that a receiver can drop a second copy.
    pub message_id: &'a str,
    /// The `Message-ID`s of earlier messages that belong to the same thread,
    /// oldest first.
    pub references: &'a [String],
    /// The `Date`, in milliseconds since 1970. Give the instant at which the
    /// notification was written down, so that every try carries the same.
    pub unix_ms: i64,
    /// What the message tells, for people's mail filters.
    pub kind: NotificationKind,
    /// How grave that is.
    pub severity: Severity,
    /// The server it tells of, likewise; `None` for a report.
    pub server: Option<&'a str>,
    /// False while something goes on that the same thread tells of: of several servers that were
    /// told together one is back. Then its end ends nothing at whoever keeps incidents.
    pub is_over: bool,
}

impl Outgoing<'_> {
    /// The identifier that all messages of one incident share: that of the first one.
    pub(crate) fn thread(&self) -> &str {
        self.references.first().map_or(self.message_id, String::as_str)
    }
}
