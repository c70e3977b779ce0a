use watchfire_model::Scope;
use watchfire_store::StoredChunk;

use super::Room;
use super::room::key_of;
use super::select::{TIMES, compare};
use crate::archive::chains::Ring;
use crate::archive::walk::Fate;

#[test]
fn a_chunk_that_came_live_goes_with_the_backfill_that_has_it() {
    let mut room = Room::new(&["a-1"]);
    let everything = Scope::everything();
    room.tell(400);
    room.flush();
    room.agents[0].kept_back = true;
    room.tell(150);
    room.flush();
    let history = room.history().clone();
    let came_live = room.agents[0].hand_in_overlapping(&history);
    let stretch = history.chunks(&key_of("a-1"), i64::MIN, i64::MAX).expect("readable");
    let superseded = stretch.chunks.iter().filter(|stored| stored.is_superseded()).count();
    assert!(came_live > 20 && superseded == came_live, "{superseded} of {came_live}");
    room.tell(900);
    room.flush();
    compare(&room, &everything, &TIMES);
    room.seal();
    compare(&room, &everything, &TIMES);
    let is_of_the_end = |(second, _): &(i64, bool)| *second > 1000;
    let left = room.left("a-1");
    // Nothing is given up, however long nobody tells anything.
    room.wait(7 * 3600);
    room.seal();
    assert_eq!(room.archive.counts().lost_ticks, 0);
    assert!(left.iter().all(is_of_the_end), "{left:?}");
    compare(&room, &everything, &TIMES);
    let stretch = history.chunks(&key_of("a-1"), i64::MIN, i64::MAX).expect("readable");
    assert!(!stretch.chunks.iter().any(StoredChunk::is_superseded));
}

#[test]
fn no_chain_begins_with_a_chunk_that_another_one_has() {
    let mut room = Room::new(&["a-1"]);
    room.agents[0].kept_back = true;
    room.tell(150);
    room.flush();
    let history = room.history().clone();
    room.agents[0].hand_in_overlapping(&history);
    room.tell(130);
    room.flush();
    let stretch = history.chunks(&key_of("a-1"), i64::MIN, i64::MAX).expect("readable");
    let mut ring = Ring::default();
    for stored in &stretch.chunks {
        ring.begin(stored);
        ring.ended(stored, Fate::default());
    }
    let begins = |stored: &&StoredChunk| stored.chunk.starts_chain && !stored.is_superseded();
    assert_eq!(ring.chains.len(), stretch.chunks.iter().filter(begins).count());
    // Every chunk is in a chain, and so goes with one.
    let rows: usize = ring.chains.iter().map(|chain| chain.rows.len()).sum();
    assert_eq!(rows, stretch.chunks.len());
}
