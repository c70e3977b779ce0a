//! A letter that no channel takes must not be the end of it: it goes by another channel of its
//! user, and where there is none, somebody else hears that this user cannot be told.

use watchfire_alert::{Recipient, clean, message_id};
use watchfire_model::{
    Channel, Content, Delivery, DeliveryOutcome, Moment, Notification, NotificationKind,
};
use watchfire_store::{NewNotification, Thread};

use crate::desk::{any_channels, plain_lines};

/// The longest reason of a channel that is passed on, in characters.
const LONGEST_REASON: usize = 200;
/// How many channels are named.
const MAX_NAMED: usize = 10;
/// In how many milliseconds it is told once that a user cannot be told.
const HOUR_MS: i64 = 60 * 60 * 1000;

/// Who is told of letters that could not be delivered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Undelivered {
    pub(crate) recipients: Vec<Recipient>,
    /// Who hears of users that cannot be told.
    pub(crate) admins: Vec<Recipient>,
    pub(crate) hub_id: String,
    /// The address of the page.
    pub(crate) public_url: String,
}

impl Undelivered {
    /// What is written down in the place of `dead`. Nothing where everybody knows already.
    pub(super) fn letters(
        &self,
        dead: &Notification,
        tries: &[Delivery],
        now: Moment,
    ) -> Vec<NewNotification> {
        let user = self.recipients.iter().find(|user| user.name == dead.user);
        let left = user.map(|user| others(user, dead)).unwrap_or_default();
        if !left.is_empty() && dead.kind != NotificationKind::ChannelDead {
            return vec![self.passed_on(dead, tries, left, now)];
        }
        let others = self.admins.iter().filter(|admin| admin.name != dead.user);
        others.filter_map(|admin| self.notice(dead, tries, admin, now)).collect()
    }

    /// The same letter by the user's other channels, with the reason in front.
    fn passed_on(
        &self,
        dead: &Notification,
        tries: &[Delivery],
        channels: Vec<Channel>,
        now: Moment,
    ) -> NewNotification {
        let why = reasons(dead, tries);
        let subject = format!("[by another way] {}", dead.content.subject);
        let note = plain_lines(&subject, &why, &self.link());
        let content = Content {
            subject: note.subject,
            text: format!("{}\n{}", note.text, dead.content.text),
            html: format!("{}<hr>\n{}", note.html, dead.content.html),
        };
        let place = format!("passed-on-{}", dead.id.0);
        NewNotification {
            incident: dead.incident,
            thread: Thread::Own,
            held: false,
            user: dead.user.clone(),
            kind: NotificationKind::ChannelDead,
            channels,
            content,
            content_if_first: None,
            message_id: message_id(NotificationKind::ChannelDead, &place, &dead.user, &self.hub_id),
            references: Vec::new(),
            created: now,
        }
    }

    /// What an administrator is told: that it is so, once an hour, and what it was about if they
    /// may know of every server.
    fn notice(
        &self,
        dead: &Notification,
        tries: &[Delivery],
        admin: &Recipient,
        now: Moment,
    ) -> Option<NewNotification> {
        let channels = any_channels(admin, now)?;
        let user = clean(&dead.user, LONGEST_REASON);
        let mut lines = reasons(dead, tries);
        if admin.scope.is_everything() {
            lines.push(format!("It was: {}", clean(&dead.content.subject, LONGEST_REASON)));
        }
        lines.push("Further ones are not told for an hour; each is on the page.".to_owned());
        let content =
            plain_lines(&format!("[UNREACHABLE] {user} cannot be told"), &lines, &self.link());
        let place = format!("unreachable-{}-{}", dead.user, now.unix_ms.div_euclid(HOUR_MS));
        let kind = NotificationKind::ChannelDead;
        Some(NewNotification {
            incident: None,
            thread: Thread::Own,
            held: false,
            user: admin.name.clone(),
            kind,
            channels,
            content,
            content_if_first: None,
            message_id: message_id(kind, &place, &admin.name, &self.hub_id),
            references: Vec::new(),
            created: now,
        })
    }

    fn link(&self) -> String {
        format!("{}/#/incidents", self.public_url)
    }
}

/// The channels of a user that a letter was not for.
fn others(user: &Recipient, dead: &Notification) -> Vec<Channel> {
    let mut left: Vec<Channel> = Vec::new();
    for channel in user.channels.iter().chain(user.ways.iter().flat_map(|way| &way.channels)) {
        if !dead.channels.contains(channel) && !left.contains(channel) {
            left.push(channel.clone());
        }
    }
    left
}

