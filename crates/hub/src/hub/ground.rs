//! What every part of a running hub stands on.

use std::convert::Infallible;
use std::sync::Arc;

use watchfire_runtime::task::Task;
use watchfire_runtime::{Clock, Shutdown, ShutdownHandle, task};
use watchfire_store::Store;

use crate::events::Events;
use crate::fleet::Fleet;

/// What the parts share, and how they start their tasks.
#[derive(Clone)]
pub(super) struct Ground {
    pub(super) fleet: Arc<Fleet>,
    pub(super) store: Store,
    pub(super) events: Events,
    pub(super) clock: Clock,
    pub(super) shutdown: Shutdown,
    /// By this a part that the hub cannot do without asks for the end.
    pub(super) end: ShutdownHandle,
    /// What links in letters begin with.
    pub(super) public_url: String,
    /// Keeps the Message-IDs of two hubs apart.
    pub(super) hub_id: String,
}

impl Ground {
    /// Starts what the hub cannot do without.
    pub(super) fn critical(
        &self,
        name: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> Task<()> {
        // On the heap, or each of these futures would make that of the hub larger.
        let work = Box::pin(work);
        task::spawn_critical(name, self.end.clone(), async move {
            work.await;
            Ok::<(), Infallible>(())
        })
    }

    /// Starts what begins anew when it fails. `make` gets what it needs of the ground.
    pub(super) fn restarting<F>(
        &self,
        name: &'static str,
        make: impl Fn(Clock, Shutdown) -> F + Send + 'static,
    ) -> Task<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (clock, shutdown) = (self.clock.clone(), self.shutdown.clone());
        task::spawn_restarting(name, self.clock.clone(), move || {
            make(clock.clone(), shutdown.clone())
        })
    }
}
