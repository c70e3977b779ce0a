use rusqlite::{Connection, TransactionBehavior};

use crate::StoreError;

/// The format of one of the databases.
#[derive(Debug)]
pub(crate) struct Format {
    /// Every change of the format, in order. Line n leads from version n - 1 to
    /// version n; a released line is never changed.
    steps: &'static [&'static str],
    /// Marks the file as ours.
    application_id: i64,
}

/// `watchfire.db`, marked "WFir" in ASCII.
pub(crate) const WATCHFIRE: Format = Format {
    steps: &[
        include_str!("migrations/0001.sql"),
        include_str!("migrations/0002.sql"),
        include_str!("migrations/0003.sql"),
        include_str!("migrations/0004.sql"),
        include_str!("migrations/0005.sql"),
        include_str!("migrations/0006.sql"),
        include_str!("migrations/0007.sql"),
        include_str!("migrations/0008.sql"),
        include_str!("migrations/0009.sql"),
        include_str!("migrations/0010.sql"),
        include_str!("migrations/0011.sql"),
        include_str!("migrations/0012.sql"),
        include_str!("migrations/0013.sql"),
        include_str!("migrations/0014.sql"),
    ],
    application_id: 0x5746_6972,
};

/// `history.db`, marked "WFhi" in ASCII.
pub(crate) const HISTORY: Format = Format {
    steps: &[
        include_str!("migrations/history_0001.sql"),
        include_str!("migrations/history_0002.sql"),
        include_str!("migrations/history_0003.sql"),
        include_str!("migrations/history_0004.sql"),
        include_str!("migrations/history_0005.sql"),
        include_str!("migrations/history_0006.sql"),
    ],
    application_id: 0x5746_6869,
};

impl Format {
    /// The changes, in order.
    #[cfg(test)]
    pub(crate) fn steps(&self) -> &'static [&'static str] {
        self.steps
    }

    /// The newest version that this build knows.
    pub(crate) fn newest(&self) -> i64 {
        i64::try_from(self.steps.len()).unwrap_or(i64::MAX)
    }
}

/// Refuses a file of a newer version and one that is not ours. Changes nothing,
/// and says whether the file is an empty one.
pub(crate) fn check(connection: &Connection, format: &Format) -> Result<bool, StoreError> {
    let found = version(connection)?;
    let application: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let fresh = found == 0 && tables == 0 && application == 0;
    if !fresh && application != format.application_id {
        return Err(StoreError::Foreign);
    }
    if found > format.newest() {
        return Err(StoreError::NewerFormat { found, known: format.newest() });
    }
    Ok(fresh)
}

/// Whether the file is of the newest version.
pub(crate) fn check_version(connection: &Connection, format: &Format) -> Result<bool, StoreError> {
    Ok(version(connection)? == format.newest())
}

/// Brings the file to the newest version. Each step is one transaction, so a
/// crash leaves the version before it or the version after it.
pub(crate) fn migrate(connection: &mut Connection, format: &Format) -> Result<(), StoreError> {
    for (step, to) in format.steps.iter().zip(1_i64..) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if version(&transaction)? >= to {
            continue;
        }
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", format.application_id)?;
        transaction.pragma_update(None, "user_version", to)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Compares the tables and indexes with those that this build makes. A flipped
/// byte in their description changes what SQLite does and is no damage to it.
///
/// # Errors
/// [`StoreError::Damaged`] when they differ.
pub(crate) fn check_schema(connection: &Connection, format: &Format) -> Result<(), StoreError> {
    let mut fresh = Connection::open_in_memory()?;
    migrate(&mut fresh, format)?;
    if schema(connection)? == schema(&fresh)? {
        return Ok(());
    }
    Err(StoreError::Damaged { why: "its tables are not those that were made".to_owned() })
}

fn schema(connection: &Connection) -> Result<Vec<[Option<String>; 4]>, StoreError> {
    let sql = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name";
    let mut query = connection.prepare(sql)?;
    let rows =
        query.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn version(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(connection: &Connection) -> Vec<(String, String)> {
        let mut query = connection
            .prepare("SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'")
            .unwrap();
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn from_nothing_to_the_newest_and_no_further() {
        for format in [&WATCHFIRE, &HISTORY] {
            let mut connection = Connection::open_in_memory().unwrap();
            assert_eq!(check(&connection, format), Ok(true));
            migrate(&mut connection, format).unwrap();
            let made = objects(&connection);
            assert_eq!(version(&connection), Ok(format.newest()));
            assert_eq!(check(&connection, format), Ok(false));
            migrate(&mut connection, format).unwrap();
            assert_eq!(objects(&connection), made);
        }
    }

    #[test]
    fn every_table_is_in_the_drawing() {
        let drawing = include_str!("../FORMAT.md");
        for format in [&WATCHFIRE, &HISTORY] {
            let mut connection = Connection::open_in_memory().unwrap();
            migrate(&mut connection, format).unwrap();
            for (kind, name) in objects(&connection) {
                assert!(kind != "table" || drawing.contains(&format!("`{name}`")), "{name}");
            }
        }
    }

    #[test]
    fn a_newer_version_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &WATCHFIRE).unwrap();
        let newest = WATCHFIRE.newest();
        connection.pragma_update(None, "user_version", newest + 1).unwrap();
        let refused = StoreError::NewerFormat { found: newest + 1, known: newest };
        assert_eq!(check(&connection, &WATCHFIRE), Err(refused));
    }

    #[test]
    fn the_database_of_another_program_is_refused() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE incident (id)").unwrap();
        assert_eq!(check(&connection, &WATCHFIRE), Err(StoreError::Foreign));
        let connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "application_id", 7).unwrap();
        assert_eq!(check(&connection, &WATCHFIRE), Err(StoreError::Foreign));
    }

    #[test]
    fn the_two_databases_are_not_taken_for_each_other() {
        for (made, asked) in [(&WATCHFIRE, &HISTORY), (&HISTORY, &WATCHFIRE)] {
            let mut connection = Connection::open_in_memory().unwrap();
            migrate(&mut connection, made).unwrap();
            assert_eq!(check(&connection, asked), Err(StoreError::Foreign));
        }
    }
}
