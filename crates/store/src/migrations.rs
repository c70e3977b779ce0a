use rusqlite::{Connection, TransactionBehavior};

use crate::StoreError;

/// Every change of the format, in order. Line n leads from version n - 1 to
/// version n; a released line is never changed.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001.sql")];

/// Marks the file as ours: "WFir" in ASCII.
const APPLICATION_ID: i64 = 0x5746_6972;

/// The newest version that this build knows.
pub(crate) fn newest() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Refuses a file of a newer version and one that is not ours. Changes nothing.
pub(crate) fn check(connection: &Connection) -> Result<(), StoreError> {
    let found = version(connection)?;
    if found > newest() {
        return Err(StoreError::NewerFormat { found, known: newest() });
    }
    let application: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let fresh = found == 0 && tables == 0 && application == 0;
    if fresh || application == APPLICATION_ID { Ok(()) } else { Err(StoreError::Foreign) }
}

/// Brings the file to the newest version. Each step is one transaction, so a
/// crash leaves the version before it or the version after it.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    for (step, to) in MIGRATIONS.iter().zip(1_i64..) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if version(&transaction)? >= to {
            continue;
        }
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", to)?;
        transaction.commit()?;
    }
    Ok(())
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
        let mut connection = Connection::open_in_memory().unwrap();
        assert_eq!(check(&connection), Ok(()));
        migrate(&mut connection).unwrap();
        let made = objects(&connection);
        assert_eq!(version(&connection), Ok(newest()));
        assert_eq!(check(&connection), Ok(()));
        migrate(&mut connection).unwrap();
        assert_eq!(objects(&connection), made);
    }

    #[test]
    fn every_table_is_in_the_drawing() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        let drawing = include_str!("../FORMAT.md");
        for (kind, name) in objects(&connection) {
            assert!(kind != "table" || drawing.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn a_newer_version_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        connection.pragma_update(None, "user_version", newest() + 1).unwrap();
        let refused = StoreError::NewerFormat { found: newest() + 1, known: newest() };
        assert_eq!(check(&connection), Err(refused));
    }

    #[test]
    fn the_database_of_another_program_is_refused() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE incident (id)").unwrap();
        assert_eq!(check(&connection), Err(StoreError::Foreign));
        let connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "application_id", 7).unwrap();
        assert_eq!(check(&connection), Err(StoreError::Foreign));
    }
}
