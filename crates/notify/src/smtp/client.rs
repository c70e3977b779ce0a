//! One mail handed to one mail server, with the stage of every failure known.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::{Response, Severity};
use watchfire_model::DeliveryOutcome;
use watchfire_runtime::Clock;
use watchfire_runtime::net::{Lost, Net, Resolver, Stream, first_of};

use super::server::SmtpServer;
use super::stream::Careful;
use crate::{ChannelError, Timeouts, clean};

/// How long the mail server may take to say goodbye. The mail is accepted by
/// then, and its notification must not stay open for a courtesy.
const QUIT_PATIENCE: Duration = Duration::from_millis(250);

/// Hands mail to one server. Each mail has a connection of its own: alerts are
/// rare, and an old connection is the first thing to be dead when one comes.
pub(crate) struct SmtpClient {
    server: SmtpServer,
    tls: TlsParameters,
    hello: ClientId,
    timeouts: Timeouts,
    resolver: Resolver,
    clock: Clock,
    net: Net,
}

/// How far a try has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connect,
    StartTls,
    Login,
    Mail,
    Rcpt,
    Data,
    Body,
}

/// The stage, where the timeout of the whole can read it.
struct Progress(AtomicU8);

/// Why a stage failed.
enum Failure {
    /// The server refused with a reply code.
    Reply { code: u16, text: String },
    /// It cannot be done there, now or ever.
    Impossible(String),
    /// No usable answer came.
    NoAnswer(String),
}

/// A connection and whether its replies can be trusted to be the server's.
struct Connected {
    connection: AsyncSmtpConnection,
    /// Nobody on the way could have forged a reply: TLS, or this machine.
    authentic: bool,
}

impl fmt::Debug for SmtpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.server.fmt(f)
    }
}

impl SmtpClient {
    pub(crate) fn new(
        server: SmtpServer,
        timeouts: Timeouts,
        resolver: Resolver,
        clock: Clock,
        net: Net,
    ) -> Result<Self, ChannelError> {
        Ok(Self {
            tls: tls(&server)?,
            server,
            hello: ClientId::default(),
            timeouts,
            resolver,
            clock,
            net,
        })
    }

    /// Hands over `mail`, a whole message, from `from` to `to`.
    pub(crate) async fn send(&self, from: &Address, to: &Address, mail: &[u8]) -> DeliveryOutcome {
        let progress = Progress(AtomicU8::new(0));
        let exchange = self.exchange(from, to, mail, &progress);
        match self.clock.within(self.timeouts.whole, exchange).await {
            Some(outcome) => outcome,
            None => {
                let why = format!("not done within {:?}", self.timeouts.whole);
                self.failed(progress.stage(), Failure::NoAnswer(why), false)
            }
        }
    }

    async fn exchange(
        &self,
        from: &Address,
        to: &Address,
        mail: &[u8],
        progress: &Progress,
    ) -> DeliveryOutcome {
        let mut connected = match self.connect(progress).await {
            Ok(connected) => connected,
            Err((failure, authentic)) => {
                return self.failed(progress.stage(), failure, authentic);
            }
        };
        let handed = self.hand_over(&mut connected, from, to, mail, progress).await;
        match handed {
            Ok(reply) => {
                // The mail is accepted whatever becomes of the goodbye.
                let _ = self.clock.within(QUIT_PATIENCE, connected.connection.quit()).await;
                DeliveryOutcome::Accepted { reply: reply_text(&reply) }
            }
            Err(failure) => self.failed(progress.stage(), failure, connected.authentic),
        }
    }

    /// A connection that may carry the mail: encrypted, or to this machine.
    async fn connect(&self, progress: &Progress) -> Result<Connected, (Failure, bool)> {
        progress.at(Stage::Connect);
        let addresses = match self.server.connect_to {
            Some(address) => Ok(vec![address]),
            None => self.addresses().await,
        };
        let addresses = addresses.map_err(|failure| (failure, false))?;
        if self.server.implicit_tls {
            return self.connect_tls(&addresses).await.map_err(|failure| (failure, true));
        }
        let (stream, address) =
            self.connect_tcp(&addresses).await.map_err(|failure| (failure, false))?;
        // The name alone does not make it this machine, nor does an address
        // that a lying resolver gave for another name.
        let here = self.server.is_loopback() && address.ip().to_canonical().is_loopback();
        let greeted = AsyncSmtpConnection::connect_with_transport(
            Box::new(Careful::new(stream)),
            &self.hello,
        );
        let connection = self.within(2, greeted).await.map_err(|failure| (failure, here))?;
        self.secure(connection, here, progress).await.map_err(|failure| (failure, here))
    }

