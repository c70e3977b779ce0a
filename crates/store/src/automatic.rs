use rusqlite::{OptionalExtension, Row, params};
use watchfire_model::IncidentId;

use crate::{Batch, Store, StoreError};

/// How long it is remembered that something began, in milliseconds: 90 days.
const KEPT_MS: i64 = 90 * 86_400_000;

/// Something that the hub began of its own accord, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAutomatic {
    /// `schedule` or `remedy`.
    pub kind: String,
    /// What it is called in the config.
    pub name: String,
    /// Which of its times: the end of a schedule's window, or the number of an alert.
    pub of: i64,
    /// When it began, in milliseconds since 1970.
    pub at_unix_ms: i64,
    /// The run; empty where nothing was run.
    pub run: String,
    /// The incident that it is for.
    pub incident: Option<IncidentId>,
    /// What came of it was told.
    pub is_over: bool,
}

impl Store {
    /// Those of which nothing was told yet, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn open_automatic(&self) -> Result<Vec<StoredAutomatic>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT kind, name, of, at_unix_ms, run, incident, is_over FROM automatic \
                 WHERE is_over = 0 ORDER BY at_unix_ms";
            let mut query = connection.prepare_cached(sql)?;
            let rows = query.query_map([], stored)?.collect::<Result<_, _>>()?;
            Ok(rows)
        })
    }

    /// True when this one began.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn has_begun(&self, kind: &str, name: &str, of: i64) -> Result<bool, StoreError> {
        self.read(|connection| {
            let sql = "SELECT 1 FROM automatic WHERE kind = ?1 AND name = ?2 AND of = ?3";
            let mut query = connection.prepare_cached(sql)?;
            let found: Option<i64> =
                query.query_row(params![kind, name, of], |row| row.get(0)).optional()?;
            Ok(found.is_some())
        })
    }

    /// How many of this name ran something from a moment on.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn begun_since(&self, kind: &str, name: &str, unix_ms: i64) -> Result<u64, StoreError> {
        self.read(|connection| {
            let sql = "SELECT count(*) FROM automatic \
                 WHERE kind = ?1 AND name = ?2 AND at_unix_ms >= ?3 AND run <> ''";
            let mut query = connection.prepare_cached(sql)?;
            let count: i64 = query.query_row(params![kind, name, unix_ms], |row| row.get(0))?;
            Ok(count.unsigned_abs())
        })
    }
}

impl Batch<'_> {
    /// Remembers that something began, or that it is over; what is older than 90 days goes.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn put_automatic(&self, one: &StoredAutomatic) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO automatic \
             (kind, name, of, at_unix_ms, run, incident, is_over) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let incident = one.incident.map(|id| id.0);
        let StoredAutomatic { kind, name, of, at_unix_ms, run, is_over, .. } = one;
        let values = params![kind, name, of, at_unix_ms, run, incident, is_over];
        self.connection.prepare_cached(sql)?.execute(values)?;
        let sql = "DELETE FROM automatic WHERE is_over AND at_unix_ms < ?1";
        self.connection.prepare_cached(sql)?.execute([at_unix_ms.saturating_sub(KEPT_MS)])?;
        Ok(())
    }
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredAutomatic> {
    Ok(StoredAutomatic {
        kind: row.get(0)?,
        name: row.get(1)?,
        of: row.get(2)?,
        at_unix_ms: row.get(3)?,
        run: row.get(4)?,
        incident: row.get::<_, Option<i64>>(5)?.map(IncidentId),
        is_over: row.get(6)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_begins_once_and_is_told_of_until_it_is_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a new store");
        let mut one = StoredAutomatic {
            kind: "remedy".to_owned(),
            name: "restart".to_owned(),
            of: 7,
            at_unix_ms: 1_000,
            run: "ab".to_owned(),
            incident: Some(IncidentId(3)),
            is_over: false,
        };
        let put = |one: &StoredAutomatic| store.write(|batch| batch.put_automatic(one));
        put(&one).expect("stored");
        assert_eq!(store.open_automatic().expect("readable"), [one.clone()]);
        assert!(store.has_begun("remedy", "restart", 7).expect("readable"));
        assert!(!store.has_begun("remedy", "restart", 8).expect("readable"));
        assert!(!store.has_begun("schedule", "restart", 7).expect("readable"));
        let since = |ms| store.begun_since("remedy", "restart", ms).expect("readable");
        assert_eq!((since(1_000), since(1_001)), (1, 0));
        one.is_over = true;
        put(&one).expect("stored");
        assert_eq!(store.open_automatic().expect("readable"), []);
        let much_later = StoredAutomatic {
            of: 9,
            at_unix_ms: 1_001 + KEPT_MS,
            run: String::new(),
            ..one.clone()
        };
        put(&much_later).expect("stored");
        assert!(!store.has_begun("remedy", "restart", 7).expect("readable"), "it is forgotten");
        assert_eq!(since(0), 0, "nothing was run by it");
    }
}
