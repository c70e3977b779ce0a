use std::path::Path;
use std::sync::Once;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, ffi};

use crate::StoreError;
use crate::migrations::{self, Format};

/// The oldest SQLite that is free of known faults in WAL, as
/// `sqlite3_libversion_number` counts: 3.51.3.
const OLDEST_SQLITE: i32 = 3_051_003;
/// How long a statement waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// What each reader keeps of the pages that it has read, in KiB. The machine's own page
/// cache has them as well, so a larger one would hold them twice, once a reader.
const READER_CACHE_KIB: i64 = 1024;
/// A database up to this size is looked through when it is opened; beyond it,
/// that would hold up the start for too long.
const CHECKED_AT_OPEN_BYTES: i64 = 64 << 20;

/// What sets one of the two databases apart from the other.
#[derive(Debug)]
pub(crate) struct Kind {
    /// Its tables, and how they came to be.
    pub(crate) format: &'static Format,
    /// Settings that an empty file takes before its first table.
    pub(crate) if_fresh: &'static str,
    /// Settings of each connection that writes.
    pub(crate) for_writer: String,
}

/// Refuses to go on with an SQLite that is too old, and settles what holds for all of it.
pub(crate) fn prepare_sqlite() -> Result<(), StoreError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(StoreError::OldSqlite { found: rusqlite::version() });
    }
    static ONCE: Once = Once::new();
    ONCE.call_once(keep_undo_in_memory);
    Ok(())
}

/// What a statement may have to undo is kept in memory. SQLite would put more than 64 KiB of it
/// into a temporary file, and an alarm would wait for room on a full disk.
fn keep_undo_in_memory() {
    let option = ffi::SQLITE_CONFIG_STMTJRNL_SPILL;
    #[expect(unsafe_code, reason = "there is no other way to this setting of SQLite")]
    // SAFETY: the option takes one `int`. It is called once, before this crate, which alone has
    // SQLite, opens the first connection that writes; where SQLite is in use, it changes nothing.
    let set = unsafe { ffi::sqlite3_config(option, -1_i32) };
    if set != ffi::SQLITE_OK {
        tracing::warn!("SQLite was in use before: it may need temporary files");
    }
}

/// Opens the database for the first time in this process: checks that it is
/// ours and whole, and brings it to the newest format.
pub(crate) fn open_first(database: &Path, kind: &Kind) -> Result<Connection, StoreError> {
    let mut connection = plain(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    if migrations::check(&connection, kind.format)? {
        connection.execute_batch(kind.if_fresh)?;
    }
    prepare_writer(&connection, kind)?;
    check_pages(&connection)?;
    migrations::migrate(&mut connection, kind.format)?;
    sync_folder(database)?;
    Ok(connection)
}

/// SQLite passes over a sync of the folder that fails, and a power cut could then take the WAL's
/// name, with all that is in it, or bring back a journal that is over. So it is done once more.
fn sync_folder(database: &Path) -> Result<(), StoreError> {
    let folder = database.parent().unwrap_or(Path::new("."));
    let synced = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| StoreError::Io { why: error.to_string() })
}

/// Opens another connection that may write.
pub(crate) fn open_writer(database: &Path, kind: &Kind) -> Result<Connection, StoreError> {
    let connection = plain(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    prepare_writer(&connection, kind)?;
    Ok(connection)
}

/// Opens a connection that cannot write.
pub(crate) fn open_reader(database: &Path) -> Result<Connection, StoreError> {
    let connection = plain(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    Ok(connection)
}

/// Opens a connection for a look through the whole file, or a copy of it. It writes nothing to
/// the file, and it may write others.
pub(crate) fn open_to_look(database: &Path) -> Result<Connection, StoreError> {
    plain(database, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// Looks for damage in every page, and in every index if `thorough`.
pub(crate) fn look_through(connection: &Connection, thorough: bool) -> Result<(), StoreError> {
    let check = if thorough { "PRAGMA integrity_check(1)" } else { "PRAGMA quick_check(1)" };
    let found: String = connection.query_row(check, [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(StoreError::Damaged { why: found }) }
}

/// Looks for damage in one table and its indexes.
pub(crate) fn look_through_table(connection: &Connection, table: &str) -> Result<(), StoreError> {
    let check = format!("PRAGMA integrity_check('{table}')");
    let found: String = connection.query_row(&check, [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(StoreError::Damaged { why: found }) }
}

fn plain(database: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Else a statement on a table with a partial index is planned anew for each value
    // that is bound to it, which costs more than the statement.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

fn prepare_writer(connection: &Connection, kind: &Kind) -> Result<(), StoreError> {
    // SQLite names the mode before it commits the change, so the statement is run to its end:
    // where that fails, what is written later would go by way of a journal, and not be durable.
    let mut change = connection.prepare("PRAGMA journal_mode = WAL")?;
    let modes: Vec<String> = change.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mode = modes.concat();
    if mode != "wal" {
        let why = format!("its journal mode stays {mode}; is the folder on a network disk?");
        return Err(StoreError::Io { why });
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch(&kind.for_writer)?;
    Ok(())
}

fn check_pages(connection: &Connection) -> Result<(), StoreError> {
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let bytes = number("PRAGMA page_count")?.saturating_mul(number("PRAGMA page_size")?);
    if bytes > CHECKED_AT_OPEN_BYTES { Ok(()) } else { look_through(connection, false) }
}
