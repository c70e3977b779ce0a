//! The last minutes of all series of one server, in memory, packed.
//!
//! What agents told in the last ten minutes is not sealed yet, and the codec must read every
//! series of a tick to read one. The session has read it already when it came; so it is kept,
//! where the fleet is small enough for that, and a question about the present finds it here.

mod packed;
mod rows;

use std::collections::VecDeque;
use std::sync::Arc;

use watchfire_model::Tick;

use super::recent::{KEPT_MS, LastMinutes};
use packed::Packed;
use rows::Rows;

/// So many ticks are packed together.
const TICKS: usize = 64;
/// With less room than this for each series not even a part of the last minutes fits.
const LEAST_ROOM: usize = 192;
/// What is older is sealed, usually: who has this much in memory need not look for more.
const UNSEALED_MS: i64 = 13 * 60_000;

/// The ticks of one session, of one generation of its schema.
#[derive(Debug, Default)]
pub(super) struct Minutes {
    generation: u64,
    packed: VecDeque<Arc<Packed>>,
    /// The newest ticks.
    rows: Rows,
    /// Every tick that is later than this is here; `None` before the first one.
    from_ms: Option<i64>,
    /// The time of the last tick.
    last_ms: i64,
    /// Ticks are missing before the next one.
    after_hole: bool,
}

/// The last minutes at one moment.
pub(super) struct Shared {
    from_ms: i64,
    packed: Vec<Arc<Packed>>,
    /// Of the newest ticks, which are not packed.
    times: Vec<i64>,
    newest: Vec<Vec<f64>>,
}

impl Minutes {
    /// Whether so many bytes are enough to keep anything of that many series.
    pub(super) fn fit(series: usize, room: usize) -> bool {
        room / LEAST_ROOM >= series
    }

    /// Takes the tick that came, and keeps what fits `room` bytes.
    pub(super) fn push(&mut self, tick: &Tick, room: usize) {
        let at_ms = tick.at.unix_ms;
        let goes_on = tick.generation == self.generation && at_ms > self.last_ms;
        if self.from_ms.is_none() || self.after_hole || !goes_on {
            self.begin(tick.generation, at_ms);
        }
        if self.from_ms.is_some_and(|from_ms| at_ms <= from_ms) {
            return;
        }
        self.last_ms = at_ms;
        if self.rows.ticks() >= TICKS || tick.values.len() > self.rows.width() {
            self.close();
        }
        self.rows.push(at_ms, &tick.values);
        self.drop_old(room);
    }

    /// Something may lie between the ticks before this and those after it.
    pub(super) fn hole(&mut self) {
        self.after_hole = true;
    }

    /// Whether it has the newest ticks, and they are of this generation.
    pub(super) fn is_of(&self, generation: u64) -> bool {
        self.from_ms.is_some() && self.generation == generation && !self.after_hole
    }

    /// Whether all is here that is later than `after_ms` and not sealed.
    pub(super) fn reach(&self, after_ms: i64) -> bool {
        let unsealed_ms = self.last_ms.saturating_sub(UNSEALED_MS);
        self.from_ms.is_some_and(|from_ms| from_ms <= after_ms.max(unsealed_ms))
    }

    /// What is here of the time after `after_ms`, for [`Shared::read`], which takes longer and
    /// needs not be waited for.
    pub(super) fn share(&self, places: &[usize], after_ms: i64) -> Shared {
        let from_ms = self.from_ms.unwrap_or(self.last_ms).max(after_ms);
        let first = self.packed.partition_point(|packed| packed.until_ms() <= from_ms);
        let newest = |place: &usize| {
            let mut column = Vec::with_capacity(self.rows.ticks());
            self.rows.column(*place, &mut column);
            column
        };
        Shared {
            from_ms,
            packed: self.packed.range(first..).cloned().collect(),
            times: self.rows.times().to_vec(),
            newest: places.iter().map(newest).collect(),
        }
    }

    /// Lets go of all; what is here from now on begins at `at_ms`. What a hole hides lies before
    /// that. Where a clock was set back, the same times come a second time, and what is at them
    /// is not whole here.
    fn begin(&mut self, generation: u64, at_ms: i64) {
        let before_ms = at_ms.saturating_sub(1);
        let from_ms = self.from_ms.map_or(before_ms, |_| before_ms.max(self.last_ms));
        *self = Self { generation, from_ms: Some(from_ms), last_ms: from_ms, ..Self::default() };
    }

    /// Packs the newest ticks.
    fn close(&mut self) {
        if self.rows.ticks() > 0 {
            self.packed.push_back(Arc::new(Packed::of(&self.rows)));
        }
        self.rows.clear();
    }

    fn drop_old(&mut self, room: usize) {
        let old_ms = self.last_ms.saturating_sub(KEPT_MS);
        while let Some(first) = self.packed.front()
            && (first.until_ms() <= old_ms || self.bytes() > room)
        {
            self.from_ms = self.from_ms.max(Some(first.until_ms()));
            self.packed.pop_front();
        }
        if self.bytes() > room {
            self.rows = Rows::default();
            self.from_ms = self.from_ms.max(Some(self.last_ms));
        }
    }

    fn bytes(&self) -> usize {
        self.rows.bytes() + self.packed.iter().map(|packed| packed.bytes()).sum::<usize>()
    }
}

impl Shared {
    /// The values at `places` of the schema, the same as before; those of a place that has none
    /// are absent.
    pub(super) fn read(self, places: &[usize]) -> LastMinutes {
        let Self { from_ms, packed, times: newest_times, newest } = self;
        let mut times: Vec<i64> =
            packed.iter().flat_map(|packed| packed.times()).copied().collect();
        times.extend(newest_times);
        let early = times.partition_point(|time| *time <= from_ms);
        let column = |(&place, newest): (&usize, Vec<f64>)| {
            let mut column = Vec::with_capacity(times.len());
            packed.iter().for_each(|packed| packed.column(place, &mut column));
            column.extend(newest);
            column.drain(..early);
            column
        };
        let columns = places.iter().zip(newest).map(column).collect();
        times.drain(..early);
        LastMinutes { from_ms, times, columns }
    }
}

#[cfg(test)]
mod tests;
