use std::sync::mpsc;

use watchfire_identity::certificate::MachineKey;
use watchfire_model::Labels;

use super::*;
use crate::testing::{fleet_of, manual_clock, name, watched};

fn agent(key: &MachineKey, name: &str) -> StoredAgent {
    StoredAgent {
        id: key.id().to_string(),
        name: name.to_owned(),
        labels: Labels::new(),
        address: None,
        public_key_fingerprint: key.public_key_fingerprint().to_string(),
        certificate_not_after: 1,
        enrolled_unix_ms: 1,
        removed_unix_ms: None,
        last_protocol: None,
    }
}

struct House {
    store: Store,
    fleet: Arc<Fleet>,
    agents: Arc<Agents>,
    gone: mpsc::Receiver<(usize, ServerName)>,
    folder: tempfile::TempDir,
}

impl House {
    /// A hub whose file has the server `toml-1`, which waits for its agent.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a new store");
        let (clock, _hand) = manual_clock();
        let fleet = fleet_of(&["toml-1"], &[], &clock);
        let mut configured = watched("toml-1", "127.0.0.1:9");
        configured.login = None;
        let (tell, gone) = mpsc::sync_channel(100);
        let on_gone = Box::new(move |index, name: &ServerName| {
            tell.send((index, name.clone())).expect("there is room");
        });
        let agents = Agents::new(store.clone(), fleet.clone(), vec![configured], &[], on_gone);
        Self { store, fleet, agents: Arc::new(agents), gone, folder }
    }

    fn put(&self, agent: &StoredAgent) {
        self.store.write(|batch| batch.put_agent(agent)).expect("the store works");
        self.agents.take_in().expect("readable");
    }

    fn names(&self) -> Vec<String> {
        let name = |index| self.fleet.config(index).server.name.to_string();
        self.fleet.indices().into_iter().map(name).collect()
    }
}

#[test]
fn what_a_command_writes_is_taken_in() {
    let house = House::new();
    let key = MachineKey::generate();
    let mut web = agent(&key, "web-1");
    house.put(&web);
    let index = house.agents.index_of(key.id()).expect("it is known");
    assert_eq!(house.names(), ["toml-1", "web-1"]);

    web.labels.insert("role", "web").expect("a label");
    web.address = Some("10.0.0.1:5000".to_owned());
    house.put(&web);
    assert_eq!(house.agents.index_of(key.id()), Some(index), "it keeps its place");
    let config = house.fleet.config(index);
    assert_eq!(config.server.labels.get("role"), Some("web"));
    assert_eq!(config.address.as_deref(), Some("10.0.0.1:5000"));

    web.name = "web-9".to_owned();
    house.put(&web);
    assert_ne!(house.agents.index_of(key.id()), Some(index), "its old name's place is over");
    assert_eq!(house.names(), ["toml-1", "web-9"]);
    assert_eq!(house.gone.try_iter().collect::<Vec<_>>(), [(index, name("web-1"))]);

    web.removed_unix_ms = Some(2);
    house.put(&web);
    assert_eq!((house.agents.index_of(key.id()), house.names()), (None, vec!["toml-1".to_owned()]));
}

#[test]
fn a_name_goes_from_a_removed_agent_to_the_next() {
    let house = House::new();
    let (old, key) = (MachineKey::generate(), MachineKey::generate());
    house.put(&agent(&old, "web-1"));
    let before = house.agents.index_of(old.id()).expect("it is known");
    let write = |agent: StoredAgent| {
        house.store.write(|batch| batch.put_agent(&agent)).expect("the store works");
    };
    write(StoredAgent { removed_unix_ms: Some(2), ..agent(&old, "web-1") });
    write(agent(&key, "web-1"));
    house.agents.take_in().expect("readable");
    let after = house.agents.index_of(key.id()).expect("it is known");
    assert_ne!(after, before, "with nothing of the old key's");
    assert_eq!(house.agents.index_of(old.id()), None);
    assert_eq!(house.gone.try_iter().collect::<Vec<_>>(), [(before, name("web-1"))]);
}

