//! Chunks become blocks.

use rusqlite::{Connection, OptionalExtension, params};
use watchfire_model::{SeriesKey, is_absent};

use super::intern::Interned;
use super::rows;
use super::servers::{self, Archived};
use super::spans::{Level, by_hour};
use super::tables::{self, Segment};
use super::told::{Sealed, Sealing};
use super::{due, events::Kept, tier};
use crate::StoreError;
use crate::block::{self, Columns, KeyId, MAX_COLUMNS, MAX_TICKS, SealOptions};
use crate::history::counters::Counters;
use crate::history::{ChunkRow, History, HistoryError, MAX_SERVER_KEY_BYTES};

/// What follows a server's key in that of its schemas.
pub(in crate::history) const SCHEMA: &str = "/schema";
/// Times beyond a million years are refused: sums of them must not overflow.
const MOST_MS: i64 = 1 << 55;

/// A block shorter than this is soon merged, as an hour has several of them.
const MERGED_SOON_MS: i64 = 20 * 60_000;

/// Which share of the file one sealing may take.
const LARGEST_SHARE: u64 = 4;

/// The most steps that are taken to make room for one sealing.
const MOST_STEPS: usize = 64;

/// A block that is ready to be stored.
struct Made {
    columns: Columns,
    bytes: Vec<u8>,
}

impl History {
    /// Puts blocks, process tables and events in the place of chunks: all in one transaction, so that a
    /// crash leaves the one or the other. Ticks of an hour of which there are blocks already
    /// make another one; [`tend`](Self::tend) merges them.
    ///
    /// # Errors
    /// [`HistoryError::Refused`] when the columns do not fit one another, or take more than a
    /// quarter of what the history may have; and what the disk refuses. Nothing is changed then.
    pub fn seal(&self, sealing: &Sealing<'_>) -> Result<Sealed, HistoryError> {
        check(sealing).map_err(|why| HistoryError::Refused { why })?;
        let _one_at_a_time = self.0.archive.upkeep();
        let newest = sealing.timestamps.last().copied().unwrap_or_default();
        let series = &sealing.series[..sealing.series.len().min(MAX_COLUMNS)];
        let told = |values: &[f64]| values.iter().any(|value| !is_absent(*value));
        let keys = series.iter().map(|(key, values)| told(values).then_some(key));
        let interned = self.intern(keys, newest)?;
        let (made, segments) = make(sealing, series, &interned.ids)
            .map_err(|why| HistoryError::Refused { why: why.to_string() })?;
        let events = Kept::of(sealing.events, self.0.room.file_bytes);
        let bytes = made.iter().map(|made| made.bytes.len()).sum::<usize>()
            + segments.iter().map(Segment::size).sum::<usize>()
            + events.bytes;
        let most = self.0.room.file_bytes / LARGEST_SHARE;
        if bytes as u64 > most {
            let why = format!(
                "blocks of {bytes} bytes are above {most}: let the history take more of the disk"
            );
            return Err(HistoryError::Refused { why });
        }
        self.make_room_for(bytes)?;
        let generation = || self.0.connections.generation();
        let put = self.write(|connection| {
            if generation() != interned.generation || !take(connection, sealing)? {
                return Ok(None);
            }
            let mut pruned = self.0.room.make(connection, bytes)?;
            let (stored, gone) =
                put(connection, sealing.server, (&made, &segments, &events), &interned)?;
            pruned.events += gone;
            Ok(Some((pruned, stored)))
        })?;
        let Some((pruned, stored)) = put else {
            return Ok(Sealed { stale: true, ..Sealed::default() });
        };
        let left_out = interned.left_out + sealing.series.len() - series.len();
        self.learn(interned);
        let sealed = Sealed {
            stale: false,
            blocks: made.len(),
            bytes,
            tables: segments.iter().map(Segment::tables).sum(),
            events: stored,
            chunks: sealing.chunks.len(),
            left_out,
        };
        let counters = &self.0.counters;
        counters.pruned(&pruned);
        Counters::add(&counters.blocks_sealed, sealed.blocks as u64);
        Counters::add(&counters.chunks_sealed, sealed.chunks as u64);
        Counters::add(&counters.tables_sealed, sealed.tables as u64);
        Counters::add(&counters.events_sealed, sealed.events as u64);
        Counters::add(&counters.events_left_out, events.left_out as u64);
        Counters::add(&counters.series_left_out, left_out as u64);
        Ok(sealed)
    }
}

impl History {
    /// Makes room before the transaction that needs it, because there is time to make windows
    /// of what goes.
    fn make_room_for(&self, bytes: usize) -> Result<(), HistoryError> {
        let most = self.0.room.most_before(bytes);
        for _ in 0..MOST_STEPS {
            if !self.give_up_oldest(most)? {
                break;
            }
        }
        Ok(())
    }
}

