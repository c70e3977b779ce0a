use std::fmt;

use crate::{IncidentId, Moment};

/// The number of a notification; they grow by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NotificationId(pub i64);

/// What a notification tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotificationKind {
    /// A server is in trouble, or several are.
    Down,
    /// Its verdict changed while the trouble goes on.
    Changed,
    /// It is back.
    Recovered,
    /// The daily report.
    Report,
    /// It comes and goes: the notice of that, and each digest.
    Flapping,
    /// What was told of its trouble is known better now.
    Corrected,
    /// The hub itself hears nobody.
    CutOff,
    /// The hub hears again.
    HubBack,
    /// The hub's own disk is full.
    DiskFull,
    /// The hub's own disk has room again.
    DiskRoom,
    /// Alerts fire.
    Firing,
    /// Alerts that were told are over.
    Resolved,
    /// Nobody looked after an incident, so others are told.
    Escalated,
    /// A channel takes nothing any more.
    ChannelDead,
    /// The hub tries a channel of its own accord.
    SelfTest,
    /// Somebody else made a silence that mutes much, or for long.
    Silenced,
}

impl NotificationKind {
    /// Every kind, in the order of this enum.
    pub const ALL: [NotificationKind; 16] = [
        Self::Down,
        Self::Changed,
        Self::Recovered,
        Self::Report,
        Self::Flapping,
        Self::Corrected,
        Self::CutOff,
        Self::HubBack,
        Self::DiskFull,
        Self::DiskRoom,
        Self::Firing,
        Self::Resolved,
        Self::Escalated,
        Self::ChannelDead,
        Self::SelfTest,
        Self::Silenced,
    ];

    /// The word used in JSON and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Changed => "changed",
            Self::Recovered => "recovered",
            Self::Report => "report",
            Self::Flapping => "flapping",
            Self::Corrected => "corrected",
            Self::CutOff => "cut_off",
            Self::HubBack => "hub_back",
            Self::DiskFull => "disk_full",
            Self::DiskRoom => "disk_room",
            Self::Firing => "firing",
            Self::Resolved => "resolved",
            Self::Escalated => "escalated",
            Self::ChannelDead => "channel_dead",
            Self::SelfTest => "self_test",
            Self::Silenced => "silenced",
        }
    }
}

/// What no URL of a channel has behind its scheme.
const MARK: &str = ":~";
/// The longest scheme of a channel.
const MAX_SCHEME_BYTES: usize = 21;

/// A way to reach a user, as the config gives it: `mailto:ada@example.org`.
///
/// Its text may hold a secret in later channels, so `Debug` shows the scheme only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel(String);

impl Channel {
    /// Takes a channel's URL as it stands; whether it is understood is `notify`'s to say.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self(url.to_owned())
    }

    /// The whole URL, secrets included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands for a channel where its URL must not be kept: its scheme and a fingerprint of
    /// the URL that says nothing of it.
    #[must_use]
    pub fn mark(scheme: &str, fingerprint: &str) -> Self {
        Self(format!("{scheme}{MARK}{fingerprint}"))
    }

    /// True when this only stands for a channel, of which nobody knows the URL: it is in the
    /// config no more. No message can go by it.
    #[must_use]
    pub fn is_mark(&self) -> bool {
        let is_hex = |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        self.0.split_once(MARK).is_some_and(|(_, fingerprint)| is_hex(fingerprint))
    }

    /// The part before the first colon: `mailto`; `none` where what stands there is no scheme.
    /// It may be shown to anybody: of a token that somebody pasted alone nothing is.
    #[must_use]
    pub fn scheme(&self) -> &str {
        match self.0.trim_start().split_once(':') {
            Some((scheme, _)) if is_scheme(scheme) => scheme,
            _ => "none",
        }
    }
}