    async fn addresses(&self) -> Result<Vec<SocketAddr>, Failure> {
        let found = self.resolver.addresses(&self.server.host, self.timeouts.connect).await;
        let found = found.map_err(|why| Failure::NoAnswer(why.to_string()))?;
        Ok(found.into_iter().map(|ip| SocketAddr::new(ip, self.server.port)).collect())
    }

    async fn connect_tcp(&self, addresses: &[SocketAddr]) -> Result<(Stream, SocketAddr), Failure> {
        let connect = |address| self.net.connect(address);
        let limit = self.timeouts.connect;
        let connected = first_of(addresses, limit, &self.clock, connect).await;
        let (stream, address) = connected.map_err(|lost| {
            let refused = |error: std::io::Error| Failure::NoAnswer(error.to_string());
            none_of_them(lost, limit, refused)
        })?;
        // The final dot must not wait for the acknowledgement of the mail.
        let _ = stream.set_nodelay();
        Ok((stream, address))
    }

    /// TLS from the first byte, as far as the answer to EHLO. Addresses race
    /// as far as that, since lettre makes TLS on no connection of ours.
    async fn connect_tls(&self, addresses: &[SocketAddr]) -> Result<Connected, Failure> {
        let connect = |address: SocketAddr| {
            let connect = AsyncSmtpConnection::connect_tokio1(
                address,
                Some(self.timeouts.connect),
                &self.hello,
                Some(self.tls.clone()),
                None,
            );
            self.within(2, connect)
        };
        let limit = self.timeouts.whole;
        let connected = first_of(addresses, limit, &self.clock, connect).await;
        let (connection, _) = connected.map_err(|lost| none_of_them(lost, limit, |why| why))?;
        Ok(Connected { connection, authentic: true })
    }

    async fn secure(
        &self,
        mut connection: AsyncSmtpConnection,
        here: bool,
        progress: &Progress,
    ) -> Result<Connected, Failure> {
        progress.at(Stage::StartTls);
        if connection.can_starttls() {
            let tls = self.tls.clone();
            self.within(2, connection.starttls(tls, &self.hello)).await?;
            return Ok(Connected { connection, authentic: true });
        }
        if here {
            return Ok(Connected { connection, authentic: true });
        }
        // Perhaps somebody on the way took the offer out. That must neither
        // show him the mail nor make us give it up.
        Err(Failure::NoAnswer(
            "the server does not offer STARTTLS, so nothing was sent; use smtps:// if it has that"
                .to_owned(),
        ))
    }

    async fn hand_over(
        &self,
        connected: &mut Connected,
        from: &Address,
        to: &Address,
        mail: &[u8],
        progress: &Progress,
    ) -> Result<Response, Failure> {
        let connection = &mut connected.connection;
        if let Some((user, password)) = &self.server.login {
            progress.at(Stage::Login);
            let credentials = Credentials::new(user.clone(), password.clone());
            let auth = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials);
            self.within(2, auth).await?;
        }
        progress.at(Stage::Mail);
        let parameters = mail_parameters(connection, from, to, mail)?;
        self.within(1, connection.command(Mail::new(Some(from.clone()), parameters))).await?;
        progress.at(Stage::Rcpt);
        self.within(1, connection.command(Rcpt::new(to.clone(), Vec::new()))).await?;
        progress.at(Stage::Data);
        let go = self.within(1, connection.command(Data)).await?;
        expect_severity(&go, Severity::PositiveIntermediate)?;
        progress.at(Stage::Body);
        let taken = self.within(1, connection.message(mail)).await?;
        expect_severity(&taken, Severity::PositiveCompletion)?;
        Ok(taken)
    }

    /// The outcome of `step`, which is `verbs` answers long.
    async fn within<T>(
        &self,
        verbs: u32,
        step: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Failure> {
        let limit = self.timeouts.verb * verbs;
        match self.clock.within(limit, step).await {
            Some(Ok(done)) => Ok(done),
            Some(Err(error)) => Err(Failure::from(error)),
            None => Err(no_answer(limit)),
        }
    }

    /// The outcome of a try that failed at `stage`.
    ///
    /// A refusal is for good only once the recipient is named. Whatever is
    /// refused before that (the greeting, the login, the sender) is the setup
    /// of the hub or of the server, and somebody will mend it.
    ///
    /// It counts as the server's own word only when it is `authentic`: whoever
    /// can forge a plain 554 could otherwise make us drop every mail.
    fn failed(&self, stage: Stage, failure: Failure, authentic: bool) -> DeliveryOutcome {
        let place = format!("{} at {}:{}", stage.as_str(), self.server.host, self.server.port);
        match failure {
            Failure::Reply { code, text } => {
                let why = clean::line(&format!("{place}: {code} {text}"));
                if code >= 500 && authentic && stage.is_about_the_mail() {
                    DeliveryOutcome::Refused { why }
                } else {
                    DeliveryOutcome::Retry { why, maybe_accepted: false }
                }
            }
            Failure::Impossible(text) => {
                DeliveryOutcome::Refused { why: clean::line(&format!("{place}: {text}")) }
            }
            Failure::NoAnswer(text) => DeliveryOutcome::Retry {
                why: clean::line(&format!("{place}: {text}")),
                maybe_accepted: stage == Stage::Body,
            },
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.status() {
            Some(code) => {
                let text = std::error::Error::source(&error).map(ToString::to_string);
                Self::Reply { code: u16::from(code), text: text.unwrap_or_default() }
            }
            None => Self::NoAnswer(error.to_string()),
        }
    }
}

impl Stage {
    const ALL: [Stage; 7] = [
        Self::Connect,
        Self::StartTls,
        Self::Login,
        Self::Mail,
        Self::Rcpt,
        Self::Data,
        Self::Body,
    ];

    /// True where a refusal means this recipient or this message.
    fn is_about_the_mail(self) -> bool {
        matches!(self, Self::Rcpt | Self::Data | Self::Body)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connecting",
            Self::StartTls => "STARTTLS",
            Self::Login => "login",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Body => "handing over the message",
        }
    }
}

