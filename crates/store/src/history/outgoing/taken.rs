//! What the cap takes before it is handed over.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::{JOINED_MS, Targets};
use crate::StoreError;

/// Ticks that the cap took, by the time that they are from. Both ends are included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::history) struct Went {
    pub(in crate::history) whose: Whose,
    pub(in crate::history) from_ms: i64,
    pub(in crate::history) to_ms: i64,
}

/// A server, by a row that is its.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::history) enum Whose {
    Ring(i64),
    Archived(i64),
}

impl Targets {
    /// Counts what of it waits, for each target.
    pub(in crate::history) fn took(
        &self,
        connection: &Connection,
        went: &[Went],
    ) -> Result<(), StoreError> {
        let mut targets = self.lock();
        if targets.is_empty() {
            return Ok(());
        }
        for Went { whose, from_ms, to_ms } in joined(went) {
            let Some(server) = key_of(connection, whose)? else { continue };
            for target in targets.iter_mut() {
                let ms = waits_within(connection, &target.url, &server, (from_ms, to_ms))?;
                if ms > 0 {
                    *target.taken_ms.entry(server.clone()).or_default() += ms;
                }
            }
        }
        Ok(())
    }
}

/// Each server's, in the order of time; what touches is one, as stretches are.
fn joined(went: &[Went]) -> Vec<Went> {
    let mut by_server: BTreeMap<Whose, Vec<Went>> = BTreeMap::new();
    for one in went {
        by_server.entry(one.whose).or_default().push(*one);
    }
    let mut all: Vec<Went> = Vec::new();
    for mut of in by_server.into_values() {
        of.sort_unstable_by_key(|one| one.from_ms);
        let begins = all.len();
        for one in of {
            match all[begins..].last_mut() {
                Some(last) if one.from_ms <= last.to_ms.saturating_add(JOINED_MS) => {
                    last.to_ms = last.to_ms.max(one.to_ms);
                }
                _ => all.push(one),
            }
        }
    }
    all
}

fn key_of(connection: &Connection, whose: Whose) -> Result<Option<String>, StoreError> {
    let (sql, row) = match whose {
        Whose::Ring(row) => ("SELECT server FROM ring WHERE id = ?1 AND removed = FALSE", row),
        Whose::Archived(row) => {
            ("SELECT server FROM archived WHERE id = ?1 AND removed = FALSE", row)
        }
    };
    Ok(connection.prepare_cached(sql)?.query_row([row], |row| row.get(0)).optional()?)
}

/// How much of that time of a server waits, in milliseconds.
fn waits_within(
    connection: &Connection,
    target: &str,
    server: &str,
    (from_ms, to_ms): (i64, i64),
) -> Result<u64, StoreError> {
    let sql = "SELECT coalesce(sum(min(to_ms, ?4) - max(from_ms, ?3)), 0) FROM outgoing \
         WHERE target = ?1 AND server = ?2 AND to_ms >= ?3 AND from_ms <= ?4";
    let values = params![target, server, from_ms, to_ms];
    let ms: i64 = connection.prepare_cached(sql)?.query_row(values, |row| row.get(0))?;
    Ok(u64::try_from(ms).unwrap_or(0))
}
