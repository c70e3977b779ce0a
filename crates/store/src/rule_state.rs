//! What is active of groups of rules, for the next start of the hub.

use rusqlite::{Row, params};

use crate::row::readable;
use crate::{Batch, Store, StoreError};

/// The most groups whose state is kept; further ones are not taken.
pub const MAX_RULE_STATES: usize = 10_000;
/// The most bytes that the alerts of one group may take.
pub const MAX_RULE_STATE_BYTES: usize = 8 << 20;

/// What is active of one group of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRuleState {
    /// The group: its file and its name, a line each.
    pub group: String,
    /// When it was last evaluated, in milliseconds since 1970.
    pub evaluated_unix_ms: i64,
    /// Its alerts. What stands in there is the hub's matter.
    pub alerts: String,
}

impl Store {
    /// The states of all groups, by group.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub fn rule_states(&self) -> Result<Vec<StoredRuleState>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT rule_group, evaluated_unix_ms, alerts FROM rule_state \
                 ORDER BY rule_group";
            readable(connection.prepare_cached(sql)?.query_and_then([], state)?, "rule state")
        })
    }
}

impl Batch<'_> {
    /// Stores the state of a group in place of the one before.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when there are too many groups or its alerts take too much, and
    /// otherwise when the database cannot be written.
    pub fn put_rule_state(&self, state: &StoredRuleState) -> Result<(), StoreError> {
        let StoredRuleState { group, evaluated_unix_ms, alerts } = state;
        if alerts.len() > MAX_RULE_STATE_BYTES {
            let why = format!("the alerts of a group take {} bytes", alerts.len());
            return Err(StoreError::Refused { why });
        }
        let values = params![group, evaluated_unix_ms, alerts];
        let sql = "UPDATE rule_state SET evaluated_unix_ms = ?2, alerts = ?3 WHERE rule_group = ?1";
        if self.connection.prepare_cached(sql)?.execute(values)? > 0 {
            return Ok(());
        }
        let sql = "INSERT INTO rule_state (rule_group, evaluated_unix_ms, alerts) \
             SELECT ?1, ?2, ?3 WHERE (SELECT count(*) FROM rule_state) < ?4";
        let most = i64::try_from(MAX_RULE_STATES).unwrap_or(i64::MAX);
        let values = params![group, evaluated_unix_ms, alerts, most];
        match self.connection.prepare_cached(sql)?.execute(values)? {
            0 => {
                let why = format!("there are {MAX_RULE_STATES} groups with alerts already");
                Err(StoreError::Refused { why })
            }
            _ => Ok(()),
        }
    }

    /// Nothing is active of the group any more, or the group is gone.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub fn remove_rule_state(&self, group: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM rule_state WHERE rule_group = ?1";
        self.connection.prepare_cached(sql)?.execute([group])?;
        Ok(())
    }
}

fn state(row: &Row<'_>) -> Result<StoredRuleState, StoreError> {
    let (group, evaluated_unix_ms, alerts) = (row.get(0)?, row.get(1)?, row.get(2)?);
    Ok(StoredRuleState { group, evaluated_unix_ms, alerts })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(group: &str, evaluated_unix_ms: i64, alerts: &str) -> StoredRuleState {
        let (group, alerts) = (group.to_owned(), alerts.to_owned());
        StoredRuleState { group, evaluated_unix_ms, alerts }
    }

    fn store() -> (Store, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (Store::open(folder.path()).unwrap(), folder)
    }

    #[test]
    fn the_last_state_of_each_group_is_kept_until_it_is_removed() {
        let (store, _folder) = store();
        let (first, second) = (state("f\na", 1, "[]"), state("f\nb", 2, "[1]"));
        let later = state("f\na", 3, "[2]");
        let all = [&first, &second, &later];
        store.write(|batch| all.into_iter().try_for_each(|one| batch.put_rule_state(one))).unwrap();
        assert_eq!(store.rule_states(), Ok(vec![later, second.clone()]));
        store.write(|batch| batch.remove_rule_state("f\na")).unwrap();
        assert_eq!(store.rule_states(), Ok(vec![second]));
    }

    #[test]
    fn what_is_too_much_is_refused_and_the_state_before_stands() {
        let (store, _folder) = store();
        let good = state("f\na", 1, "[]");
        store.write(|batch| batch.put_rule_state(&good)).unwrap();
        let large = state("f\na", 2, &"x".repeat(MAX_RULE_STATE_BYTES + 1));
        let refused = store.write(|batch| batch.put_rule_state(&large));
        assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
        assert_eq!(store.rule_states(), Ok(vec![good.clone()]));
        let fill = |batch: &Batch<'_>| {
            (1..MAX_RULE_STATES)
                .try_for_each(|number| batch.put_rule_state(&state(&number.to_string(), 1, "[]")))
        };
        store.write(fill).unwrap();
        let refused = store.write(|batch| batch.put_rule_state(&state("one more", 1, "[]")));
        assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
        store.write(|batch| batch.put_rule_state(&good)).unwrap();
    }
}
