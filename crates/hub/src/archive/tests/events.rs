use watchfire_model::SourceError;
use watchfire_store::{Chunk, StoredChunk};
use watchfire_wire::RecordKind;

use super::room::key_of;
use super::{Room, START_MS};
use crate::historian::records_of;
use crate::http::{EventsAsked, HeardEvents, Recorded};
use crate::testing::name;

/// What the archive has of each server is what its kernel told, newest first.
fn compare(room: &Room) {
    for (from, to, limit) in
        [(0, i64::MAX, 1000), (START_MS + 97_000, START_MS + 1_261_000, 1000), (0, i64::MAX, 4)]
    {
        for agent in &room.agents {
            let asked = EventsAsked { from_ms: from, to_ms: to, limit };
            let server = name(&agent.name);
            let heard = Recorded::events_of(&room.archive, &server, &asked, &|| false);
            let heard = heard.expect("it can be read");
            let found: Vec<(i64, String)> =
                heard.events.into_iter().map(|one| (one.at_ms, one.event.text)).collect();
            let told = agent.heard.range(from..=to).rev().take(limit);
            let told: Vec<(i64, String)> = told.map(|(at, text)| (*at, text.clone())).collect();
            assert_eq!((found, heard.gaps), (told, vec![]), "{} {from} {to}", agent.name);
        }
    }
}

#[test]
fn what_the_kernel_told_outlives_the_sealing_of_its_chunk() {
    let mut room = Room::new(&["a-1", "b-1"]);
    room.tell(1400);
    room.flush();
    compare(&room);
    room.seal();
    let key = key_of("a-1");
    let sealed = room.history().events(&key, 0, i64::MAX, 1000).expect("readable").events.len();
    assert!((8..15).contains(&sealed), "{sealed} are sealed, and later ones are not");
    compare(&room);
    room.tell(1300);
    room.flush();
    room.seal();
    compare(&room);
    let room = room.restarted();
    compare(&room);
}

/// A chain with a hole stays in chunks for hours while those after it are sealed.
#[test]
fn what_comes_late_is_among_the_others() {
    let mut room = Room::new(&["a-1"]);
    room.tell(300);
    room.flush();
    room.agents[0].kept_back = true;
    room.tell(200);
    room.flush();
    room.agents[0].kept_back = false;
    room.tell(900);
    room.flush();
    room.seal();
    let Room { agents, historian, .. } = &mut room;
    agents[0].hand_in(historian.history().expect("there is one"));
    compare(&room);
    room.tell(900);
    room.flush();
    room.seal();
    compare(&room);
    room.wait(7 * 3600);
    room.seal();
    compare(&room);
}

#[test]
fn one_that_comes_again_counts_once() {
    let mut room = Room::new(&["a-1"]);
    room.tell(900);
    room.flush();
    let key = key_of("a-1");
    let chunks = room.history().chunks(&key, 0, i64::MAX).expect("readable").chunks;
    room.seal();
    let has_event = |stored: &&StoredChunk| {
        let records = records_of(&stored.chunk);
        records.iter().any(|record| record.kind == RecordKind::Event)
    };
    // The agent's folder was copied: the same records in another ring.
    let again = chunks.iter().find(has_event).expect("there is one").chunk.clone();
    room.history().append(&[Chunk { ring: [9; 16], ..again }]).expect("stored");
    compare(&room);
    room.tell(900);
    room.flush();
    room.seal();
    compare(&room);
}

#[test]
fn a_question_ends_when_its_time_is_over() {
    let mut room = Room::new(&["a-1"]);
    room.tell(100);
    room.flush();
    let asked = EventsAsked { from_ms: 0, to_ms: i64::MAX, limit: 9 };
    let found = Recorded::events_of(&room.archive, &name("a-1"), &asked, &|| true);
    assert_eq!(found, Err(SourceError::OutOfTime));
    let nobody = Recorded::events_of(&room.archive, &name("z-9"), &asked, &|| true);
    assert_eq!(nobody, Ok(HeardEvents::default()));
}
