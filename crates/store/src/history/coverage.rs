use std::ops::RangeInclusive;

use crc32fast::Hasher;
use rusqlite::{Connection, params};

use super::counters::Counters;
use super::ring::{self, Ring};
use super::{History, HistoryError};
use crate::StoreError;

/// The most intervals of one ring. Above this the hole between the two oldest is
/// given up: it counts as known, and is not asked for again.
pub const MAX_INTERVALS: usize = 512;

/// Sequences above `after` and up to `upto`: those that exist were told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) after: i64,
    pub(super) upto: i64,
}

impl Interval {
    fn checksum(self, ring: &Ring) -> u32 {
        let mut hasher = Hasher::new_with_initial(ring.tag);
        hasher.update(&self.after.to_le_bytes());
        hasher.update(&self.upto.to_le_bytes());
        hasher.finalize()
    }
}

impl History {
    /// The sequences of a ring that are known, as merged intervals `(after, to)`
    /// that hold what is above `after` up to `to`, in order. What was pruned
    /// since stays known, so that it is not asked for again.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read.
    pub fn coverage(&self, server: &str, ring: [u8; 16]) -> Result<Vec<(u64, u64)>, HistoryError> {
        let unsigned = |one: Interval| (one.after.unsigned_abs(), one.upto.unsigned_abs());
        Ok(self.intervals(server, ring)?.into_iter().map(unsigned).collect())
    }

    /// What is not known of the sequences from `oldest` to `newest`, both
    /// included: what the hub asks a ring for. The newest hole comes first.
    ///
    /// # Errors
    /// [`HistoryError`] when the file cannot be read.
    pub fn holes(
        &self,
        server: &str,
        ring: [u8; 16],
        oldest: u64,
        newest: u64,
    ) -> Result<Vec<RangeInclusive<u64>>, HistoryError> {
        let mut holes = Vec::new();
        let mut from = oldest;
        for (after, to) in self.coverage(server, ring)? {
            if after >= newest {
                break;
            }
            if from <= after {
                holes.push(from..=after);
            }
            from = from.max(to.saturating_add(1));
        }
        if from <= newest {
            holes.push(from..=newest);
        }
        holes.reverse();
        Ok(holes)
    }

    fn intervals(&self, server: &str, ring: [u8; 16]) -> Result<Vec<Interval>, HistoryError> {
        self.read(|connection| {
            let Some(ring) = ring::find(connection, server, ring)? else { return Ok(Vec::new()) };
            let sql = "SELECT after, upto, crc FROM interval WHERE ring = ?1 ORDER BY after";
            let mut query = connection.prepare_cached(sql)?;
            let mut rows = query.query([ring.row])?;
            let mut intervals: Vec<Interval> = Vec::new();
            while let Some(row) = rows.next()? {
                let one = Interval { after: row.get(0)?, upto: row.get(1)? };
                if one.checksum(&ring) != row.get::<_, u32>(2)? {
                    Counters::add(&self.0.counters.damaged_rows, 1);
                    continue;
                }
                match intervals.last_mut() {
                    Some(before) if before.upto >= one.after => {
                        before.upto = before.upto.max(one.upto);
                    }
                    _ => intervals.push(one),
                }
            }
            Ok(intervals)
        })
    }
}

/// Of each interval of a ring whether it is what was stored.
pub(super) fn are_sound(connection: &Connection, ring: &Ring) -> Result<Vec<bool>, StoreError> {
    let sql = "SELECT after, upto, crc FROM interval WHERE ring = ?1";
    let mut query = connection.prepare_cached(sql)?;
    let all = query.query_map([ring.row], |row| {
        let one = Interval { after: row.get(0)?, upto: row.get(1)? };
        Ok(one.checksum(ring) == row.get::<_, u32>(2)?)
    })?;
    Ok(all.collect::<Result<_, _>>()?)
}

/// Adds what was told to what is known of a ring. False when all of it was known.
pub(super) fn learn(
    connection: &Connection,
    ring: &Ring,
    told: Interval,
    counters: &Counters,
) -> Result<bool, StoreError> {
    let met = touching(connection, ring, told, counters)?;
    if met.iter().any(|one| one.after <= told.after && one.upto >= told.upto) {
        return Ok(false);
    }
    if let [one] = met[..]
        && one.after <= told.after
    {
        put(connection, ring, Interval { after: one.after, upto: told.upto })?;
        return Ok(true);
    }
    let mut whole = told;
    for one in &met {
        whole.after = whole.after.min(one.after);
        whole.upto = whole.upto.max(one.upto);
        forget(connection, ring, one.after)?;
    }
    put(connection, ring, whole)?;
    if met.is_empty() {
        limit(connection, ring, counters)?;
    }
    Ok(true)
}

/// The intervals that overlap `told` or touch it. Damaged ones are forgotten:
/// what they covered is asked for again.
fn touching(
    connection: &Connection,
    ring: &Ring,
    told: Interval,
    counters: &Counters,
) -> Result<Vec<Interval>, StoreError> {
    let sql = "SELECT after, upto, crc FROM interval WHERE ring = ?1 AND after <= ?2 \
         ORDER BY after DESC";
    let mut met = Vec::new();
    let mut damaged = Vec::new();
    let mut query = connection.prepare_cached(sql)?;
    let mut rows = query.query([ring.row, told.upto])?;
    while let Some(row) = rows.next()? {
        let one = Interval { after: row.get(0)?, upto: row.get(1)? };
        if one.checksum(ring) != row.get::<_, u32>(2)? {
            damaged.push(one.after);
        } else if one.upto < told.after {
            break;
        } else {
            met.push(one);
        }
    }
    drop(rows);
    for after in damaged {
        Counters::add(&counters.damaged_rows, 1);
        forget(connection, ring, after)?;
    }
    Ok(met)
}

fn put(connection: &Connection, ring: &Ring, one: Interval) -> Result<(), StoreError> {
    let sql = "INSERT INTO interval (ring, after, upto, crc) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (ring, after) DO UPDATE SET upto = excluded.upto, crc = excluded.crc";
    let values = params![ring.row, one.after, one.upto, one.checksum(ring)];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

fn forget(connection: &Connection, ring: &Ring, after: i64) -> Result<(), StoreError> {
    let sql = "DELETE FROM interval WHERE ring = ?1 AND after = ?2";
    connection.prepare_cached(sql)?.execute([ring.row, after])?;
    Ok(())
}

fn limit(connection: &Connection, ring: &Ring, counters: &Counters) -> Result<(), StoreError> {
    let sql = "SELECT count(*) FROM interval WHERE ring = ?1";
    let count: i64 = connection.prepare_cached(sql)?.query_row([ring.row], |row| row.get(0))?;
    if usize::try_from(count).is_ok_and(|count| count <= MAX_INTERVALS) {
        return Ok(());
    }
    let sql = "SELECT after, upto FROM interval WHERE ring = ?1 ORDER BY after LIMIT 2";
    let mut query = connection.prepare_cached(sql)?;
    let oldest = query
        .query_map([ring.row], |row| Ok(Interval { after: row.get(0)?, upto: row.get(1)? }))?;
    let oldest = oldest.collect::<Result<Vec<_>, _>>()?;
    if let [first, second] = oldest[..] {
        forget(connection, ring, second.after)?;
        put(connection, ring, Interval { after: first.after, upto: second.upto })?;
        Counters::add(&counters.holes_given_up, 1);
    }
    Ok(())
}
