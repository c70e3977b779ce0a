//! What was pushed and is in no run yet, as bytes: the series, how many samples each has, and
//! then all times and all values as two columns.

use crate::block::lone::{
    LONE_FORMAT, Press, read_numbers, read_values, write_numbers, write_values,
};
use crate::block::varint::{Input, put_size};
use crate::block::{BlockError, Scratch, SealError};

/// The most samples of one batch; what is more goes into the next one.
pub(super) const MOST_SAMPLES: usize = 32_768;
const VERSION: u8 = 1;

/// Samples of some series, by the number of each, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) series: Vec<i64>,
    pub(super) counts: Vec<i64>,
    pub(super) times: Vec<i64>,
    pub(super) values: Vec<f64>,
}

/// A batch as a row has it.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
    pub(super) crc: u32,
    pub(super) bytes: Vec<u8>,
}

/// The rows of all samples of one sender, whose checksums begin with `tag`.
pub(super) fn rows<'a>(
    tag: u32,
    samples: impl Iterator<Item = (i64, &'a [(i64, f64)])>,
) -> Result<Vec<Row>, SealError> {
    let mut rows = Vec::new();
    let mut batch = Batch::default();
    for (series, mut rest) in samples {
        while !rest.is_empty() {
            let (part, after) = rest.split_at(rest.len().min(MOST_SAMPLES - batch.times.len()));
            batch.add(series, part);
            if batch.times.len() == MOST_SAMPLES {
                rows.push(std::mem::take(&mut batch).row(tag)?);
            }
            rest = after;
        }
    }
    if !batch.times.is_empty() {
        rows.push(batch.row(tag)?);
    }
    Ok(rows)
}

impl Batch {
    fn add(&mut self, series: i64, samples: &[(i64, f64)]) {
        self.series.push(series);
        self.counts.push(samples.len() as i64);
        self.times.extend(samples.iter().map(|(time, _)| *time));
        self.values.extend(samples.iter().map(|(_, value)| *value));
    }

    fn row(self, tag: u32) -> Result<Row, SealError> {
        let first_ms = self.times.iter().copied().min().unwrap_or_default();
        let last_ms = self.times.iter().copied().max().unwrap_or_default();
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&LONE_FORMAT);
        put_size(&mut bytes, self.series.len());
        put_size(&mut bytes, self.times.len());
        write_numbers(&self.series, Press::Quick, &mut bytes)?;
        write_numbers(&self.counts, Press::Quick, &mut bytes)?;
        write_numbers(&self.times, Press::Quick, &mut bytes)?;
        write_values(&self.values, Press::Quick, &mut bytes)?;
        Ok(Row { first_ms, last_ms, crc: checksum(tag, first_ms, last_ms, &bytes), bytes })
    }

    /// What a row has, if its checksum is right.
    pub(super) fn read(row: &Row, tag: u32, scratch: &mut Scratch) -> Result<Self, BlockError> {
        if checksum(tag, row.first_ms, row.last_ms, &row.bytes) != row.crc {
            return Err(BlockError::Checksum("a batch"));
        }
        let mut input = Input::new(&row.bytes, "a batch");
        if input.byte()? != VERSION {
            return Err(BlockError::Malformed("a batch of another version"));
        }
        let pco = input.array()?;
        let (entries, count) = (input.size(MOST_SAMPLES)?, input.size(MOST_SAMPLES)?);
        let mut batch = Self::default();
        read_numbers(&mut input, pco, entries, scratch, &mut batch.series)?;
        read_numbers(&mut input, pco, entries, scratch, &mut batch.counts)?;
        read_numbers(&mut input, pco, count, scratch, &mut batch.times)?;
        read_values(&mut input, pco, count, scratch, &mut batch.values)?;
        let within = batch.counts.iter().all(|of| (0..=count as i64).contains(of));
        let told: i64 = if within { batch.counts.iter().sum() } else { -1 };
        let right = told == count as i64 && input.is_empty();
        if right { Ok(batch) } else { Err(BlockError::Malformed("a batch of other samples")) }
    }

    /// The samples of each series, in the order in which they came.
    pub(super) fn samples(&self) -> impl Iterator<Item = (i64, Vec<(i64, f64)>)> {
        let mut at = 0;
        self.series.iter().zip(&self.counts).map(move |(series, count)| {
            let part = at..at + *count as usize;
            at = part.end;
            let times = self.times[part.clone()].iter().copied();
            (*series, times.zip(self.values[part].iter().copied()).collect())
        })
    }
}

fn checksum(tag: u32, first_ms: i64, last_ms: i64, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(tag);
    hasher.update(&first_ms.to_le_bytes());
    hasher.update(&last_ms.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_and_a_flipped_bit_is_found(
            pushed in prop::collection::vec(
                (1..50_i64, prop::collection::vec((any::<i64>(), any::<f64>()), 1..9)), 1..9),
            at: prop::sample::Index,
        ) {
            let all = pushed.iter().map(|(series, samples)| (*series, &samples[..]));
            let mut rows = rows(7, all).unwrap();
            prop_assert_eq!(rows.len(), 1);
            let scratch = &mut Scratch::new();
            let read = Batch::read(&rows[0], 7, scratch).unwrap();
            let bits = |of: &[(i64, Vec<(i64, f64)>)]| format!("{of:?}");
            prop_assert_eq!(bits(&read.samples().collect::<Vec<_>>()), bits(&pushed));
            prop_assert!(Batch::read(&rows[0], 8, scratch).is_err());
            let place = at.index(rows[0].bytes.len());
            rows[0].bytes[place] ^= 4;
            prop_assert!(Batch::read(&rows[0], 7, scratch).is_err());
        }
    }

    #[test]
    fn many_samples_become_several_rows() {
        let long: Vec<(i64, f64)> = (0..100_000).map(|n| (n, n as f64)).collect();
        let rows = rows(0, [(1, &long[..10]), (2, &long[..])].into_iter()).unwrap();
        assert_eq!(rows.len(), 4);
        let scratch = &mut Scratch::new();
        let read = rows.iter().flat_map(|row| {
            let batch = Batch::read(row, 0, scratch).unwrap();
            batch.samples().flat_map(|(_, samples)| samples).collect::<Vec<_>>()
        });
        assert!(read.eq(long[..10].iter().chain(&long).copied()));
    }
}
