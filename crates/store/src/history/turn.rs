use rusqlite::{Connection, OptionalExtension, Params, params};

use super::outgoing::{Went, Whose};
use crate::StoreError;

/// How many times the mean of all servers one may hold while the history is full.
const MOST_SHARES: i64 = 8;
/// The least number of chunks that are deleted before it is looked anew who holds how much.
const LEAST_CHUNKS: usize = 1024;

/// Whose chunks go next: those of a server that holds more than eight times the mean, or
/// than half of all, before those that are stored longest. Else one agent that tells as
/// much as it may would push the history of all others out within hours.
///
/// To look who holds how much takes a step for each server, so it is done once for about
/// as many deleted chunks.
#[derive(Debug, Default)]
pub(super) struct Turn {
    heavy: Option<Heavy>,
    /// Chunks to be deleted before the next look.
    left: usize,
}

#[derive(Debug)]
struct Heavy {
    server: String,
    /// What it may hold, in bytes.
    most: i64,
}

impl Turn {
    /// Deletes about `step` chunks, and returns what went with them.
    pub(super) fn delete(
        &mut self,
        connection: &Connection,
        step: i64,
    ) -> Result<Vec<Went>, StoreError> {
        let holds = match &self.heavy {
            Some(heavy) if held_by(connection, &heavy.server)? <= heavy.most => false,
            _ => self.left > 0,
        };
        if !holds {
            (self.heavy, self.left) = look(connection)?;
        }
        let of_heavy = match &self.heavy {
            Some(heavy) => delete_of(connection, &heavy.server, step)?,
            None => Vec::new(),
        };
        let went = if of_heavy.is_empty() { delete_oldest(connection, step)? } else { of_heavy };
        self.left = self.left.saturating_sub(went.len());
        Ok(went)
    }
}

/// The server that holds too much, if one does, and for how many chunks that counts.
fn look(connection: &Connection) -> Result<(Option<Heavy>, usize), StoreError> {
    let sql = "SELECT server, sum(bytes) AS held FROM held JOIN ring ON ring.id = held.ring \
         WHERE removed = FALSE GROUP BY server HAVING held > 0 ORDER BY held DESC";
    let mut query = connection.prepare_cached(sql)?;
    let mut rows = query.query([])?;
    let (mut first, mut servers, mut total) = (None, 0_i64, 0_i64);
    while let Some(row) = rows.next()? {
        let held: i64 = row.get(1)?;
        if first.is_none() {
            first = Some((row.get::<_, String>(0)?, held));
        }
        (servers, total) = (servers + 1, total.saturating_add(held));
    }
    let left = LEAST_CHUNKS.max(usize::try_from(servers).unwrap_or(LEAST_CHUNKS));
    let most = (total / servers.max(1)).saturating_mul(MOST_SHARES).min(total / 2);
    let heavy = first.filter(|(_, held)| *held > most);
    Ok((heavy.map(|(server, _)| Heavy { server, most }), left))
}

fn held_by(connection: &Connection, server: &str) -> Result<i64, StoreError> {
    let sql = "SELECT coalesce(sum(bytes), 0) FROM held WHERE ring IN \
         (SELECT id FROM ring WHERE server = ?1 AND removed = FALSE)";
    Ok(connection.prepare_cached(sql)?.query_row([server], |row| row.get(0))?)
}

/// Deletes the oldest chunks of one server, by its own clock: only it is the worse off
/// when that is wrong.
fn delete_of(connection: &Connection, server: &str, step: i64) -> Result<Vec<Went>, StoreError> {
    let sql = "SELECT ring.id FROM ring JOIN held ON held.ring = ring.id \
         WHERE server = ?1 AND removed = FALSE AND chunks > 0 ORDER BY ring.id LIMIT 1";
    let found = connection.prepare_cached(sql)?.query_row([server], |row| row.get(0));
    let Some(ring) = found.optional()? else { return Ok(Vec::new()) };
    let ring: i64 = ring;
    let sql = "DELETE FROM chunk WHERE id IN \
         (SELECT id FROM chunk WHERE ring = ?1 ORDER BY to_ms, id LIMIT ?2) \
         RETURNING ring, from_ms, to_ms";
    went(connection, sql, params![ring, step])
}

fn delete_oldest(connection: &Connection, step: i64) -> Result<Vec<Went>, StoreError> {
    let sql = "DELETE FROM chunk WHERE id IN (SELECT id FROM chunk ORDER BY id LIMIT ?1) \
         RETURNING ring, from_ms, to_ms";
    went(connection, sql, [step])
}

fn went(connection: &Connection, sql: &str, values: impl Params) -> Result<Vec<Went>, StoreError> {
    let mut query = connection.prepare_cached(sql)?;
    let found = query.query_map(values, |row| {
        let whose = Whose::Ring(row.get(0)?);
        Ok(Went { whose, from_ms: row.get(1)?, to_ms: row.get(2)? })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}
