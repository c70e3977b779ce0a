//! What a message does to the incident at a provider that keeps incidents of its own.

use watchfire_model::NotificationKind;

use crate::{Outgoing, clean};

/// The one thing that a message does there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Opens it, or goes on with it.
    Open,
    /// Ends it.
    Close,
    /// Tells something that opens and ends nothing: it must wake nobody.
    Tell,
}

impl Act {
    pub(crate) fn of(message: &Outgoing<'_>) -> Self {
        match message.kind {
            NotificationKind::Report | NotificationKind::SelfTest | NotificationKind::Silenced => {
                Self::Tell
            }
            // One of many servers came back, or one of many alerts is over: the others may go on.
            NotificationKind::Recovered | NotificationKind::Resolved if !message.is_over => {
                Self::Tell
            }
            // The end is the first word of it: there is nothing to close, and whoever is asked
            // to close what was never opened drops the word.
            NotificationKind::Recovered
            | NotificationKind::Resolved
            | NotificationKind::HubBack
            | NotificationKind::DiskRoom
                if message.references.is_empty() =>
            {
                Self::Tell
            }
            NotificationKind::Recovered
            | NotificationKind::Resolved
            | NotificationKind::HubBack
            | NotificationKind::DiskRoom => Self::Close,
            NotificationKind::Down
            | NotificationKind::Changed
            | NotificationKind::Flapping
            | NotificationKind::Corrected
            | NotificationKind::CutOff
            | NotificationKind::DiskFull
            | NotificationKind::Firing
            | NotificationKind::Escalated
            | NotificationKind::ChannelDead => Self::Open,
        }
    }

    /// The word for it in our own JSON.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Close => "close",
            Self::Tell => "tell",
        }
    }
}

/// What is the same for all messages of one incident to one user, on every try.
pub(crate) fn thread(message: &Outgoing<'_>) -> String {
    clean::id(message.thread())
}

#[cfg(test)]
mod tests {
    use watchfire_model::{Content, Severity};

    use super::*;

    fn act(kind: NotificationKind, references: &[&str], is_over: bool) -> (Act, String) {
        let references: Vec<String> = references.iter().map(|&id| id.to_owned()).collect();
        let message = Outgoing {
            content: &Content::default(),
            message_id: "this@hub",
            references: &references,
            unix_ms: 0,
            kind,
            severity: Severity::Critical,
            server: None,
            is_over,
        };
        (Act::of(&message), thread(&message))
    }

    #[test]
    fn a_return_closes_what_its_trouble_opened() {
        assert_eq!(act(NotificationKind::Down, &[], true), (Act::Open, "this@hub".to_owned()));
        let down = "down.7-1700000000000-1.ada@hub";
        for (kind, what) in [
            (NotificationKind::Changed, Act::Open),
            (NotificationKind::Recovered, Act::Close),
            (NotificationKind::Report, Act::Tell),
            (NotificationKind::Silenced, Act::Tell),
        ] {
            assert_eq!(act(kind, &[down, "changed.8.ada@hub"], true), (what, down.to_owned()));
        }
    }

    #[test]
    fn an_end_that_is_the_first_word_closes_nothing() {
        for end in
            [NotificationKind::Recovered, NotificationKind::HubBack, NotificationKind::DiskRoom]
        {
            assert_eq!(act(end, &[], true).0, Act::Tell, "{end:?}");
            assert_eq!(act(end, &["down.7.ada@hub"], true).0, Act::Close, "{end:?}");
        }
    }

    #[test]
    fn one_of_many_that_is_back_does_not_close_what_the_others_are_in() {
        let group = "down.group-17-1700000000000.ada@hub";
        assert_eq!(act(NotificationKind::Recovered, &[group], false).0, Act::Tell);
        assert_eq!(act(NotificationKind::Recovered, &[group], true).0, Act::Close, "the last one");
        assert_eq!(act(NotificationKind::Changed, &[group], false).0, Act::Open);
    }
}
