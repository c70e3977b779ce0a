//! The servers that one may ask about, and under which key the history has each.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use watchfire_model::{LabelPair, Scope};

use super::labels;
use crate::config::WatchedServer;
use crate::fleet::Fleet;

/// A server as questions know it.
#[derive(Debug)]
pub(super) struct Place {
    /// Its place in the fleet.
    pub(super) index: usize,
    /// Its name in the history.
    pub(super) key: String,
    /// What it gives to its series, sorted by name.
    pub(super) labels: Arc<[LabelPair]>,
    config: Arc<WatchedServer>,
}

/// The places of a fleet, each made once for as long as its server does not change.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<Vec<Option<Arc<Place>>>>);

impl Places {
    /// The servers of the fleet that are in `scope` (invariant I7).
    pub(super) fn of(&self, fleet: &Fleet, scope: &Scope) -> Vec<Arc<Place>> {
        let indices = fleet.indices();
        let mut known = self.lock();
        let places = indices.into_iter().filter_map(|index| {
            let config = fleet.config(index);
            scope.holds(&config.server.labels).then(|| place(&mut known, index, config))
        });
        places.collect()
    }

    /// The server at `index`, whoever asks.
    pub(super) fn one(&self, fleet: &Fleet, index: usize) -> Arc<Place> {
        place(&mut self.lock(), index, fleet.config(index))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<Arc<Place>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Its name.
    pub(super) fn name(&self) -> &watchfire_model::ServerName {
        &self.config.server.name
    }
}

fn place(
    known: &mut Vec<Option<Arc<Place>>>,
    index: usize,
    config: Arc<WatchedServer>,
) -> Arc<Place> {
    if known.len() <= index {
        known.resize(index + 1, None);
    }
    match &known[index] {
        Some(place) if Arc::ptr_eq(&place.config, &config) => place.clone(),
        _ => {
            let labels = labels::of_server(&config.server);
            let place = Arc::new(Place { index, key: key_of(&config), labels, config });
            known[index] = Some(place.clone());
            place
        }
    }
}

/// The key under which the history has a server: the id of the agent that enrolled, or the
/// name of a server of the config.
fn key_of(config: &WatchedServer) -> String {
    match config.agent {
        Some(agent) => agent.to_string(),
        None => format!("name:{}", config.server.name),
    }
}