impl Progress {
    fn at(&self, stage: Stage) {
        self.0.store(stage as u8, Ordering::Relaxed);
    }

    fn stage(&self) -> Stage {
        let at = usize::from(self.0.load(Ordering::Relaxed));
        Stage::ALL.get(at).copied().unwrap_or(Stage::Body)
    }
}

fn no_answer(limit: Duration) -> Failure {
    Failure::NoAnswer(format!("no answer within {limit:?}"))
}

/// Why no address connected: in the words of the last one that said anything.
fn none_of_them<E>(lost: Lost<E>, limit: Duration, words: impl FnOnce(E) -> Failure) -> Failure {
    match lost.failures.into_iter().next_back() {
        Some(why) => words(why),
        None if lost.late => no_answer(limit),
        None => Failure::NoAnswer("it has no address".to_owned()),
    }
}

fn tls(server: &SmtpServer) -> Result<TlsParameters, ChannelError> {
    let setup = |error: Error| ChannelError::Setup(error.to_string());
    let mut builder = TlsParametersBuilder::new(server.host.clone());
    for pem in &server.tls_roots {
        let root = Certificate::from_pem(pem.as_bytes()).map_err(setup)?;
        builder = builder.add_root_certificate(root);
    }
    if !server.implicit_tls && server.is_loopback() && server.tls_roots.is_empty() {
        // Plain text is allowed here, so encryption with a certificate that
        // nobody vouches for, as local mail servers have it, is no worse.
        builder = builder.dangerous_accept_invalid_certs(true);
    }
    builder.build().map_err(setup)
}

fn mail_parameters(
    connection: &AsyncSmtpConnection,
    from: &Address,
    to: &Address,
    mail: &[u8],
) -> Result<Vec<MailParameter>, Failure> {
    let server = connection.server_info();
    let mut parameters = Vec::new();
    if ![from, to].iter().all(|address| AsRef::<str>::as_ref(address).is_ascii()) {
        if !server.supports_feature(Extension::SmtpUtfEight) {
            return Err(Failure::Impossible(
                "the server takes no addresses with other than ASCII letters".to_owned(),
            ));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    if !mail.is_ascii() && server.supports_feature(Extension::EightBitMime) {
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    Ok(parameters)
}

fn expect_severity(reply: &Response, severity: Severity) -> Result<(), Failure> {
    if reply.code().severity == severity {
        return Ok(());
    }
    Err(Failure::NoAnswer(format!("{} is no answer to that", reply_text(reply))))
}

fn reply_text(reply: &Response) -> String {
    let text: Vec<&str> = reply.message().collect();
    clean::line(&format!("{} {}", reply.code(), text.join(" ")))
}

#[cfg(test)]
mod tests;
