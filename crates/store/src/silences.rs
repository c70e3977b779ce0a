use rusqlite::{Row, params};
use watchfire_model::MatchOp;

use crate::row::readable;
use crate::{Batch, Store, StoreError};

/// The most silences that may stand at once: that mute, or will.
pub const MAX_SILENCES: usize = 5_000;
/// How long one is kept after its end: five days, in milliseconds.
pub const SILENCE_KEPT_MS: i64 = 5 * 24 * 60 * 60 * 1000;
/// How many that are over are kept. Of more, those that ended first go.
const MAX_OVER: usize = 5_000;

/// A muting that an operator made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSilence {
    /// Its name, which no other one has: a UUID.
    pub id: String,
    /// What a server's or an alert's labels must hold: label, comparison and value of each.
    pub matchers: Vec<(String, MatchOp, String)>,
    /// The servers that its author saw when it was made, as selectors. It mutes no others.
    pub scope: Vec<String>,
    /// The first moment, in milliseconds since 1970.
    pub from_unix_ms: i64,
    /// The end; not in it any more.
    pub to_unix_ms: i64,
    /// Who made it.
    pub author: String,
    /// Why.
    pub comment: String,
    /// When it was made.
    pub created_unix_ms: i64,
    /// When it was last changed.
    pub updated_unix_ms: i64,
}

impl Store {
    /// Every silence that is kept, in the order in which they were made.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn silences(&self) -> Result<Vec<StoredSilence>, StoreError> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM silence ORDER BY created_unix_ms, id");
            let mut query = connection.prepare_cached(&sql)?;
            readable(query.query_and_then([], silence)?, "silence")
        })
    }

    /// Forgets the silences that ended more than [`SILENCE_KEPT_MS`] before `now_unix_ms`, and
    /// says how many there were.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn forget_silences(&self, now_unix_ms: i64) -> Result<usize, StoreError> {
        let until = now_unix_ms.saturating_sub(SILENCE_KEPT_MS);
        self.write(|batch| {
            let sql = "DELETE FROM silence WHERE to_unix_ms <= ?1";
            Ok(batch.connection.prepare_cached(sql)?.execute([until])?)
        })
    }
}

impl Batch<'_> {
    /// Stores a silence at `now_unix_ms`, in place of one with the same id.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] when [`MAX_SILENCES`] others stand then.
    pub fn put_silence(&self, silence: &StoredSilence, now_unix_ms: i64) -> Result<(), StoreError> {
        if silence.to_unix_ms > now_unix_ms {
            let sql = "SELECT count(*) FROM silence WHERE to_unix_ms > ?1 AND id <> ?2";
            let mut query = self.connection.prepare_cached(sql)?;
            let count: i64 = query.query_row(params![now_unix_ms, silence.id], |row| row.get(0))?;
            if !usize::try_from(count).is_ok_and(|count| count < MAX_SILENCES) {
                return Err(StoreError::TooMany { what: "silences", most: MAX_SILENCES });
            }
        }
        let sql = format!(
            "INSERT OR REPLACE INTO silence ({COLUMNS}) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
        );
        self.connection.prepare_cached(&sql)?.execute(params![
            silence.id,
            matchers_text(&silence.matchers)?,
            serde_json::to_string(&silence.scope).map_err(unreadable)?,
            silence.from_unix_ms,
            silence.to_unix_ms,
            silence.author,
            silence.comment,
            silence.created_unix_ms,
            silence.updated_unix_ms,
        ])?;
        let sql = "DELETE FROM silence WHERE id IN (SELECT id FROM silence \
             WHERE to_unix_ms <= ?1 ORDER BY to_unix_ms DESC LIMIT -1 OFFSET ?2)";
        let most = i64::try_from(MAX_OVER).unwrap_or(i64::MAX);
        self.connection.prepare_cached(sql)?.execute(params![now_unix_ms, most])?;
        Ok(())
    }
}

const COLUMNS: &str = "id, matchers, scope, from_unix_ms, to_unix_ms, author, comment, \
     created_unix_ms, updated_unix_ms";

fn silence(row: &Row<'_>) -> Result<StoredSilence, StoreError> {
    Ok(StoredSilence {
        id: row.get(0)?,
        matchers: matchers_from(&row.get::<_, String>(1)?)?,
        scope: serde_json::from_str(&row.get::<_, String>(2)?).map_err(unreadable)?,
        from_unix_ms: row.get(3)?,
        to_unix_ms: row.get(4)?,
        author: row.get(5)?,
        comment: row.get(6)?,
        created_unix_ms: row.get(7)?,
        updated_unix_ms: row.get(8)?,
    })
}

