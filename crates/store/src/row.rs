//! Between columns and the words of `model`.

use std::time::Duration;

use rusqlite::Row;
use watchfire_model::{Moment, ServerName};

use crate::StoreError;

/// Nanoseconds as a column keeps them; what is longer than 292 years is cut.
pub(crate) fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// The duration in column `at`.
pub(crate) fn duration(row: &Row<'_>, at: usize) -> Result<Duration, StoreError> {
    let nanos: i64 = row.get(at)?;
    u64::try_from(nanos)
        .map(Duration::from_nanos)
        .map_err(|error| StoreError::Unreadable { what: "duration", why: error.to_string() })
}

/// The moment in the columns `at` and `at + 1`.
pub(crate) fn moment(row: &Row<'_>, at: usize) -> Result<Moment, StoreError> {
    Ok(Moment { monotonic: duration(row, at)?, unix_ms: row.get(at + 1)? })
}

/// The moment in the columns `at` and `at + 1`, if there is one.
pub(crate) fn moment_if_any(row: &Row<'_>, at: usize) -> Result<Option<Moment>, StoreError> {
    match row.get::<_, Option<i64>>(at + 1)? {
        Some(_) => moment(row, at).map(Some),
        None => Ok(None),
    }
}

/// The number of things in column `at`.
pub(crate) fn count(row: &Row<'_>, at: usize) -> rusqlite::Result<usize> {
    let count: i64 = row.get(at)?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// The server in column `at`.
pub(crate) fn server(row: &Row<'_>, at: usize) -> Result<ServerName, StoreError> {
    let name: String = row.get(at)?;
    ServerName::new(&name)
        .map_err(|error| StoreError::Unreadable { what: "server name", why: error.to_string() })
}

/// Which of `all` the word in column `at` stands for.
pub(crate) fn word<T: Copy>(
    row: &Row<'_>,
    at: usize,
    all: &[T],
    as_str: impl Fn(T) -> &'static str,
    what: &'static str,
) -> Result<T, StoreError> {
    let word: String = row.get(at)?;
    let unreadable =
        || StoreError::Unreadable { what, why: format!("{word:?} is not one this release knows") };
    all.iter().copied().find(|one| as_str(*one) == word).ok_or_else(unreadable)
}

/// The rows that can be read. Another is logged and left out: one damaged row
/// must not hide the others from the page, or keep them from being sent.
pub(crate) fn readable<T>(
    rows: impl IntoIterator<Item = Result<T, StoreError>>,
    what: &'static str,
) -> Result<Vec<T>, StoreError> {
    let can_be_read = |row: &Result<T, StoreError>| match row {
        Err(error @ StoreError::Unreadable { .. }) => {
            tracing::error!(%error, what, "a row is left out");
            false
        }
        _ => true,
    };
    rows.into_iter().filter(can_be_read).collect()
}

/// Turns "no row was changed" into an error.
pub(crate) fn found(changed: usize, what: &'static str, id: i64) -> Result<(), StoreError> {
    if changed == 0 { Err(StoreError::NotFound { what, id }) } else { Ok(()) }
}

/// A list of texts as a column keeps it.
pub(crate) fn list_to_text(list: &[String]) -> String {
    serde_json::Value::from(list).to_string()
}

/// The list that a column keeps.
pub(crate) fn list_of_text(what: &'static str, text: &str) -> Result<Vec<String>, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::Unreadable { what, why: error.to_string() })
}
