use watchfire_codec::TickEncoder;
use watchfire_model::{IncidentKind, Presence, Schema, SeriesKey, Severity, Tick};
use watchfire_store::{Chunk, History, NewIncidentRow};
use watchfire_wire::{Record, RecordKind};

use super::*;
use crate::historian::{Gather, schema_chunk};
use crate::testing::{manual_clock, moment, name};

const KEY: &str = "the-key";

/// A hub on which a-1 was silent from 10 s to 40 s.
struct Room {
    store: Store,
    historian: Historian,
    incident: IncidentId,
    _folder: tempfile::TempDir,
}

fn room() -> Room {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a good store");
    let history = History::open(folder.path(), 1 << 30).expect("a good history");
    let row = NewIncidentRow {
        kind: IncidentKind::Presence,
        severity: Severity::Critical,
        part_of: None,
        labels: None,
        server: name("a-1"),
        presence: Presence::Down,
        cause: "a-1 is silent".to_owned(),
        silence_began: Some(moment(10_000)),
        judged: moment(15_000),
        hub_stalled: Duration::ZERO,
    };
    let incident = store.write(|batch| batch.open_incident(&row)).expect("the store works");
    let historian = Historian::new(Some(history), manual_clock().0);
    Room { store, historian, incident, _folder: folder }
}

impl Room {
    fn close(&self) {
        let close = |batch: &watchfire_store::Batch<'_>| {
            batch.close_incident(self.incident, moment(40_000))
        };
        self.store.write(close).expect("the store works");
    }

    fn store_all(&self, chunks: &[Chunk]) {
        let history = self.historian.history().expect("it has one");
        assert!(history.append(chunks).expect("stored").refused.is_empty());
    }

    fn look(&self, aftermath: &Aftermath) -> Found {
        look_into(&self.store, &self.historian, aftermath).expect("readable")
    }

    fn cause(&self, aftermath: &Aftermath) -> String {
        match self.look(aftermath) {
            Found::News(incident, correction) => {
                assert_eq!(incident, self.incident);
                correction.cause
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Ticks each second of the agent's clock, which is `skew_ms` ahead; the schema
/// apart, as a session stores it.
fn ticks(seconds: std::ops::RangeInclusive<u64>, skew_ms: i64) -> Vec<Chunk> {
    let mut schema = Schema::new(1);
    schema.push(SeriesKey::new("node_load1", []).expect("a good key"));
    let (mut encoder, mut gather) = (TickEncoder::new(), Gather::new(KEY.to_owned(), [1; 16]));
    let mut chunks = Vec::new();
    // What told the schema is not stored with them.
    let before = Tick { at: moment(0), generation: 1, values: vec![0.0] };
    encoder.encode(&schema, &before, &mut Vec::new());
    let start = *seconds.start();
    for second in seconds {
        let mut at = moment(second * 1000);
        at.unix_ms += skew_ms;
        let tick = Tick { at, generation: 1, values: vec![second as f64] };
        let mut bytes = Vec::new();
        if second == start {
            // A chain begins, with the schema before it.
            encoder = TickEncoder::new();
            encoder.encode(&schema, &tick, &mut bytes);
            while watchfire_codec::peek(&bytes).expect("ours").expect("whole").kind
                == watchfire_codec::FrameKind::Schema
            {
                let head = watchfire_codec::peek(&bytes).expect("ours").expect("whole");
                bytes.drain(..head.bytes);
            }
        } else {
            encoder.encode(&schema, &tick, &mut bytes);
        }
        let record = Record {
            sequence: second + 1,
            kind: RecordKind::Tick,
            unix_ms: at.unix_ms,
            bytes,
            ..Record::default()
        };
        if second == start {
            chunks.extend(schema_chunk(KEY, [1; 16], &schema, &record));
        }
        chunks.extend(gather.push(second, record, moment(0)));
    }
    chunks.extend(gather.take());
    chunks
}

fn back() -> Aftermath {
    Aftermath {
        server: name("a-1"),
        key: KEY.to_owned(),
        back: moment(40_000),
        rebooted: Some(false),
        uptime: Some(Duration::from_secs(9000)),
        reboot_reason: String::new(),
        last_words: String::new(),
        skew_ms: 0,
    }
}

#[test]
fn one_that_was_cut_off_ran_all_the_time() {
    let room = room();
    room.store_all(&ticks(1..=40, 0));
    assert!(matches!(room.look(&back()), Found::NotYet), "the desk has not closed it");
    room.close();
    let cause = room.cause(&back());
    assert!(cause.starts_with("It was cut off, the machine was running: it kept"), "{cause}");
    let other = Aftermath { back: moment(41_000), ..back() };
    assert!(matches!(room.look(&other), Found::NotYet), "it is another return");
}

/// Fault F18: times of the record are on the server's clock.
#[test]
fn a_clock_that_is_wrong_changes_nothing() {
    let room = room();
    room.store_all(&ticks(1..=40, 600_000));
    room.close();
    let cause = room.cause(&Aftermath { skew_ms: 600_000, ..back() });
    assert!(cause.starts_with("It was cut off, the machine was running: it kept"), "{cause}");
}

#[test]
fn a_record_with_a_hole_is_said_to_have_one() {
    let room = room();
    room.store_all(&ticks(1..=20, 0));
    let mut later = ticks(30..=40, 0);
    later.iter_mut().filter(|chunk| chunk.server == KEY).for_each(|chunk| chunk.previous = 30);
    room.store_all(&later);
    room.close();
    assert!(room.cause(&back()).contains("with gaps"), "{}", room.cause(&back()));
}

#[test]
fn after_an_unclean_reboot_the_last_readings_and_words_are_told() {
    let room = room();
    room.store_all(&ticks(1..=12, 0));
    room.close();
    let aftermath = Aftermath {
        rebooted: Some(true),
        uptime: Some(Duration::from_secs(5)),
        reboot_reason: "kernel_panic".to_owned(),
        last_words: "Fatal exception".to_owned(),
        ..back()
    };
    let Found::News(_, correction) = room.look(&aftermath) else { panic!("it is news") };
    assert!(correction.cause.contains("its kernel failed"), "{}", correction.cause);
    assert!(correction.cause.contains("Fatal exception"), "{}", correction.cause);
    let lines: Vec<_> = correction.timeline.iter().map(|line| line.text.as_str()).collect();
    assert!(lines[0].contains("last recorded"), "{lines:?}");
    assert!(lines[0].contains("12.0"), "the last tick's load: {lines:?}");
}

#[tokio::test]
async fn a_return_whose_incident_is_not_there_holds_up_no_other() {
    let (clock, hand) = manual_clock();
    let (corrections, mut returns) = Corrections::new();
    let mut later = Later::default();
    let (first, second) = (back(), Aftermath { server: name("b-1"), ..back() });
    corrections.tell(first);
    corrections.tell(second);
    let (tries, one) = later.next(&mut returns, &clock).await.expect("the first");
    later.put(tries, one, clock.now());
    let (tries, other) = later.next(&mut returns, &clock).await.expect("the second");
    assert_eq!((tries, other.server), (0, name("b-1")));
    hand.advance(RETRY);
    let (tries, one) = later.next(&mut returns, &clock).await.expect("the first again");
    assert_eq!((tries, &one.server), (1, &name("a-1")));
    later.put(MAX_TRIES - 1, one, clock.now());
    assert!(later.0.is_empty(), "it was looked into often enough");
}
