use rusqlite::{OptionalExtension, Row, params};

use crate::row::readable;
use crate::{Batch, Store, StoreError};

/// How many runs that are over are kept. Of more, the oldest go.
pub const MAX_RUNS: usize = 500;
/// How many bytes of output they may have together, with those that are under way.
pub const MAX_RUN_OUTPUT: u64 = 256 << 20;

/// A command that the hub relayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRun {
    /// Its name.
    pub id: String,
    /// The command's own.
    pub command_id: String,
    /// Who started it.
    pub user: String,
    /// What was run, as JSON.
    pub what: String,
    /// When it was started, in milliseconds since 1970.
    pub began_unix_ms: i64,
    /// When the last server was done.
    pub ended_unix_ms: Option<i64>,
    /// How much of what all servers said is kept.
    pub output_bytes: u64,
}

/// A server of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTarget {
    /// Its place in the run.
    pub place: u32,
    /// Its name.
    pub server: String,
    /// What names the command on the wire; at most 63 bits.
    pub number: u64,
    /// The word for where it stands.
    pub state: String,
    /// Why.
    pub why: String,
    /// How it ended, as JSON.
    pub exit: Option<String>,
    /// It did what it was to do.
    pub well: bool,
    /// How much of what it said was heard, in bytes.
    pub heard_bytes: u64,
    /// How much of that is kept.
    pub output_bytes: u64,
    /// Some of it is not.
    pub output_cut: bool,
}

/// Something that a server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPiece {
    /// How many bytes came before.
    pub start: u64,
    /// 1 for standard output, 2 for standard error.
    pub stream: u8,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Store {
    /// The newest runs.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn runs(&self, limit: usize) -> Result<Vec<StoredRun>, StoreError> {
        self.read(|connection| {
            let sql = format!("SELECT {RUN} FROM run ORDER BY began_unix_ms DESC, id LIMIT ?1");
            let mut query = connection.prepare_cached(&sql)?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            readable(query.query_and_then([limit], run)?, "run")
        })
    }

    /// The run of that name.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn run(&self, id: &str) -> Result<Option<StoredRun>, StoreError> {
        self.read(|connection| {
            let sql = format!("SELECT {RUN} FROM run WHERE id = ?1");
            let mut query = connection.prepare_cached(&sql)?;
            let mut found = readable(query.query_and_then([id], run)?, "run")?;
            Ok(found.pop())
        })
    }

    /// The runs that are not over.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn open_runs(&self) -> Result<Vec<StoredRun>, StoreError> {
        self.read(|connection| {
            let sql = format!("SELECT {RUN} FROM run WHERE ended_unix_ms IS NULL");
            let mut query = connection.prepare_cached(&sql)?;
            readable(query.query_and_then([], run)?, "run")
        })
    }

    /// The servers of a run, by their places.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn run_targets(&self, id: &str) -> Result<Vec<StoredTarget>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT place, server, number, state, why, exit, heard_bytes, output_bytes, \
                 output_cut, well FROM run_target WHERE run = ?1 ORDER BY place";
            let mut query = connection.prepare_cached(sql)?;
            readable(query.query_and_then([id], target)?, "server of a run")
        })
    }

    /// The servers of a run with the words for where they stand, and whether all is well: for
    /// lists, which have no use for the rest.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn run_states(&self, id: &str) -> Result<Vec<(String, String, bool)>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT server, state, well FROM run_target WHERE run = ?1";
            let mut query = connection.prepare_cached(sql)?;
            let rows = query.query_map([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// What a server said, from its begin.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn run_output(&self, number: u64) -> Result<Vec<StoredPiece>, StoreError> {
        self.read(|connection| {
            let sql =
                "SELECT start, stream, bytes FROM run_output WHERE number = ?1 ORDER BY start";
            let mut query = connection.prepare_cached(sql)?;
            readable(query.query_and_then([signed(number)], piece)?, "output of a run")
        })
    }
}

