use rusqlite::{Row, params};
use watchfire_model::{Goodbye, ServerName};

use crate::row::{readable, server, word};
use crate::{Batch, Store, StoreError};

/// A server whose agent said that it goes, and that may be away for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLeaving {
    /// The server.
    pub server: ServerName,
    /// Why it goes.
    pub goodbye: Goodbye,
    /// When it said so, in milliseconds since 1970.
    pub unix_ms: i64,
}

impl Store {
    /// The servers that are leaving, by name.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn leaving(&self) -> Result<Vec<StoredLeaving>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT server, goodbye, unix_ms FROM leaving ORDER BY server";
            readable(connection.prepare_cached(sql)?.query_and_then([], leaving)?, "goodbye")
        })
    }
}

impl Batch<'_> {
    /// Remembers that a server is leaving: a hub that is started meanwhile gives it
    /// the same time.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn put_leaving(&self, leaving: &StoredLeaving) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO leaving (server, goodbye, unix_ms) VALUES (?1, ?2, ?3)";
        let StoredLeaving { server, goodbye, unix_ms } = leaving;
        let values = params![server.as_str(), goodbye.sight().as_str(), unix_ms];
        self.connection.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    /// The server is back, judged or taken out.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn end_leaving(&self, server: &ServerName) -> Result<(), StoreError> {
        let sql = "DELETE FROM leaving WHERE server = ?1";
        self.connection.prepare_cached(sql)?.execute([server.as_str()])?;
        Ok(())
    }
}

fn leaving(row: &Row<'_>) -> Result<StoredLeaving, StoreError> {
    let as_str = |goodbye: Goodbye| goodbye.sight().as_str();
    Ok(StoredLeaving {
        server: server(row, 0)?,
        goodbye: word(row, 1, &Goodbye::ALL, as_str, "goodbye")?,
        unix_ms: row.get(2)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goodbye_is_kept_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let of = |name: &str, goodbye, unix_ms| {
            let server = ServerName::new(name).unwrap();
            StoredLeaving { server, goodbye, unix_ms }
        };
        let (first, second) = (of("a", Goodbye::Reboot, 1), of("b", Goodbye::Upgrade, 2));
        let later = of("a", Goodbye::Stop, 3);
        let all = [&first, &second, &later];
        store.write(|batch| all.into_iter().try_for_each(|one| batch.put_leaving(one))).unwrap();
        assert_eq!(store.leaving(), Ok(vec![later.clone(), second.clone()]));
        store.write(|batch| batch.end_leaving(&later.server)).unwrap();
        assert_eq!(store.leaving(), Ok(vec![second]));
    }
}