/// Why each channel did not take it, without what is secret in its address.
fn reasons(dead: &Notification, tries: &[Delivery]) -> Vec<String> {
    let last = |channel: &Channel| tries.iter().rev().find(|one| one.channel == *channel);
    let why = |channel: &Channel| match last(channel).map(|one| &one.outcome) {
        Some(DeliveryOutcome::Refused { why } | DeliveryOutcome::Retry { why, .. }) => {
            clean(why, LONGEST_REASON)
        }
        _ => "it was not tried, or its end is not known".to_owned(),
    };
    let one =
        |channel: &Channel| format!("not delivered by {}: {}", channel.scheme(), why(channel));
    dead.channels.iter().take(MAX_NAMED).map(one).collect()
}

#[cfg(test)]
mod tests {
    use watchfire_model::{NotificationId, NotificationState, Scope};

    use super::*;
    use crate::testing::{moment, recipient, team};

    fn dead(kind: NotificationKind) -> (Notification, Vec<Delivery>) {
        let channel = Channel::new("mailto:ada@example.org");
        let words = |text: &str| text.to_owned();
        let letter = Notification {
            id: NotificationId(7),
            incident: None,
            thread: None,
            user: words("ada"),
            kind,
            channels: vec![channel.clone()],
            content: Content {
                subject: words("[DOWN] a-1"),
                text: words("a-1 is down"),
                html: words("<p>a-1 is down</p>"),
            },
            content_if_first: None,
            message_id: words("seven@hub.test"),
            references: Vec::new(),
            created: moment(0),
            not_before_ms: None,
            state: NotificationState::Pending,
        };
        let delivery = Delivery {
            notification: letter.id,
            channel,
            attempt: 1,
            began: moment(0),
            ended: Some(moment(1)),
            outcome: DeliveryOutcome::Refused { why: words("550 no such <user>") },
        };
        (letter, vec![delivery])
    }

    fn person(name: &str, scope: Scope, channels: &[&str]) -> Recipient {
        let channels = channels.iter().map(|url| Channel::new(url)).collect();
        Recipient { channels, ..recipient(name, scope) }
    }

    fn house(adas: &[&str]) -> Undelivered {
        let ada = person("ada", Scope::everything(), adas);
        let ben = person("ben", team("b"), &["mailto:ben@example.org"]);
        let cat = person("cat", Scope::everything(), &["mailto:cat@example.org"]);
        Undelivered {
            recipients: vec![ada.clone(), ben.clone(), cat.clone()],
            admins: vec![ada, ben, cat],
            hub_id: "hub".to_owned(),
            public_url: "http://hub.test".to_owned(),
        }
    }

    #[test]
    fn it_goes_by_another_channel_of_its_user() {
        let (letter, tries) = dead(NotificationKind::Down);
        let house = house(&["mailto:ada@example.org", "slack://a/b/secret"]);
        let letters = house.letters(&letter, &tries, moment(0));
        let [one] = letters.as_slice() else { panic!("{letters:?}") };
        assert_eq!((one.user.as_str(), one.channels.len()), ("ada", 1));
        assert_eq!(one.channels[0].scheme(), "slack");
        assert_eq!(one.content.subject, "[by another way] [DOWN] a-1");
        assert!(one.content.text.contains("not delivered by mailto: 550 no such <user>"));
        assert!(one.content.text.ends_with("a-1 is down"), "{}", one.content.text);
        assert!(one.content.html.contains("550 no such &lt;user&gt;"), "{}", one.content.html);
        // What tells of a failure is not passed on for ever.
        let (letter, tries) = dead(NotificationKind::ChannelDead);
        let users: Vec<String> =
            house.letters(&letter, &tries, moment(0)).into_iter().map(|one| one.user).collect();
        assert_eq!(users, ["ben", "cat"]);
    }

    #[test]
    fn without_another_channel_the_others_hear_of_it_once_an_hour() {
        let (letter, tries) = dead(NotificationKind::Down);
        let house = house(&["mailto:ada@example.org"]);
        let letters = house.letters(&letter, &tries, moment(0));
        let names: Vec<&str> = letters.iter().map(|one| one.user.as_str()).collect();
        assert_eq!(names, ["ben", "cat"]);
        // Who does not see every server is not told which one it was about.
        assert!(!letters[0].content.text.contains("a-1"), "{}", letters[0].content.text);
        assert!(letters[1].content.text.contains("It was: [DOWN] a-1"));
        let again = |ms| house.letters(&letter, &tries, moment(ms))[1].message_id.clone();
        assert_eq!(again(1), letters[1].message_id);
        assert_ne!(again(3_600_000), letters[1].message_id);
    }
}
