//! What is not sealed yet: the ticks as agents told them.

use std::ops::ControlFlow;

use watchfire_model::{Schema, SourceError};
use watchfire_store::{History, StoredChunk, Stretch};

use super::super::add;
use super::super::columns::{Columns, Segment};
use super::super::matching::Labels;
use super::super::places::Place;
use super::super::schemas::Schemas;
use super::super::walk::{Met, Walk, Wanted};
use super::{Question, Span, unreadable};

/// A stretch that is too much at a time is read in halves down to this.
const LEAST_STRETCH_MS: i64 = 60_000;

impl Question<'_> {
    /// The ticks in chunks; nothing when there is no time to look through.
    pub(super) fn chunks(
        &mut self,
        place: &Place,
        held: Labels,
        span: Span,
        live: Option<Schema>,
    ) -> Result<Vec<Segment>, SourceError> {
        let Some(history) = self.archive.history().filter(|_| span.0 < span.1) else {
            return Ok(Vec::new());
        };
        let known = &self.archive.0.known;
        let schemas = Schemas::new(known, history, &place.key, live);
        let mut walk = Walk::new(known, schemas, Wanted::Ticks);
        let mut columns = Columns::default();
        let (mut damaged, mut decoded, mut lost) = (false, 0, 0);
        let mut follows = Follows::default();
        let generation = self.asked.as_ref().map(|asked| asked.schema.generation());
        let most = self.left;
        let (keys, selection) = (&mut self.keys, self.selection);
        let each = &mut |stretch: &Stretch| -> Result<(), SourceError> {
            damaged |= !stretch.gaps.is_empty();
            for stored in &stretch.chunks {
                if (selection.out_of_time)() {
                    return Err(SourceError::OutOfTime);
                }
                follows.next(stored);
                let fate = walk.chunk(stored, &mut |met| {
                    if let Met::Tick(schema, tick) = met
                        && span.0 < tick.at.unix_ms
                        && tick.at.unix_ms <= span.1
                    {
                        follows.broken |= Some(schema.generation()) != generation;
                        columns.push(schema, tick, |key| keys.number_for(key, held));
                    }
                    ControlFlow::Continue(())
                });
                let fate = fate.map_err(unreadable)?;
                decoded += fate.ticks;
                lost += fate.lost_ticks;
                if columns.total() > most {
                    return Err(SourceError::TooManySamples { limit: selection.max_samples });
                }
            }
            Ok(())
        };
        each_stretch(history, &place.key, span, each)?;
        add(&self.archive.0.counters.decoded_ticks, decoded);
        self.archive.count_lost(lost);
        self.damaged += usize::from(damaged);
        let segment = columns.all();
        if !follows.broken && lost == 0 && !damaged {
            self.recall(span.1, &segment);
        }
        Ok(if segment.times.is_empty() { Vec::new() } else { vec![segment] })
    }
}

/// Gives `each` the chunks of a time, in pieces when they are too many at once.
pub(in crate::archive) fn each_stretch(
    history: &History,
    server: &str,
    (after_ms, until_ms): Span,
    each: &mut dyn FnMut(&Stretch) -> Result<(), SourceError>,
) -> Result<(), SourceError> {
    if after_ms >= until_ms {
        return Ok(());
    }
    let stretch =
        history.chunks(server, after_ms.saturating_add(1), until_ms).map_err(unreadable)?;
    let length = until_ms.saturating_sub(after_ms);
    if !stretch.cut || length <= LEAST_STRETCH_MS {
        return each(&stretch);
    }
    drop(stretch);
    let middle = after_ms.saturating_add(length / 2);
    each_stretch(history, server, (after_ms, middle), each)?;
    each_stretch(history, server, (middle, until_ms), each)
}

/// Whether chunks follow one another without a hole.
#[derive(Default)]
struct Follows {
    last: Option<([u8; 16], u64)>,
    broken: bool,
}

impl Follows {
    fn next(&mut self, stored: &StoredChunk) {
        let chunk = &stored.chunk;
        if stored.is_superseded() {
            return;
        }
        if let Some((ring, last)) = self.last {
            self.broken |= ring != chunk.ring || chunk.previous == 0 || chunk.previous > last;
        }
        self.last = Some((chunk.ring, chunk.last));
    }
}
