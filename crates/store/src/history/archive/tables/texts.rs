//! The texts of processes, each distinct row once.

use rusqlite::{Connection, OptionalExtension, params};
use watchfire_model::ProcessRow;

use super::runs;
use crate::StoreError;

/// By how much a text's `seen_ms` may be behind.
const SEEN_STEP_MS: i64 = 3_600_000;

/// All texts of a process.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::history::archive) struct Texts {
    pub(super) name: String,
    pub(super) user: String,
    pub(super) command: String,
    pub(super) cgroup: String,
    pub(super) unit: Option<String>,
    pub(super) container: Option<String>,
}

impl Texts {
    pub(super) fn of(row: &ProcessRow) -> Self {
        Self {
            name: row.name.clone(),
            user: row.user.clone(),
            command: row.command.clone(),
            cgroup: row.cgroup.clone(),
            unit: row.unit.clone(),
            container: row.container.clone(),
        }
    }

    pub(super) fn parts_of(row: &ProcessRow) -> [Option<&str>; 6] {
        [
            Some(&row.name),
            Some(&row.user),
            Some(&row.command),
            Some(&row.cgroup),
            row.unit.as_deref(),
            row.container.as_deref(),
        ]
    }

    pub(super) fn put(&self, row: &mut ProcessRow) {
        row.name.clone_from(&self.name);
        row.user.clone_from(&self.user);
        row.command.clone_from(&self.command);
        row.cgroup.clone_from(&self.cgroup);
        row.unit.clone_from(&self.unit);
        row.container.clone_from(&self.container);
    }

    pub(super) fn size(&self) -> usize {
        self.parts().into_iter().flatten().map(str::len).sum::<usize>() + 64
    }

    fn parts(&self) -> [Option<&str>; 6] {
        [
            Some(&self.name),
            Some(&self.user),
            Some(&self.command),
            Some(&self.cgroup),
            self.unit.as_deref(),
            self.container.as_deref(),
        ]
    }

    /// The texts in a row of the query [`SELECT`].
    pub(in crate::history::archive) fn from_row(
        row: &rusqlite::Row<'_>,
    ) -> rusqlite::Result<(u32, Self)> {
        let texts = Self {
            name: row.get(1)?,
            user: row.get(2)?,
            command: row.get(3)?,
            cgroup: row.get(4)?,
            unit: row.get(5)?,
            container: row.get(6)?,
        };
        Ok((row.get(0)?, texts))
    }
}

/// CRC-32 over the row's number, 8 bytes little endian, and each text: 1 and its length in 4
/// bytes and it, or 0 where there is none.
pub(in crate::history::archive) fn checksum(id: i64, texts: &Texts) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&id.to_le_bytes());
    hash_parts(texts, |bytes| hasher.update(bytes));
    hasher.finalize()
}

fn hash_parts(texts: &Texts, mut update: impl FnMut(&[u8])) {
    for part in texts.parts() {
        match part {
            Some(part) => {
                update(&[1]);
                update(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
                update(part.as_bytes());
            }
            None => update(&[0]),
        }
    }
}

fn hash(texts: &Texts) -> i64 {
    let mut hash = runs::Fnv::new();
    hash_parts(texts, |bytes| hash.update(bytes));
    hash.short()
}

/// Gives texts their numbers.
pub(super) struct Interning<'a> {
    connection: &'a Connection,
    now_ms: i64,
}

impl<'a> Interning<'a> {
    /// For a segment that ends at `now_ms`.
    pub(super) fn new(connection: &'a Connection, now_ms: i64) -> Self {
        Self { connection, now_ms }
    }

    pub(super) fn id_of(&mut self, texts: &Texts) -> Result<i64, StoreError> {
        let hash = hash(texts);
        if let Some(id) = self.find(hash, texts)? {
            return Ok(id);
        }
        let sql = "INSERT INTO process_text (hash, seen_ms, crc, name, user, command, cgroup, \
             unit, container) VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?7, ?8)";
        let Texts { name, user, command, cgroup, unit, container } = texts;
        let values = params![hash, self.now_ms, name, user, command, cgroup, unit, container];
        let id = self.connection.prepare_cached(sql)?.insert(values)?;
        let sql = "UPDATE process_text SET crc = ?2 WHERE id = ?1";
        self.connection.prepare_cached(sql)?.execute(params![id, checksum(id, texts)])?;
        Ok(id)
    }

    /// The row of these texts. A damaged one is passed over, and they begin anew.
    fn find(&self, hash: i64, texts: &Texts) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT crc, name, user, command, cgroup, unit, container, id, seen_ms \
             FROM process_text WHERE hash = ?1";
        let mut query = self.connection.prepare_cached(sql)?;
        let mut rows = query.query([hash])?;
        let mut found = None;
        while let Some(row) = rows.next()? {
            let Ok((crc, stored)) = Texts::from_row(row) else { continue };
            let id: i64 = row.get(7)?;
            if stored == *texts && crc == checksum(id, texts) {
                found = Some((id, row.get::<_, i64>(8)?));
                break;
            }
        }
        drop(rows);
        let Some((id, seen_ms)) = found else { return Ok(None) };
        if seen_ms < self.now_ms.saturating_sub(SEEN_STEP_MS) {
            let sql = "UPDATE process_text SET seen_ms = ?2 WHERE id = ?1";
            self.connection.prepare_cached(sql)?.execute([id, self.now_ms])?;
        }
        Ok(Some(id))
    }
}

/// The texts of a number; nothing where they are damaged or gone.
pub(super) fn of_id(connection: &Connection, id: i64) -> Result<Option<Texts>, StoreError> {
    let sql = "SELECT crc, name, user, command, cgroup, unit, container FROM process_text \
         WHERE id = ?1";
    let read = connection.prepare_cached(sql)?.query_row([id], Texts::from_row);
    let read = super::super::rows::sound(read)?;
    Ok(read.filter(|(crc, texts)| *crc == checksum(id, texts)).map(|(_, texts)| texts))
}

/// Deletes texts that no segment holds any more, at most `most`, and says how many.
pub(in crate::history::archive) fn sweep(
    connection: &Connection,
    most: i64,
) -> Result<usize, StoreError> {
    let sql = "SELECT min(last_ms) FROM process_segment";
    let oldest: Option<i64> = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    let before = oldest.map_or(i64::MAX, |oldest| oldest.saturating_sub(2 * SEEN_STEP_MS));
    let sql = "SELECT 1 FROM process_text WHERE seen_ms < ?1 LIMIT 1";
    let any = connection.prepare_cached(sql)?.query_row([before], |_| Ok(())).optional()?;
    if any.is_none() {
        return Ok(0);
    }
    let sql = "DELETE FROM process_text WHERE id IN \
         (SELECT id FROM process_text WHERE seen_ms < ?1 LIMIT ?2)";
    Ok(connection.prepare_cached(sql)?.execute([before, most])?)
}
