//! Which agents belong to the hub, and at which place of the fleet each is.
//!
//! The truth is in the store, where commands beside the running hub write too,
//! so what changed there is looked at every second. An agent is its key: one that was removed
//! is not known any more whatever its certificate says, and a new key under an
//! old name gets a new place, with nothing of the old one's.

mod spoken;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use tokio::sync::Notify;
use watchfire_identity::certificate::AgentId;
use watchfire_model::{Labels, Server, ServerName};
use watchfire_runtime::{Clock, Shutdown, task};
use watchfire_store::{Store, StoreError, StoredAgent};
use watchfire_wire::Version;

use crate::config::WatchedServer;
use crate::fleet::Fleet;
use spoken::Spoken;

/// How often the store is asked whether anything changed.
const LOOK: Duration = Duration::from_secs(1);

/// Told of each server that left the fleet: its place there, and its name.
pub(crate) type OnGone = Box<dyn Fn(usize, &ServerName) + Send + Sync>;

/// The agents that belong to the hub.
pub(crate) struct Agents {
    store: Store,
    fleet: Arc<Fleet>,
    /// The servers of `hub.toml`, as they stand there.
    configured: HashMap<ServerName, WatchedServer>,
    on_gone: OnGone,
    known: RwLock<HashMap<AgentId, Known>>,
    /// Agents left, which is all that ends a session: whoever comes wakes nobody.
    left: Notify,
    spoken: Spoken,
    /// The newest change that was taken in. One look at the store at a time, or an old
    /// one could undo a new one.
    looking: Mutex<i64>,
}

#[derive(Debug)]
struct Known {
    index: usize,
    name: ServerName,
    labels: Labels,
    address: Option<String>,
    last_protocol: Option<String>,
}

impl Known {
    fn new(index: usize, name: ServerName, agent: &StoredAgent) -> Self {
        let StoredAgent { labels, address, last_protocol, .. } = agent.clone();
        Self { index, name, labels, address, last_protocol }
    }
}

/// `servers` of the config and those of the agents that enrolled, without doubles.
pub(crate) fn merge(servers: &[WatchedServer], agents: &[StoredAgent]) -> Vec<WatchedServer> {
    let mut all = servers.to_vec();
    let by_name = servers.iter().enumerate().map(|(at, watched)| (&watched.server.name, at));
    let by_name: HashMap<&ServerName, usize> = by_name.collect();
    for (id, name, agent) in enrolled(agents) {
        match by_name.get(&name) {
            Some(at) => all[*at] = with_agent(&servers[*at], id, agent),
            None => all.push(on_its_own(id, name, agent)),
        }
    }
    all
}

impl Agents {
    /// The agents of `fleet`, which was made of [`merge`] of `configured` and
    /// `stored`.
    pub(crate) fn new(
        store: Store,
        fleet: Arc<Fleet>,
        configured: Vec<WatchedServer>,
        stored: &[StoredAgent],
        on_gone: OnGone,
    ) -> Self {
        let known = enrolled(stored).filter_map(|(id, name, agent)| {
            let index = fleet.index(&name)?;
            Some((id, Known::new(index, name, agent)))
        });
        let known = RwLock::new(known.collect());
        let by_name = |watched: WatchedServer| (watched.server.name.clone(), watched);
        let configured = configured.into_iter().map(by_name).collect();
        let (left, looking, spoken) = (Notify::new(), Mutex::default(), Spoken::default());
        Self { store, fleet, configured, on_gone, known, left, spoken, looking }
    }

    /// The place of the server whose agent this is; `None` when it is no agent of
    /// this hub, or no more.
    pub(crate) fn index_of(&self, id: AgentId) -> Option<usize> {
        self.read().get(&id).map(|known| known.index)
    }

    /// Takes the version of the protocol that an agent speaks.
    ///
    /// # Errors
    /// The newer version that it spoke before, which an administrator has not allowed
    /// it to go back from.
    pub(crate) fn speaks(&self, id: AgentId, version: Version) -> Result<(), Version> {
        let known = || self.read().get(&id)?.last_protocol.clone();
        self.spoken.take(id, known, version)
    }

    /// Waits until this agent has no longer this place: it was removed, or its
    /// server has another name now.
    pub(crate) async fn gone(&self, id: AgentId, index: usize) {
        loop {
            let mut left = std::pin::pin!(self.left.notified());
            left.as_mut().enable();
            if self.index_of(id) != Some(index) {
                return;
            }
            left.await;
        }
    }

    /// True when `hub.toml` has a login for that server, so that a stranger with
    /// a token for any name must not take its place.
    pub(crate) fn has_login(&self, name: &ServerName) -> bool {
        self.configured.get(name).is_some_and(|watched| watched.login.is_some())
    }

