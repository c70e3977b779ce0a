use super::*;

const SERVER: &str = "a1";
const RING: [u8; 16] = [1; 16];

fn opened() -> (tempfile::TempDir, History) {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open(folder.path(), MIN_CAP_BYTES).unwrap();
    (folder, history)
}

/// A chunk with one record a sequence from `first` to `last`, taken at as many ms.
fn chunk(previous: u64, first: u64, last: u64) -> Chunk {
    Chunk {
        server: SERVER.to_owned(),
        ring: RING,
        previous,
        first,
        last,
        from_ms: first as i64,
        to_ms: last as i64,
        starts_chain: true,
        bytes: vec![7; 10],
    }
}

#[test]
fn a_chunk_that_bridges_two_intervals_merges_them() {
    let (_folder, history) = opened();
    history.append(&[chunk(0, 10, 20), chunk(40, 50, 60)]).unwrap();
    assert_eq!(history.coverage(SERVER, RING), Ok(vec![(9, 20), (40, 60)]));
    assert_eq!(history.holes(SERVER, RING, 5, 70), Ok(vec![61..=70, 21..=40, 5..=9]));
    history.append(&[chunk(20, 30, 40)]).unwrap();
    assert_eq!(history.coverage(SERVER, RING), Ok(vec![(9, 60)]));
    assert_eq!(history.holes(SERVER, RING, 10, 60), Ok(vec![]));
}

#[test]
fn nothing_is_known_of_another_ring_or_server() {
    let (_folder, history) = opened();
    history.append(&[chunk(0, 10, 20)]).unwrap();
    assert_eq!(history.coverage(SERVER, [2; 16]), Ok(vec![]));
    assert_eq!(history.holes("b2", RING, 1, 9), Ok(vec![1..=9]));
    assert_eq!(history.last("b2"), Ok(None));
    assert_eq!(history.chunks("b2", i64::MIN, i64::MAX), Ok(Stretch::default()));
}

#[test]
fn a_bad_chunk_does_not_hold_up_the_others() {
    let (_folder, history) = opened();
    let bad = [
        (Chunk { previous: 10, ..chunk(0, 10, 20) }, BadChunk::Sequences),
        (Chunk { last: 9, ..chunk(0, 10, 20) }, BadChunk::Sequences),
        (Chunk { first: 0, ..chunk(0, 10, 20) }, BadChunk::Sequences),
        (Chunk { last: u64::MAX, ..chunk(0, 10, 20) }, BadChunk::Sequences),
        (Chunk { to_ms: 9, ..chunk(0, 10, 20) }, BadChunk::Times),
        (Chunk { bytes: Vec::new(), ..chunk(0, 10, 20) }, BadChunk::Size),
        (Chunk { bytes: vec![0; MAX_CHUNK_BYTES + 1], ..chunk(0, 10, 20) }, BadChunk::Size),
        (Chunk { server: String::new(), ..chunk(0, 10, 20) }, BadChunk::Server),
    ];
    let mut group: Vec<Chunk> = bad.iter().map(|(chunk, _)| chunk.clone()).collect();
    group.push(chunk(0, 10, 20));
    let appended = history.append(&group).unwrap();
    let refused = bad.iter().enumerate().map(|(place, (_, why))| (place, *why)).collect();
    assert_eq!(appended, Appended { stored: 1, known: 0, refused });
    assert_eq!(history.counters().chunks_refused, bad.len() as u64);
}

#[test]
fn overlapping_chunks_give_each_record_once() {
    let (_folder, history) = opened();
    history.append(&[chunk(0, 10, 20), chunk(30, 31, 40), chunk(15, 16, 35)]).unwrap();
    assert_eq!(history.append(&[chunk(11, 12, 38)]).unwrap().known, 1);
    let read = history.chunks(SERVER, 0, 100).unwrap();
    let parts: Vec<_> =
        read.chunks.iter().map(|one| (one.chunk.first, one.chunk.last, one.skip_to)).collect();
    assert_eq!(parts, [(10, 20, 0), (16, 35, 20), (31, 40, 35)]);
    assert!(!read.chunks.iter().any(StoredChunk::is_superseded));
}

