use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use watchfire_api::fallback::{Exchange, Told, View};
use watchfire_identity::certificate::AgentId;
use watchfire_model::Moment;
use watchfire_runtime::task;
use watchfire_wire::{Fallback, FallbackSeat, FallbackTold};

use super::Messenger;
use super::boxes;
use super::hex;
use super::judge::{Evidence, Judge, Stand, Step, Terms, Word, plain_view};
use super::kept::{Kept, Place};
use super::rate::Rate;
use super::sight::{HubSight, Seen};

/// What an agent does for the day without a hub: keeps what it was handed, answers others, and
/// decides. [`Watcher`](super::watcher::Watcher) asks and tells.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) sight: HubSight,
    pub(super) messenger: Arc<dyn Messenger>,
    me: AgentId,
    place: Place,
    state: Mutex<State>,
    /// One at a time writes the file.
    writing: Mutex<()>,
}

#[derive(Debug)]
struct State {
    kept: Kept,
    judge: Option<Judge>,
    /// What each member gave, by its place.
    parts: Vec<Option<[u8; 32]>>,
    rate: Rate,
    /// Where this agent answers others.
    listens: Option<SocketAddr>,
}

/// What is to be done, with what it takes.
#[derive(Debug)]
pub(super) enum Work {
    Rest,
    Ask(Fallback, Exchange),
    Tell { fallback: Fallback, evidence: Evidence, parts: Vec<Option<[u8; 32]>> },
}

impl Desk {
    /// Reads what is kept. It blocks.
    pub(crate) fn open(
        data: &Path,
        key_pem: &str,
        me: AgentId,
        messenger: Arc<dyn Messenger>,
    ) -> Arc<Self> {
        let place = Place::new(data, key_pem);
        let mut state = State {
            kept: place.read(),
            judge: None,
            parts: Vec::new(),
            rate: Rate::default(),
            listens: None,
        };
        state.begin(me);
        let sight = HubSight::default();
        if state.kept.left_unix_ms.is_some() {
            sight.left();
        }
        Arc::new(Self {
            sight,
            messenger,
            me,
            place,
            state: Mutex::new(state),
            writing: Mutex::default(),
        })
    }

    /// Says where this agent answers others.
    pub(crate) fn listens(&self, address: SocketAddr) {
        self.state().listens = Some(address);
    }

    /// For the hello to a hub. Of an agent that answers on its own machine alone, only a hub on
    /// the same machine has a use for the port.
    pub(crate) fn seat(&self, is_local: bool) -> FallbackSeat {
        let state = self.state();
        let reached = |address: &SocketAddr| is_local || !address.ip().to_canonical().is_loopback();
        let port = state.listens.filter(reached).map_or(0, |address| address.port());
        FallbackSeat { port, deal: state.kept.fallback.as_ref().map(|one| one.deal) }
    }

    /// Takes what the hub handed over in the place of what was there.
    pub(crate) fn take(self: &Arc<Self>, fallback: Fallback) {
        if !fallback.members.iter().any(|member| member.id == self.me.to_string()) {
            return tracing::warn!("the hub handed over what is for another agent");
        }
        {
            let mut state = self.state();
            if state.kept.fallback.as_ref() == Some(&fallback) {
                return;
            }
            state.kept.replace(Some(fallback));
            state.begin(self.me);
        }
        self.keep();
    }

    /// The hub wants it to be forgotten.
    pub(crate) fn forget(self: &Arc<Self>) {
        {
            let mut state = self.state();
            if state.kept.fallback.is_none() {
                return;
            }
            state.kept.replace(None);
            state.begin(self.me);
        }
        self.keep();
    }

    /// The hub said that it stops. That outlives a restart of this agent, for the hub is not
    /// there to say it again.
    pub(crate) fn hub_leaves(self: &Arc<Self>, now: Moment) {
        self.sight.left();
        self.state().kept.left_unix_ms = Some(now.unix_ms);
        self.keep();
    }

    /// What the hub is to be told, oldest first.
    pub(crate) fn news(&self) -> Vec<FallbackTold> {
        self.state().kept.news.iter().filter_map(to_wire).collect()
    }

    /// The hub knows of this outage.
    pub(crate) fn hub_knows(self: &Arc<Self>, outage: [u8; 16]) {
        self.state().kept.hub_knows(&hex::write(&outage));
        self.keep();
    }

