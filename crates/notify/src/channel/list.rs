//! The one list of all channels that are addressed by a URL. A new channel is a file
//! beside this one and a line here.

use watchfire_model::Channel;

use super::{Address, OwnChannel, WebChannel, route};
use super::{
    alertmanager, apprise_json, bird, exec, messagebird, modem, opsgenie, pagerduty, plivo,
    sms_gateway, twilio, vonage, webhook,
};
use super::{
    discord, google_chat, gotify, matrix, mattermost, ntfy, pushover, rocketchat, signal, slack,
    teams, telegram, webex, zulip,
};

/// What a channel's `parse` gives: the channel, or why the URL is not understood, in
/// words that hold nothing of it. [`super::route`] adds the name and the shapes.
pub(crate) type Parsed<T> = Result<Box<T>, String>;

/// One kind of channel.
pub(crate) struct Kind {
    /// The provider, as it writes itself.
    pub(crate) name: &'static str,
    /// The schemes of its URLs, in lower case.
    pub(crate) schemes: &'static [&'static str],
    /// What a user may write.
    pub(crate) shapes: &'static [&'static str],
    pub(crate) parse: Parse,
    /// From which segment of the path on a URL names targets; `None` where it names none there.
    pub(crate) targets: fn(&Address) -> Option<usize>,
    /// True for a URL that names its targets after `to=` alone; its path means something else.
    pub(crate) is_listed: bool,
    /// True where a trouble opens an incident that only its end closes.
    pub(crate) keeps_incidents: bool,
    /// True for a URL that the provider itself hands out, which begins with `https://`.
    pub(crate) is_native: fn(&Address) -> bool,
    /// True where each message is a text message to a telephone, which costs money.
    pub(crate) is_text: bool,
}

/// How a URL becomes a channel.
#[derive(Clone, Copy)]
pub(crate) enum Parse {
    Web(fn(&Address) -> Parsed<dyn WebChannel>),
    Own(fn(&Address) -> Parsed<dyn OwnChannel>),
}

/// Every kind there is, by name.
pub(crate) const KINDS: &[Kind] = &[
    Kind::web(
        "Alertmanager",
        &["alertmanager", "alertmanagers"],
        alertmanager::SHAPES,
        alertmanager::parse,
    )
    .keeps_incidents(),
    Kind::web("Apprise's JSON", &["json", "jsons"], apprise_json::SHAPES, apprise_json::parse),
    Kind::web("Bird", &["bird"], bird::SHAPES, bird::parse).targets(bird::targets).texts(),
    Kind::web("Discord", &["discord"], discord::SHAPES, discord::parse).native(discord::is_native),
    Kind::own("exec", &["exec"], exec::SHAPES, exec::parse),
    Kind::web("Google Chat", &["gchat", "googlechat"], google_chat::SHAPES, google_chat::parse)
        .native(google_chat::is_native),
    Kind::web("Gotify", &["gotify", "gotifys"], gotify::SHAPES, gotify::parse),
    Kind::web("Matrix", &["matrix", "matrixs"], matrix::SHAPES, matrix::parse)
        .targets(matrix::targets),
    Kind::web(
        "Mattermost",
        &["mmost", "mmosts", "mattermost"],
        mattermost::SHAPES,
        mattermost::parse,
    ),
    Kind::web("MessageBird", &["msgbird", "messagebird"], messagebird::SHAPES, messagebird::parse)
        .targets(messagebird::targets)
        .texts(),
    Kind::web("Microsoft Teams", &["workflows", "workflow"], teams::SHAPES, teams::parse)
        .native(teams::is_native),
    Kind::own("modem", &["modem"], modem::SHAPES, modem::parse).listed().texts(),
    Kind::web("ntfy", &["ntfy", "ntfys"], ntfy::SHAPES, ntfy::parse)
        .targets(ntfy::targets)
        .native(ntfy::is_native),
    Kind::web("Opsgenie", &["opsgenie"], opsgenie::SHAPES, opsgenie::parse).keeps_incidents(),
    Kind::web("PagerDuty", &["pagerduty"], pagerduty::SHAPES, pagerduty::parse).keeps_incidents(),
    Kind::web("Plivo", &["plivo"], plivo::SHAPES, plivo::parse).targets(plivo::targets).texts(),
    Kind::web("Pushover", &["pover", "pushover"], pushover::SHAPES, pushover::parse),
    Kind::web(
        "Rocket.Chat",
        &["rocket", "rockets", "rocketchat"],
        rocketchat::SHAPES,
        rocketchat::parse,
    )
    .targets(rocketchat::targets),
    Kind::web("Signal", &["signal", "signals"], signal::SHAPES, signal::parse)
        .targets(signal::targets),
    Kind::web("Slack", &["slack"], slack::SHAPES, slack::parse)
        .targets(slack::targets)
        .native(slack::is_native),
    Kind::web("SMS gateway", &["sms+https", "sms+http"], sms_gateway::SHAPES, sms_gateway::parse)
        .listed()
        .texts(),
    Kind::web("Telegram", &["tgram", "telegram"], telegram::SHAPES, telegram::parse)
        .targets(telegram::targets),
    Kind::web("Twilio", &["twilio"], twilio::SHAPES, twilio::parse)
        .targets(twilio::targets)
        .texts(),
    Kind::web("Vonage", &["vonage", "nexmo"], vonage::SHAPES, vonage::parse)
        .targets(vonage::targets)
        .texts(),
    Kind::web("Webex", &["wxteams", "webex"], webex::SHAPES, webex::parse)
        .targets(webex::targets)
        .native(webex::is_native),
    Kind::web("webhook", &["webhook+https", "webhook+http"], webhook::SHAPES, webhook::parse),
    Kind::web("Zulip", &["zulip"], zulip::SHAPES, zulip::parse).targets(zulip::targets),
];

