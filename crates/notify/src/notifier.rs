use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::time::Duration;

use lettre::message::Mailbox;
use watchfire_model::{Channel, Content, DeliveryOutcome, NotificationKind, Severity};
use watchfire_runtime::Clock;
use watchfire_runtime::net::{Net, Resolver};

use crate::channel::WebChannel;
use crate::channel::from_file::FromFile;
use crate::channel::guard::{self, Allowed, Way};
use crate::channel::list::Kind;
use crate::channel::route::{Route, bad, is_mail, route};
use crate::channel::send::Sender;
use crate::mailgun::Mailgun;
use crate::settings::{MailServer, MailSettings, Timeouts};
use crate::smtp::SmtpClient;
use crate::{ChannelError, Outgoing, clean, mailto, message};

/// For how long a provider's last good addresses serve when no lookup succeeds:
/// for ever. It proves who it is by its certificate, so an address that has
/// changed hands gets nothing, and the resolver may be what the mail is about.
const KEPT: Duration = Duration::MAX;

/// The same for chats and their kin: one day, for some are reached without TLS.
const KEPT_OF_CHATS: Duration = Duration::from_secs(24 * 60 * 60);

/// Hands messages to channels. It holds what the config says about providers
/// and no state about messages, so any number of sends may run at once.
#[derive(Debug)]
pub struct Notifier {
    mail: Option<Mail>,
    sender: Sender,
    own: FromFile,
    clock: Clock,
    timeouts: Timeouts,
}

#[derive(Debug)]
struct Mail {
    from: Mailbox,
    provider: Provider,
}

#[derive(Debug)]
enum Provider {
    Smtp(Box<SmtpClient>),
    Mailgun(Mailgun),
}

impl Notifier {
    /// A notifier with the mail settings of the config, if there are any. The
    /// time limits of SMTP and of looking names up are measured by `clock`.
    ///
    /// # Errors
    /// [`ChannelError`] when the sender or the provider's address is not
    /// understood, or TLS cannot be set up on this machine.
    pub fn new(mail: Option<MailSettings>, clock: Clock) -> Result<Self, ChannelError> {
        Self::with_timeouts(mail, Timeouts::default(), clock)
    }

    /// The same with other timeouts.
    ///
    /// # Errors
    /// As [`Notifier::new`].
    pub fn with_timeouts(
        mail: Option<MailSettings>,
        timeouts: Timeouts,
        clock: Clock,
    ) -> Result<Self, ChannelError> {
        let resolver = Resolver::system(KEPT, clock.clone());
        Self::made(mail, (timeouts, resolver, Net::system()), clock)
    }

    /// A notifier that reaches a mail server over `net`. TLS from the first byte
    /// (`smtps://`) and Mailgun go over the system's network in any case.
    ///
    /// # Errors
    /// As [`Notifier::new`].
    pub fn over(mail: Option<MailSettings>, clock: Clock, net: Net) -> Result<Self, ChannelError> {
        let resolver = Resolver::system(KEPT, clock.clone());
        Self::made(mail, (Timeouts::default(), resolver, net), clock)
    }

    /// The same with a resolver of one's own for mail.
    #[cfg(test)]
    pub(crate) fn with_resolver(
        mail: Option<MailSettings>,
        timeouts: Timeouts,
        resolver: Resolver,
        clock: Clock,
    ) -> Result<Self, ChannelError> {
        Self::made(mail, (timeouts, resolver, Net::system()), clock)
    }

    fn made(
        mail: Option<MailSettings>,
        ways: (Timeouts, Resolver, Net),
        clock: Clock,
    ) -> Result<Self, ChannelError> {
        let timeouts = ways.0;
        // Names of chats that hang must not hold up those of mail.
        let resolver = Resolver::system(KEPT_OF_CHATS, clock.clone());
        let sender = Sender::new(timeouts, resolver, clock.clone());
        let mail = mail.map(|mail| Mail::new(mail, ways, clock.clone())).transpose()?;
        Ok(Self { mail, sender, own: FromFile::default(), clock, timeouts })
    }

    /// The notifier, whose channels may lead to `allowed` besides the public internet.
    #[must_use]
    pub fn allowing(mut self, allowed: Allowed) -> Self {
        self.sender = self.sender.allowing(allowed);
        self
    }

    /// The notifier, which serves these programs and devices of the hub's machine.
    #[must_use]
    pub fn with_own(mut self, own: FromFile) -> Self {
        self.own = own;
        self
    }

    /// True when mail can be sent.
    #[must_use]
    pub fn has_mail(&self) -> bool {
        self.mail.is_some()
    }

