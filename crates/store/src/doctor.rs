//! Looks through a whole file, while a hub has it open or not, and changes nothing.

use std::path::Path;

use rusqlite::Connection;

use crate::connection::open_to_look;
use crate::findings::Findings;
use crate::migrations::{self, Format};
use crate::{HistoryError, StoreError, folder, history};

/// Looks through `watchfire.db` in `folder`: its pages, its indexes and what refers to what. A
/// finding is a whole sentence.
///
/// # Errors
/// [`StoreError`] when there is no such file, it is another program's or a newer release's, or
/// the disk does not answer. Damage is no error: it is what is looked for.
pub fn examine_store(folder: &Path) -> Result<Findings, StoreError> {
    let database = folder::store_file(folder);
    let (findings, _) = examine(&database, "watchfire.db", &migrations::WATCHFIRE)?;
    Ok(findings)
}

/// Looks through `history.db` in `folder`: its pages and indexes, and every checksum of its
/// chunks, blocks, keys and process tables. It reads all of it.
///
/// # Errors
/// As [`examine_store`].
pub fn examine_history(folder: &Path) -> Result<Findings, HistoryError> {
    let database = folder::history_file(folder);
    let (mut findings, connection) = examine(&database, "history.db", &migrations::HISTORY)?;
    let newest = migrations::check_version(&connection, &migrations::HISTORY)?;
    if !newest {
        findings.told.push(
            "history.db is of an older release: its checksums are looked at once a hub opened it"
                .to_owned(),
        );
        return Ok(findings);
    }
    match history::examine(&connection, &mut findings) {
        Ok(()) => {}
        Err(StoreError::Damaged { why } | StoreError::Unreadable { why, .. }) => {
            findings.found(|| format!("history.db cannot be read to its end: {why}"));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(findings)
}

/// What SQLite finds, and the connection.
fn examine(
    database: &Path,
    name: &str,
    format: &Format,
) -> Result<(Findings, Connection), StoreError> {
    let connection = open_to_look(database)?;
    let mut findings = Findings::default();
    migrations::check(&connection, format)?;
    for check in ["PRAGMA integrity_check(100)", "PRAGMA foreign_key_check"] {
        let mut query = connection.prepare(check)?;
        let mut rows = query.query([])?;
        loop {
            match rows.next().map_err(StoreError::from) {
                Ok(Some(row)) => {
                    let said: String = row.get(0).unwrap_or_default();
                    if said != "ok" {
                        findings.found(|| format!("{name}: {said}"));
                    }
                }
                Ok(None) => break,
                Err(StoreError::Damaged { why }) => {
                    findings.found(|| format!("{name}: {why}"));
                    break;
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok((findings, connection))
}
