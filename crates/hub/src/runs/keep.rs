//! The work behind the runs: whose turn it is, what is stored, and what is acknowledged.

use std::sync::Arc;
use std::time::Duration;

use watchfire_model::{Moment, ServerName};
use watchfire_runtime::Shutdown;
use watchfire_store::{Batch, StoreError};
use watchfire_wire::{Message, OutputAck};

use super::Runs;
use super::live::{Reach, Run, ToStore};
use crate::audit::Audit;

/// How often runs are looked at when nothing is heard.
const LOOK: Duration = Duration::from_secs(1);
/// Without a run there is nothing to look at.
const IDLE: Duration = Duration::from_secs(3600);
/// What comes within this time is stored together.
const GATHER: Duration = Duration::from_millis(50);

impl Runs {
    /// Works until the end is asked for.
    pub(crate) async fn keep(self: Arc<Self>, shutdown: Shutdown) {
        loop {
            let idle = self.state().live.is_empty();
            let wait = self.clock.sleep(if idle { IDLE } else { LOOK });
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                () = self.stir.notified() => {}
                () = wait => {}
            }
            self.advance();
            self.store_all().await;
            self.clock.sleep(GATHER).await;
        }
    }

    /// Begins what is to begin.
    pub(crate) fn advance(&self) {
        let now = self.clock.now();
        let mut state = self.state();
        let super::State { live, offers, .. } = &mut *state;
        let reach = |run: &Run, server: &ServerName| {
            let Some(index) = self.fleet.index(server) else {
                return Reach::Away("there is no such server any more");
            };
            if !run.scope.holds(&self.fleet.config(index).server.labels) {
                return Reach::Away("its user may not reach it any more");
            }
            if offers.contains_key(&index) {
                return Reach::There(index);
            }
            Reach::Away("no agent of it is connected that takes commands")
        };
        for run in live.values_mut() {
            run.advance(now, &reach, &|index, message| self.say(index, message));
        }
    }

    /// Stores what changed, and then says so to the agents.
    pub(crate) async fn store_all(&self) {
        let now = self.clock.now();
        let all: Vec<Arc<ToStore>> = {
            let mut state = self.state();
            state
                .live
                .values_mut()
                .filter_map(|run| run.take_unstored(now.unix_ms))
                .map(Arc::new)
                .collect()
        };
        for one in all {
            let writing = one.clone();
            let done = self.blocking(move |store| store.write(|batch| write(batch, &writing, now)));
            let done = done.await;
            if let Err(error) = &done {
                tracing::error!(run = one.run.id, %error, "what servers said cannot be stored");
            }
            let well = done.is_ok();
            let mut state = self.state();
            if let Some(run) = state.live.get_mut(&one.run.id) {
                run.stored(&one, well);
            }
            if !well {
                continue;
            }
            if one.run.ended_unix_ms.is_some() {
                tracing::info!(run = one.run.id, "a run is over");
                state.leave(&one.run.id, |server| self.fleet.index(server));
            }
            drop(state);
            self.acknowledge(&one);
        }
    }

    fn acknowledge(&self, stored: &ToStore) {
        for (target, _, ack) in &stored.places {
            let server = ServerName::new(&target.server).ok();
            let index = server.and_then(|server| self.fleet.index(&server));
            let (Some(index), Some(done)) = (index, *ack) else { continue };
            let ack = OutputAck { run: target.number, offset: target.heard_bytes, done };
            // An agent that does not hear it says it again on its next stream.
            self.say(index, Message::OutputAck(ack));
        }
    }
}

fn write(batch: &Batch<'_>, all: &ToStore, now: Moment) -> Result<(), StoreError> {
    batch.put_run(&all.run)?;
    for (target, pieces, _) in &all.places {
        batch.put_run_target(&all.run.id, target)?;
        pieces.iter().try_for_each(|piece| batch.put_run_output(target.number, piece))?;
    }
    if let Some(ended) = &all.ended {
        Audit::add(batch, ended, now)?;
        batch.prune_runs()?;
    }
    Ok(())
}