    /// Answers another agent. `None` for whoever is no member and was none, or asks too much.
    /// One that was a member until the keys were dealt anew may hear the hub no more: it hears
    /// what this agent sees, gets no part, and what it says itself has no weight.
    pub(crate) fn answer(
        self: &Arc<Self>,
        who: AgentId,
        said: &Exchange,
        now: Moment,
    ) -> Option<Exchange> {
        let (member, place) = {
            let mut state = self.state();
            let (member, place) = (state.place_of(who), state.seat_of(who)?);
            if !state.rate.may(place, now) {
                return None;
            }
            (member, place)
        };
        if member.is_some() {
            self.heard(place, said, now);
            return self.exchange(now);
        }
        Some(Exchange { part: None, ..self.state().exchange(self.sight.look(now), now) })
    }

    /// True when this agent is one of those with whom it exchanges what it sees.
    pub(crate) fn knows(&self, who: AgentId) -> bool {
        self.state().seat_of(who).is_some()
    }

    /// What this agent says to others now.
    pub(super) fn exchange(&self, now: Moment) -> Option<Exchange> {
        let seen = self.sight.look(now);
        let state = self.state();
        state.judge.is_some().then(|| state.exchange(seen, now))
    }

    /// What a member said, asked or not.
    pub(super) fn heard(self: &Arc<Self>, member: usize, said: &Exchange, now: Moment) {
        let seen = self.sight.look(now);
        let learnt = {
            let mut state = self.state();
            let Some(fallback) = &state.kept.fallback else { return };
            // It was asked by its place in a deal that another one has taken the place of.
            if member >= state.parts.len() {
                return;
            }
            let is_same = said.deal == hex::write(&fallback.deal);
            let part = said.part.as_deref().and_then(hex::read::<32>).filter(|_| is_same);
            if part.is_some() {
                state.parts[member] = part;
            }
            let Some(judge) = &mut state.judge else { return };
            let left = said.left_s.map(|left| Duration::from_secs(left.into()));
            let has_part = part.is_some();
            judge.heard(member, Word { view: said.view, has_part, waits: said.waits, left }, now);
            let is_gone = judge.is_gone(seen);
            // One that was handed another deal since this agent was cut off tells for it as
            // well, unless that was an outage from before.
            let quiet_ms = i64::try_from(seen.quiet.as_millis()).unwrap_or(i64::MAX);
            let is_of_this =
                |told: &Told| is_same || told.told_unix_ms >= now.unix_ms.saturating_sub(quiet_ms);
            let told = said.told.clone().filter(|_| is_gone && said.view == View::Told);
            told.filter(is_of_this).is_some_and(|told| is_sane(&told) && state.learn(told, false))
        };
        if learnt {
            tracing::info!("another agent told that the hub is gone");
            self.keep();
        }
    }

    /// What is to be done now.
    pub(super) fn step(self: &Arc<Self>, now: Moment) -> Work {
        let seen = self.sight.look(now);
        let (work, changed) = {
            let mut state = self.state();
            let State { kept, judge, parts, .. } = &mut *state;
            let came_back = !seen.left && kept.left_unix_ms.take().is_some();
            let Some(judge) = judge else { return Work::Rest };
            let is_back = judge.is_back(seen);
            if is_back {
                judge.forget_told();
                kept.is_back();
            }
            let before = judge.stand();
            let step = judge.step(seen, now);
            log(before, judge.stand());
            if !judge.is_gone(seen) {
                // Nobody keeps what others gave for an outage that is none.
                parts.fill(None);
            }
            let work = match step {
                Step::Rest => Work::Rest,
                Step::Ask => match state.kept.fallback.clone() {
                    Some(fallback) => Work::Ask(fallback, state.exchange(seen, now)),
                    None => Work::Rest,
                },
                Step::Tell(evidence) => {
                    let Some(fallback) = state.kept.fallback.clone() else { return Work::Rest };
                    let mut parts = state.parts.clone();
                    if let Some(own) = boxes::own_place(&fallback, self.me) {
                        parts[own] = fallback.part.as_slice().try_into().ok();
                    }
                    Work::Tell { fallback, evidence, parts }
                }
            };
            (work, is_back || came_back)
        };
        if changed {
            self.keep();
        }
        work
    }

    /// All others were asked.
    pub(super) fn looked(&self) {
        if let Some(judge) = &mut self.state().judge {
            judge.looked();
        }
    }

    /// This agent told it; it is on disk when this returns.
    pub(super) fn told(self: &Arc<Self>, told: Told) {
        self.state().learn(told, true);
        self.write();
    }

    /// This agent could tell nobody.
    pub(super) fn failed(&self, now: Moment) {
        if let Some(judge) = &mut self.state().judge {
            judge.failed(now);
        }
    }