#[test]
fn a_chunk_that_another_one_has_is_told_of_with_nothing_to_read() {
    let (_folder, history) = opened();
    history.append(&[chunk(30, 31, 40), chunk(15, 16, 45), chunk(45, 46, 50)]).unwrap();
    let of = |from, to| -> Vec<(u64, u64, bool)> {
        let read = history.chunks(SERVER, from, to).unwrap();
        let part = |one: &StoredChunk| (one.chunk.first, one.skip_to, one.is_superseded());
        read.chunks.iter().map(part).collect()
    };
    assert_eq!(of(0, 100), [(16, 0, false), (31, 45, true), (46, 45, false)]);
    // Wherever it is, the one that has it is too.
    assert_eq!(of(33, 34), [(16, 0, false), (31, 45, true)]);
    assert_eq!(of(42, 43), [(16, 0, false)]);
}

#[test]
fn the_start_of_the_chain_comes_with_what_was_asked_for() {
    let (_folder, history) = opened();
    for number in 0..8 {
        let first = number * 10 + 1;
        let starts_chain = number % 4 == 0;
        let one = Chunk { starts_chain, ..chunk(first - 1, first, first + 9) };
        history.append(&[one]).unwrap();
    }
    let of = |from, to| {
        let read = history.chunks(SERVER, from, to).unwrap();
        let one = |one: &StoredChunk| (one.chunk.first, one.lead_in);
        read.chunks.iter().map(one).collect::<Vec<_>>()
    };
    assert_eq!(of(65, 72), [(41, true), (51, true), (61, false), (71, false)]);
    assert_eq!(of(45, 46), [(41, false)]);
    assert_eq!(of(35, 36), [(1, true), (11, true), (21, true), (31, false)]);
    // Without its start, a chain cannot be decoded: then nothing comes along.
    history.append(&[Chunk { starts_chain: false, ..chunk(90, 91, 100) }]).unwrap();
    assert_eq!(of(95, 96), [(91, false)]);
}

#[test]
fn a_clock_that_jumps_hides_nothing() {
    let (_folder, history) = opened();
    let day = 86_400_000;
    history.append(&[chunk(0, 10, 20)]).unwrap();
    history.append(&[Chunk { from_ms: 15, to_ms: day, ..chunk(20, 21, 30) }]).unwrap();
    history.append(&[Chunk { from_ms: 16, to_ms: 40, ..chunk(30, 31, 40) }]).unwrap();
    let read = history.chunks(SERVER, 18, 19).unwrap();
    assert_eq!(read.chunks.len(), 3);
    assert!(read.chunks.windows(2).all(|two| two[1].chunk.previous == two[0].chunk.last));
    assert_eq!(history.last(SERVER), Ok(Some(day)));
}

#[test]
fn the_oldest_hole_is_given_up_when_there_are_too_many() {
    let (_folder, history) = opened();
    let most = MAX_INTERVALS as u64;
    let group: Vec<Chunk> = (0..most + 3).map(|n| chunk(0, n * 10 + 5, n * 10 + 6)).collect();
    history.append(&group).unwrap();
    let coverage = history.coverage(SERVER, RING).unwrap();
    assert_eq!(coverage.len(), MAX_INTERVALS);
    assert_eq!(coverage[..2], [(4, 36), (44, 46)]);
    assert_eq!(history.counters().holes_given_up, 3);
}

#[test]
fn the_first_ring_is_given_up_when_there_are_too_many() {
    let (_folder, history) = opened();
    for ring in 0..MAX_RINGS as u8 + 2 {
        history.append(&[Chunk { ring: [ring; 16], ..chunk(0, 10, 20) }]).unwrap();
    }
    let rings: Vec<u8> = history
        .chunks(SERVER, i64::MIN, i64::MAX)
        .unwrap()
        .chunks
        .iter()
        .map(|one| one.chunk.ring[0])
        .collect();
    assert_eq!(rings, (2..MAX_RINGS as u8 + 2).collect::<Vec<_>>());
    assert_eq!(history.counters().rings_given_up, 2);
}

#[test]
fn a_question_is_answered_up_to_its_limit() {
    let (_folder, history) = opened();
    let folder = tempfile::tempdir().unwrap();
    drop(history);
    let history = History::open(folder.path(), 1 << 30).unwrap();
    for n in 0..10 {
        let bytes = vec![n as u8; MAX_CHUNK_BYTES];
        history.append(&[Chunk { bytes, ..chunk(n * 10, n * 10 + 1, n * 10 + 10) }]).unwrap();
    }
    let read = history.chunks(SERVER, i64::MIN, i64::MAX).unwrap();
    assert!(read.cut);
    assert_eq!(read.chunks.len(), MAX_READ_BYTES / MAX_CHUNK_BYTES);
    assert!(!history.chunks(SERVER, 1, 20).unwrap().cut);
}

