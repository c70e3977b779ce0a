//! The desk at work: what cannot be stored now is stored later, and what cannot be
//! stored in any way holds up nothing else.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use watchfire_model::{Presence, Transition};
use watchfire_runtime::{Clock, Shutdown, task};
use watchfire_store::StoreError;

use super::book::Pools;
use super::reconcile::EVERY;
use super::{Changes, Desk, due};

/// Transitions that share one transaction. Five hundred servers that fall
/// together cost one commit.
pub(super) const BATCH: usize = 1000;
/// The pause before a transaction that failed is tried again.
pub(super) const RETRY: Duration = Duration::from_secs(1);

/// Why transitions are not stored.
pub(super) enum Failure {
    /// The hub ends.
    Ending,
    /// They cannot be stored as they are.
    Lasting(String),
}

/// One transaction's work, which is tried until it is stored.
type Work = Arc<dyn Fn(&Desk) -> Result<Changes, StoreError> + Send + Sync>;

impl Desk {
    /// Works until the end is asked for.
    pub(crate) async fn run(self: Arc<Self>, clock: Clock, shutdown: Shutdown) {
        let take_up: Work = Arc::new(|desk| desk.take_up().map(|()| Changes::new()));
        if let Err(Failure::Ending) = self.work(take_up, &clock, &shutdown).await {
            return;
        }
        let mut look = clock.now().after(EVERY);
        let mut muting = self.letters.muting.changes();
        loop {
            let next = *self.due();
            let due = async {
                match next {
                    Some(next) => clock.sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            let done = tokio::select! {
                biased;
                () = shutdown.requested() => return,
                transitions = self.fleet.transitions(BATCH) => {
                    self.take(transitions, &clock, &shutdown).await
                }
                () = self.woken.notified() => Ok(()),
                // Its sender lives as long as the desk.
                Ok(()) = muting.changed() => {
                    let look: Work = Arc::new(Desk::look_at_muted);
                    self.work(look, &clock, &shutdown).await
                }
                () = clock.sleep_until(look) => {
                    look = clock.now().after(EVERY);
                    self.reconcile(&clock, &shutdown).await
                }
                () = due => {
                    let settle: Work = Arc::new(|desk| desk.record(&[]));
                    self.work(settle, &clock, &shutdown).await
                }
            };
            if let Err(Failure::Ending) = done {
                return;
            }
        }
    }

    async fn take(
        self: &Arc<Self>,
        transitions: Vec<Transition>,
        clock: &Clock,
        shutdown: &Shutdown,
    ) -> Result<(), Failure> {
        if let Some(news) = self.fleet.take_cut_news() {
            let cut: Work = Arc::new(move |desk| desk.record_cut(&news));
            self.work(cut, clock, shutdown).await?;
        }
        if transitions.is_empty() {
            return Ok(());
        }
        self.ask_around(&transitions);
        self.store_all(transitions, clock, shutdown).await
    }

    /// Has read what letters may say of servers that are late, or already more than that. Of one
    /// that was late before, it is known by now.
    pub(super) fn ask_around(&self, transitions: &[Transition]) {
        for Transition { server, from, to, .. } in transitions {
            let in_trouble = matches!(to, Presence::Late)
                || (!matches!(from, Presence::Late) && to.is_trouble());
            if in_trouble {
                self.letters.wording.around.want(server);
            }
        }
    }

    /// Does what no transition stands behind. What cannot be stored in any way is
    /// logged, and waits for the next occasion.
    async fn work(
        self: &Arc<Self>,
        work: Work,
        clock: &Clock,
        shutdown: &Shutdown,
    ) -> Result<(), Failure> {
        match self.patiently(work, clock, shutdown).await {
            Err(Failure::Lasting(why)) => {
                tracing::error!(why, "notifications cannot be put together");
                *self.due() = Some(clock.now().after(due::LONGEST_WAIT));
                Ok(())
            }
            other => other,
        }
    }

    /// Stores what can be stored. A part that cannot is halved until the transition
    /// that stands in the way is alone, so that it holds up no other, and the
    /// others still share their transactions.
    pub(super) async fn store_all(
        self: &Arc<Self>,
        transitions: Vec<Transition>,
        clock: &Clock,
        shutdown: &Shutdown,
    ) -> Result<(), Failure> {
        let mut parts = VecDeque::from([transitions]);
        while let Some(mut part) = parts.pop_front() {
            let why = match self.patiently(recording(&part), clock, shutdown).await {
                Ok(()) => continue,
                Err(Failure::Lasting(why)) => why,
                Err(Failure::Ending) => return Err(Failure::Ending),
            };
            if part.len() > 1 {
                let second = part.split_off(part.len() / 2);
                parts.push_front(second);
                parts.push_front(part);
            } else if let Some(transition) = part.pop() {
                self.rescue(transition, &why, clock, shutdown).await?;
            }
        }
        Ok(())
    }

    /// Tries a transition once more with the incident as the store has it, and
    /// sets it aside when that fails too.
    async fn rescue(
        self: &Arc<Self>,
        transition: Transition,
        why: &str,
        clock: &Clock,
        shutdown: &Shutdown,
    ) -> Result<(), Failure> {
        let (server, to) = (transition.server.clone(), transition.to);
        tracing::error!(%server, %to, why, "a transition cannot be stored; looking at the store");
        let (desk, again) = (self.clone(), transition.clone());
        let looked = task::blocking("desk", move || desk.resynchronise(&again)).await;
        match looked.map_err(|failed| failed.to_string()) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%server, %error, "its incident cannot be looked up"),
            Err(why) => tracing::error!(%server, why, "its incident cannot be looked up"),
        }
        match self.patiently(recording(&[transition]), clock, shutdown).await {
            Err(Failure::Lasting(why)) => {
                let set_aside = self.set_aside.fetch_add(1, Ordering::Relaxed) + 1;
                tracing::error!(
                    %server, %to, why, set_aside, "a transition is set aside: nobody is told of it"
                );
                Ok(())
            }
            other => other,
        }
    }

