//! Samples of one series as a row: its times and values, each as a column.

use rusqlite::{Connection, Row, params};

use crate::StoreError;
use crate::block::lone::{
    LONE_FORMAT, Press, read_numbers, read_values, write_numbers, write_values,
};
use crate::block::varint::Input;
use crate::block::{BlockError, Scratch, SealError};

/// The most samples of one run: some hours of most series.
pub(super) const MOST_SAMPLES: usize = 2_048;
const VERSION: u8 = 1;

/// A run's row without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RunRow {
    pub(super) id: i64,
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
    pub(super) samples: usize,
}

/// A run that is ready to be stored.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
    samples: i64,
    crc: u32,
    pub(super) bytes: Vec<u8>,
}

/// The runs of a series with anything from `from_ms` to `to_ms`, by their ends. It reads the
/// index alone.
pub(super) fn between(
    connection: &Connection,
    series: i64,
    from_ms: i64,
    to_ms: i64,
) -> Result<Vec<RunRow>, StoreError> {
    let sql = "SELECT id, first_ms, last_ms, samples FROM pushed_run INDEXED BY pushed_run_by_time \
         WHERE series = ?1 AND last_ms >= ?2 AND first_ms <= ?3 ORDER BY last_ms, first_ms";
    let mut query = connection.prepare_cached(sql)?;
    let found = query.query_map([series, from_ms, to_ms], row)?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// As [`between`]; nothing where the index of them is damaged. `History::verify` mends that.
pub(super) fn between_unless_damaged(
    connection: &Connection,
    series: i64,
    (from_ms, to_ms): (i64, i64),
) -> Result<Option<Vec<RunRow>>, StoreError> {
    match between(connection, series, from_ms, to_ms) {
        Ok(runs) => Ok(Some(runs)),
        Err(StoreError::Damaged { .. } | StoreError::Unreadable { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Up to `most` runs that end before `from_ms`, and as many that begin after `to_ms`, in the
/// order of time.
pub(super) fn beside(
    connection: &Connection,
    series: i64,
    (from_ms, to_ms): (i64, i64),
    most: i64,
) -> Result<(Vec<RunRow>, Vec<RunRow>), StoreError> {
    let sql = "SELECT id, first_ms, last_ms, samples FROM pushed_run INDEXED BY pushed_run_by_time \
         WHERE series = ?1 AND last_ms < ?2 ORDER BY last_ms DESC LIMIT ?3";
    let mut query = connection.prepare_cached(sql)?;
    let before = query.query_map([series, from_ms, most], row)?;
    let mut before = before.collect::<Result<Vec<_>, _>>()?;
    before.reverse();
    let sql = "SELECT id, first_ms, last_ms, samples FROM pushed_run INDEXED BY pushed_run_by_time \
         WHERE series = ?1 AND last_ms > ?2 AND first_ms > ?2 ORDER BY last_ms LIMIT ?3";
    let mut query = connection.prepare_cached(sql)?;
    let after = query.query_map([series, to_ms, most], row)?;
    Ok((before, after.collect::<Result<_, _>>()?))
}

/// Cuts runs that are in the order of their ends where none overlaps another. Runs of a series
/// do so only where one could not be read for a while.
pub(super) fn apart(runs: &[RunRow]) -> Vec<&[RunRow]> {
    // One that begins early may come late, so what follows counts.
    let mut begins: Vec<i64> = runs.iter().map(|run| run.first_ms).collect();
    for at in (1..begins.len()).rev() {
        begins[at - 1] = begins[at - 1].min(begins[at]);
    }
    let (mut parts, mut start) = (Vec::new(), 0);
    for at in 1..runs.len() {
        if runs[at - 1].last_ms < begins[at] {
            parts.push(&runs[start..at]);
            start = at;
        }
    }
    if start < runs.len() {
        parts.push(&runs[start..]);
    }
    parts
}

/// A run's row. Columns: id, `first_ms`, `last_ms`, samples.
pub(super) fn row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let samples = usize::try_from(row.get::<_, i64>(3)?).unwrap_or(usize::MAX);
    Ok(RunRow { id: row.get(0)?, first_ms: row.get(1)?, last_ms: row.get(2)?, samples })
}

/// Makes a run of samples that rise in time, of which there is at least one.
pub(super) fn make(samples: &[(i64, f64)], tag: u32) -> Result<Made, SealError> {
    let times: Vec<i64> = samples.iter().map(|(time, _)| *time).collect();
    let values: Vec<f64> = samples.iter().map(|(_, value)| *value).collect();
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&LONE_FORMAT);
    write_numbers(&times, Press::Small, &mut bytes)?;
    write_values(&values, Press::Small, &mut bytes)?;
    let (first_ms, last_ms) = (times[0], times[times.len() - 1]);
    let samples = samples.len() as i64;
    let crc = checksum(tag, [first_ms, last_ms, samples], &bytes);
    Ok(Made { first_ms, last_ms, samples, crc, bytes })
}

/// Stores a run, under a number if it takes the place of another.
pub(super) fn put(
    connection: &Connection,
    sender: i64,
    series: i64,
    id: Option<i64>,
    made: &Made,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO pushed_run (id, sender, series, first_ms, last_ms, samples, crc, bytes) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let Made { first_ms, last_ms, samples, crc, bytes } = made;
    let values = params![id, sender, series, first_ms, last_ms, samples, crc, bytes];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// Deletes a run. False when it is not there.
pub(super) fn delete(connection: &Connection, id: i64) -> Result<bool, StoreError> {
    Ok(connection.prepare_cached("DELETE FROM pushed_run WHERE id = ?1")?.execute([id])? == 1)
}

/// The samples of a run; nothing where it is damaged.
pub(super) fn read(
    connection: &Connection,
    run: &RunRow,
    tag: u32,
    scratch: &mut Scratch,
) -> Result<Option<Vec<(i64, f64)>>, StoreError> {
    let sql = "SELECT crc, bytes FROM pushed_run WHERE id = ?1";
    let mut query = connection.prepare_cached(sql)?;
    let found = query.query_row([run.id], |row| {
        let bytes = row.get_ref(1)?.as_blob()?;
        Ok(decode(run, tag, row.get(0)?, bytes, scratch).ok())
    });
    Ok(crate::history::archive::sound(found)?.flatten())
}

fn decode(
    run: &RunRow,
    tag: u32,
    crc: u32,
    bytes: &[u8],
    scratch: &mut Scratch,
) -> Result<Vec<(i64, f64)>, BlockError> {
    let samples = i64::try_from(run.samples).unwrap_or(-1);
    if checksum(tag, [run.first_ms, run.last_ms, samples], bytes) != crc {
        return Err(BlockError::Checksum("a run"));
    }
    let mut input = Input::new(bytes, "a run");
    if input.byte()? != VERSION || run.samples > MOST_SAMPLES {
        return Err(BlockError::Malformed("a run of another version"));
    }
    let pco = input.array()?;
    let (mut times, mut values) = (Vec::new(), Vec::new());
    read_numbers(&mut input, pco, run.samples, scratch, &mut times)?;
    read_values(&mut input, pco, run.samples, scratch, &mut values)?;
    let ends = (times.first(), times.last()) == (Some(&run.first_ms), Some(&run.last_ms));
    if !ends || !times.is_sorted_by(|one, next| one < next) || !input.is_empty() {
        return Err(BlockError::Malformed("a run of other samples"));
    }
    Ok(times.into_iter().zip(values).collect())
}

/// CRC-32 that goes on from the series' tag, over the numbers, 8 bytes each, and the bytes.
fn checksum(tag: u32, numbers: [i64; 3], bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(tag);
    for number in numbers {
        hasher.update(&number.to_le_bytes());
    }
    hasher.update(bytes);
    hasher.finalize()
}