    /// Takes in what commands changed, until the end is asked for.
    pub(crate) async fn keep(self: Arc<Self>, clock: Clock, shutdown: Shutdown) {
        loop {
            let agents = self.clone();
            // A panic is told where it happens; the next look may go well.
            if let Ok(Err(error)) = task::blocking("agents", move || agents.look()).await {
                tracing::warn!(%error, "cannot look for agents that changed");
            }
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                () = clock.sleep(LOOK) => {}
            }
        }
    }

    fn look(&self) -> Result<(), StoreError> {
        self.spoken.store(&self.store)?;
        self.take_in()?;
        self.spoken.settle();
        Ok(())
    }

    /// Takes in what changed in the store since the last look. It blocks.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read; then nothing is changed.
    pub(crate) fn take_in(&self) -> Result<(), StoreError> {
        let mut seen = lock(&self.looking);
        let (newest, changed) = self.store.agents_changed(*seen)?;
        let left = self.take_out(&changed);
        for (index, name) in &left {
            (self.on_gone)(*index, name);
        }
        for (id, name, agent) in enrolled(&changed) {
            self.take_one(id, name, agent);
        }
        self.put_back(&left);
        if !left.is_empty() {
            self.left.notify_waiters();
        }
        *seen = newest;
        Ok(())
    }

    /// Takes out whoever was removed or has another name, and gives the places and
    /// names that they had.
    fn take_out(&self, changed: &[StoredAgent]) -> Vec<(usize, ServerName)> {
        let mut left = Vec::new();
        let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for agent in changed {
            let Ok(id) = agent.id.parse::<AgentId>() else { continue };
            let stays = |known: &Known| {
                agent.removed_unix_ms.is_none() && agent.name == known.name.as_str()
            };
            let Some(known) = all.get(&id).filter(|known| !stays(known)) else { continue };
            let (index, name) = (known.index, known.name.clone());
            tracing::info!(server = %name, agent = %id, "an agent left");
            all.remove(&id);
            self.fleet.remove(index);
            left.push((index, name));
        }
        left
    }

    /// Takes in an agent that is new or changed.
    fn take_one(&self, id: AgentId, name: ServerName, agent: &StoredAgent) {
        let same = |known: &Known| known.labels == agent.labels && known.address == agent.address;
        let known = &mut *self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get_mut(&id).filter(|known| same(known)) {
            known.last_protocol.clone_from(&agent.last_protocol);
            return;
        }
        let config = match self.configured.get(&name) {
            Some(watched) => with_agent(watched, id, agent),
            None => on_its_own(id, name.clone(), agent),
        };
        tracing::info!(server = %name, agent = %id, "an agent came or changed");
        let index = self.fleet.add(config);
        known.insert(id, Known::new(index, name, agent));
    }

    /// A server of `hub.toml` stays watched when its agent was removed.
    fn put_back(&self, left: &[(usize, ServerName)]) {
        for (_, name) in left {
            if let Some(watched) = self.configured.get(name)
                && self.fleet.index(name).is_none()
            {
                self.fleet.add(watched.clone());
            }
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<AgentId, Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The agents that are not removed. What cannot be read is told and left out.
fn enrolled(agents: &[StoredAgent]) -> impl Iterator<Item = (AgentId, ServerName, &StoredAgent)> {
    let present = agents.iter().filter(|agent| agent.removed_unix_ms.is_none());
    present.filter_map(|agent| {
        let (id, name) = (agent.id.parse(), ServerName::new(&agent.name));
        if let (Ok(id), Ok(name)) = (id, name) {
            return Some((id, name, agent));
        }
        tracing::error!(id = agent.id, name = agent.name, "a stored agent cannot be read");
        None
    })
}

/// A server of `hub.toml` whose agent enrolled. The file's labels stand. A login
/// is not needed any more, and who dials was settled when the agent enrolled:
/// both sides dialling would be two streams of one agent.
fn with_agent(watched: &WatchedServer, id: AgentId, agent: &StoredAgent) -> WatchedServer {
    // An invited machine chose its name itself, so it does not take the place of
    // one that the operator wrote down with a login.
    if watched.login.is_some() && agent.address.is_some() {
        let server = &watched.server.name;
        tracing::warn!(%server, "an adopted agent has the name of a server of hub.toml with a \
            login, which stays: rename it with `watchfire server rename`, or take the login out");
        return watched.clone();
    }
    let mut labels = agent.labels.clone();
    for (name, value) in watched.server.labels.iter() {
        // They were checked when they were first set.
        let _ = labels.insert(name, value);
    }
    let server = Server::new(watched.server.name.clone(), labels);
    WatchedServer { server, address: agent.address.clone(), login: None, agent: Some(id) }
}

fn on_its_own(id: AgentId, name: ServerName, agent: &StoredAgent) -> WatchedServer {
    let server = Server::new(name, agent.labels.clone());
    WatchedServer { server, address: agent.address.clone(), login: None, agent: Some(id) }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
