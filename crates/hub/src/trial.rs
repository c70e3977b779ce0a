//! Channels by hand, for the command line: whether a URL is understood, what it would do,
//! and one message by it. It needs no hub that runs.

use std::time::Duration;

use watchfire_model::{Channel, Content, DeliveryOutcome, NotificationKind, Severity};
use watchfire_notify::{Allowed, FromFile, Notifier, Outgoing, Timeouts, expand};
use watchfire_runtime::Clock;

use crate::config::HubConfig;
use crate::terminal;

/// How long a channel that comes from elsewhere may be quiet before it answers. There is nothing
/// else to send meanwhile, and one that answers later may get the message again.
const PATIENCE: Duration = Duration::from_secs(25);

/// What a channel of the command line is tried with.
#[derive(Debug)]
pub struct Trial {
    notifier: Notifier,
    channels: Vec<Tried>,
}

/// One channel of the command line, and what is known of it before it is used.
#[derive(Debug, Clone)]
pub struct Tried {
    /// Its kind: `tgram`.
    pub scheme: String,
    /// What it would do, or what is wrong with it; neither holds a secret.
    pub does: Result<String, String>,
    channel: Channel,
}

impl Trial {
    /// Reads `urls`, each of which may name several targets, as a hub with `config` would, whose
    /// channels may lead to `also` besides.
    ///
    /// # Errors
    /// In words, when an entry of `also` or the mail settings cannot be used.
    pub fn new(
        urls: &[String],
        config: Option<&HubConfig>,
        also: &[String],
        clock: Clock,
    ) -> Result<Self, String> {
        let channels: Vec<Channel> = urls.iter().map(|url| Channel::new(url.trim())).collect();
        let mail = config.and_then(|config| config.mail.clone());
        let notifier = Notifier::new(mail, clock).map_err(|error| error.to_string())?;
        // Whoever types a program's name here may start it anyway.
        let own = FromFile::new(&channels);
        let notifier = notifier.allowing(allowed(config, also)?).with_own(own);
        let each = channels.iter().flat_map(|channel| tried(&notifier, channel)).collect();
        Ok(Self { notifier, channels: each })
    }

    /// Reads `urls` that came from elsewhere: no program runs, no device is opened and no mail
    /// leaves for them. They may lead to `allow` besides the public internet.
    ///
    /// # Errors
    /// In words, when an entry of `allow` cannot be used.
    pub fn from_elsewhere(urls: &[String], allow: &[String], clock: Clock) -> Result<Self, String> {
        let timeouts = Timeouts { verb: PATIENCE, ..Timeouts::default() };
        let notifier = Notifier::with_timeouts(None, timeouts, clock);
        let notifier = notifier.map_err(|error| error.to_string())?;
        let notifier = notifier.allowing(allowed(None, allow)?);
        let channels = urls.iter().map(|url| Channel::new(url.trim()));
        let channels = channels.filter(|channel| !terminal::is_terminal(channel));
        let each = channels.flat_map(|channel| tried(&notifier, &channel)).collect();
        Ok(Self { notifier, channels: each })
    }

    /// The channels, in order.
    #[must_use]
    pub fn channels(&self) -> &[Tried] {
        &self.channels
    }

    /// Sends one message by `tried`, once.
    pub async fn send(
        &self,
        tried: &Tried,
        content: &Content,
        kind: NotificationKind,
        clock: &Clock,
    ) -> DeliveryOutcome {
        if terminal::is_terminal(&tried.channel) {
            return terminal::print(content);
        }
        let message_id = format!("test.{}@watchfire", watchfire_identity::random_hex(12));
        let message = Outgoing {
            content,
            message_id: &message_id,
            references: &[],
            unix_ms: clock.now().unix_ms,
            kind,
            severity: Severity::Critical,
            server: None,
            is_over: true,
        };
        self.notifier.send(&tried.channel, &message).await
    }
}

fn allowed(config: Option<&HubConfig>, also: &[String]) -> Result<Allowed, String> {
    let mut hosts = config.map(|config| config.allowed.hosts().to_vec()).unwrap_or_default();
    for host in also {
        hosts.push(host.parse().map_err(|why| format!("{host:?} allows nothing: {why}"))?);
    }
    Ok(Allowed::new(hosts))
}

/// One for each target, or one that says what is wrong.
fn tried(notifier: &Notifier, channel: &Channel) -> Vec<Tried> {
    let scheme = channel.scheme().to_owned();
    if terminal::is_terminal(channel) {
        let does = Ok("writes to the terminal of the hub".to_owned());
        return vec![Tried { scheme, does, channel: channel.clone() }];
    }
    match expand(channel) {
        Ok(each) => {
            let one = |channel: Channel| Tried {
                scheme: scheme.clone(),
                does: notifier.describe(&channel).map_err(|error| error.to_string()),
                channel,
            };
            each.into_iter().map(one).collect()
        }
        Err(error) => {
            vec![Tried { scheme, does: Err(error.to_string()), channel: channel.clone() }]
        }
    }
}
