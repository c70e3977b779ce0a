//! What the hub hands to agents for the day on which it is gone: whom to tell, sealed so that
//! three of at most nine agents (all, where there are fewer) are needed to open it.
//!
//! One group for the whole fleet, so that an outage is told once. Its members are agents that
//! have a stream, as far apart as can be; a member that is away for ten minutes gives its
//! place to another one, and then all are dealt to anew. A deal is on the hub's disk, so that
//! a hub that was started anew hands out the same one.

mod choose;
mod deal;
mod kept;

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use watchfire_identity::SystemRandomness;
use watchfire_identity::certificate::AgentId;
use watchfire_model::Moment;
use watchfire_runtime::{Clock, Shutdown, task};
use watchfire_wire::{FallbackSeat, FallbackTold, Message};

use self::choose::{Candidate, choose};
pub(crate) use self::deal::Terms;
use self::deal::{Deal, Member};
use self::kept::{Kept, Place};
use crate::desk::Desk;
use crate::fleet::Fleet;
use crate::session::{FallbackDesk, Sessions};
use watchfire_alert::Recipient;

/// How often it is looked at who should be a member.
const LOOK: Duration = Duration::from_secs(1);
/// Agents come one after the other when the hub begins: it deals once they have.
const SETTLE: Duration = Duration::from_secs(5);
/// An agent without a stream for so long is no member any more.
const AWAY: Duration = Duration::from_secs(600);
/// Outages that were told already, so that each is told of once. More are forgotten.
const MAX_KNOWN: usize = 32;
/// How many outages are told of in so long: an agent that makes them up is no flood of letters.
const MAX_NEWS: usize = 4;
const NEWS_TIME: Duration = Duration::from_secs(3600);

/// Deals out, and hears what came of it.
pub(crate) struct Fallbacks {
    terms: Option<Terms>,
    fleet: Arc<Fleet>,
    place: Place,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    seats: HashMap<AgentId, Seat>,
    deal: Option<Deal>,
    /// Since when another deal is wanted, and with whom.
    wanted: Option<(Moment, Vec<Member>)>,
    /// The keys were given away in an outage: the next deal has others.
    is_used: bool,
    /// Outages that the administrators were told of, as far as the outbox is told.
    known: VecDeque<[u8; 16]>,
    /// When outages were told of, of late.
    heard: Vec<Moment>,
    /// Outages that the administrators are to be told of.
    news: Vec<FallbackTold>,
}

/// An agent that takes part.
struct Seat {
    index: usize,
    address: Option<SocketAddr>,
    holds: Option<[u8; 16]>,
    /// When it had a stream.
    last: Moment,
}

impl Fallbacks {
    /// Takes up the last deal. `terms` are `None` where the config has no fallback: then what
    /// agents keep is taken back. It blocks.
    pub(crate) fn open(
        terms: Option<Terms>,
        data: &Path,
        fleet: Arc<Fleet>,
        clock: Clock,
    ) -> Arc<Self> {
        let place = Place::new(data);
        let now = clock.now();
        let kept = place.read();
        let kept = kept.filter(|kept| terms.as_ref().is_some_and(|terms| kept.deal.is_of(terms)));
        let mut state = State::default();
        if let Some(Kept { deal, is_used }) = kept {
            state.is_used = is_used;
            for index in fleet.indices() {
                let Some(agent) = fleet.config(index).agent else { continue };
                let Some(member) = deal.member(agent) else { continue };
                let (address, holds) = (member.address, Some(deal.id()));
                state.seats.insert(agent, Seat { index, address, holds, last: now });
            }
            state.deal = Some(deal);
        }
        Arc::new(Self { terms, fleet, place, clock, state: Mutex::new(state) })
    }

