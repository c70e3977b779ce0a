//! What is done for the history when nothing presses: giving room back, and looking
//! for what an index hides.

use std::time::Duration;

use watchfire_model::Moment;
use watchfire_runtime::task;
use watchfire_store::History;

/// How often it is looked whether there is something to do.
const EVERY: Duration = Duration::from_secs(60);
/// The pause between two pieces of work: what agents tell comes in between.
const GAP: Duration = Duration::from_millis(250);
/// How many chunks are deleted at a time.
const PRUNE_STEP: usize = 200;
/// How many rings are looked through at a time.
const VERIFY_STEP: usize = 64;
/// How long a history that was looked through is trusted.
const TRUSTED: Duration = Duration::from_secs(3600);

/// When to do what next.
#[derive(Debug)]
pub(super) struct Care {
    due: Moment,
    /// From which ring on to look.
    from: i64,
    look_at: Moment,
}

impl Care {
    pub(super) fn new(now: Moment) -> Self {
        Self { due: now.after(EVERY), from: 0, look_at: now }
    }

    /// When there may be something to do.
    pub(super) fn due(&self) -> Moment {
        self.due
    }

    /// Does a piece of the work, if it is time and `may`, and says when to come again.
    pub(super) async fn work(&mut self, history: &History, now: Moment, may: bool) {
        if now.monotonic < self.due.monotonic {
            return;
        }
        self.due = now.after(GAP);
        if may && !prune(history).await {
            self.due = now.after(EVERY);
            self.look(history, now).await;
        }
    }

    async fn look(&mut self, history: &History, now: Moment) {
        if now.monotonic < self.look_at.monotonic {
            return;
        }
        let (history, from) = (history.clone(), self.from);
        let looking =
            task::blocking("look through the history", move || history.verify(from, VERIFY_STEP));
        let next = match looking.await {
            Ok(Ok(verified)) => verified.next,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the history cannot be looked through");
                None
            }
            // A panic was told already.
            Err(_) => None,
        };
        self.from = next.unwrap_or(0);
        if next.is_none() {
            self.look_at = now.after(TRUSTED);
        }
    }
}

/// True when there is more to do.
async fn prune(history: &History) -> bool {
    let history = history.clone();
    match task::blocking("prune the history", move || history.prune(PRUNE_STEP)).await {
        Ok(Ok(dropped)) => dropped.more,
        Ok(Err(error)) => {
            tracing::warn!(%error, "room of the history cannot be given back");
            false
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use watchfire_store::Chunk;

    use super::*;

    fn chunk(server: &str, number: u64) -> Chunk {
        Chunk {
            server: server.to_owned(),
            ring: [1; 16],
            previous: number - 1,
            first: number,
            last: number,
            from_ms: 1,
            to_ms: 1,
            starts_chain: true,
            bytes: vec![1; 10],
        }
    }

    #[tokio::test]
    async fn while_there_is_more_it_goes_on_piece_by_piece() {
        let folder = tempfile::tempdir().expect("a folder");
        let history = History::open(folder.path(), 1 << 30).expect("a new history");
        for server in ["gone", "here"] {
            let chunks: Vec<Chunk> = (1..=500).map(|number| chunk(server, number)).collect();
            history.append(&chunks).expect("works");
        }
        history.remove_server("gone").expect("works");
        let begin = Moment::default();
        let mut care = Care::new(begin);
        care.work(&history, begin.after(EVERY - GAP), true).await;
        assert_eq!(history.counters().chunks_removed, 0, "it is not time");
        let mut now = begin.after(EVERY);
        care.work(&history, now, false).await;
        assert_eq!(history.counters().chunks_removed, 0, "others press");
        for removed in [200, 400, 500] {
            assert_eq!(care.due(), now.after(GAP), "others have their turn");
            now = care.due();
            care.work(&history, now, true).await;
            assert_eq!(history.counters().chunks_removed, removed);
        }
        now = care.due();
        care.work(&history, now, true).await;
        assert_eq!(care.due(), now.after(EVERY), "all is done");
        assert_eq!(history.coverage("here", [1; 16]), Ok(vec![(0, 500)]));
    }
}
