use std::sync::{Arc, OnceLock};

use watchfire_model::{Moment, Presence, ServerName};

use crate::fleet::Fleet;

/// What a hub shows of its servers, for the program that it runs in. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Shown(Arc<OnceLock<Arc<Fleet>>>);

impl Shown {
    /// Every server and its presence now; none before the hub runs.
    #[must_use]
    pub fn presences(&self) -> Vec<(ServerName, Presence)> {
        let Some(fleet) = self.0.get() else { return Vec::new() };
        let shown =
            |index| (fleet.config(index).server.name.clone(), fleet.snapshot(index).presence);
        fleet.indices().into_iter().map(shown).collect()
    }

    /// Since when that server lives without a stream: its pulses come, and nothing else.
    #[must_use]
    pub fn stream_missing(&self, server: &ServerName) -> Option<Moment> {
        let fleet = self.0.get()?;
        fleet.snapshot(fleet.index(server)?).link.stream_missing
    }

    pub(crate) fn begin(&self, fleet: &Arc<Fleet>) {
        self.0.get_or_init(|| fleet.clone());
    }
}
