//! Reaching an agent: the name, TCP, login, stream. Every step has its own time
//! limit, and every failure says what it [`Tells`], which is what the verdict
//! rests on.
//!
//! A look at a server ([`connect_tls`]) has to be over before the verdict. The opening
//! of a stream may take longer, for a way may be slow; it calls `told` on the way with
//! what a look would have seen by then.

mod descriptors;
mod login;
mod pace;
mod race;
mod rarely;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use watchfire_model::Sight;
use watchfire_runtime::Clock;
use watchfire_runtime::net::{Net, Resolver, Stream, Unresolved};
use watchfire_runtime::tls::TlsClient;

pub(crate) use descriptors::page_limits;
pub(crate) use login::log_in;
pub(crate) use pace::{FRAMES_PER_SECOND, Pace, TooFast};
pub(crate) use rarely::Rarely;
pub(crate) use stream::{connect_tls, open_stream, open_tls_stream};

/// For how long a server's last good addresses serve when no lookup succeeds.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// How long a dial waits for a lookup that it cannot do without.
const LOOKUP_LIMIT: Duration = Duration::from_millis(1500);
/// When an agent that took the connection and says nothing is called silent. It
/// is longer than the second for which an agent holds the answer to a login that
/// comes after too many.
const SILENT_AFTER: Duration = Duration::from_millis(1250);
/// How long each round trip of a stream's opening may take all the same: on a slow way
/// one takes some seconds, and a frozen agent that goes on answers the question that is
/// waiting for it, and is back at once. What a verdict needs is told long before.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a dial failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed {
    /// What it tells of the server.
    pub(crate) tells: Tells,
    /// The details, for the log.
    pub(crate) why: String,
}

/// What a failed dial tells of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tells {
    /// What the hub saw of it.
    Saw(Sight),
    /// Nothing: the resolver was too slow.
    Nothing,
    /// Nothing: the hub lacked something of its own, descriptors for example.
    HubsOwn,
}

impl From<Sight> for Tells {
    fn from(saw: Sight) -> Self {
        Self::Saw(saw)
    }
}

impl Failed {
    pub(crate) fn new(tells: impl Into<Tells>, why: impl Into<String>) -> Self {
        Self { tells: tells.into(), why: why.into() }
    }

    /// What it proves of the host, if it proves anything.
    pub(crate) fn saw(&self) -> Option<Sight> {
        match self.tells {
            Tells::Saw(saw) => Some(saw),
            Tells::Nothing | Tells::HubsOwn => None,
        }
    }
}

/// Gives the dialling side of TLS with the hub's newest certificate.
pub(crate) type TlsSource = Arc<dyn Fn() -> TlsClient + Send + Sync>;

/// What all links of a hub dial with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Dialer {
    clock: Clock,
    net: Net,
    resolver: Resolver,
    /// Dials that failed for a want of the hub's own.
    own: Rarely,
    /// How many ways were found slow; it chooses which of its addresses a server is
    /// waited for at.
    slow: Arc<AtomicUsize>,
    /// The hub's certificate for dialing; `None` while it has none.
    tls: Option<TlsSource>,
}

impl Dialer {
    /// A dialer that asks the machine's resolver.
    pub(crate) fn new(clock: Clock) -> Self {
        let resolver = Resolver::system(KEPT, clock.clone());
        Self::of(resolver, clock)
    }

    /// The same over this network.
    pub(crate) fn over(self, net: Net) -> Self {
        Self { net, ..self }
    }

    /// A dialer with a resolver of a test's own.
    #[cfg(test)]
    pub(crate) fn with_lookup(lookup: watchfire_runtime::net::Lookup, clock: Clock) -> Self {
        let resolver = Resolver::new(lookup, KEPT, clock.clone());
        Self::of(resolver, clock)
    }

    fn of(resolver: Resolver, clock: Clock) -> Self {
        let (own, slow) = (Rarely::default(), Arc::default());
        Self { clock, net: Net::system(), resolver, own, slow, tls: None }
    }

