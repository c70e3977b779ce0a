//! The time before some news of a server, for letters.

use std::ops::ControlFlow;
use std::sync::Arc;

use watchfire_alert::{Around, Change, curves};
use watchfire_model::{ServerName, Status, StatusView};
use watchfire_store::HistoryError;

use super::Archive;
use super::walk::{Met, Wanted};
use crate::around::Before;
use crate::http::{EventsAsked, Heard};

/// How much of the time before the last tick is shown as curves.
const MINUTE_MS: i64 = 60_000;
/// How long before that the other process table is from, and since when changes are told.
const HOUR_MS: i64 = 3_600_000;
/// A table that is older by so much more is none of an hour before.
const TABLE_AGE_MS: i64 = 10 * 60_000;
/// How many ticks of the minute are read, as of an agent that reads far more often than ours.
const MAX_TICKS: usize = 600;
/// How many events are asked for.
const MAX_EVENTS: usize = 20;

impl Before for Archive {
    fn around(&self, server: &ServerName, out_of_time: &dyn Fn() -> bool) -> Option<Around> {
        let index = self.0.fleet.index(server)?;
        let last = self.0.fleet.snapshot(index).status.map(|(_, status)| status)?;
        let until_ms = last.at.unix_ms;
        let minute = self.minute(index, &last, out_of_time).unwrap_or_else(|error| {
            tracing::warn!(%server, %error, "its last minute cannot be read");
            Vec::new()
        });
        let mut around = Around {
            curves: curves(&minute),
            until_ms,
            processes: self.0.fleet.processes_of(index),
            ..Around::default()
        };
        if !out_of_time() {
            around.changes = self.changes(index, until_ms, out_of_time);
        }
        if !out_of_time() {
            let then_ms = until_ms.saturating_sub(HOUR_MS);
            let table = self.processes_at(index, then_ms).ok().flatten();
            let is_then = |at_ms: i64| then_ms.saturating_sub(at_ms) <= TABLE_AGE_MS;
            around.hour_ago = table.filter(|table| is_then(table.at.unix_ms)).map(Arc::new);
        }
        Some(around)
    }
}

impl Archive {
    /// What the server told in the minute up to `last`, oldest first.
    pub(super) fn minute(
        &self,
        index: usize,
        last: &Status,
        out_of_time: &dyn Fn() -> bool,
    ) -> Result<Vec<Status>, HistoryError> {
        let until_ms = last.at.unix_ms;
        let from_ms = until_ms.saturating_sub(MINUTE_MS);
        let mut statuses: Vec<Status> = Vec::new();
        if let Some(history) = self.history() {
            let place = self.0.places.one(&self.0.fleet, index);
            let mut view = StatusView::new();
            self.walk(history, &place, (from_ms, until_ms), Wanted::Ticks, &mut |met| {
                if let Met::Tick(schema, tick) = met {
                    let status = view.read(schema, tick);
                    let after = statuses.last().map_or(from_ms, |last| last.at.unix_ms);
                    if status.at.unix_ms > after && status.at.unix_ms < until_ms {
                        statuses.push(status);
                    }
                }
                match statuses.len() >= MAX_TICKS || out_of_time() {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            })?;
        }
        statuses.push(last.clone());
        Ok(statuses)
    }

    /// What the kernel told in the last hour, oldest first.
    fn changes(&self, index: usize, to_ms: i64, out_of_time: &dyn Fn() -> bool) -> Vec<Change> {
        let asked =
            EventsAsked { from_ms: to_ms.saturating_sub(HOUR_MS), to_ms, limit: MAX_EVENTS };
        let heard = self.events(index, &asked, out_of_time).unwrap_or_default();
        let change = |Heard { at_ms, event }: Heard| {
            let kind = event.kind.replace('_', " ");
            Change { at_ms, text: format!("{kind}: {}", event.text) }
        };
        heard.events.into_iter().rev().map(change).collect()
    }
}
