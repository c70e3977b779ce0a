//! Files of rules that were made while the hub runs.

use rusqlite::{Row, params};

use crate::row::readable;
use crate::{Batch, Store, StoreError};

/// The most files of rules that may be made.
pub const MAX_RULE_FILES: usize = 200;
/// The most bytes of one of them.
pub const MAX_RULE_FILE_BYTES: usize = 256 << 10;

/// A file of rules that somebody made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRuleFile {
    /// Its name, which no other one has.
    pub name: String,
    /// What stands in it.
    pub text: String,
    /// Who wrote it last.
    pub author: String,
    /// When that was, in milliseconds since 1970.
    pub changed_unix_ms: i64,
}

impl Store {
    /// All files, by name.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn rule_files(&self) -> Result<Vec<StoredRuleFile>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT name, text, author, changed_unix_ms FROM rule_file ORDER BY name";
            readable(connection.prepare_cached(sql)?.query_and_then([], file)?, "rule file")
        })
    }
}

impl Batch<'_> {
    /// Stores a file in place of the one with its name.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] when there are [`MAX_RULE_FILES`] others, [`StoreError::Refused`]
    /// when its text is too long, and otherwise when the database cannot be written.
    pub fn put_rule_file(&self, file: &StoredRuleFile) -> Result<(), StoreError> {
        let StoredRuleFile { name, text, author, changed_unix_ms } = file;
        if text.len() > MAX_RULE_FILE_BYTES {
            let why = format!("a file of rules has {} bytes", text.len());
            return Err(StoreError::Refused { why });
        }
        let sql = "SELECT count(*) FROM rule_file WHERE name <> ?1";
        let mut query = self.connection.prepare_cached(sql)?;
        let others: i64 = query.query_row([name], |row| row.get(0))?;
        if !usize::try_from(others).is_ok_and(|others| others < MAX_RULE_FILES) {
            return Err(StoreError::TooMany { what: "files of rules", most: MAX_RULE_FILES });
        }
        let sql = "INSERT OR REPLACE INTO rule_file (name, text, author, changed_unix_ms) \
             VALUES (?1, ?2, ?3, ?4)";
        let values = params![name, text, author, changed_unix_ms];
        self.connection.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    /// Forgets a file.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn remove_rule_file(&self, name: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM rule_file WHERE name = ?1";
        self.connection.prepare_cached(sql)?.execute([name])?;
        Ok(())
    }
}

fn file(row: &Row<'_>) -> Result<StoredRuleFile, StoreError> {
    Ok(StoredRuleFile {
        name: row.get(0)?,
        text: row.get(1)?,
        author: row.get(2)?,
        changed_unix_ms: row.get(3)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, text: &str) -> StoredRuleFile {
        let (name, text) = (name.to_owned(), text.to_owned());
        StoredRuleFile { name, text, author: "ada".to_owned(), changed_unix_ms: 7 }
    }

    #[test]
    fn what_is_put_is_read_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let put = |file: &StoredRuleFile| store.write(|batch| batch.put_rule_file(file));
        let (first, second) = (of("b", "groups: []"), of("a", "# ü\n"));
        put(&first).unwrap();
        put(&second).unwrap();
        assert_eq!(store.rule_files(), Ok(vec![second.clone(), first.clone()]));
        let later = StoredRuleFile { author: "bob".to_owned(), ..of("b", "x") };
        put(&later).unwrap();
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.rule_files(), Ok(vec![second.clone(), later]));
        store.write(|batch| batch.remove_rule_file("b")).unwrap();
        assert_eq!(store.rule_files(), Ok(vec![second]));
    }

    #[test]
    fn their_number_and_their_size_are_limited() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let put = |file: &StoredRuleFile| store.write(|batch| batch.put_rule_file(file));
        put(&of("0", &"x".repeat(MAX_RULE_FILE_BYTES))).unwrap();
        let long = put(&of("0", &"x".repeat(MAX_RULE_FILE_BYTES + 1)));
        assert!(matches!(long, Err(StoreError::Refused { .. })), "{long:?}");
        let rest = 1..MAX_RULE_FILES;
        let fill = |batch: &Batch<'_>| {
            rest.clone().try_for_each(|number| batch.put_rule_file(&of(&number.to_string(), "")))
        };
        store.write(fill).unwrap();
        let full = Err(StoreError::TooMany { what: "files of rules", most: MAX_RULE_FILES });
        assert_eq!(put(&of("one more", "")), full);
        put(&of("7", "it may be changed")).unwrap();
    }
}
