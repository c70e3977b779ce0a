use watchfire_model::{Presence, Scope};
use watchfire_runtime::{Shutdown, task};
use watchfire_store::Chunk;

use super::room::{Room, START_MS, key_of};
use crate::http::{Recorded, RunsAsked};
use crate::testing::{name, team, until};

#[test]
fn chunks_are_sealed_once_they_are_old_and_the_last_chain_stays() {
    let mut room = Room::new(&["a-1"]);
    room.tell(600);
    room.flush();
    room.seal();
    assert_eq!(room.archive.counts().sealed_blocks, 0, "it is not due yet");
    room.tell(100);
    room.flush();
    room.seal();
    let counts = room.archive.counts();
    assert!(counts.sealed_blocks > 0 && counts.sealed_chunks > 100, "{counts:?}");
    assert!(room.chunks("a-1") < 40, "{} chunks", room.chunks("a-1"));
    room.seal();
    assert_eq!(room.archive.counts(), counts, "nothing is done twice");
}

#[test]
fn stored_schemas_go_with_the_ticks_that_needed_them() {
    let mut room = Room::new(&["a-1"]);
    for _ in 0..4 {
        room.tell(800);
        room.flush();
        room.seal();
    }
    let schemas = room.history().chunks(&format!("{}/schema", key_of("a-1")), 0, i64::MAX);
    let left = schemas.expect("readable").chunks.len();
    assert!((1..20).contains(&left), "{left} schemas");
}

#[tokio::test]
async fn it_is_done_by_itself_until_the_end_is_asked_for() {
    let mut room = Room::new(&["a-1"]);
    room.tell(900);
    room.flush();
    let (shutdown, end) = Shutdown::new();
    let running = task::spawn("seal", room.archive.clone().seal_loop(shutdown));
    until("it is sealed", || {
        room.wait(1);
        (room.archive.counts().sealed_blocks > 0).then_some(())
    })
    .await;
    end.request();
    assert_eq!(running.join().await, Ok(()));
}

/// One whose chunks are no records, and one that is away, hold up nobody.
#[test]
fn a_server_that_cannot_be_sealed_does_not_block_the_others() {
    let mut room = Room::new(&["a-1"]);
    let garbage = |number: u64| Chunk {
        server: "garbage".to_owned(),
        ring: [1; 16],
        previous: number - 1,
        first: number,
        last: number,
        from_ms: START_MS,
        to_ms: START_MS,
        starts_chain: number == 1,
        bytes: vec![9; 100],
    };
    let chunks: Vec<Chunk> = (1..=200).map(garbage).collect();
    room.history().append(&chunks).expect("stored");
    room.tell(900);
    room.flush();
    room.seal();
    assert!(room.archive.counts().sealed_blocks > 0);
    let tried = room.archive.counts().unsealable;
    assert!(tried > 0);
    for _ in 0..20 {
        room.seal();
    }
    assert!(room.archive.counts().unsealable <= tried + 1, "it is tried again and again");
    assert_eq!(room.archive.counts().seal_failures, 0);
}

#[test]
fn what_a_server_told_of_its_silence_is_not_sealed_while_it_is_looked_through() {
    let mut room = Room::new(&["a-1"]);
    room.tell(200);
    room.pass(900);
    assert_ne!(room.fleet.presence(0), Presence::Up);
    room.flush();
    room.tell(100);
    room.flush();
    room.seal();
    assert_eq!(room.archive.counts().sealed_blocks, 0);
    room.tell(300);
    room.flush();
    room.seal();
    assert!(room.archive.counts().sealed_blocks > 0);
}

#[test]
fn processes_and_status_are_told_of_any_moment() {
    let mut room = Room::new(&["a-1", "b-1"]);
    let compare = |room: &Room| {
        for second in [4, 5, 7, 300, 603, 1111, 1500, 1799] {
            let at_ms = START_MS + second * 1000;
            for agent in &room.agents {
                let server = name(&agent.name);
                let found = Recorded::processes_at(&room.archive, &server, at_ms).expect("read");
                let expected = agent.processes.range(..=at_ms).next_back().map(|(_, table)| table);
                let unix = |table: &watchfire_model::ProcessTable| {
                    (table.at.unix_ms, table.processes.clone(), table.total)
                };
                assert_eq!(found.as_ref().map(unix), expected.map(unix), "at {second}");
                let status = Recorded::status_at(&room.archive, &server, at_ms).expect("read");
                let last = agent.told.range(..=at_ms).next_back();
                let is_told = last.filter(|(at, _)| at_ms - **at <= 60_000).map(|(at, _)| *at);
                assert_eq!(status.map(|status| status.at.unix_ms), is_told, "at {second}");
            }
        }
    };
    room.tell(1800);
    room.flush();
    compare(&room);
    room.seal();
    compare(&room);
    room.tell(700);
    room.flush();
    room.seal();
    compare(&room);
    assert_eq!(Recorded::status_at(&room.archive, &name("a-1"), START_MS - 1).expect("read"), None);
}

#[test]
fn runs_are_told_of_the_servers_in_the_scope_alone() {
    let mut room = Room::new(&["a-1", "b-1"]);
    room.tell(2500);
    room.flush();
    room.seal();
    let ask = |scope: &Scope, process: &str| {
        let asked =
            RunsAsked { name: process.to_owned(), from_ms: START_MS, to_ms: i64::MAX, limit: 100 };
        let runs = Recorded::runs_of(&room.archive, scope, &asked).expect("read");
        let servers: std::collections::BTreeSet<String> =
            runs.iter().map(|run| run.server.to_string()).collect();
        (servers.into_iter().collect::<Vec<_>>().join(" "), runs)
    };
    let everything = Scope::everything();
    assert_eq!(ask(&everything, "init").0, "a-1 b-1");
    assert_eq!(ask(&team("a"), "init").0, "a-1");
    assert_eq!(ask(&team("a"), "own-1").0, "");
    assert_eq!(ask(&everything, "own-1").0, "b-1");
    let (_, runs) = ask(&team("b"), "init");
    assert_eq!(runs.len(), 1, "it ran all the while: {runs:?}");
    assert_eq!((runs[0].from_ms, runs[0].pids.as_slice()), (START_MS + 5000, &[1][..]));
}