    /// Stores one transaction, and waits for as long as what is in the way may pass:
    /// a transition is not given up for a full disk.
    async fn patiently(
        self: &Arc<Self>,
        work: Work,
        clock: &Clock,
        shutdown: &Shutdown,
    ) -> Result<(), Failure> {
        loop {
            let (desk, work) = (self.clone(), work.clone());
            match task::blocking("desk", move || work(&desk)).await {
                Ok(Ok(changes)) => {
                    self.tell(changes);
                    return Ok(());
                }
                Ok(Err(error)) if error.is_temporary() => {
                    tracing::error!(%error, "transitions cannot be stored yet; trying again");
                }
                Ok(Err(error)) => return Err(Failure::Lasting(error.to_string())),
                Err(failed) => return Err(Failure::Lasting(failed.to_string())),
            }
            tokio::select! {
                biased;
                () = shutdown.requested() => return Err(Failure::Ending),
                () = clock.sleep(RETRY) => {}
            }
        }
    }

    /// Takes over the open incident of the transition's server from the store. One
    /// that cannot be read is closed there: it must not keep a new one away. What is
    /// held is let go: something about it may be what stands in the way.
    fn resynchronise(&self, transition: &Transition) -> Result<(), StoreError> {
        let server = &transition.server;
        let mut book = self.book();
        self.store.write(|batch| batch.release_all())?;
        book.held = Pools::default();
        let open = &mut book.open;
        open.remove_mut(server);
        let Some(id) = self.store.write(|batch| batch.open_incident_of(server))? else {
            return Ok(());
        };
        match self.store.incident(id) {
            Ok(Some(incident)) => {
                open.insert_mut(server.clone(), incident);
            }
            Ok(None) => {}
            Err(error) if error.is_temporary() => return Err(error),
            Err(error) => {
                tracing::error!(%server, incident = id.0, %error, "an unreadable incident is closed");
                self.store.write(|batch| batch.close_incident(id, transition.at))?;
            }
        }
        Ok(())
    }
}

fn recording(transitions: &[Transition]) -> Work {
    let transitions: Arc<[Transition]> = transitions.into();
    Arc::new(move |desk| desk.record(&transitions))
}