#[test]
fn every_query_has_its_index() {
    let (_folder, history) = opened();
    for sql in [
        "SELECT id FROM ring WHERE server = ?1 AND ring = ?2 AND removed = FALSE",
        "SELECT id FROM ring WHERE server = ?1 AND removed = FALSE ORDER BY id",
        "SELECT id FROM ring WHERE removed = TRUE ORDER BY id LIMIT 1",
        "SELECT upto FROM interval WHERE ring = ?1 AND after <= ?2 ORDER BY after DESC",
        "SELECT id FROM chunk WHERE ring = ?1 AND to_ms BETWEEN ?2 AND ?3 ORDER BY to_ms, id",
        "SELECT id FROM chunk WHERE ring = ?1 AND to_ms <= ?2 ORDER BY to_ms DESC, id DESC LIMIT 9",
        "SELECT id FROM chunk WHERE ring = ?1 LIMIT 9",
        "SELECT id FROM archived WHERE server = ?1 AND removed = FALSE",
        "SELECT id FROM archived WHERE removed = TRUE ORDER BY id LIMIT 1",
        "SELECT id FROM block WHERE server = ?1 AND width_ms = ?2 AND last_ms BETWEEN ?3 AND ?4 \
         AND first_ms <= ?5",
        "SELECT server FROM block WHERE width_ms = ?1 ORDER BY id LIMIT 1",
        "SELECT min(last_ms) FROM block",
        "SELECT min(last_ms) FROM process_segment",
        "SELECT id FROM process_segment WHERE server = ?1 AND last_ms BETWEEN ?2 AND ?3",
        "SELECT segment FROM process_run WHERE name = ?1 AND to_ms BETWEEN ?2 AND ?3 \
         ORDER BY to_ms DESC, segment DESC LIMIT ?4",
        "DELETE FROM process_run WHERE segment = ?1",
        "SELECT id FROM process_text WHERE hash = ?1",
        "SELECT 1 FROM due WHERE server = ?1 AND width_ms = ?2 AND from_ms = ?3",
        "SELECT 1 FROM due WHERE to_ms <= ?1 ORDER BY to_ms, width_ms LIMIT 1",
    ] {
        let plan: Vec<String> = history
            .read(|connection| {
                let mut query = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
                let nulls = vec![rusqlite::types::Null; query.parameter_count()];
                let plan = query.query_map(rusqlite::params_from_iter(nulls), |row| row.get(3))?;
                Ok(plan.collect::<Result<_, _>>()?)
            })
            .unwrap();
        let searched = plan.iter().any(|step| step.contains("INDEX") || step.contains("PRIMARY"));
        assert!(searched, "{sql}: {plan:?}");
    }
}

#[test]
fn a_full_disk_acknowledges_nothing_and_passes() {
    let (_folder, history) = opened();
    history.append(&[chunk(0, 10, 20)]).unwrap();
    let limit_pages = |pages: i64| {
        let slot = crate::connections::lock(&history.0.connections.writer);
        let sql = format!("PRAGMA max_page_count = {pages}");
        slot.as_ref().unwrap().query_row(&sql, [], |_| Ok(())).unwrap();
    };
    limit_pages(1);
    let large = Chunk { bytes: vec![7; 1 << 20], ..chunk(20, 21, 30) };
    let full = history.append(std::slice::from_ref(&large));
    assert_eq!(full, Err(HistoryError::Full));
    assert!(full.unwrap_err().is_temporary());
    assert_eq!(history.coverage(SERVER, RING), Ok(vec![(9, 20)]), "known is what is stored");
    limit_pages(1 << 20);
    assert_eq!(history.append(std::slice::from_ref(&large)).unwrap().stored, 1);
    assert_eq!(history.coverage(SERVER, RING), Ok(vec![(9, 30)]));
    assert_eq!(history.counters().files_set_aside, 0);
}

/// Two writers may meet the same damage; the slower one must not set the fresh
/// file aside, because what is in it was acknowledged.
#[test]
fn the_file_is_replaced_once_for_one_damage() {
    let (_folder, history) = opened();
    let damaged = history.0.connections.generation();
    let again = || {
        let renew = || set_aside(&history.0.folder, &history.0.counters, "a test");
        history.0.connections.replace(damaged, renew)
    };
    again().unwrap();
    history.append(&[chunk(0, 10, 20)]).unwrap();
    again().unwrap();
    assert_eq!(history.counters().files_set_aside, 1);
    assert_eq!(history.coverage(SERVER, RING), Ok(vec![(9, 20)]));
}

mod power;