    /// Whether `channel` is understood and this hub can serve it.
    ///
    /// # Errors
    /// [`ChannelError`] says what to write instead.
    pub fn check(&self, channel: &Channel) -> Result<(), ChannelError> {
        self.describe(channel).map(|_| ())
    }

    /// What a message to `channel` would do, in words without a secret.
    ///
    /// # Errors
    /// As [`Notifier::check`].
    pub fn describe(&self, channel: &Channel) -> Result<String, ChannelError> {
        if is_mail(channel) {
            let (_, to) = self.mail(channel)?;
            return Ok(format!("mail to {to}"));
        }
        let (kind, route) = route(channel.as_str())?;
        self.own.check((kind, &route), channel)?;
        match route {
            Route::Own(own) => {
                own.check().map_err(|why| bad(kind, &why))?;
                Ok(format!("{}: {}", kind.name, own.does()))
            }
            Route::Web(web) => self.describe_web(kind, web.as_ref()),
        }
    }

    fn describe_web(&self, kind: &Kind, web: &dyn WebChannel) -> Result<String, ChannelError> {
        let content = Content { subject: "test".to_owned(), ..Content::default() };
        let request = web.request(&Outgoing {
            content: &content,
            message_id: "test@watchfire",
            references: &[],
            unix_ms: 0,
            kind: NotificationKind::Report,
            severity: Severity::Info,
            server: None,
            is_over: true,
        });
        let request = request.map_err(|why| bad(kind, &why))?;
        let (_, way) = self.sender.checked(&request)?;
        let way = match way {
            Way::Direct => "over TLS",
            Way::Plain => "without TLS",
            Way::Proxy if request.url.starts_with("https:") => "over TLS, by the proxy",
            Way::Proxy => "without TLS, by the proxy",
        };
        let (method, host) = (request.method.as_str(), guard::host_of(&request.url));
        let target = web.target().map(|target| format!(", to {}", clean::line(&target)));
        Ok(format!("{}: {method} to {host} {way}{}", kind.name, target.unwrap_or_default()))
    }

    /// For how long `channel` is left alone from now on: its provider asked for that, or turned a
    /// message away. Meanwhile it is the next channel's turn.
    #[must_use]
    pub fn rests(&self, channel: &Channel) -> Option<Duration> {
        self.sender.rests(channel.as_str())
    }

    /// Hands `message` to `channel` and says what came of it. It ends within
    /// [`Timeouts::whole`], and no panic of a library leaves it: a message that
    /// cannot be sent is refused, and the next one still goes out.
    pub async fn send(&self, channel: &Channel, message: &Outgoing<'_>) -> DeliveryOutcome {
        let sent = async {
            match self.routed(channel, message).await {
                Ok(outcome) => outcome,
                Err(error) => DeliveryOutcome::Refused { why: clean::line(&error.to_string()) },
            }
        };
        caught(sent).await.unwrap_or_else(|panic| {
            let words = clean::line(panic_words(&*panic));
            DeliveryOutcome::Refused { why: format!("the message cannot be sent: {words}") }
        })
    }

    async fn routed(
        &self,
        channel: &Channel,
        message: &Outgoing<'_>,
    ) -> Result<DeliveryOutcome, ChannelError> {
        if is_mail(channel) {
            let (mail, to) = self.mail(channel)?;
            return Ok(mail.send(&to, message).await);
        }
        let url = channel.as_str();
        let (kind, route) = route(url)?;
        self.own.check((kind, &route), channel)?;
        Ok(match route {
            Route::Web(web) => self.sender.send(web.as_ref(), url, message).await,
            Route::Own(own) => own.send(message, &self.clock, self.timeouts).await,
        })
    }

    fn mail(&self, channel: &Channel) -> Result<(&Mail, lettre::Address), ChannelError> {
        let to = mailto::address(channel.as_str())?;
        Ok((self.mail.as_ref().ok_or(ChannelError::MailNotConfigured)?, to))
    }
}

impl Mail {
    fn new(
        settings: MailSettings,
        (timeouts, resolver, net): (Timeouts, Resolver, Net),
        clock: Clock,
    ) -> Result<Self, ChannelError> {
        let from = message::sender(&settings.from)?;
        let provider = match settings.server {
            MailServer::Smtp(server) => {
                Provider::Smtp(Box::new(SmtpClient::new(server, timeouts, resolver, clock, net)?))
            }
            MailServer::Mailgun { base, domain, key } => {
                Provider::Mailgun(Mailgun::new(&base, &domain, key, timeouts, resolver)?)
            }
        };
        Ok(Self { from, provider })
    }