    /// The same, for agents that know the hub by its certificate: the newest one.
    pub(crate) fn with_tls(self, tls: TlsSource) -> Self {
        Self { tls: Some(tls), ..self }
    }

    fn tls(&self) -> Option<TlsClient> {
        self.tls.as_ref().map(|tls| tls())
    }

    /// The clock that all its limits are measured by.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The network that it dials over.
    pub(crate) fn net(&self) -> &Net {
        &self.net
    }

    /// Connects to `host:port`, trying the host's addresses.
    pub(crate) async fn connect(&self, address: &str) -> Result<Stream, Failed> {
        self.connected(match self.resolve(address).await {
            Ok(addresses) => race::connect_first(&addresses, &self.clock, &self.net).await,
            Err(failed) => Err(failed),
        })
    }

    /// The same for a stream that is to be opened, over a way that may be slow. `told`
    /// is called with what a look would have seen.
    async fn connect_patiently(
        &self,
        address: &str,
        told: &mut (impl FnMut(Sight) + Send),
    ) -> Result<Stream, Failed> {
        let addresses = match self.resolve(address).await {
            Ok(addresses) => addresses,
            Err(failed) => return self.connected(Err(failed)),
        };
        let connected = race::connect_first(&addresses, &self.clock, &self.net).await;
        let is_slow = |failed: &Failed| failed.saw() == Some(Sight::NoAnswer);
        if !connected.as_ref().is_err_and(is_slow) {
            return self.connected(connected);
        }
        told(Sight::NoAnswer);
        let turn = self.slow.fetch_add(1, Ordering::Relaxed);
        let connecting = race::connect_slowly(&addresses, turn, (&self.clock, &self.net), told);
        self.connected(connecting.await)
    }

    fn connected(&self, connected: Result<Stream, Failed>) -> Result<Stream, Failed> {
        let stream = connected.inspect_err(|failed| {
            if failed.tells == Tells::HubsOwn {
                self.tell_own(&failed.why);
            }
        })?;
        // Signs of life are small and must not wait for one another.
        let _ = stream.set_nodelay();
        Ok(stream)
    }

    fn tell_own(&self, why: &str) {
        if let Some(dials) = self.own.note(self.clock.now()) {
            tracing::error!(
                why,
                dials,
                "the hub cannot dial for want of something of its own; the servers that it \
                 cannot dial are not judged"
            );
        }
    }

    async fn resolve(&self, address: &str) -> Result<Vec<SocketAddr>, Failed> {
        if let Ok(literal) = address.parse() {
            return Ok(vec![literal]);
        }
        let no_port = || Failed::new(Sight::NameUnknown, "the address has no port");
        let (host, port) = address.rsplit_once(':').ok_or_else(no_port)?;
        let port: u16 = port.parse().map_err(|_| no_port())?;
        let found = self.resolver.addresses(host, LOOKUP_LIMIT).await.map_err(|why| match why {
            Unresolved::Unknown(why) => Failed::new(Sight::NameUnknown, why),
            Unresolved::Slow => Failed::new(Tells::Nothing, "the resolver does not answer"),
            Unresolved::Own(why) => Failed::new(Tells::HubsOwn, why),
        })?;
        Ok(found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
    }
}

/// Waits for an agent's answer; `told` is called once when it takes long.
async fn answer<F: Future>(
    clock: &Clock,
    asking: F,
    told: &mut (impl FnMut(Sight) + Send),
) -> Result<F::Output, Failed> {
    let mut asking = std::pin::pin!(asking);
    if let Some(answer) = clock.within(SILENT_AFTER, asking.as_mut()).await {
        return Ok(answer);
    }
    told(Sight::Silent);
    let rest = PATIENCE.saturating_sub(SILENT_AFTER);
    let late = clock.within(rest, asking).await;
    // That it is silent was told when its host had just taken the connection. By now the
    // host may be gone, or the hub's own way to it.
    late.ok_or_else(|| Failed::new(Tells::Nothing, "the agent does not answer"))
}

#[cfg(test)]
mod tests;