    /// Deals and hands out until the end is asked for. `admins` are told of what was told
    /// without the hub.
    pub(crate) async fn run(
        self: Arc<Self>,
        sessions: impl Fn() -> Option<Sessions> + Send + Sync + 'static,
        (desk, admins): (Arc<Desk>, Vec<Recipient>),
        shutdown: Shutdown,
    ) {
        let admins = Arc::new(admins);
        while !shutdown.is_requested() {
            if let Some(sessions) = sessions() {
                if let Some(deal) = self.look(&sessions) {
                    // Before anybody has it: a hub that is killed must not deal another one.
                    self.keep(Kept { deal, is_used: false }).await;
                }
                self.hand_out(&sessions);
            }
            self.tell_news(&desk, &admins).await;
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                () = self.clock.sleep(LOOK) => {}
            }
        }
    }

    /// False when it cannot be written.
    async fn keep(self: &Arc<Self>, kept: Kept) -> bool {
        let me = self.clone();
        match task::blocking("keep the fallback", move || me.place.write(&kept)).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the deal of the fallback cannot be kept");
                false
            }
            Err(_) => false,
        }
    }

    /// A new deal, where one is due.
    fn look(&self, sessions: &Sessions) -> Option<Deal> {
        let (now, mut state) = (self.clock.now(), self.state());
        let fleet = &self.fleet;
        state.seats.retain(|agent, seat| {
            let is_in = fleet.is_in(seat.index) && fleet.config(seat.index).agent == Some(*agent);
            if is_in && sessions.of(seat.index).is_some() {
                seat.last = now;
            }
            is_in && now.since(seat.last) < AWAY
        });
        let terms = self.terms.as_ref()?;
        let candidates = state.seats.iter().map(|(agent, seat)| Candidate {
            agent: *agent,
            server: fleet.config(seat.index).server.name.to_string(),
            address: seat.address,
        });
        let now_in: HashSet<AgentId> = state.deal.iter().flat_map(Deal::agents).collect();
        let wanted = choose(candidates.collect(), &now_in);
        let has = state.deal.as_ref().is_some_and(|deal| deal.members() == wanted);
        if wanted.is_empty() || (has && !state.is_used) {
            state.wanted = None;
            return None;
        }
        let since = match &state.wanted {
            Some((since, before)) if *before == wanted => *since,
            _ => now,
        };
        if now.since(since) < SETTLE {
            state.wanted = Some((since, wanted));
            return None;
        }
        let deal = Deal::new(terms, wanted, &mut SystemRandomness);
        tracing::info!(
            agents = deal.members().len(),
            reached = deal.members().iter().filter(|member| member.address.is_some()).count(),
            quorum = deal.quorum(),
            "agents keep the fallback for the day without the hub"
        );
        (state.wanted, state.is_used, state.deal) = (None, false, Some(deal.clone()));
        Some(deal)
    }

    fn hand_out(&self, sessions: &Sessions) {
        let mut state = self.state();
        let State { seats, deal, .. } = &mut *state;
        for (agent, seat) in seats {
            let Some(handle) = sessions.of(seat.index) else { continue };
            let hand = deal.as_ref().and_then(|deal| deal.hand(*agent));
            let (id, message) = match hand {
                Some(hand) => (Some(hand.deal), Message::Fallback(Box::new(hand.clone()))),
                None => (None, Message::FallbackOver),
            };
            // What finds no room is handed out the next second.
            if seat.holds != id && handle.say(message) {
                seat.holds = id;
            }
        }
    }

    /// Tells `admins` of what is new. An outage is known once that is on disk, with the mark
    /// that its keys are used; until then the agents say it again, also to a hub that was started
    /// anew. Who was told of it already is not told twice: the outbox knows the message.
    async fn tell_news(self: &Arc<Self>, desk: &Arc<Desk>, admins: &Arc<Vec<Recipient>>) {
        let news = self.state().news.clone();
        if news.is_empty() {
            return;
        }
        let used = {
            let state = self.state();
            state.deal.clone().filter(|_| state.is_used)
        };
        if let Some(deal) = used {
            self.keep(Kept { deal, is_used: true }).await;
        }
        for told in news {
            let by = told.by.parse().ok().and_then(|by| self.server_of(by));
            let by = by.unwrap_or_else(|| "an agent that is gone".to_owned());
            tracing::warn!(
                by,
                agents = told.agreed,
                since_unix_ms = told.since_unix_ms,
                told_unix_ms = told.told_unix_ms,
                "the agents missed this hub, and told the fallback"
            );
            let outage = told.outage;
            let (desk, admins) = (desk.clone(), admins.clone());
            let telling = move || desk.tell_missed(&admins, &told, &by);
            match task::blocking("tell of the fallback", telling).await {
                Ok(Ok(())) => self.state().is_known(outage),
                Ok(Err(error)) => {
                    tracing::error!(%error, "that the fallback was told cannot be told yet");
                    // The agents say it again.
                    self.state().is_put_off(outage);
                }
                Err(_) => {}
            }
        }
    }

    fn server_of(&self, agent: AgentId) -> Option<String> {
        let state = self.state();
        let index = state.seats.get(&agent)?.index;
        Some(self.fleet.config(index).server.name.to_string())
    }

    /// A panic elsewhere leaves whole values here, so a poisoned lock is used on.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FallbackDesk for Arc<Fallbacks> {
    fn greeted(
        &self,
        (index, agent): (usize, AgentId),
        at: (SocketAddr, bool),
        said: FallbackSeat,
    ) {
        let (remote, dialed) = at;
        // The hub dials an agent where it listens; one that dialed said at which port that is.
        let address = match (dialed, said.port) {
            (true, _) => Some(remote),
            (false, 0) => None,
            (false, port) => Some(SocketAddr::new(remote.ip().to_canonical(), port)),
        };
        let seat = Seat { index, address, holds: said.deal, last: self.clock.now() };
        self.state().seats.insert(agent, seat);
    }

    fn told(&self, agent: AgentId, told: FallbackTold) -> bool {
        let mut state = self.state();
        // A hub that lost its disk has no deal, and wants to know all the same.
        if !state.seats.contains_key(&agent) || state.known.contains(&told.outage) {
            return true;
        }
        if state.news.iter().any(|one| one.outage == told.outage) {
            return false;
        }
        let now = self.clock.now();
        state.heard.retain(|at| now.since(*at) < NEWS_TIME);
        if state.heard.len() >= MAX_NEWS {
            tracing::warn!(%agent, "too many outages are told of, and one has to wait");
            return false;
        }
        state.heard.push(now);
        state.is_used = true;
        state.news.push(told);
        false
    }
}

impl State {
    /// The administrators could not be told of this outage: the next one to say it counts as the
    /// first.
    fn is_put_off(&mut self, outage: [u8; 16]) {
        self.news.retain(|told| told.outage != outage);
        self.heard.pop();
    }

    /// The administrators are told of this outage: it is on disk.
    fn is_known(&mut self, outage: [u8; 16]) {
        self.news.retain(|told| told.outage != outage);
        if self.known.len() == MAX_KNOWN {
            self.known.pop_front();
        }
        self.known.push_back(outage);
    }
}

#[cfg(test)]
mod tests;
