//! The language over the archive gives what it gives over the truth.

use watchfire_model::Scope;
use watchfire_promql::{Features, Limits, Query, Value};

use super::{Room, START_MS};

const QUESTIONS: [&str; 9] = [
    "load1",
    "flapping",
    "sum by (instance) (rate(cpu_seconds_total{mode!=\"idle\"}[1m]))",
    "topk(2, sum by (instance, mode) (rate(cpu_seconds_total[2m])))",
    "max_over_time(disk_bytes[5m])",
    "count by (__name__) ({team=~\"a|b\"})",
    "load1 - load1 offset 3m",
    "count_over_time(flapping[90s])",
    "avg(load1 @ start()) / on() group_left() max(load1)",
];

fn compare(room: &Room) {
    let (source, truth) =
        (room.archive.source(&Scope::everything()), room.truth(&Scope::everything()));
    let (limits, never) = (Limits::default(), || false);
    let now = room.now_ms();
    for text in QUESTIONS {
        let query = Query::parse(text, Features::default()).expect("a good question");
        for at in [START_MS + 30_000, START_MS + 700_500, now - 130_000, now - 7_000, now] {
            let one = query.instant(&source, at, &limits, &never).expect("answered");
            let other = query.instant(&truth, at, &limits, &never).expect("answered");
            assert_eq!(sorted(one.value), sorted(other.value), "{text} at {}", at - START_MS);
        }
        // In the middle one no counter is reset.
        let middle = (START_MS + 830_000, START_MS + 1_390_000, 15_000);
        for grid in [(START_MS, now, 15_000), middle, (now - 600_000, now, 7_000)] {
            let one = query.range(&source, grid, &limits, &never).expect("answered");
            let other = query.range(&truth, grid, &limits, &never).expect("answered");
            assert_eq!(sorted(one.value), sorted(other.value), "{text}");
        }
    }
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Vector(mut samples) => {
            samples.sort_by(|one, other| one.labels.cmp(&other.labels));
            Value::Vector(samples)
        }
        other => other,
    }
}

#[test]
fn questions_are_answered_as_over_the_truth() {
    let mut room = Room::new(&["a-1", "b-1"]);
    room.tell(800);
    room.flush();
    compare(&room);
    room.tell(1300);
    room.flush();
    room.seal();
    compare(&room);
    // Now with the last minutes in memory.
    room.tell(400);
    room.flush();
    compare(&room);
}
