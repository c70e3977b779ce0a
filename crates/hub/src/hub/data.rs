//! What a start of the hub finds in its data folder, and makes where it is not there.

use watchfire_identity::token::TokenKey;
use watchfire_model::{Incident, TimelineEntry, TimelineKind};
use watchfire_runtime::Clock;
use watchfire_store::{Store, StoreError, StoredAgent, StoredLeaving};

use super::error::HubError;
use crate::accounts::{self, Accounts};
use crate::agents;
use crate::config::{HubConfig, WatchedServer};
use crate::factors::Factors;
use crate::folder_lock::{FolderLock, lock};
use crate::identity::close_data_folder;

/// Where the hub's own random name is kept; it makes Message-IDs unique.
const HUB_ID: &str = "hub_id";
/// Where the hub keeps how agents find it, for commands beside it.
const JOIN_ADDRESS: &str = "join_address";
/// The key that signs programs' tokens.
const TOKEN_KEY: &str = "token_key";

/// What a start of the hub takes from its data folder.
pub(super) struct Data {
    pub(super) store: Store,
    pub(super) lock: FolderLock,
    pub(super) stored: Vec<StoredAgent>,
    pub(super) leaving: Vec<StoredLeaving>,
    pub(super) open: Vec<Incident>,
    pub(super) accounts: Accounts,
    pub(super) factors: Factors,
    pub(super) hub_id: String,
}

impl Data {
    pub(super) fn open(config: &HubConfig, clock: &Clock) -> Result<Self, HubError> {
        let mut held = None;
        match Self::open_once(config, clock, &mut held) {
            Err(HubError::Store(StoreError::Damaged { why })) => {
                // Another hub may still work with what is readable of it.
                let held = match held {
                    Some(held) => held,
                    None => lock(&config.data)?,
                };
                let name = clock.now().unix_ms.to_string();
                let kept = watchfire_store::set_aside(&config.data, &name)?;
                tracing::error!(
                    why, kept = %kept.join("watchfire.db").display(),
                    "watchfire.db was damaged: it is kept, and a fresh one takes its place. \
                     Its incidents, unsent notifications, stored users and enrolled servers are \
                     not in the fresh one: those servers must enrol again"
                );
                Self::open_once(config, clock, &mut Some(held))
            }
            other => other,
        }
    }

    /// Locks the folder into `held` if that is empty, and leaves the lock there when
    /// reading fails.
    fn open_once(
        config: &HubConfig,
        clock: &Clock,
        held: &mut Option<FolderLock>,
    ) -> Result<Self, HubError> {
        close_data_folder(&config.data)?;
        let store = Store::open(&config.data)?;
        if held.is_none() {
            *held = Some(lock(&config.data)?);
        }
        let stored = store.agents()?;
        let servers = agents::merge(&config.servers, &stored);
        let open = open_incidents(&store, &servers, clock)?;
        let leaving = leaving(&store, &servers)?;
        let accounts = accounts::load(&store, &config.users)?;
        // Without knowing who has one nobody may log in, or they would without it.
        let factors = Factors::open(store.clone())?;
        let hub_id = hub_id(&store)?;
        let lock = held.take().expect("it was locked just above");
        Ok(Self { store, lock, stored, leaving, open, accounts, factors, hub_id })
    }
}

/// The incidents that go on. Those of servers that are watched no more are closed.
fn open_incidents(
    store: &Store,
    servers: &[WatchedServer],
    clock: &Clock,
) -> Result<Vec<Incident>, StoreError> {
    let watched =
        |incident: &Incident| servers.iter().any(|watched| watched.server.name == incident.server);
    let (open, gone): (Vec<_>, Vec<_>) = store.open_incidents()?.into_iter().partition(watched);
    if !gone.is_empty() {
        let at = clock.now();
        store.write(|batch| {
            for incident in &gone {
                let text = "The server is no longer watched.".to_owned();
                batch.add_timeline(
                    incident.id,
                    &TimelineEntry { at, kind: TimelineKind::Judged, text },
                )?;
                batch.close_incident(incident.id, at)?;
            }
            Ok(())
        })?;
    }
    Ok(open)
}

/// The servers that are leaving. Who is watched no more is forgotten: a server that gets
/// the name later must not be waited for.
fn leaving(store: &Store, servers: &[WatchedServer]) -> Result<Vec<StoredLeaving>, StoreError> {
    let watched =
        |one: &StoredLeaving| servers.iter().any(|watched| watched.server.name == one.server);
    let (leaving, gone): (Vec<_>, Vec<_>) = store.leaving()?.into_iter().partition(watched);
    if !gone.is_empty() {
        store.write(|batch| gone.iter().try_for_each(|one| batch.end_leaving(&one.server)))?;
    }
    Ok(leaving)
}

fn hub_id(store: &Store) -> Result<String, StoreError> {
    if let Some(stored) = store.secret(HUB_ID)? {
        return Ok(String::from_utf8_lossy(&stored).into_owned());
    }
    let made = format!("{}.watchfire", watchfire_identity::random_hex(8));
    store.write(|batch| batch.put_secret(HUB_ID, made.as_bytes()))?;
    Ok(made)
}

/// The key that signs tokens, made at the first start.
pub(super) fn token_key(store: &Store) -> Result<TokenKey, StoreError> {
    let stored = store.secret(TOKEN_KEY)?;
    if let Some(bytes) = stored.and_then(|stored| <[u8; 32]>::try_from(stored).ok()) {
        return Ok(TokenKey::from_bytes(bytes));
    }
    let made = TokenKey::generate();
    store.write(|batch| batch.put_secret(TOKEN_KEY, made.as_bytes()))?;
    Ok(made)
}

/// Where agents find the hub, as it said at its last start.
pub(crate) fn kept_join_address(store: &Store) -> Result<Option<String>, StoreError> {
    let kept = store.secret(JOIN_ADDRESS)?;
    Ok(kept.map(|kept| String::from_utf8_lossy(&kept).into_owned()))
}

pub(super) fn keep_join_address(store: &Store, address: &str) -> Result<(), StoreError> {
    if kept_join_address(store)?.as_deref() == Some(address) {
        return Ok(());
    }
    store.write(|batch| batch.put_secret(JOIN_ADDRESS, address.as_bytes()))
}
