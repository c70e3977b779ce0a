use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use watchfire_model::ServerName;

use super::{State, lock};
use crate::config::WatchedServer;

/// Which servers there are, and where.
#[derive(Debug, Default)]
pub(super) struct Roster {
    /// A place is never given twice: what still holds an index of a server that
    /// was taken out must not find another one there.
    places: Vec<Arc<Watched>>,
    by_name: HashMap<ServerName, usize>,
}

/// One server of the fleet.
#[derive(Debug)]
pub(super) struct Watched {
    config: RwLock<Arc<WatchedServer>>,
    state: Mutex<State>,
    is_in: AtomicBool,
}

impl Roster {
    pub(super) fn enter(&mut self, config: WatchedServer, state: State) -> usize {
        let index = self.places.len();
        self.by_name.insert(config.server.name.clone(), index);
        self.places.push(Arc::new(Watched {
            config: RwLock::new(Arc::new(config)),
            state: Mutex::new(state),
            is_in: AtomicBool::new(true),
        }));
        index
    }

    pub(super) fn change(&mut self, index: usize, config: WatchedServer) {
        let place = self.places[index].config.write();
        *place.unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }

    pub(super) fn remove(&mut self, index: usize) {
        let watched = &self.places[index];
        watched.is_in.store(false, Ordering::Release);
        let name = &watched.config().server.name;
        if self.by_name.get(name) == Some(&index) {
            self.by_name.remove(name);
        }
        watched.state().forget();
    }

    pub(super) fn places(&self) -> usize {
        self.places.len()
    }

    pub(super) fn indices(&self) -> Vec<usize> {
        (0..self.places.len()).filter(|index| self.places[*index].is_in()).collect()
    }

    pub(super) fn is_in(&self, index: usize) -> bool {
        self.places[index].is_in()
    }

    pub(super) fn watched(&self, index: usize) -> Arc<Watched> {
        Arc::clone(&self.places[index])
    }

    pub(super) fn by_name(&self, name: &ServerName) -> Option<usize> {
        self.by_name.get(name).copied()
    }
}

impl Watched {
    pub(super) fn config(&self) -> Arc<WatchedServer> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(super) fn is_in(&self) -> bool {
        self.is_in.load(Ordering::Acquire)
    }
}
