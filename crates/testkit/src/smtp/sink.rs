//! The scripted mail server: what a test holds.

use std::collections::{HashMap, VecDeque};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;

use super::mail::Mail;
use super::script::{Behaviour, Verb};
use super::session::Session;
use super::tls;
use crate::door::Door;
use crate::watch::Watch;

/// How a sink speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tls {
    /// Not at all.
    #[default]
    None,
    /// It offers STARTTLS.
    StartTls,
    /// From the first byte, as on port 465.
    Implicit,
}

/// What a sink is, as opposed to what it does for a while.
#[derive(Debug, Clone)]
pub struct Options {
    /// How it speaks TLS.
    pub tls: Tls,
    /// The names in its self-signed certificate.
    pub names: Vec<String>,
    /// User and password that a client must log in with before MAIL; AUTH is
    /// offered only when this is set, and with STARTTLS only under TLS.
    pub login: Option<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        Self { tls: Tls::None, names, login: None }
    }
}

/// One thing that a client did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, by `CLOCK_MONOTONIC`.
    pub at: Duration,
    /// On which connection; the first is 1.
    pub connection: u64,
    /// What.
    pub verb: Verb,
    /// The line it sent; only the mechanism of AUTH.
    pub line: String,
}

/// A scripted SMTP server on 127.0.0.1. It lives until it is dropped.
#[derive(Debug)]
pub struct Sink {
    door: Door,
    shared: Arc<Shared>,
    root_pem: String,
}

/// What the sink and its sessions share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) tls: Arc<ServerConfig>,
    pub(crate) state: Watch<State>,
}

#[derive(Debug)]
pub(crate) struct State {
    always: Behaviour,
    next: VecDeque<Behaviour>,
    accepted: Vec<Mail>,
    received: Vec<Mail>,
    events: Vec<Event>,
    streams: HashMap<u64, TcpStream>,
    connections: u64,
    pub(crate) stopping: bool,
}

impl Sink {
    /// A good server without TLS and login.
    ///
    /// # Panics
    /// When the machine has no free port.
    #[must_use]
    pub fn start() -> Self {
        Self::with(Options::default())
    }

    /// A good server of this kind.
    ///
    /// # Panics
    /// When the machine has no free port, or a name does not fit a certificate.
    #[must_use]
    pub fn with(options: Options) -> Self {
        let (tls, root_pem) = tls::self_signed(&options.names);
        let shared = Arc::new(Shared { options, tls, state: Watch::new(State::new()) });
        let guest = shared.clone();
        let door = Door::open(move |stream| Shared::welcome(&guest, stream));
        Self { door: door.expect("a loopback port can be opened"), shared, root_pem }
    }

