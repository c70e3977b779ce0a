//! Some ticks of sealed blocks: for who counts how far counters rose, and needs no others.

use super::rows::{self, BlockRow};
use super::samples::{Reading, Ticks};
use super::servers;
use super::spans::Level;
use super::told::{OnPicked, Pick, Picked, Told};
use crate::StoreError;
use crate::block::KeyId;
use crate::history::{History, HistoryError};

impl History {
    /// Calls `found` with what `pick` picked of the ticks from `from_ms` to `to_ms`, both
    /// included, block by block in the order of time. Says nothing at all where blocks lie over
    /// one another: then [`samples`](Self::samples) tells what counts.
    ///
    /// `pick` and `found` must not ask the history anything: one snapshot of it is held open.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read.
    pub fn picked(
        &self,
        server: &str,
        keys: &[KeyId],
        (from_ms, to_ms): (i64, i64),
        pick: &mut Pick<'_>,
        found: &mut OnPicked<'_>,
    ) -> Result<Option<Told>, HistoryError> {
        // What is damaged is counted by whoever reads all of it then.
        self.0.archive.with_scratch(|scratch| {
            self.read(|connection| {
                let Some(server) = servers::find(connection, server)? else {
                    return Ok(Some(Told::default()));
                };
                let blocks = rows::between(connection, &server, Level::Ticks, from_ms, to_ms)?;
                if blocks.windows(2).any(|pair| pair[1].first_ms <= pair[0].last_ms) {
                    return Ok(None);
                }
                let mut reading = Reading::new(connection, server, scratch);
                reading.picked(&blocks, keys, (from_ms, to_ms), (pick, found))?;
                Ok(Some(reading.told))
            })
        })
    }
}

impl Reading<'_> {
    fn picked(
        &mut self,
        blocks: &[BlockRow],
        keys: &[KeyId],
        (from_ms, to_ms): (i64, i64),
        (pick, found): (&mut Pick<'_>, &mut OnPicked<'_>),
    ) -> Result<(), StoreError> {
        let (mut ticks, mut in_block) = (Vec::new(), Vec::new());
        for row in blocks {
            let Some(part) = self.open(Level::Ticks, row)? else { continue };
            let within = part.ticks(from_ms, to_ms);
            if within.is_empty() {
                continue;
            }
            let times = &part.times[within.clone()];
            ticks.clear();
            pick(times, &mut ticks);
            in_block.clear();
            in_block.extend(ticks.iter().map(|tick| tick + within.start));
            let take = &mut |key: usize, values: &[f64], rises: bool| {
                found(&Picked { key, times, ticks: &ticks, values, rises })
            };
            let some = Ticks::Some(&in_block);
            if in_block.is_empty() || self.columns(row, &part, keys, some, take)?.is_break() {
                self.told.cut = true;
                break;
            }
            self.open = Some(part.into_blob());
        }
        Ok(())
    }
}
