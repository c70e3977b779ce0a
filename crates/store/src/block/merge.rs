//! Several blocks of one server into one.

use std::collections::{BTreeMap, BTreeSet};

use watchfire_model::{ABSENT, is_absent};

use super::block_reader::Block;
use super::column_id::ColumnId;
use super::head::Kind;
use super::limits::MAX_MERGED_VALUES;
use super::scratch::Scratch;
use super::seal::seal_columns;
use super::{BlockError, KeyId, SealError, SealOptions};

/// What [`merge`] made.
#[derive(Debug, Clone)]
pub struct Merged {
    /// The new block.
    pub bytes: Vec<u8>,
    /// Keys that could not be read from a block, with the number of the block
    /// among those that were given: there they are absent in the new one.
    pub gaps: Vec<(usize, KeyId, BlockError)>,
}

/// Why blocks cannot be merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There is no block.
    #[error("there is no block to merge")]
    Nothing,
    /// The directory or the timestamps of a block are damaged: leave it out.
    #[error("block number {0} cannot be read: {1}")]
    Block(usize, BlockError),
    /// Together they would have so many values, more than
    /// [`MAX_MERGED_VALUES`]: merge fewer.
    #[error("merged they would have {0} values, too many for one block: merge fewer")]
    Values(usize),
    /// Together they are above a limit: merge fewer.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Merges blocks of ticks of one server. They may overlap and come in any order:
/// where two have a value for one key and one timestamp, that of the later one
/// among `blocks` stays.
///
/// # Errors
/// [`MergeError`] when a block cannot be read at all, or the limits do not allow it.
pub fn merge<B: AsRef<[u8]>>(
    blocks: &[Block<B>],
    options: &SealOptions,
) -> Result<Merged, MergeError> {
    let mut scratch = Scratch::new();
    let mut times = Vec::with_capacity(blocks.len());
    for (number, block) in blocks.iter().enumerate() {
        let mut of_block = Vec::new();
        let read = block.timestamps(&mut scratch, &mut of_block);
        read.map_err(|error| MergeError::Block(number, error))?;
        times.push(of_block);
    }
    let mut all: Vec<i64> = times.concat();
    all.sort_unstable();
    all.dedup();
    if all.is_empty() {
        return Err(MergeError::Nothing);
    }
    if all.len() > super::MAX_TICKS {
        return Err(SealError::Ticks(all.len()).into());
    }
    let mut keys = BTreeSet::new();
    for (number, block) in blocks.iter().enumerate() {
        keys.extend(block.keys().map_err(|error| MergeError::Block(number, error))?);
    }
    let values = keys.len().saturating_mul(all.len());
    if values > MAX_MERGED_VALUES {
        return Err(MergeError::Values(values));
    }
    let mut columns: BTreeMap<ColumnId, Vec<f64>> = BTreeMap::new();
    let mut gaps = Vec::new();
    for (number, block) in blocks.iter().enumerate() {
        let places = places(&all, &times[number]);
        add(block, &places, all.len(), &mut columns, &mut scratch, |key, error| {
            gaps.push((number, key, error));
        })
        .map_err(|error| MergeError::Block(number, error))?;
    }
    let columns = columns.iter().map(|(&id, values)| (id, &values[..])).collect();
    Ok(Merged { bytes: seal_columns(&all, columns, (Kind::Ticks, 0), options)?, gaps })
}

/// Where each of `times` is in `all`, as stretches: (from, to, how many).
fn places(all: &[i64], times: &[i64]) -> Vec<(usize, usize, usize)> {
    let mut places: Vec<(usize, usize, usize)> = Vec::new();
    for (from, time) in times.iter().enumerate() {
        let to = all.partition_point(|other| other < time);
        match places.last_mut() {
            Some((first, place, count)) if *first + *count == from && *place + *count == to => {
                *count += 1;
            }
            _ => places.push((from, to, 1)),
        }
    }
    places
}

fn add<B: AsRef<[u8]>>(
    block: &Block<B>,
    places: &[(usize, usize, usize)],
    ticks: usize,
    columns: &mut BTreeMap<ColumnId, Vec<f64>>,
    scratch: &mut Scratch,
    mut gap: impl FnMut(KeyId, BlockError),
) -> Result<(), BlockError> {
    let keys = block.keys()?;
    block.read(&keys, 0..block.head().ticks, scratch, |number, values| {
        let lost = BlockError::Malformed("a key that is told and not there");
        let values = match values.and_then(|values| values.ok_or(lost)) {
            Ok(values) => values,
            Err(error) => return gap(keys[number], error),
        };
        let column = columns.entry(ColumnId::of_key(keys[number]));
        let column = column.or_insert_with(|| vec![ABSENT; ticks]);
        for &(from, to, count) in places {
            let pairs = column[to..to + count].iter_mut().zip(&values[from..from + count]);
            pairs.filter(|(_, value)| !is_absent(**value)).for_each(|(old, value)| *old = *value);
        }
    })
}