/// What is wrong with it, if anything is.
fn check(sealing: &Sealing<'_>) -> Result<(), String> {
    let Sealing { server, timestamps, series, tables, .. } = sealing;
    if server.is_empty() || server.len() > MAX_SERVER_KEY_BYTES {
        let most = MAX_SERVER_KEY_BYTES;
        return Err(format!("the server's key is empty, or longer than {most} bytes"));
    }
    if let Some(at) = timestamps.windows(2).position(|pair| pair[0] >= pair[1]) {
        return Err(format!("timestamp number {} is not later than the one before", at + 1));
    }
    let mut times = timestamps.iter().copied().chain(tables.iter().map(|table| table.at.unix_ms));
    if times.any(|time| !(-MOST_MS..=MOST_MS).contains(&time)) {
        return Err("a timestamp is more than a million years from 1970".to_owned());
    }
    match series.iter().find(|(_, values)| values.len() != timestamps.len()) {
        Some((key, values)) => {
            let (found, ticks) = (values.len(), timestamps.len());
            Err(format!("{key} has {found} values for {ticks} timestamps"))
        }
        None => Ok(()),
    }
}

/// Seals, before the transaction begins: others write meanwhile.
fn make(
    sealing: &Sealing<'_>,
    series: &[(SeriesKey, Vec<f64>)],
    ids: &[Option<KeyId>],
) -> Result<(Vec<Made>, Vec<Segment>), block::SealError> {
    let tag = servers::tag(sealing.server);
    let mut made = Vec::new();
    for hour in by_hour(sealing.timestamps) {
        for from in hour.clone().step_by(MAX_TICKS) {
            let ticks = from..hour.end.min(from + MAX_TICKS);
            let column = |((_, values), id): (&(SeriesKey, Vec<f64>), &Option<KeyId>)| {
                let values = &values[ticks.clone()];
                let told = values.iter().any(|value| !is_absent(*value));
                id.filter(|_| told).map(|id| (id, values.to_vec()))
            };
            let timestamps = sealing.timestamps[ticks.clone()].to_vec();
            let series: Vec<_> = series.iter().zip(ids).filter_map(column).collect();
            if series.is_empty() {
                continue;
            }
            let columns = Columns { timestamps, series };
            let options = SealOptions { tag, ..effort(&columns.timestamps) };
            let bytes = block::seal(&columns, &options)?;
            made.push(Made { columns, bytes });
        }
    }
    Ok((made, tables::gather(sealing.tables, tag)?))
}

/// Most blocks are of ten minutes, and merged within the hour: these need not be small.
fn effort(times: &[i64]) -> SealOptions {
    let long = times.last().zip(times.first()).map_or(0, |(last, first)| last - first);
    if long < MERGED_SOON_MS { SealOptions::soon_merged() } else { SealOptions::default() }
}

/// Deletes the chunks that are sealed. False, and nothing is changed, when one is not there.
fn take(connection: &Connection, sealing: &Sealing<'_>) -> Result<bool, StoreError> {
    let sql = "SELECT server FROM chunk JOIN ring ON ring.id = chunk.ring \
         WHERE chunk.id = ?1 AND chunk.crc = ?2 AND removed = FALSE";
    let mut query = connection.prepare_cached(sql)?;
    for ChunkRow { id, crc } in sealing.chunks {
        let server = query.query_row(params![id, crc], |row| row.get::<_, String>(0)).optional()?;
        let ours = |server: &str| server.strip_suffix(SCHEMA).unwrap_or(server) == sealing.server;
        if !server.is_some_and(|server| server == sealing.server || ours(&server)) {
            return Ok(false);
        }
    }
    let mut delete = connection.prepare_cached("DELETE FROM chunk WHERE id = ?1")?;
    for ChunkRow { id, .. } in sealing.chunks {
        delete.execute([id])?;
    }
    Ok(true)
}

/// Says how many events were stored, and how many older ones went for them.
fn put(
    connection: &Connection,
    server: &str,
    (made, segments, events): (&[Made], &[Segment], &Kept<'_>),
    interned: &Interned,
) -> Result<(usize, usize), StoreError> {
    // What is told to be known from now on must be on the disk, whatever else is.
    interned.put(connection)?;
    if made.is_empty() && segments.is_empty() && events.is_empty() {
        return Ok((0, 0));
    }
    let server = servers::of(connection, server)?;
    for made in made {
        put_block(connection, &server, made)?;
    }
    for segment in segments {
        segment.put(connection, &server)?;
    }
    events.put(connection, &server)
}

fn put_block(connection: &Connection, server: &Archived, made: &Made) -> Result<(), StoreError> {
    let times = &made.columns.timestamps;
    let (first, last) = (times[0], times[times.len() - 1]);
    let hour = Level::Ticks.span(first);
    if hour.from_ms < server.reach.ticks_from_ms {
        // The other ticks of that hour are gone; what it adds to the windows stays.
        return tier::add_late(connection, server, hour, &made.columns);
    }
    rows::put(connection, server.row, Level::Ticks, (first, last), &made.bytes, None)?;
    due::note(connection, server.row, Level::Ticks, hour)?;
    let six_hours = Level::Minutes.span(first);
    due::note(connection, server.row, Level::Minutes, six_hours)?;
    // What came late is where the counters of the next hour rise from.
    let after = Level::Ticks.span(hour.to_ms);
    let next = Level::Minutes.span(after.from_ms);
    if next != six_hours && !rows::within(connection, server, Level::Ticks, after)?.is_empty() {
        due::note(connection, server.row, Level::Minutes, next)?;
    }
    Ok(())
}