#[test]
fn two_servers_may_change_their_names_with_one_another() {
    let house = House::new();
    let (one, other) = (MachineKey::generate(), MachineKey::generate());
    house.put(&agent(&one, "a-1"));
    house.put(&agent(&other, "b-1"));
    let swap = |batch: &watchfire_store::Batch<'_>| {
        batch.rename_agent(&one.id().to_string(), "c-1")?;
        batch.rename_agent(&other.id().to_string(), "a-1")?;
        batch.rename_agent(&one.id().to_string(), "b-1")
    };
    house.store.write(swap).expect("works");
    house.agents.take_in().expect("readable");
    for (key, now) in [(&one, "b-1"), (&other, "a-1")] {
        let index = house.agents.index_of(key.id()).expect("it is known");
        assert_eq!(house.fleet.config(index).server.name.as_str(), now);
        assert_eq!(house.fleet.index(&name(now)), Some(index));
    }
}

#[test]
fn a_server_of_the_file_outlives_its_agent() {
    let house = House::new();
    let key = MachineKey::generate();
    house.put(&agent(&key, "toml-1"));
    let first = house.agents.index_of(key.id()).expect("it is known");
    house.put(&StoredAgent { removed_unix_ms: Some(2), ..agent(&key, "toml-1") });
    let again = house.fleet.index(&name("toml-1")).expect("the file still has it");
    assert_ne!(first, again, "with nothing of its old agent's");
    assert_eq!(house.fleet.config(again).agent, None);
}

#[test]
fn a_start_finds_the_file_and_the_agents_together() {
    let key = MachineKey::generate();
    let mut in_file = watched("web-1", "127.0.0.1:9");
    in_file.login = None;
    let other = watched("web-2", "127.0.0.1:9");
    let removed = StoredAgent { removed_unix_ms: Some(1), ..agent(&MachineKey::generate(), "old") };
    let unreadable = StoredAgent { id: "x".to_owned(), ..agent(&key, "odd") };
    let stored =
        [agent(&key, "web-1"), removed, unreadable, agent(&MachineKey::generate(), "web-3")];
    let all = merge(&[in_file, other], &stored);
    let shown: Vec<_> = all
        .iter()
        .map(|one| (one.server.name.as_str(), one.agent.is_some(), one.login.is_some()))
        .collect();
    assert_eq!(shown, [("web-1", true, false), ("web-2", false, true), ("web-3", true, false)]);
    assert_eq!(all[0].address, None, "an agent that enrolled by a token dials by itself");
}

#[tokio::test]
async fn the_store_is_looked_at_every_second() {
    let house = House::new();
    let (clock, hand) = manual_clock();
    let (shutdown, end) = Shutdown::new();
    let keeping = tokio::spawn(house.agents.clone().keep(clock, shutdown));
    // A process beside this one.
    let key = MachineKey::generate();
    let beside = Store::open(house.folder.path()).expect("it is there");
    beside.write(|batch| batch.put_agent(&agent(&key, "web-1"))).expect("works");
    crate::testing::until("the agent is known", || {
        hand.advance(LOOK);
        house.agents.index_of(key.id())
    })
    .await;
    end.request();
    keeping.await.expect("it ends");
}

/// Between the write of a new version and the next look at the store no older one gets
/// in, and what an administrator allows holds.
#[test]
fn a_version_is_held_to_at_every_moment() {
    let house = House::new();
    let key = MachineKey::generate();
    house.put(&agent(&key, "web-1"));
    let version = |minor| Version { major: 1, minor };
    let speaks = |minor| house.agents.speaks(key.id(), version(minor));
    let stored = || {
        let agent = house.store.agent(&key.id().to_string()).expect("readable");
        agent.expect("it is there").last_protocol
    };
    assert_eq!(speaks(2), Ok(()));
    house.agents.spoken.store(&house.store).expect("works");
    assert_eq!(stored().as_deref(), Some("1.2"));
    assert_eq!(speaks(1), Err(version(2)), "the store was not read since");
    house.agents.look().expect("works");
    assert_eq!(speaks(1), Err(version(2)));

    let id = key.id().to_string();
    let set = |to| house.store.write(|batch| batch.set_agent_protocol(&id, to)).expect("works");
    set(None);
    house.agents.look().expect("works");
    assert_eq!(stored(), None, "what was allowed is not taken back");
    assert_eq!(speaks(1), Ok(()));
    // Another process knows of a newer one.
    set(Some("1.10"));
    house.agents.look().expect("works");
    assert_eq!((stored().as_deref(), speaks(9)), (Some("1.10"), Err(version(10))));
    assert_eq!(speaks(11), Ok(()));
    house.agents.look().expect("works");
    assert_eq!((stored().as_deref(), speaks(10)), (Some("1.11"), Err(version(11))));
}
