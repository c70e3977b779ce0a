//! What the hub and a quiet server's neighbours see of it, before it is judged.
//!
//! The hub looks itself (pulses at once, a fresh connection, a ping), and asks up to
//! three other agents to look too. All of it is over within a second, and all
//! looks together are limited: a fleet that falls silent is no reason for a storm.

mod ping;
mod rate;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use watchfire_alert::nearest;
use watchfire_identity::certificate::AgentId;
use watchfire_model::{Presence, Server, Sight};
use watchfire_runtime::{Clock, Shutdown, task};
use watchfire_wire::{Probe, ProbeSaw};

use crate::dial::{Dialer, Tells, connect_tls};
use crate::fleet::Fleet;
use crate::pulses::Pulses;
use crate::session::{SessionHandle, Sessions};
use rate::Rate;

/// The time for an answer, the hub's own look included.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
/// Where an agent listens whose port is not known, because it dials the hub.
const USUAL_PORT: u16 = 5000;
/// Where a neighbour's looks are asked for from the candidates, nearest first.
const MOST_ASKED: usize = 3;

/// Asks for second opinions. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Opinions {
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) dialer: Dialer,
    pub(crate) sessions: Sessions,
    pub(crate) pulses: Pulses,
    pub(crate) clock: Clock,
}

/// A server that is looked at.
struct Quiet {
    index: usize,
    server: Server,
    /// Where its agent should be, if that is known.
    address: Option<SocketAddr>,
    key: String,
}

impl Opinions {
    /// Works until the end is asked for.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        let mut rate = Rate::default();
        loop {
            let index = tokio::select! {
                biased;
                () = shutdown.requested() => return,
                index = self.fleet.question() => index,
            };
            // The search for neighbours goes through a part of the fleet, so that the
            // rate limits it too.
            if !rate.take(self.clock.now()) {
                continue;
            }
            self.pulses.hurry(index);
            let Some(quiet) = self.quiet(index) else { continue };
            let (this, own) = (self.clone(), quiet.copy());
            task::spawn("own look", async move { this.look(own).await }).detach();
            for (neighbour, name, handle) in self.neighbours(&quiet) {
                if !rate.take(self.clock.now()) {
                    break;
                }
                let (this, quiet) = (self.clone(), quiet.copy());
                let asking = async move { this.ask(quiet, neighbour, &name, &handle).await };
                task::spawn("second opinion", asking).detach();
            }
        }
    }

    fn quiet(&self, index: usize) -> Option<Quiet> {
        if !self.fleet.is_in(index) {
            return None;
        }
        let config = self.fleet.config(index);
        let remote = self.fleet.remote(index).map(|remote| remote.ip());
        let configured = config.address.as_deref();
        let port = configured
            .and_then(|address| address.rsplit_once(':')?.1.parse().ok())
            .unwrap_or(USUAL_PORT);
        let literal = configured.and_then(|address| address.parse::<SocketAddr>().ok());
        let address = literal.or_else(|| remote.map(|ip| SocketAddr::new(ip, port)));
        let key = config.agent.map(|agent| agent.to_string()).unwrap_or_default();
        Some(Quiet { index, server: config.server.clone(), address, key })
    }

    /// The hub's own look. A server that the hub dials is dialed anew by its link
    /// at the same time, so that only the ping is missing there.
    async fn look(&self, quiet: Quiet) {
        let Some(address) = quiet.address else { return };
        let began = self.clock.now();
        let config = self.fleet.config(quiet.index);
        let connect = async {
            match (config.agent, &config.address) {
                (Some(agent), None) => Some(self.connect(address, agent).await),
                _ => None,
            }
        };
        let looks = async {
            tokio::join!(connect, ping::answers(address.ip(), &self.clock, self.dialer.net()))
        };
        // What takes longer tells nothing more.
        let looked = self.clock.within(ANSWER_LIMIT, looks).await;
        let saw = match looked {
            Some((Some(Tells::Saw(Sight::NoAnswer)) | None, true)) => Sight::PingAnswered,
            Some((Some(Tells::Saw(saw)), _)) => saw,
            None if config.address.is_none() => Sight::NoAnswer,
            _ => return,
        };
        self.fleet.observed_since(quiet.index, began, saw);
    }

    async fn connect(&self, address: SocketAddr, agent: AgentId) -> Tells {
        let address = address.to_string();
        match connect_tls(&self.dialer, &address, agent).await {
            Ok(_) => Tells::Saw(Sight::Reached),
            Err(failed) => failed.tells,
        }
    }

    /// The agents to be asked: up, with a session, and not on the same host.
    fn neighbours(&self, quiet: &Quiet) -> Vec<(usize, String, SessionHandle)> {
        let host: Option<IpAddr> = quiet.address.map(|address| address.ip().to_canonical());
        let mut candidates = self.fleet.neighbours(quiet.index);
        candidates.retain(|(index, _)| {
            let remote = self.fleet.remote(*index);
            let other_host = remote.map(|remote| remote.ip().to_canonical()) != host;
            other_host && self.sessions.of(*index).is_some()
        });
        nearest(&quiet.server, candidates.iter().map(|(_, server)| server))
            .into_iter()
            .take(MOST_ASKED)
            .filter_map(|near| {
                let (index, server) =
                    candidates.iter().find(|(_, server)| server.name == near.name)?;
                Some((*index, server.name.to_string(), self.sessions.of(*index)?))
            })
            .collect()
    }

    async fn ask(&self, quiet: Quiet, neighbour: usize, name: &str, handle: &SessionHandle) {
        let Some(address) = quiet.address else { return };
        let began = self.clock.now();
        let probe = Probe {
            id: 0,
            server: quiet.server.name.to_string(),
            address: address.to_string(),
            key: quiet.key,
        };
        let answer = self.clock.within(ANSWER_LIMIT, handle.probe(probe)).await;
        let Some(Ok(result)) = answer else { return };
        // One that is cut off itself sees nobody.
        let counts = self.fleet.presence(neighbour) == Presence::Up;
        if let Some(saw) = sight(result.saw).filter(|_| counts) {
            self.fleet.seen_by(quiet.index, name, began, saw);
        }
    }
}

impl Quiet {
    fn copy(&self) -> Self {
        let Self { index, server, address, key } = self;
        Self { index: *index, server: server.clone(), address: *address, key: key.clone() }
    }
}

fn sight(saw: ProbeSaw) -> Option<Sight> {
    match saw {
        ProbeSaw::Reached => Some(Sight::Reached),
        ProbeSaw::Refused => Some(Sight::Refused),
        ProbeSaw::Silent => Some(Sight::Silent),
        ProbeSaw::NoAnswer => Some(Sight::NoAnswer),
        ProbeSaw::NoRoute => Some(Sight::NoRoute),
        ProbeSaw::PingAnswered => Some(Sight::PingAnswered),
        ProbeSaw::Declined => None,
    }
}