/// How the URL of each kind of channel begins, mail first; some may begin in other ways too.
#[must_use]
pub fn schemes() -> Vec<&'static str> {
    let of_kinds = KINDS.iter().filter_map(|kind| kind.schemes.first()).copied();
    std::iter::once("mailto").chain(of_kinds).collect()
}

/// Whether each message by this channel is a text message to a telephone, which costs money.
#[must_use]
pub fn is_text_message(channel: &Channel) -> bool {
    let lower = Channel::new(&channel.as_str().to_ascii_lowercase());
    KINDS.iter().any(|kind| kind.is_text && kind.schemes.contains(&lower.scheme()))
}

/// Whether a trouble that this channel is told of stays open there until it is told the end.
pub(crate) fn keeps_incidents(channel: &Channel) -> bool {
    route::read(channel.as_str()).is_ok_and(|(kind, _)| kind.keeps_incidents)
}

impl Kind {
    /// A channel of one HTTP request.
    pub(crate) const fn web(
        name: &'static str,
        schemes: &'static [&'static str],
        shapes: &'static [&'static str],
        parse: fn(&Address) -> Parsed<dyn WebChannel>,
    ) -> Self {
        Self::new(name, schemes, shapes, Parse::Web(parse))
    }

    /// A channel that does something else.
    pub(crate) const fn own(
        name: &'static str,
        schemes: &'static [&'static str],
        shapes: &'static [&'static str],
        parse: fn(&Address) -> Parsed<dyn OwnChannel>,
    ) -> Self {
        Self::new(name, schemes, shapes, Parse::Own(parse))
    }

    const fn new(
        name: &'static str,
        schemes: &'static [&'static str],
        shapes: &'static [&'static str],
        parse: Parse,
    ) -> Self {
        Self {
            name,
            schemes,
            shapes,
            parse,
            targets: no_targets,
            is_listed: false,
            keeps_incidents: false,
            is_native: never_native,
            is_text: false,
        }
    }

    /// The kind, whose URLs may name several targets.
    const fn targets(mut self, targets: fn(&Address) -> Option<usize>) -> Self {
        self.targets = targets;
        self
    }

    /// The kind, whose URLs may name several targets after `to=`.
    const fn listed(mut self) -> Self {
        self.is_listed = true;
        self.targets(after_the_path)
    }

    /// The kind, whose messages are text messages.
    const fn texts(mut self) -> Self {
        self.is_text = true;
        self
    }

    /// The kind, whose provider keeps incidents.
    const fn keeps_incidents(mut self) -> Self {
        self.keeps_incidents = true;
        self
    }

    /// The kind, whose provider hands out URLs of its own.
    const fn native(mut self, is_native: fn(&Address) -> bool) -> Self {
        self.is_native = is_native;
        self
    }
}

fn no_targets(_: &Address) -> Option<usize> {
    None
}

fn after_the_path(address: &Address) -> Option<usize> {
    Some(address.path.len())
}

fn never_native(_: &Address) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_documentation_has_every_shape() {
        let docs = include_str!("../../../../docs/channels.md");
        for shape in KINDS.iter().flat_map(|kind| kind.shapes) {
            assert!(docs.contains(&format!("`{shape}`")), "docs/channels.md lacks {shape}");
        }
    }

    #[test]
    fn text_messages_are_known_by_their_channel() {
        for url in ["twilio://a", "Nexmo://a", "sms+https://gate.test/x?to=1", "modem:///dev/x"] {
            assert!(is_text_message(&Channel::new(url)), "{url}");
        }
        for url in ["mailto:ada@example.org", "slack://a/b/c", "pagerduty://key", "twilio", ""] {
            assert!(!is_text_message(&Channel::new(url)), "{url}");
        }
    }

    #[test]
    fn every_scheme_is_one_kinds_and_every_shape_begins_with_one() {
        let mut seen = HashSet::new();
        for kind in KINDS {
            for scheme in kind.schemes {
                assert!(seen.insert(scheme), "{scheme}");
            }
            assert!(!kind.shapes.is_empty(), "{}", kind.name);
            for shape in kind.shapes {
                let scheme = shape.split(':').next().unwrap();
                assert!(scheme == "https" || kind.schemes.contains(&scheme), "{shape}");
            }
        }
    }
}