    async fn send(&self, to: &lettre::Address, message: &Outgoing<'_>) -> DeliveryOutcome {
        match &self.provider {
            Provider::Smtp(client) => match message::build(&self.from, to, message) {
                Ok(mail) => client.send(&self.from.email, to, &mail.formatted()).await,
                Err(why) => DeliveryOutcome::Refused { why },
            },
            Provider::Mailgun(mailgun) => mailgun.send(&self.from, to, message).await,
        }
    }
}

/// Runs `future` and turns a panic in it into an error.
async fn caught<T>(future: impl Future<Output = T>) -> Result<T, Box<dyn Any + Send>> {
    let mut future = pin!(future);
    // Nothing of the future is used after a panic, so no broken state is seen.
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => std::task::Poll::Ready(Err(panic)),
    })
    .await
}

fn panic_words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a library panicked")
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use watchfire_model::Moment;
    use watchfire_runtime::net::Lookup;

    use super::*;
    use crate::SmtpServer;
    use crate::testing::outgoing;

    /// Both providers, reached by a name that must be looked up.
    fn named() -> [MailServer; 2] {
        let smtp = SmtpServer::parse("smtps://mail.example.org").unwrap();
        let (domain, key) = ("mg.example.org".to_owned(), "key".to_owned());
        let base = crate::MAILGUN_BASE.to_owned();
        [MailServer::Smtp(smtp), MailServer::Mailgun { base, domain, key }]
    }

    #[tokio::test]
    async fn a_hanging_resolver_has_one_lookup_however_many_mails_wait() {
        for server in named() {
            let (clock, hand) = Clock::manual(Moment::default());
            let asked = Arc::new(AtomicUsize::new(0));
            let counted = asked.clone();
            let hangs: Lookup = Arc::new(move |_| {
                counted.fetch_add(1, Ordering::Relaxed);
                Box::pin(std::future::pending::<std::io::Result<Vec<IpAddr>>>())
            });
            let resolver = Resolver::new(hangs, KEPT, clock.clone());
            let settings = MailSettings { from: "hub@example.org".to_owned(), server };
            let timeouts = Timeouts::default();
            let notifier =
                Notifier::with_resolver(Some(settings), timeouts, resolver, clock).unwrap();
            let content = Content::default();
            let message = outgoing(&content);
            let channel = Channel::new("mailto:ada@example.org");
            let mut outcomes = Vec::new();
            for _ in 0..50 {
                let mut sending = pin!(notifier.send(&channel, &message));
                outcomes.push(loop {
                    tokio::select! {
                        biased;
                        outcome = &mut sending => break outcome,
                        () = tokio::task::yield_now() => hand.advance(Duration::from_secs(1)),
                    }
                });
            }
            for outcome in outcomes {
                let later = matches!(outcome, DeliveryOutcome::Retry { maybe_accepted: false, .. });
                assert!(later, "{outcome:?}");
            }
            assert_eq!(asked.load(Ordering::Relaxed), 1, "each holds a thread for as long");
        }
    }

    #[tokio::test]
    async fn a_panic_becomes_an_error_with_its_words() {
        let panic = caught(async { panic!("newline in header") }).await.unwrap_err();
        assert_eq!(panic_words(&*panic), "newline in header");
        assert_eq!(caught(async { 7 }).await.unwrap(), 7);
    }

    #[test]
    fn channels_are_checked_with_a_hint() {
        let without = Notifier::new(None, Clock::system()).unwrap();
        let check = |url: &str| without.check(&Channel::new(url)).unwrap_err().to_string();
        assert!(check("mailto:ada@example.org").contains("[mail]"));
        assert!(check("nonsense:123").contains("this version has mailto, "));
        assert!(check("pager:123").contains("write pagerduty://"));
        assert!(check("").contains("this version has mailto, "));
        assert!(check("xoxb-1-2-hidden").starts_with("no channel \"none\""));
        assert!(check("123456:AAhidden").starts_with("no channel \"none\""));
        assert!(check("MailTo:ada@example.org").contains("[mail]"));
        assert!(check("tgrams://123:AAx/1").contains("write tgram://BOT_TOKEN/CHAT"));
        assert!(check("https://example.org/x").contains("https://hooks.slack.com/"));
        assert!(check("https://example.org/x").contains("webhook+https://HOST/PATH"));
        assert!(check("tgram://").contains("this is no Telegram channel: "));
        for scheme in
            ["gopher://127.0.0.1/", "file:///etc/passwd", "unix:///run/x.sock", "http://a.example/"]
        {
            assert!(check(scheme).starts_with("no channel "), "{scheme}");
        }
        assert!(check("gotifys://10.0.0.1/t").contains("[notify] allow = [\"10.0.0.1\"]"));
        assert!(check("mailto:ada@example.org?bcc=x@y.z").contains("leave out"));
    }
}