impl Batch<'_> {
    /// Stores a run, or what has changed of it.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn put_run(&self, run: &StoredRun) -> Result<(), StoreError> {
        let sql = "INSERT INTO run (id, command_id, user, what, began_unix_ms, ended_unix_ms, \
             output_bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO UPDATE SET \
             ended_unix_ms = excluded.ended_unix_ms, output_bytes = excluded.output_bytes";
        self.connection.prepare_cached(sql)?.execute(params![
            run.id,
            run.command_id,
            run.user,
            run.what,
            run.began_unix_ms,
            run.ended_unix_ms,
            signed(run.output_bytes),
        ])?;
        Ok(())
    }

    /// Stores a server of a run, or what has changed of it.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn put_run_target(&self, run: &str, target: &StoredTarget) -> Result<(), StoreError> {
        let sql = "INSERT INTO run_target (run, place, server, number, state, why, exit, \
             heard_bytes, output_bytes, output_cut, well) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (run, place) DO UPDATE \
             SET state = excluded.state, why = excluded.why, exit = excluded.exit, \
             heard_bytes = excluded.heard_bytes, output_bytes = excluded.output_bytes, \
             output_cut = excluded.output_cut, well = excluded.well";
        self.connection.prepare_cached(sql)?.execute(params![
            run,
            target.place,
            target.server,
            signed(target.number),
            target.state,
            target.why,
            target.exit,
            signed(target.heard_bytes),
            signed(target.output_bytes),
            target.output_cut,
            target.well,
        ])?;
        Ok(())
    }

    /// Stores something that a server said. What is there already stays.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn put_run_output(&self, number: u64, piece: &StoredPiece) -> Result<(), StoreError> {
        let sql = "INSERT OR IGNORE INTO run_output (number, start, stream, bytes) \
             VALUES (?1, ?2, ?3, ?4)";
        self.connection.prepare_cached(sql)?.execute(params![
            signed(number),
            signed(piece.start),
            piece.stream,
            piece.bytes,
        ])?;
        Ok(())
    }

    /// Lets the oldest runs that are over go, until the others are within [`MAX_RUNS`] and
    /// [`MAX_RUN_OUTPUT`].
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn prune_runs(&self) -> Result<usize, StoreError> {
        let most = i64::try_from(MAX_RUNS).unwrap_or(i64::MAX);
        let sql = "SELECT began_unix_ms, id FROM (SELECT began_unix_ms, id, ended_unix_ms, \
             row_number() OVER newest AS nth, sum(output_bytes) OVER newest AS bytes FROM run \
             WINDOW newest AS (ORDER BY began_unix_ms DESC, id DESC ROWS UNBOUNDED PRECEDING)) \
             WHERE ended_unix_ms IS NOT NULL AND (nth > ?1 OR bytes > ?2) \
             ORDER BY began_unix_ms DESC, id DESC LIMIT 1";
        let mut query = self.connection.prepare_cached(sql)?;
        let newest: Option<(i64, String)> = query
            .query_row(params![most, signed(MAX_RUN_OUTPUT)], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((began, id)) = newest else { return Ok(0) };
        let sql = "DELETE FROM run WHERE ended_unix_ms IS NOT NULL \
             AND (began_unix_ms, id) <= (?1, ?2)";
        Ok(self.connection.prepare_cached(sql)?.execute(params![began, id])?)
    }
}

const RUN: &str = "id, command_id, user, what, began_unix_ms, ended_unix_ms, output_bytes";

fn run(row: &Row<'_>) -> Result<StoredRun, StoreError> {
    Ok(StoredRun {
        id: row.get(0)?,
        command_id: row.get(1)?,
        user: row.get(2)?,
        what: row.get(3)?,
        began_unix_ms: row.get(4)?,
        ended_unix_ms: row.get(5)?,
        output_bytes: row.get::<_, i64>(6)?.cast_unsigned(),
    })
}

fn target(row: &Row<'_>) -> Result<StoredTarget, StoreError> {
    Ok(StoredTarget {
        place: row.get(0)?,
        server: row.get(1)?,
        number: row.get::<_, i64>(2)?.cast_unsigned(),
        state: row.get(3)?,
        why: row.get(4)?,
        exit: row.get(5)?,
        heard_bytes: row.get::<_, i64>(6)?.cast_unsigned(),
        output_bytes: row.get::<_, i64>(7)?.cast_unsigned(),
        output_cut: row.get(8)?,
        well: row.get(9)?,
    })
}

fn piece(row: &Row<'_>) -> Result<StoredPiece, StoreError> {
    let start = row.get::<_, i64>(0)?.cast_unsigned();
    Ok(StoredPiece { start, stream: row.get(1)?, bytes: row.get(2)? })
}