    /// True while the hub is gone and that was told.
    pub(super) fn is_told(&self, now: Moment) -> bool {
        let seen = self.sight.look(now);
        self.state().judge.as_ref().is_some_and(|judge| judge.view(seen) == View::Told)
    }

    /// For how long the hub is gone, and whether it said that it stops.
    pub(super) fn gone_for(&self, now: Moment) -> (Duration, bool) {
        let seen = self.sight.look(now);
        (seen.quiet, seen.left)
    }

    fn keep(self: &Arc<Self>) {
        let me = Arc::clone(self);
        task::spawn("keep the fallback", async move {
            let _ = task::blocking("keep the fallback", move || me.write()).await;
        })
        .detach();
    }

    /// For tests, which do not wait for a task.
    #[cfg(test)]
    pub(super) fn write_now(&self) {
        self.write();
    }

    fn write(&self) {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = self.state().kept.clone();
        if let Err(error) = self.place.write(&kept) {
            tracing::warn!(%error, "what is for the day without a hub cannot be kept");
        }
    }

    /// A panic elsewhere leaves whole values here, so a poisoned lock is used on.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Begins anew with what is kept.
    fn begin(&mut self, me: AgentId) {
        self.parts.clear();
        self.rate = Rate::default();
        self.judge = self.kept.fallback.as_ref().and_then(|fallback| {
            let terms = Terms {
                after: Duration::from_secs(fallback.after_s.into()),
                after_stop: Duration::from_secs(fallback.after_stop_s.into()),
                quorum: (fallback.quorum as usize).max(1),
                members: fallback.members.len(),
                me: boxes::own_place(fallback, me)?,
            };
            self.parts = vec![None; terms.members];
            Some(Judge::new(terms, self.kept.told.is_some()))
        });
    }

    fn place_of(&self, who: AgentId) -> Option<usize> {
        boxes::own_place(self.kept.fallback.as_ref()?, who)
    }

    /// The place of a member, or behind them that of one that was a member.
    fn seat_of(&self, who: AgentId) -> Option<usize> {
        let former = || {
            let who = who.to_string();
            let place = self.kept.former.iter().position(|id| *id == who)?;
            Some(self.parts.len() + place)
        };
        self.place_of(who).or_else(former)
    }

    fn exchange(&self, seen: Seen, now: Moment) -> Exchange {
        let view = self.judge.as_ref().map_or_else(|| plain_view(seen), |judge| judge.view(seen));
        let is_gone = self.judge.as_ref().is_some_and(|judge| judge.is_gone(seen));
        let fallback = self.kept.fallback.as_ref();
        let gives = matches!(view, View::Gone | View::Ready | View::Telling);
        let left = self.kept.left_unix_ms.filter(|_| seen.left && !is_gone);
        let since = |left: i64| now.unix_ms.saturating_sub(left).max(0) / 1000;
        Exchange {
            deal: fallback.map(|fallback| hex::write(&fallback.deal)).unwrap_or_default(),
            view,
            part: fallback.filter(|_| gives).map(|fallback| hex::write(&fallback.part)),
            told: self.kept.told.clone().filter(|_| view == View::Told),
            waits: self.judge.as_ref().is_some_and(|judge| judge.waits(now)),
            left_s: left.map(|left| u32::try_from(since(left)).unwrap_or(u32::MAX)),
        }
    }

    fn learn(&mut self, told: Told, by_me: bool) -> bool {
        let is_news = self.kept.was_told(told);
        if is_news && let Some(judge) = &mut self.judge {
            judge.was_told(by_me);
        }
        is_news
    }
}

/// Says how it stands, when that changes.
fn log(before: Stand, now: Stand) {
    match now {
        _ if before == now => {}
        Stand::Here => tracing::info!("the hub is there again"),
        Stand::Alone => tracing::warn!("nothing is heard of the hub: other agents are asked"),
        Stand::Held => tracing::warn!("another agent hears the hub: nobody is told"),
        Stand::Agreed => tracing::warn!("other agents hear nothing of the hub either"),
    }
}

/// What came from another agent, before it is kept.
fn is_sane(told: &Told) -> bool {
    to_wire(told).is_some()
}

fn to_wire(told: &Told) -> Option<FallbackTold> {
    told.by.parse::<AgentId>().ok()?;
    Some(FallbackTold {
        outage: hex::read(&told.outage)?,
        by: told.by.clone(),
        agreed: told.agreed.min(u32::try_from(watchfire_wire::limits::MAX_FALLBACK_MEMBERS).ok()?),
        since_unix_ms: told.since_unix_ms,
        told_unix_ms: told.told_unix_ms,
    })
}