    /// Where it listens; the same for its whole life.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.door.address()
    }

    /// The port of [`Sink::addr`].
    #[must_use]
    pub fn port(&self) -> u16 {
        self.addr().port()
    }

    /// The address as Watchfire's config wants it: `smtp://127.0.0.1:PORT`, or
    /// `smtps://` with implicit TLS; with user and password when it has a login.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.shared.options.tls == Tls::Implicit { "smtps" } else { "smtp" };
        match &self.shared.options.login {
            Some((user, password)) => format!("{scheme}://{user}:{password}@{}", self.addr()),
            None => format!("{scheme}://{}", self.addr()),
        }
    }

    /// Its certificate as PEM, for clients that shall trust it.
    #[must_use]
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// Behaves so from now on, on open connections from their next verb, for
    /// every connection that has no behaviour of its own.
    pub fn always(&self, behaviour: Behaviour) {
        self.shared.state.change(|state| state.always = behaviour);
    }

    /// The next new connections behave so, one each, in this order, for their
    /// whole life; those after them follow [`Sink::always`].
    pub fn next(&self, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.shared.state.change(|state| state.next.extend(behaviours));
    }

    /// The mails it accepted with a 250, oldest first.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        self.shared.state.lock().accepted.clone()
    }

    /// How many mails it accepted, without a copy of them.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.shared.state.lock().accepted.len()
    }

    /// The mails that came in full, whether it then accepted them, refused
    /// them or dropped the connection; oldest first.
    #[must_use]
    pub fn received(&self) -> Vec<Mail> {
        self.shared.state.lock().received.clone()
    }

    /// All that clients did, oldest first.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.shared.state.lock().events.clone()
    }

    /// How many connections it has had.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.state.lock().connections
    }

    /// Waits until `n` mails were accepted since the start; all of them, which
    /// can be more than `n`.
    ///
    /// # Panics
    /// After `timeout`, telling what came instead.
    #[must_use]
    pub fn wait_for(&self, n: usize, timeout: Duration) -> Vec<Mail> {
        self.wait_for_mails(timeout, |mails| mails.len() >= n)
    }

    /// Waits until the accepted mails are as `fit` wants them.
    ///
    /// # Panics
    /// After `timeout`, telling what came instead.
    #[must_use]
    pub fn wait_for_mails(&self, timeout: Duration, fit: impl Fn(&[Mail]) -> bool) -> Vec<Mail> {
        self.wait(timeout, "mails", |state| fit(&state.accepted).then(|| state.accepted.clone()))
    }

    /// Waits until `n` mails came in full, accepted or not; all of them.
    ///
    /// # Panics
    /// After `timeout`, telling what came instead.
    #[must_use]
    pub fn wait_for_received(&self, n: usize, timeout: Duration) -> Vec<Mail> {
        self.wait(timeout, "received mails", |state| {
            (state.received.len() >= n).then(|| state.received.clone())
        })
    }

    /// Waits until clients came to `verb` for the `n`th time since the start;
    /// that event.
    ///
    /// # Panics
    /// After `timeout`, telling what came instead.
    pub fn wait_for_verb(&self, verb: Verb, n: usize, timeout: Duration) -> Event {
        let nth = n.saturating_sub(1);
        self.wait(timeout, "verb", |state| {
            state.events.iter().filter(|event| event.verb == verb).nth(nth).cloned()
        })
    }

    /// The mail server goes down: its port refuses connects and all open
    /// connections are closed.
    pub fn stop_listening(&self) {
        self.door.shut();
        self.close_all();
    }

    /// The mail server comes back on the same port.
    ///
    /// # Panics
    /// When the port cannot be opened, which the kit's reservation prevents.
    pub fn start_listening(&self) {
        self.door.reopen().expect("the port is reserved for this sink");
    }

    /// Closes all open connections; new ones are accepted.
    pub fn close_all(&self) {
        for stream in self.shared.state.lock().streams.values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn wait<R>(
        &self,
        timeout: Duration,
        what: &str,
        mut found: impl FnMut(&State) -> Option<R>,
    ) -> R {
        match self.shared.state.wait(timeout, |state| found(state)) {
            Some(result) => result,
            None => panic!(
                "the {what} waited for did not come in {timeout:?}; {}",
                self.shared.state.lock().story()
            ),
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.shared.state.change(|state| state.stopping = true);
        self.stop_listening();
    }
}

impl State {
    fn new() -> Self {
        Self {
            always: Behaviour::Accept,
            next: VecDeque::new(),
            accepted: Vec::new(),
            received: Vec::new(),
            events: Vec::new(),
            streams: HashMap::new(),
            connections: 0,
            stopping: false,
        }
    }

    fn story(&self) -> String {
        use std::fmt::Write;
        let mut story = format!(
            "{} connections, {} mails received, {} accepted:",
            self.connections,
            self.received.len(),
            self.accepted.len()
        );
        for mail in &self.accepted {
            let _ = write!(story, "\n  {:?} to {:?}: {}", mail.accepted, mail.to, mail.subject());
        }
        for event in &self.events {
            let Event { at, connection, verb, line } = event;
            let _ = write!(story, "\n  {at:?} connection {connection} {verb:?} {line}");
        }
        story
    }
}

impl Shared {
    fn welcome(shared: &Arc<Self>, stream: TcpStream) {
        let Ok(handle) = stream.try_clone() else { return };
        let (connection, own) = shared.state.change(|state| {
            state.connections += 1;
            state.streams.insert(state.connections, handle);
            (state.connections, state.next.pop_front())
        });
        let shared = shared.clone();
        std::thread::spawn(move || {
            // The client sees how it ended; the sink has nobody to tell.
            let _ = Session::new(&shared, connection, own, stream).run();
            shared.state.change(|state| {
                if let Some(stream) = state.streams.remove(&connection) {
                    let _ = stream.shutdown(Shutdown::Both);
                }
            });
        });
    }

    pub(crate) fn always(&self) -> Behaviour {
        self.state.lock().always.clone()
    }

    pub(crate) fn note(&self, event: Event) {
        self.state.change(|state| state.events.push(event));
    }

    pub(crate) fn receive(&self, mail: &Mail) {
        self.state.change(|state| state.received.push(mail.clone()));
    }

    pub(crate) fn accept(&self, mail: Mail) {
        self.state.change(|state| state.accepted.push(mail));
    }
}
