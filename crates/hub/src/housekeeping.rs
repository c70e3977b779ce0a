//! What goes from the disk with time: old incidents, and what removed servers told.

use std::collections::HashSet;
use std::time::Duration;

use watchfire_runtime::{Clock, Shutdown, task};
use watchfire_store::{History, HistoryError, Store, StoreError, StoredAgent};

use crate::historian::schema_key;

/// Closed incidents older than this go, oldest first.
const KEEP_INCIDENTS: Duration = Duration::from_secs(400 * 24 * 3600);
/// How many old incidents go at a time.
const PRUNE_STEP: usize = 100;
/// What a removed server told is kept for so long: an administrator may need it, and
/// an agent that is enrolled again with its old key goes on with it.
const KEEP_REMOVED: Duration = Duration::from_secs(30 * 24 * 3600);
/// How often it is looked for what may go.
const LOOK: Duration = Duration::from_secs(600);
/// The pause before the next step while there is more.
const GAP: Duration = Duration::from_secs(1);

/// Keeps house until the end is asked for.
pub(crate) async fn keep(store: Store, history: Option<History>, clock: Clock, shutdown: Shutdown) {
    let mut pause = LOOK;
    loop {
        tokio::select! {
            biased;
            () = shutdown.requested() => return,
            () = clock.sleep(pause) => {}
        }
        let (store, history, now_ms) = (store.clone(), history.clone(), clock.now().unix_ms);
        let work = move || tidy(&store, history.as_ref(), now_ms);
        let more = task::blocking("housekeeping", work).await.unwrap_or(false);
        pause = if more { GAP } else { LOOK };
    }
}

/// One step. True when there is more to do.
fn tidy(store: &Store, history: Option<&History>, now_ms: i64) -> bool {
    if let Some(Err(error)) = history.map(|history| forget_removed(store, history, now_ms)) {
        tracing::warn!(%error, "what removed servers told cannot be forgotten yet");
    }
    match store.prune(now_ms.saturating_sub(ms(KEEP_INCIDENTS)), PRUNE_STEP) {
        Ok(pruned) => pruned.incidents.max(pruned.reports) == PRUNE_STEP,
        Err(error) => {
            tracing::warn!(%error, "old incidents cannot be removed");
            false
        }
    }
}

/// Why something is not forgotten.
#[derive(Debug, thiserror::Error)]
enum Kept {
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    History(#[from] HistoryError),
}

/// Lets go of what servers told that were removed long ago.
fn forget_removed(store: &Store, history: &History, now_ms: i64) -> Result<(), Kept> {
    let known: HashSet<String> = history.servers()?.into_iter().collect();
    for id in long_gone(&store.agents()?, now_ms) {
        for key in [id.to_owned(), schema_key(id)] {
            if known.contains(&key) {
                history.remove_server(&key)?;
                tracing::info!(agent = id, "what a removed server told is forgotten");
            }
        }
    }
    Ok(())
}

/// The ids of the agents that were removed long ago.
fn long_gone(agents: &[StoredAgent], now_ms: i64) -> impl Iterator<Item = &str> {
    let until = now_ms.saturating_sub(ms(KEEP_REMOVED));
    let gone = move |agent: &&StoredAgent| agent.removed_unix_ms.is_some_and(|at| at <= until);
    agents.iter().filter(gone).map(|agent| agent.id.as_str())
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use watchfire_model::Labels;
    use watchfire_store::Chunk;

    use super::*;

    const DAY_MS: i64 = 24 * 3600 * 1000;

    fn agent(id: &str, removed_unix_ms: Option<i64>) -> StoredAgent {
        StoredAgent {
            id: id.to_owned(),
            name: format!("server-{id}"),
            labels: Labels::new(),
            address: None,
            public_key_fingerprint: id.to_owned(),
            certificate_not_after: 1,
            enrolled_unix_ms: 1,
            removed_unix_ms,
            last_protocol: None,
        }
    }

    fn chunk(server: String) -> Chunk {
        Chunk {
            server,
            ring: [1; 16],
            previous: 0,
            first: 1,
            last: 2,
            from_ms: 1,
            to_ms: 2,
            starts_chain: true,
            bytes: vec![1; 10],
        }
    }

    #[test]
    fn what_a_removed_server_told_is_kept_for_thirty_days() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a new store");
        let history = History::open(folder.path(), 1 << 30).expect("a new history");
        let now = 1000 * DAY_MS;
        let all = [
            agent("here", None),
            agent("lately", Some(now - 30 * DAY_MS + 1)),
            agent("long", Some(now - 30 * DAY_MS)),
        ];
        store.write(|batch| all.iter().try_for_each(|one| batch.put_agent(one))).expect("works");
        // One of hub.toml, and one whose row is lost: the cap has them go with time.
        let keys = ["here", "lately", "long", "name:web-1", "stranger"];
        let chunks: Vec<Chunk> =
            keys.iter().flat_map(|key| [(*key).to_owned(), schema_key(key)]).map(chunk).collect();
        history.append(&chunks).expect("works");
        tidy(&store, Some(&history), now);
        let left = history.servers().expect("readable");
        assert_eq!(left.len(), 8, "{left:?}");
        assert!(left.iter().all(|key| !key.starts_with("long")), "{left:?}");
        // An agent that comes again with its key after that begins anew.
        assert_eq!(history.coverage("long", [1; 16]), Ok(vec![]));
        assert_eq!(history.coverage("lately", [1; 16]), Ok(vec![(0, 2)]));
    }
}
