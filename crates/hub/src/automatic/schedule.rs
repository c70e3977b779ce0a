//! Runbooks that are run again and again.

use std::time::Duration;

use watchfire_model::Moment;
use watchfire_store::StoreError;

use super::{Automatic, Occasion, SCHEDULE};
use crate::config::Schedule;
use crate::runs::{Pace, Servers};

impl Automatic {
    /// Begins each schedule whose time it is and that did not begin in this time. Servers that are
    /// away are waited for until it is over.
    pub(super) async fn schedules(&self, now: Moment) -> Result<(), StoreError> {
        for schedule in &self.schedules {
            let Some(of) = window(schedule, now.unix_ms) else { continue };
            let task = &schedule.task;
            if self.has_begun(SCHEDULE, &task.name, of).await? {
                continue;
            }
            let pace = Pace {
                at_most: schedule.at_most,
                batch_percent: schedule.batch_percent,
                stop_after: schedule.stop_after,
            };
            let why = format!("schedule {:?}", task.name);
            let wait = Duration::from_millis((of - now.unix_ms).max(0).unsigned_abs());
            let occasion = Occasion { kind: SCHEDULE, of, incident: None, why: &why, wait };
            let servers = Servers::Within(task.servers.clone());
            self.begin(task, servers, task.params.clone(), pace, occasion, now).await?;
        }
        Ok(())
    }
}

/// The end of the time in which a moment lies: it names that time.
fn window(schedule: &Schedule, now_ms: i64) -> Option<i64> {
    let Schedule { each, time_zone, .. } = schedule;
    each.holds(now_ms, time_zone).then(|| each.next(now_ms, false, time_zone)).flatten()
}
