//! What a session lets be done in the background.

use tokio::sync::mpsc;
use watchfire_runtime::task::{self, Task};

/// What work in the background came to.
pub(super) enum Done {
    Holes(Option<Vec<std::ops::RangeInclusive<u64>>>),
    Renewed(Result<String, String>),
}

/// How much of it may be under way: the holes, and a certificate.
const MAX_RESULTS: usize = 4;

/// The work under way. Most sessions have none for days, and so no room for it.
#[derive(Default)]
pub(super) struct Work {
    tasks: Vec<Task<()>>,
    results: Option<(mpsc::Sender<Done>, mpsc::Receiver<Done>)>,
}

impl Work {
    /// Begins something. It is ended with the session.
    pub(super) fn begin(
        &mut self,
        name: &'static str,
        work: impl Future<Output = Done> + Send + 'static,
    ) {
        let (results, _) = self.results.get_or_insert_with(|| mpsc::channel(MAX_RESULTS));
        let results = results.clone();
        self.tasks.push(task::spawn(name, async move {
            // Nobody waits for it when the session is over.
            let _ = results.send(work.await).await;
        }));
    }

    /// The next thing that is done. It may be given up; nothing is lost then.
    pub(super) async fn next(&mut self) -> Done {
        if let Some((_, results)) = &mut self.results
            && let Some(done) = results.recv().await
        {
            return done;
        }
        std::future::pending().await
    }

    /// Gives back what is not needed any more.
    pub(super) fn tidy(&mut self) {
        self.tasks.retain(|task| !task.is_finished());
        if self.tasks.is_empty() && self.results.as_ref().is_some_and(|(_, all)| all.is_empty()) {
            self.results = None;
        }
    }
}
