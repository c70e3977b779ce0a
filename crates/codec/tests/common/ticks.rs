use std::time::Duration;

use proptest::prelude::*;
use watchfire_codec::TickEncoder;
use watchfire_model::{ABSENT, Moment, Schema, SeriesKey, Tick};

/// What happens before and at one tick.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// Keys that come.
    more: usize,
    event: Event,
    /// How values go on, by turns.
    moves: Vec<(u8, u64)>,
    /// Values that the tick does not have, because it was taken earlier.
    fewer: usize,
    jitter: i64,
    uptime_ns: u64,
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Nothing,
    Generation,
    RestartChain,
    Restart,
}

pub(crate) fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let event = prop_oneof![
        20 => Just(Event::Nothing),
        1 => Just(Event::Generation),
        1 => Just(Event::RestartChain),
        1 => Just(Event::Restart),
    ];
    let more = prop_oneof![8 => Just(0_usize), 2 => 1..4_usize, 1 => 10..40_usize];
    let fewer = prop_oneof![12 => Just(0_usize), 1 => 1..5_usize];
    let moves = prop::collection::vec((0..14_u8, any::<u64>()), 1..12);
    let step = (more, event, moves, fewer, -400..400_i64, any::<u64>());
    let step = step.prop_map(|(more, event, moves, fewer, jitter, uptime_ns)| Step {
        more,
        event,
        moves,
        fewer,
        jitter,
        uptime_ns,
    });
    prop::collection::vec(step, 1..most)
}

/// The ticks of a stream with the schema of each, and its bytes.
pub(crate) fn stream(steps: &[Step]) -> (Vec<(Schema, Tick)>, Vec<u8>) {
    let mut encoder = TickEncoder::new();
    let (mut schema, mut values) = (Schema::new(1), Vec::new());
    let (mut truth, mut out) = (Vec::new(), Vec::new());
    for (number, step) in steps.iter().enumerate() {
        match step.event {
            Event::Nothing => {}
            Event::Generation => {
                schema = Schema::new(schema.generation() + 1);
                values.clear();
            }
            Event::RestartChain => encoder.restart_chain(),
            Event::Restart => encoder.restart(),
        }
        for _ in 0..step.more {
            schema.push(key(schema.generation(), schema.len()));
        }
        values.resize(schema.len(), 0.0);
        for (value, go) in values.iter_mut().zip(step.moves.iter().cycle()) {
            *value = moved(*value, *go);
        }
        let at = Moment {
            monotonic: Duration::from_nanos(step.uptime_ns),
            unix_ms: 1_800_000_000_000 + number as i64 * 1000 + step.jitter,
        };
        let kept = values.len().saturating_sub(step.fewer);
        let tick = Tick { at, generation: schema.generation(), values: values[..kept].to_vec() };
        let encoded = encoder.encode(&schema, &tick, &mut out);
        assert_eq!(encoded.left_out, 0);
        truth.push((schema.clone(), tick));
    }
    (truth, out)
}

fn key(generation: u64, number: usize) -> SeriesKey {
    let name = ["node_cpu_seconds_total", "node_memory_bytes", "up"][number % 3];
    let (generation, number) = (generation.to_string(), (number / 3).to_string());
    SeriesKey::new(name, [("cpu", number.as_str()), ("of", generation.as_str())]).unwrap()
}

fn moved(value: f64, (way, bits): (u8, u64)) -> f64 {
    let small = (bits % 1000) as f64;
    match way {
        0..=3 => value,
        4 => value + small,
        5 => value - 1.0,
        6 => (value * 100.0).round().mul_add(1.0, small) / 100.0,
        7 => small * 1e-3,
        8 => (bits >> 20) as f64 * 4096.0,
        9 => f64::from_bits(bits),
        10 => ABSENT,
        11 => [-0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MIN_POSITIVE, f64::MAX]
            [(bits % 6) as usize],
        12 => -(bits as f64),
        _ => bits as i32 as f64,
    }
}
