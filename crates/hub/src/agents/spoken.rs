//! The newest version of the protocol that each agent spoke: an older one than
//! before is refused, because what was mended since could be attacked again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use watchfire_identity::certificate::AgentId;
use watchfire_store::{Batch, Store, StoreError};
use watchfire_wire::Version;

/// Versions that the agents known from the store may not show yet: one for each agent
/// at the most.
#[derive(Debug, Default)]
pub(super) struct Spoken(Mutex<HashMap<AgentId, Waiting>>);

#[derive(Debug, Clone, Copy)]
struct Waiting {
    version: Version,
    /// True once it is in the store. It stays here until the store was read after
    /// that: an older hello in between must not be let in.
    written: bool,
}

impl Spoken {
    /// Takes the version that an agent speaks. `known` gives what was read of it from
    /// the store; it is asked when no version can leave here meanwhile.
    ///
    /// # Errors
    /// The newer version that it spoke before.
    pub(super) fn take(
        &self,
        id: AgentId,
        known: impl FnOnce() -> Option<String>,
        version: Version,
    ) -> Result<(), Version> {
        let mut waiting = self.waiting();
        let known = known().as_deref().and_then(read);
        let waits = waiting.get(&id).map(|one| one.version);
        let newest = known.into_iter().chain(waits).max_by_key(|one| order(*one));
        match newest {
            Some(newest) if order(version) < order(newest) => Err(newest),
            Some(newest) if order(version) == order(newest) => Ok(()),
            _ => {
                waiting.insert(id, Waiting { version, written: false });
                Ok(())
            }
        }
    }

    /// Writes down what is new. It blocks.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written; it is kept for the next time.
    pub(super) fn store(&self, store: &Store) -> Result<(), StoreError> {
        let new = |(id, one): (&AgentId, &Waiting)| (!one.written).then_some((*id, one.version));
        let all: Vec<(AgentId, Version)> = self.waiting().iter().filter_map(new).collect();
        if all.is_empty() {
            return Ok(());
        }
        store.write(|batch| all.iter().try_for_each(|(id, version)| raise(batch, id, *version)))?;
        let mut waiting = self.waiting();
        for (id, version) in all {
            if let Some(one) = waiting.get_mut(&id).filter(|one| one.version == version) {
                one.written = true;
            }
        }
        Ok(())
    }

    /// What was written before the agents were last read from the store is known from
    /// there, with what an administrator may have allowed since.
    pub(super) fn settle(&self) {
        self.waiting().retain(|_, one| !one.written);
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<AgentId, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a version down unless a newer one is there: what another process wrote
/// meanwhile is never taken back.
fn raise(batch: &Batch<'_>, id: &AgentId, version: Version) -> Result<(), StoreError> {
    let id = id.to_string();
    let agent = batch.agent(&id)?.filter(|agent| agent.removed_unix_ms.is_none());
    // It was removed meanwhile.
    let Some(agent) = agent else { return Ok(()) };
    let stored = agent.last_protocol.as_deref().and_then(read);
    if stored.is_some_and(|stored| order(stored) >= order(version)) {
        return Ok(());
    }
    batch.set_agent_protocol(&id, Some(&version.to_string()))
}

fn order(version: Version) -> (u32, u32) {
    (version.major, version.minor)
}

fn read(text: &str) -> Option<Version> {
    let (major, minor) = text.split_once('.')?;
    Some(Version { major: major.parse().ok()?, minor: minor.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use watchfire_identity::certificate::MachineKey;

    use super::*;

    fn version(minor: u32) -> Version {
        Version { major: 1, minor }
    }

    #[test]
    fn an_older_version_than_before_is_refused() {
        let (spoken, id) = (Spoken::default(), MachineKey::generate().id());
        let take = |known: Option<&str>, minor| {
            spoken.take(id, || known.map(str::to_owned), version(minor))
        };
        assert_eq!(take(None, 2), Ok(()));
        assert_eq!(take(None, 1), Err(version(2)), "before it is stored too");
        assert_eq!(take(Some("1.10"), 9), Err(version(10)), "it is a number");
        assert_eq!(take(Some("1.10"), 10), Ok(()));
        assert_eq!(take(Some("1.10"), 11), Ok(()));
        assert_eq!(take(Some("1.10"), 10), Err(version(11)), "whatever is stored");
        assert_eq!(take(Some("what?"), 12), Ok(()), "unreadable is unknown");
        let other = MachineKey::generate().id();
        assert_eq!(spoken.take(other, || None, version(0)), Ok(()));
    }
}
