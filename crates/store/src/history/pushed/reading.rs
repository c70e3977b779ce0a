//! Which series there are, and their samples.

use std::ops::ControlFlow;

use rusqlite::Connection;
use watchfire_model::{LabelSet, Matcher};

use super::memory::Memory;
use super::overlay::{by_time, over};
use super::run::{self, RunRow};
use super::told::{OnPushed, PushedId};
use crate::StoreError;
use crate::block::Scratch;
use crate::history::counters::Counters;
use crate::history::{Gap, History, HistoryError, Told};

/// So many samples of a series are told at once, and up to a run more.
const AT_ONCE: usize = 1 << 16;

impl History {
    /// The names of all senders that something is stored of, sorted.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read.
    pub fn pushed_senders(&self) -> Result<Vec<String>, HistoryError> {
        Ok(self.pushed()?.senders.keys().cloned().collect())
    }

    /// The series of a sender that fit and have a sample from `from_ms` to `to_ms`, both
    /// included, in milliseconds since 1970, the one that came first first.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read.
    pub fn pushed_series(
        &self,
        sender: &str,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<(PushedId, LabelSet)>, HistoryError> {
        let mut fit = self.fitting(sender, matchers, (from_ms, to_ms))?;
        // What left memory since then is in the runs of this later snapshot.
        self.0.archive.with_scratch(|scratch| {
            self.read(|connection| {
                let mut kept = Vec::with_capacity(fit.len());
                for one in fit.drain(..) {
                    let found =
                        one.certain || has_samples(connection, &one, (from_ms, to_ms), scratch)?;
                    if found {
                        kept.push((one.id, one.labels));
                    }
                }
                Ok(kept)
            })
        })
    }

    /// Calls `found` with a place in `ids`, times in milliseconds since 1970 and as many values,
    /// from `from_ms` to `to_ms`, both included: series after series, each in rising time and
    /// each sample once. What is more than some ten thousand samples of a series comes in
    /// several parts, which follow one another. A break ends it.
    ///
    /// `found` must not ask the history anything: one snapshot of it is held open.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read.
    pub fn pushed_samples(
        &self,
        ids: &[PushedId],
        from_ms: i64,
        to_ms: i64,
        found: &mut OnPushed<'_>,
    ) -> Result<Told, HistoryError> {
        let told = self.0.archive.with_scratch(|scratch| {
            loop {
                let folded = self.pushed()?.folded;
                let told = self.read(|connection| {
                    begin(connection)?;
                    let Some(wanted) = self.wanted(ids, (from_ms, to_ms), folded) else {
                        return Ok(None);
                    };
                    let mut reading = Reading { connection, scratch, told: Told::default() };
                    for one in wanted {
                        if reading.series(one, (from_ms, to_ms), found)?.is_break() {
                            reading.told.cut = true;
                            break;
                        }
                    }
                    Ok(Some(reading.told))
                })?;
                if let Some(told) = told {
                    break Ok::<_, HistoryError>(told);
                }
            }
        })?;
        Counters::add(&self.0.counters.damaged_rows, told.gaps.len() as u64);
        Ok(told)
    }

    /// What memory has of series. Looked at after a snapshot began, it lacks nothing that is not
    /// in that, unless a fold came to its end since `folded` of them were counted: nothing then.
    fn wanted(&self, ids: &[PushedId], time: (i64, i64), folded: u64) -> Option<Vec<Wanted>> {
        let known = self.pushed_if_known().filter(|known| known.folded == folded)?;
        Some(wanted(&known, ids, time))
    }

    fn fitting(
        &self,
        sender: &str,
        matchers: &[Matcher],
        (from_ms, to_ms): (i64, i64),
    ) -> Result<Vec<Fitting>, HistoryError> {
        let known = self.pushed()?;
        let Some(of) = known.senders.get(sender) else { return Ok(Vec::new()) };
        let generation = known.generation.unwrap_or_default();
        let fitting = of.candidates(matchers).into_iter().filter_map(|series| {
            let one = known.series.get(&series).filter(|one| one.labels.fits(matchers))?;
            let within = |(time, _)| (from_ms..=to_ms).contains(&time);
            Some(Fitting {
                id: PushedId { generation, series },
                labels: one.labels.clone(),
                tag: one.tag,
                certain: known.unfolded(series).any(within),
            })
        });
        Ok(fitting.collect())
    }
}

/// A series that fits.
struct Fitting {
    id: PushedId,
    labels: LabelSet,
    tag: u32,
    /// A sample in memory is in that time.
    certain: bool,
}

/// A series whose samples are wanted.
struct Wanted {
    place: usize,
    series: i64,
    tag: u32,
    /// What is in no run yet, in rising time.
    unfolded: Vec<(i64, f64)>,
    /// Batches of its sender that are damaged.
    gaps: Vec<Gap>,
}

/// The snapshot of a reader begins with its first question.
fn begin(connection: &Connection) -> Result<(), StoreError> {
    connection.prepare_cached("SELECT 1 FROM pushed_sender LIMIT 1")?.exists([])?;
    Ok(())
}

fn wanted(known: &Memory, ids: &[PushedId], (from_ms, to_ms): (i64, i64)) -> Vec<Wanted> {
    let within = |gap: &Gap| gap.from_ms <= to_ms && gap.to_ms >= from_ms;
    let one = |(place, id): (usize, &PushedId)| {
        let here = Some(id.generation) == known.generation;
        let of = known.series.get(&id.series).filter(|_| here)?;
        let samples = known.unfolded(id.series);
        let samples = samples.filter(|(time, _)| (from_ms..=to_ms).contains(time)).collect();
        let gaps = known.gaps.iter().filter(|(sender, gap)| *sender == of.sender && within(gap));
        Some(Wanted {
            place,
            series: id.series,
            tag: of.tag,
            unfolded: by_time(samples),
            gaps: gaps.map(|(_, gap)| *gap).collect(),
        })
    };
    ids.iter().enumerate().filter_map(one).collect()
}

/// True when a series has a sample in that time, or something that cannot be read.
fn has_samples(
    connection: &Connection,
    one: &Fitting,
    (from_ms, to_ms): (i64, i64),
    scratch: &mut Scratch,
) -> Result<bool, StoreError> {
    let time = (from_ms, to_ms);
    let Some(runs) = run::between_unless_damaged(connection, one.id.series, time)? else {
        return Ok(true);
    };
    for run in runs {
        // A run has samples at both of its ends.
        if run.first_ms >= from_ms || run.last_ms <= to_ms {
            return Ok(true);
        }
        let samples = run::read(connection, &run, one.tag, scratch)?;
        let within = |(time, _): &(i64, f64)| (from_ms..=to_ms).contains(time);
        if samples.is_none_or(|samples| samples.iter().any(within)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// One question.
struct Reading<'a> {
    connection: &'a Connection,
    scratch: &'a mut Scratch,
    told: Told,
}

impl Reading<'_> {
    fn series(
        &mut self,
        wanted: Wanted,
        (from_ms, to_ms): (i64, i64),
        found: &mut OnPushed<'_>,
    ) -> Result<ControlFlow<()>, StoreError> {
        wanted.gaps.iter().for_each(|gap| self.gap(*gap));
        let time = (from_ms, to_ms);
        let runs = run::between_unless_damaged(self.connection, wanted.series, time)?;
        if runs.is_none() {
            self.gap(Gap { ring: [0; 16], from_ms, to_ms });
        }
        let runs = runs.unwrap_or_default();
        let mut unfolded = wanted.unfolded.as_slice();
        let mut ready: Vec<(i64, f64)> = Vec::new();
        for together in run::apart(&runs) {
            let stored = self.overlaid(together, wanted.tag)?;
            // Runs that follow begin later, so up to here nothing more comes.
            let until = together.iter().map(|run| run.last_ms).max().unwrap_or(i64::MIN);
            let newer = unfolded.partition_point(|(time, _)| *time <= until);
            let (newer, later) = unfolded.split_at(newer);
            unfolded = later;
            let within = |(time, _): &(i64, f64)| (from_ms..=to_ms).contains(time);
            ready.extend(over(&stored, newer).into_iter().filter(within));
            if ready.len() >= AT_ONCE && tell(&mut ready, wanted.place, found).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        ready.extend_from_slice(unfolded);
        Ok(tell(&mut ready, wanted.place, found))
    }

    /// Runs that overlap, as one: the later one counts.
    fn overlaid(&mut self, runs: &[RunRow], tag: u32) -> Result<Vec<(i64, f64)>, StoreError> {
        let mut in_order = runs.to_vec();
        in_order.sort_unstable_by_key(|run| run.id);
        let mut samples = Vec::new();
        for run in &in_order {
            match run::read(self.connection, run, tag, self.scratch)? {
                Some(read) => samples = over(&samples, &read),
                None => {
                    self.gap(Gap { ring: [0; 16], from_ms: run.first_ms, to_ms: run.last_ms });
                }
            }
        }
        Ok(samples)
    }

    fn gap(&mut self, gap: Gap) {
        if !self.told.gaps.contains(&gap) {
            self.told.gaps.push(gap);
        }
    }
}

fn tell(ready: &mut Vec<(i64, f64)>, place: usize, found: &mut OnPushed<'_>) -> ControlFlow<()> {
    if ready.is_empty() {
        return ControlFlow::Continue(());
    }
    let (times, values) = ready.drain(..).unzip();
    found(place, times, values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Push, PushedSamples};

    #[test]
    fn a_fold_that_ends_after_a_snapshot_began_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::open(folder.path(), 1 << 30).unwrap();
        let series = vec![PushedSamples { labels: LabelSet::of(&[]), samples: vec![(7, 1.0)] }];
        history.push(&[Push { sender: "a".to_owned(), series, facts: Vec::new() }]).unwrap();
        let ids: Vec<PushedId> =
            history.pushed_series("a", &[], 0, 9).unwrap().into_iter().map(|(id, _)| id).collect();
        let folded = history.pushed().unwrap().folded;
        let looked = history.read(|connection| {
            begin(connection)?;
            let before = history.wanted(&ids, (0, 9), folded).map(|wanted| wanted.len());
            for at in [0, 3_600_000] {
                history.tend_pushed(at).unwrap();
            }
            let runs = run::between(connection, ids[0].series, 0, 9)?;
            Ok((before, runs.len(), history.wanted(&ids, (0, 9), folded).is_some()))
        });
        assert_eq!(looked, Ok((Some(1), 0, false)), "neither memory nor the snapshot has it");
    }
}