fn matchers_text(matchers: &[(String, MatchOp, String)]) -> Result<String, StoreError> {
    let rows: Vec<[&str; 3]> =
        matchers.iter().map(|(label, op, value)| [label.as_str(), op.as_str(), value]).collect();
    serde_json::to_string(&rows).map_err(unreadable)
}

fn matchers_from(text: &str) -> Result<Vec<(String, MatchOp, String)>, StoreError> {
    let rows: Vec<[String; 3]> = serde_json::from_str(text).map_err(unreadable)?;
    let matcher = |[label, sign, value]: [String; 3]| {
        let op = MatchOp::parse(&sign);
        let op = op.ok_or_else(|| unreadable(format!("{sign:?} is no comparison")))?;
        Ok((label, op, value))
    };
    rows.into_iter().map(matcher).collect()
}

fn unreadable(why: impl ToString) -> StoreError {
    StoreError::Unreadable { what: "silence", why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;

    fn opened() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        (folder, store)
    }

    fn of(number: usize, from: i64, to: i64) -> StoredSilence {
        StoredSilence {
            id: format!("id-{number:05}"),
            matchers: vec![
                ("role".to_owned(), MatchOp::Equal, "web \"1\"\n".to_owned()),
                ("site".to_owned(), MatchOp::NotMatches, "fra|ams".to_owned()),
            ],
            scope: vec!["team=\"a\"".to_owned(), "*".to_owned()],
            from_unix_ms: from,
            to_unix_ms: to,
            author: "ada".to_owned(),
            comment: "new disks".to_owned(),
            created_unix_ms: from,
            updated_unix_ms: from,
        }
    }

    fn ids(store: &Store) -> Vec<String> {
        store.silences().unwrap().into_iter().map(|one| one.id).collect()
    }

    #[test]
    fn what_is_stored_is_read_and_replaced() {
        let (_folder, store) = opened();
        let one = of(1, 0, HOUR);
        store.write(|batch| batch.put_silence(&one, 0)).unwrap();
        assert_eq!(store.silences(), Ok(vec![one.clone()]));
        let shorter = StoredSilence { to_unix_ms: 5, updated_unix_ms: 5, ..one };
        store.write(|batch| batch.put_silence(&shorter, 5)).unwrap();
        assert_eq!(store.silences(), Ok(vec![shorter]));
    }

    #[test]
    fn one_that_is_over_is_kept_for_five_days() {
        let (_folder, store) = opened();
        let all = [of(1, 0, HOUR), of(2, 1, 2 * HOUR)];
        store.write(|batch| all.iter().try_for_each(|one| batch.put_silence(one, 0))).unwrap();
        assert_eq!(store.forget_silences(HOUR + 5 * DAY - 1), Ok(0));
        assert_eq!(store.forget_silences(HOUR + 5 * DAY), Ok(1));
        assert_eq!(ids(&store), ["id-00002"]);
    }

    #[test]
    fn their_number_is_limited_and_those_that_are_over_make_room() {
        let (_folder, store) = opened();
        let put = |numbers: std::ops::Range<usize>, now: i64| {
            store.write(|batch| {
                let all = numbers.map(|number| of(number, now, now + HOUR));
                all.into_iter().try_for_each(|one| batch.put_silence(&one, now))
            })
        };
        put(0..MAX_SILENCES, 0).unwrap();
        let full = Err(StoreError::TooMany { what: "silences", most: MAX_SILENCES });
        assert_eq!(put(MAX_SILENCES..MAX_SILENCES + 1, HOUR - 1), full);
        put(7..8, HOUR - 1).expect("one may be changed");
        put(MAX_SILENCES..2 * MAX_SILENCES - 1, HOUR).expect("all others are over");
        // What is over is no more than there may be either.
        put(20_000..20_001, 3 * HOUR).unwrap();
        let kept = ids(&store);
        assert_eq!(kept.len(), MAX_OVER + 1);
        assert!(!kept.contains(&"id-00001".to_owned()), "the ones that ended first go");
        assert!(kept.contains(&format!("id-{:05}", 2 * MAX_SILENCES - 2)));
    }
}