/// SQLite has 63 bits.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        (folder, store)
    }

    fn of(number: usize, ended: bool, output_bytes: u64) -> StoredRun {
        let began_unix_ms = i64::try_from(number).unwrap();
        StoredRun {
            id: format!("{number:016x}"),
            command_id: "c".repeat(32),
            user: "ada".to_owned(),
            what: "{}".to_owned(),
            began_unix_ms,
            ended_unix_ms: ended.then_some(began_unix_ms + 5),
            output_bytes,
        }
    }

    fn target(number: u64) -> StoredTarget {
        StoredTarget {
            place: 0,
            server: "web-1".to_owned(),
            number,
            state: "sent".to_owned(),
            why: String::new(),
            exit: None,
            well: false,
            heard_bytes: 0,
            output_bytes: 0,
            output_cut: false,
        }
    }

    #[test]
    fn what_is_stored_is_read_and_changed() {
        let (_folder, store) = opened();
        let (run, one) = (of(1, false, 0), target(u64::MAX >> 1));
        let piece = StoredPiece { start: 3, stream: 2, bytes: vec![0, 0xff] };
        let first = StoredPiece { start: 0, stream: 1, bytes: b"abc".to_vec() };
        store
            .write(|batch| {
                batch.put_run(&run)?;
                batch.put_run_target(&run.id, &one)?;
                batch.put_run_output(one.number, &piece)?;
                batch.put_run_output(one.number, &first)?;
                // One that comes again changes nothing.
                batch.put_run_output(one.number, &StoredPiece { stream: 1, ..piece.clone() })
            })
            .unwrap();
        assert_eq!(store.open_runs(), Ok(vec![run.clone()]));
        assert_eq!(store.run_output(one.number), Ok(vec![first, piece]));
        let over = StoredRun { ended_unix_ms: Some(9), output_bytes: 5, ..run.clone() };
        let done = StoredTarget {
            state: "done".to_owned(),
            exit: Some("{}".to_owned()),
            well: true,
            heard_bytes: 7,
            output_bytes: 5,
            output_cut: true,
            ..one
        };
        store
            .write(|batch| {
                batch.put_run(&over)?;
                batch.put_run_target(&run.id, &done)
            })
            .unwrap();
        assert_eq!(store.run(&run.id), Ok(Some(over.clone())));
        assert_eq!(store.runs(9), Ok(vec![over]));
        assert_eq!(store.run_targets(&run.id), Ok(vec![done]));
        let states = vec![("web-1".to_owned(), "done".to_owned(), true)];
        assert_eq!(store.run_states(&run.id), Ok(states));
        assert_eq!(store.open_runs(), Ok(vec![]));
        assert_eq!(store.run("none"), Ok(None));
    }

    #[test]
    fn the_oldest_that_are_over_go_and_all_of_theirs_with_them() {
        let (_folder, store) = opened();
        let prune = || store.write(|batch| batch.prune_runs()).unwrap();
        store
            .write(|batch| {
                batch.put_run(&of(0, false, 0))?;
                for number in 1..=MAX_RUNS {
                    batch.put_run(&of(number, true, 10))?;
                }
                let one = target(7);
                batch.put_run_target(&of(1, true, 0).id, &one)?;
                let piece = StoredPiece { start: 0, stream: 1, bytes: vec![1] };
                batch.put_run_output(7, &piece)
            })
            .unwrap();
        assert_eq!(prune(), 0, "the one that is under way is the oldest, and stays");
        store.write(|batch| batch.put_run(&of(MAX_RUNS + 1, true, 10))).unwrap();
        assert_eq!(prune(), 1);
        assert_eq!(store.run(&of(1, true, 0).id), Ok(None));
        assert_eq!(store.run_output(7), Ok(vec![]));
        assert!(store.run(&of(0, false, 0).id).unwrap().is_some());
        // Now by what they said.
        store.write(|batch| batch.put_run(&of(MAX_RUNS + 2, true, MAX_RUN_OUTPUT - 20))).unwrap();
        prune();
        let left: Vec<i64> = store.runs(9).unwrap().iter().map(|run| run.began_unix_ms).collect();
        let newest = i64::try_from(MAX_RUNS).unwrap();
        assert_eq!(left, [newest + 2, newest + 1, newest, 0]);
    }
}
