use std::time::Duration;

use watchfire_runtime::{Clock, Shutdown};

use crate::historian::{Historian, HistorianCounts};
use crate::pulses::{Pulses, Refused};
use crate::session::{SessionCounts, Sessions};

/// How often the log is told what was counted, if anything was.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Tells the log what was refused, lost or dropped.
pub(super) struct Tally {
    pub(super) sessions: Sessions,
    pub(super) historian: Historian,
    pub(super) pulses: Pulses,
}

impl Tally {
    /// Works until the end is asked for.
    pub(super) async fn run(self, clock: Clock, shutdown: Shutdown) {
        let mut told = Default::default();
        loop {
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                () = clock.sleep(TELL_EVERY) => {}
            }
            let counted = self.count();
            if counted != told {
                let (sessions, historian, pulses) = counted;
                tracing::info!(
                    ?sessions,
                    ?historian,
                    ?pulses,
                    "what was refused of the agents' streams since the start"
                );
                told = counted;
            }
        }
    }

    fn count(&self) -> (SessionCounts, HistorianCounts, Refused) {
        (self.sessions.counts(), self.historian.counts(), self.pulses.refused())
    }
}
