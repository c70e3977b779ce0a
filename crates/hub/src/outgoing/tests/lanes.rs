//! Whole hand-overs: from a history to stores that answer, or do not.

use std::collections::{BTreeMap, BTreeSet};

use watchfire_api::remote_write::ReceivedSeries;
use watchfire_runtime::{ShutdownHandle, task};

use super::*;
use crate::archive::tests::room::{Room, key_of};
use crate::outgoing::lane::lane_of;
use crate::testing::{settle, until};

/// Servers of each lane.
const OF_A_LANE: usize = 3;

/// A fleet with servers of every lane, whose history is handed over.
struct House {
    room: Room,
    all: HandOvers,
    _running: (Vec<task::Task<()>>, ShutdownHandle),
}

impl House {
    fn new(stores: &[&Stub]) -> Self {
        let names = names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let room = Room::new(&names);
        let targets = stores.iter().map(|store| remote_write(store, Scope::everything())).collect();
        let (shutdown, end) = Shutdown::new();
        let (all, tasks) = start(targets, &room.archive, &room.clock(), &shutdown);
        Self { room, all, _running: (tasks, end) }
    }

    /// Every server tells so much, and then so much time passes that none of it is young.
    fn tell(&mut self, seconds: u64) {
        self.room.tell(seconds);
        self.room.flush();
        self.room.wait(10);
    }

    /// The servers of which something waits for that store.
    fn waiting(&self, store: &Stub) -> BTreeSet<String> {
        let all = self.room.history().waiting(&store.base()).expect("readable");
        all.into_iter().map(|one| one.server).collect()
    }
}

fn names() -> Vec<String> {
    let mut found = [0; LANES];
    let mut names = Vec::new();
    for name in (0..1000).map(|number| format!("s-{number}")) {
        let lane = &mut found[lane_of(&key_of(&name))];
        if *lane < OF_A_LANE {
            *lane += 1;
            names.push(name);
        }
        if names.len() == OF_A_LANE * LANES {
            break;
        }
    }
    names
}

fn series_of(body: &[u8]) -> Vec<ReceivedSeries> {
    let body = unpack(body).expect("snappy");
    read_request(Protocol::V1, &body, i64::MAX).expect("protobuf").series
}

fn servers_of(body: &[u8]) -> BTreeSet<String> {
    series_of(body).iter().map(|one| key_of(one.labels.get("instance"))).collect()
}

#[tokio::test]
async fn a_store_that_does_not_answer_holds_up_no_other() {
    let (slow, fast) = (Stub::start(), Stub::start());
    slow.always(Answer::Hang);
    let mut house = House::new(&[&slow, &fast]);
    house.tell(150);
    until("the other one has all", || house.waiting(&fast).is_empty().then_some(())).await;
    let figures = house.all.figures().await.expect("readable");
    let [of_slow, of_fast] = &figures[..] else { panic!("{figures:?}") };
    assert_eq!((of_fast.lag_ms, of_fast.servers, of_fast.counted.refused), (0, 0, 0));
    assert_eq!((of_slow.lag_ms, of_slow.servers), (149_000, OF_A_LANE * LANES));
    assert_eq!(of_slow.counted.sent, 0);
    let series = fast.requests().into_iter().flat_map(|request| series_of(&request.body));
    let got: usize = series.map(|one| one.samples.len()).sum();
    assert_eq!(of_fast.counted.sent, got as u64);
}

#[tokio::test]
async fn what_is_of_a_server_comes_whole_and_in_order() {
    let store = Stub::start();
    let mut house = House::new(&[&store]);
    house.tell(200);
    until("it has all", || house.waiting(&store).is_empty().then_some(())).await;
    let mut times: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for one in store.requests().iter().flat_map(|request| series_of(&request.body)) {
        if one.labels.name() == "load1" {
            let of_server = times.entry(one.labels.get("instance").to_owned()).or_default();
            of_server.extend(one.samples.iter().map(|(at, _)| *at));
        }
    }
    for agent in &house.room.agents {
        let told: Vec<i64> = agent.told.keys().copied().collect();
        assert_eq!(times.get(&agent.name), Some(&told), "{}", agent.name);
    }
}

#[tokio::test]
async fn requests_are_under_way_side_by_side_and_a_server_is_in_one_alone() {
    let store = Stub::start();
    store.always(Answer::Hang);
    let mut house = House::new(&[&store]);
    house.tell(150);
    // One that waits for long may come again as it is.
    let under_way = || -> BTreeSet<Vec<u8>> {
        store.requests().into_iter().map(|request| request.body).collect()
    };
    until("each lane sends", || (under_way().len() >= LANES).then_some(())).await;
    for _ in 0..20 {
        house.room.wait(1);
        settle().await;
    }
    let servers: Vec<BTreeSet<String>> = under_way().iter().map(|body| servers_of(body)).collect();
    assert_eq!(servers.len(), LANES, "no more are under way");
    assert!(servers.iter().all(|of| of.len() == OF_A_LANE), "{servers:?}");
    let all: BTreeSet<&String> = servers.iter().flatten().collect();
    assert_eq!(all.len(), OF_A_LANE * LANES, "{servers:?}");
}

#[tokio::test]
async fn a_request_that_is_not_taken_holds_up_its_lane_alone() {
    let store = Stub::start();
    store.next([Answer::reply(503, "not now").with_header("Retry-After", "60")]);
    let mut house = House::new(&[&store]);
    house.tell(200);
    // The clock stands still, so it is not sent again.
    let left = until("all other servers are done", || {
        let left = house.waiting(&store);
        (left.len() <= OF_A_LANE).then_some(left)
    })
    .await;
    assert_eq!(left, servers_of(&store.requests()[0].body));
    house.room.wait(61);
    until("it is done too", || house.waiting(&store).is_empty().then_some(())).await;
    let counted = house.all.figures().await.expect("readable")[0].counted;
    assert_eq!((counted.retries, counted.refused, counted.taken_ms), (1, 0, 0));
}