/// RFC 3986, section 3.1, in lower case and no longer than any that there is: a token that has a
/// colon in it is hardly ever so short and so plain.
fn is_scheme(text: &str) -> bool {
    let mut rest = text.bytes();
    rest.next().is_some_and(|first| first.is_ascii_lowercase())
        && text.len() <= MAX_SCHEME_BYTES
        && rest.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+.-".contains(&b))
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Channel({}:…)", self.scheme())
    }
}

/// The words of a notification, ready for any channel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    /// One line that decides at 3 a.m.
    pub subject: String,
    /// The whole as plain text.
    pub text: String,
    /// The same facts as HTML.
    pub html: String,
}

/// Where a notification stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotificationState {
    /// It waits to be sent, or to be tried again.
    Pending,
    /// A provider accepted it.
    Delivered,
    /// Another notification told it as well.
    Merged,
    /// Every channel refused it for good.
    Dead,
    /// It is not to be sent yet: others may come that are told with it.
    Held,
}

impl NotificationState {
    /// Every state, in the order of this enum.
    pub const ALL: [NotificationState; 5] =
        [Self::Pending, Self::Delivered, Self::Merged, Self::Dead, Self::Held];

    /// The word used in JSON and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Merged => "merged",
            Self::Dead => "dead",
            Self::Held => "held",
        }
    }
}

/// One message to one user, as the outbox keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Its number, which is also its place in its user's order.
    pub id: NotificationId,
    /// The incident it tells of; `None` for a report and for one that tells of several.
    pub incident: Option<IncidentId>,
    /// The first one of those that must arrive in order with it, itself included;
    /// `None` where the incident alone says that.
    pub thread: Option<NotificationId>,
    /// Who is told.
    pub user: String,
    /// What it tells.
    pub kind: NotificationKind,
    /// The ways to reach the user, preferred first.
    pub channels: Vec<Channel>,
    /// The words.
    pub content: Content,
    /// The words instead, when none before it about this incident was ever
    /// sent: "was down 12 s". `None` where that cannot be.
    pub content_if_first: Option<Content>,
    /// The mail `Message-ID`, without brackets: the same on every try.
    pub message_id: String,
    /// The `Message-ID`s of the earlier ones to this user that it goes on from.
    pub references: Vec<String>,
    /// When it was written down.
    pub created: Moment,
    /// Until when it waits for its user to be awake, in milliseconds since 1970; `None` is at once.
    pub not_before_ms: Option<i64>,
    /// Where it stands.
    pub state: NotificationState,
}

/// How one try to hand over a notification ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The try began and its end is not known: the hub died in it.
    Unknown,
    /// The provider took it; its words or id.
    Accepted {
        /// What the provider said.
        reply: String,
    },
    /// It failed and may be tried again.
    Retry {
        /// Why.
        why: String,
        /// True when the provider may have taken it all the same.
        maybe_accepted: bool,
    },
    /// The channel refuses it for good.
    Refused {
        /// Why.
        why: String,
    },
}

/// One try to hand a notification to one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The notification.
    pub notification: NotificationId,
    /// The channel.
    pub channel: Channel,
    /// 1 for the first try of this notification.
    pub attempt: u32,
    /// When the try began.
    pub began: Moment,
    /// When it ended; `None` while it goes on or when the hub died in it.
    pub ended: Option<Moment>,
    /// How it ended.
    pub outcome: DeliveryOutcome,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_a_scheme_shows_nothing_of_itself() {
        let scheme = |url: &str| Channel::new(url).scheme().to_owned();
        assert_eq!(scheme("mailto:ada@example.org"), "mailto");
        assert_eq!(scheme("sms+https://h/?to=1"), "sms+https");
        assert_eq!(scheme(" tgram://123:AAx/1"), "tgram");
        for secret in [
            "xoxb-123-456-hidden",
            "123456789:AAhidden",
            "Hidden:x",
            "hidden_token:x",
            "hiddenhiddenhiddenhidden:x",
            "//hidden@host/",
            ":hidden",
            "",
        ] {
            assert_eq!(scheme(secret), "none", "{secret}");
            assert_eq!(format!("{:?}", Channel::new(secret)), "Channel(none:…)");
        }
    }
}
