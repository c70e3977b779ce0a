use std::path::PathBuf;

use rusqlite::ErrorCode;
use watchfire_model::NotificationState;

/// Why the store did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The data folder cannot be used.
    #[error("the data folder {} cannot be used: {why}", path.display())]
    Folder {
        /// The folder, or the file in it.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The SQLite that is linked is too old to be trusted with this.
    #[error("SQLite {found} is linked, and 3.51.3 or newer is needed")]
    OldSqlite {
        /// The version that is linked.
        found: &'static str,
    },
    /// A newer release of Watchfire has written the file.
    #[error(
        "watchfire.db has format {found} and this release knows formats up to {known}: \
         run the newer release that wrote it, or choose another data folder"
    )]
    NewerFormat {
        /// The version in the file.
        found: i64,
        /// The newest version this build knows.
        known: i64,
    },
    /// The file is a database, and not one of Watchfire.
    #[error("watchfire.db is the database of another program: choose another data folder")]
    Foreign,
    /// The file is damaged.
    #[error(
        "watchfire.db is damaged ({why}): stop watchfire, move watchfire.db and the files \
         beside it whose names begin alike to another folder, put back a copy if there is one, \
         and start again"
    )]
    Damaged {
        /// What SQLite met.
        why: String,
    },
    /// The disk is full.
    #[error("the disk of the data folder is full: make room; nothing was written")]
    Full,
    /// Another process kept the database locked for longer than the limit.
    #[error("another process keeps the database locked; nothing was written")]
    Busy,
    /// Reading or writing the file failed.
    #[error("the database could not be read or written: {why}")]
    Io {
        /// What SQLite met.
        why: String,
    },
    /// There is no such thing.
    #[error("there is no {what} {id}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// Its number.
        id: i64,
    },
    /// The server has an open incident already.
    #[error("{server} has an open incident already")]
    AlreadyOpen {
        /// The server.
        server: String,
    },
    /// The notification is not to be sent any more.
    #[error("notification {id} is {} and is not to be sent", state.as_str())]
    NotPending {
        /// The notification.
        id: i64,
        /// Where it stands.
        state: NotificationState,
    },
    /// The end of this try is written down already.
    #[error("the end of delivery {id} is written down already")]
    AlreadyEnded {
        /// The delivery.
        id: i64,
    },
    /// There is no agent of that id, or it was removed.
    #[error("there is no enrolled agent {id}")]
    NoAgent {
        /// The id that was looked for.
        id: String,
    },
    /// Another agent has the name.
    #[error(
        "another agent ({by}) has the name {name}: remove or rename that one, or choose \
         another name"
    )]
    NameTaken {
        /// The name.
        name: String,
        /// The id of the agent that has it.
        by: String,
    },
    /// The limit of their number is reached.
    #[error("there are {most} {what} already, and no more are kept: remove some")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// The limit.
        most: usize,
    },
    /// A row holds a value that this release cannot read.
    #[error("the database holds a {what} that cannot be read: {why}")]
    Unreadable {
        /// What the value is.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// SQLite refused for a reason that should not come up.
    #[error("the database refused: {why}")]
    Refused {
        /// What SQLite said.
        why: String,
    },
}

impl StoreError {
    /// True when the same work may succeed later: there is no room, another process
    /// is in the way, or the disk does not answer. What is wrong with the data
    /// itself stays wrong.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Full | Self::Busy | Self::Io { .. })
    }

    /// True when the connection that gave this error must not be used again:
    /// what it holds in memory may not be what is on the disk.
    pub(crate) fn ends_connection(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::Damaged { .. })
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let why = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged { why },
            Some(
                ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly,
            ) => Self::Io { why },
            Some(_) => Self::Refused { why },
            None => from_rust_side(error, why),
        }
    }
}

/// Errors that rusqlite gives by itself: the column is not what was asked for.
fn from_rust_side(error: rusqlite::Error, why: String) -> StoreError {
    match error {
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::Utf8Error(..) => StoreError::Unreadable { what: "value", why },
        _ => StoreError::Refused { why },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_the_data_does_not_pass() {
        let why = String::new();
        for passes in [StoreError::Full, StoreError::Busy, StoreError::Io { why: why.clone() }] {
            assert!(passes.is_temporary(), "{passes}");
        }
        for stays in [
            StoreError::Damaged { why: why.clone() },
            StoreError::Unreadable { what: "value", why: why.clone() },
            StoreError::Refused { why },
            StoreError::NotFound { what: "incident", id: 1 },
            StoreError::AlreadyOpen { server: "a-1".to_owned() },
        ] {
            assert!(!stays.is_temporary(), "{stays}");
        }
    }
}
