//! One server's link, where the hub dials: dials, proves itself, keeps the session,
//! and dials again.
//! Nothing in here waits for another server.

use std::sync::Arc;
use std::time::Duration;

use watchfire_identity::certificate::AgentId;
use watchfire_model::Sight;
use watchfire_runtime::backoff::Backoff;
use watchfire_runtime::socket::{CloseReason, Socket};
use watchfire_runtime::{Secret, Shutdown};

use crate::config::{Login, WatchedServer};
use crate::dial::{Dialer, Failed, Tells, log_in, open_stream, open_tls_stream};
use crate::fleet::Fleet;
use crate::session::{Peer, Sessions};
use crate::streams::FAREWELL;

/// The first pause between dials, and the longest: a server that is back is
/// noticed within two seconds.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(800));
/// A session that was over sooner does not forgive the failures before it: an agent
/// that says hello and ends at once must not be dialed ten times a second.
const LASTED: Duration = Duration::from_secs(10);
/// The longest pause after a refused login, which guessing must not look like.
const LOGIN_PAUSE: Duration = Duration::from_secs(15);
/// The longest pause after an agent asked for one: its limit on logins is over
/// within seconds, and its server is unwatched meanwhile.
const LATER_PAUSE: Duration = Duration::from_secs(2);

/// Where an agent is, and how the hub and it know each other.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    pub(crate) address: String,
    pub(crate) by: By,
}

/// How hub and agent know each other.
#[derive(Debug, Clone)]
pub(crate) enum By {
    /// By a password, over plain HTTP.
    Login(Login),
    /// By their certificates.
    Certificate(AgentId),
}

impl Reach {
    /// `None` for a server that is reached in another way.
    pub(crate) fn of(watched: &WatchedServer) -> Option<Self> {
        let address = watched.address.clone()?;
        let by = match (watched.agent, &watched.login) {
            (Some(agent), _) => By::Certificate(agent),
            (None, Some(login)) => By::Login(login.clone()),
            (None, None) => return None,
        };
        Some(Self { address, by })
    }
}

/// Keeps the link of the server at `index` until the end is asked for.
pub(crate) async fn keep(
    fleet: Arc<Fleet>,
    index: usize,
    reach: Reach,
    dialer: Dialer,
    sessions: Sessions,
    shutdown: Shutdown,
) {
    let (clock, open) = (dialer.clock().clone(), sessions.clone());
    let ends = shutdown.clone();
    let mut uplink = Uplink { fleet, index, reach, dialer, sessions, token: None };
    let mut dialing = std::pin::pin!(uplink.dial_until(&ends));
    tokio::select! {
        biased;
        () = shutdown.requested() => {}
        () = dialing.as_mut() => return,
    }
    open.close(index, CloseReason::Away);
    let _ = clock.within(FAREWELL, dialing).await;
}

struct Uplink {
    fleet: Arc<Fleet>,
    index: usize,
    reach: Reach,
    dialer: Dialer,
    sessions: Sessions,
    token: Option<Secret>,
}

impl Uplink {
    async fn dial_until(&mut self, shutdown: &Shutdown) {
        let mut pauses = Pauses::new();
        loop {
            let (mut heard, begun) = (false, self.dialer.clock().now());
            let failed = match self.open().await {
                Ok((socket, peer)) => self.sessions.dialed(socket, peer, &mut heard).await,
                Err(failed) => failed,
            };
            let watched = self.fleet.config(self.index);
            tracing::debug!(server = %watched.server.name, tells = ?failed.tells, why = failed.why, "link");
            match failed.tells {
                Tells::Saw(saw) => self.fleet.observed(self.index, saw),
                Tells::HubsOwn => self.fleet.blind(self.index),
                Tells::Nothing => {}
            }
            if heard && self.dialer.clock().now().since(begun) >= LASTED {
                pauses = Pauses::new();
            }
            if shutdown.is_requested() {
                return;
            }
            self.dialer.clock().sleep(pauses.after(failed.tells)).await;
        }
    }

    async fn open(&mut self) -> Result<(Socket, Peer), Failed> {
        let Reach { address, by } = self.reach.clone();
        match by {
            By::Login(login) => self.open_plain(&address, &login).await,
            By::Certificate(agent) => {
                let (fleet, index) = (self.fleet.clone(), self.index);
                let mut told = |saw| fleet.observed(index, saw);
                let opened = open_tls_stream(&self.dialer, &address, agent, &mut told).await?;
                let (socket, remote, key) = opened;
                let (agent, pulse_key) = (Some(agent), Some(key));
                Ok((socket, Peer { index, agent, pulse_key, remote }))
            }
        }
    }

    async fn open_plain(&mut self, address: &str, login: &Login) -> Result<(Socket, Peer), Failed> {
        let (fleet, index) = (self.fleet.clone(), self.index);
        let mut told = |saw| fleet.observed(index, saw);
        let had_token = self.token.is_some();
        let token = match self.token.take() {
            Some(token) => token,
            None => log_in(&self.dialer, address, login, &mut told).await?,
        };
        let opened = open_stream(&self.dialer, address, &token, &mut told).await;
        let (socket, remote) = match opened {
            // An old token that is refused only needs another login.
            Err(failed) if had_token && failed.saw() == Some(Sight::LoginRefused) => {
                let token = log_in(&self.dialer, address, login, &mut told).await?;
                let opened = open_stream(&self.dialer, address, &token, &mut told).await?;
                self.token = Some(token);
                opened
            }
            Err(failed) => {
                if failed.saw() != Some(Sight::LoginRefused) {
                    self.token = Some(token);
                }
                return Err(failed);
            }
            Ok(opened) => {
                self.token = Some(token);
                opened
            }
        };
        Ok((socket, Peer { index, agent: None, pulse_key: None, remote }))
    }
}

/// How long a link waits before it dials again.
struct Pauses {
    usual: Backoff,
    login: Backoff,
    later: Backoff,
}

impl Pauses {
    fn new() -> Self {
        Self {
            usual: Backoff::new(PAUSES.0, PAUSES.1),
            login: Backoff::new(Duration::from_secs(1), LOGIN_PAUSE),
            later: Backoff::new(PAUSES.0, LATER_PAUSE),
        }
    }

    fn after(&mut self, tells: Tells) -> Duration {
        match tells {
            Tells::Saw(Sight::LoginRefused) => return self.login.next_pause(),
            // It says nothing of the login, which may still be the wrong one.
            Tells::Saw(Sight::LoginLimited) => return self.later.next_pause(),
            Tells::Saw(_) => self.login.reset(),
            Tells::Nothing | Tells::HubsOwn => {}
        }
        self.later.reset();
        self.usual.next_pause()
    }
}

#[cfg(test)]
mod tests;
