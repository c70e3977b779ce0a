//! Live records on a stream: what they cost, and what happens out of order.

mod common;

use common::records::{step, walk};
use proptest::collection::vec;
use proptest::prelude::*;
use watchfire_wire::limits::{MAX_UNIX_MS, MIN_UNIX_MS};
use watchfire_wire::{
    Ack, Message, Record, RecordKind, Records, StreamDecoder, StreamEncoder, WireError, decode,
    encode,
};

const FIRST: u64 = (40 << 20) + 17;
const PAYLOAD: usize = 412;

/// One tick a second, timed to the millisecond, a few of them a little late.
fn live(number: u64) -> Message {
    let late_ms = number % 7;
    let record = Record {
        sequence: FIRST + number,
        kind: RecordKind::Tick,
        monotonic_ns: (7_776_000_000 + number * 1000 + late_ms) * 1_000_000,
        unix_ms: 1_800_000_000_000 + (number * 1000 + late_ms).cast_signed()
            - (number / 5 % 2).cast_signed(),
        bytes: vec![number.to_le_bytes()[0]; PAYLOAD],
    };
    Message::Records(Records { request: 0, previous: FIRST + number - 1, records: vec![record] })
}

/// The numbers of `PROTOCOL.md`.
#[test]
fn a_live_tick_costs_at_most_twelve_bytes_beside_its_payload() {
    let (mut encoder, mut decoder) = (StreamEncoder::new(), StreamDecoder::new());
    let mut overheads = Vec::new();
    for number in 0..1000 {
        let message = live(number);
        let frame = encoder.encode(&message).expect("it fits");
        overheads.push(frame.len() - PAYLOAD);
        assert_eq!(decoder.decode(&frame), Ok(Some(message)));
    }
    assert_eq!(overheads[0], 24, "the first one stands alone");
    assert!(overheads[1..].iter().all(|bytes| *bytes <= 12), "{overheads:?}");
    assert!(overheads.contains(&11));
    let alone = encode(&live(5)).expect("it fits");
    assert!(alone.len() - PAYLOAD == 24, "{}", alone.len() - PAYLOAD);
}

#[test]
fn a_frame_of_a_stream_is_not_taken_for_one_that_stands_alone() {
    let mut encoder = StreamEncoder::new();
    let first = encoder.encode(&live(0)).expect("it fits");
    assert_eq!(decode(&first), Ok(Some(live(0))), "the first one is");
    let second = encoder.encode(&live(1)).expect("it fits");
    assert_eq!(decode(&second), Err(WireError::OutOfStep));
}

#[test]
fn a_lost_or_doubled_frame_is_noticed_and_a_whole_one_begins_anew() {
    let mut encoder = StreamEncoder::new();
    let frames: Vec<_> =
        (0..4).map(|number| encoder.encode(&live(number)).expect("it fits")).collect();
    let mut decoder = StreamDecoder::new();
    for (place, expected) in [
        (0, Ok(Some(live(0)))),
        (2, Err(WireError::OutOfStep)),
        (1, Ok(Some(live(1)))),
        (1, Err(WireError::OutOfStep)),
        (2, Ok(Some(live(2)))),
    ] {
        assert_eq!(decoder.decode(&frames[place]), expected, "{place}");
    }
    let whole = encode(&live(9)).expect("it fits");
    assert_eq!(decoder.decode(&whole), Ok(Some(live(9))));
    assert_eq!(decoder.decode(&frames[3]), Err(WireError::OutOfStep));
}

#[test]
fn a_message_that_was_refused_is_not_remembered() {
    let (mut encoder, mut decoder) = (StreamEncoder::new(), StreamDecoder::new());
    decoder.decode(&encoder.encode(&live(0)).expect("it fits")).expect("it is read");
    let Message::Records(mut refused) = live(1) else { panic!("records") };
    refused.records[0].bytes = vec![0; 1 << 21];
    assert!(encoder.encode(&Message::Records(refused)).is_err());
    let frame = encoder.encode(&live(1)).expect("it fits");
    assert_eq!(decoder.decode(&frame), Ok(Some(live(1))));
}

/// Answers to a request come between live records and do not disturb them.
#[test]
fn backfill_between_live_records_leaves_them_alone() {
    let (mut encoder, mut decoder) = (StreamEncoder::new(), StreamDecoder::new());
    let Message::Records(old) = live(500) else { panic!("records") };
    let old = Message::Records(Records { request: 4, ..old });
    for message in [live(0), old, live(1), Message::Ack(Ack { up_to: 3 }), live(2)] {
        let frame = encoder.encode(&message).expect("it fits");
        assert_eq!(decoder.decode(&frame), Ok(Some(message)));
    }
}

/// Live messages of one agent, most of them going on from the one before.
fn live_stream() -> impl Strategy<Value = Vec<Records>> {
    let cuts = vec((1..4_usize, any::<prop::sample::Index>()), 20);
    (0..1_u64 << 40, MIN_UNIX_MS..=MAX_UNIX_MS, vec(step(), 1..40), cuts).prop_map(
        |(previous, unix_ms, steps, cuts)| {
            let mut before = previous;
            let mut rest = walk(previous, unix_ms, steps);
            let mut messages = Vec::new();
            for (count, whim) in cuts {
                let later = rest.split_off(count.min(rest.len()));
                let records = std::mem::replace(&mut rest, later);
                let previous = if whim.index(8) == 0 { 0 } else { before };
                before = records.last().map_or(before, |record| record.sequence);
                messages.push(Records { request: 0, previous, records });
            }
            messages
        },
    )
}

proptest! {
    /// Whatever is said in whatever order comes through the same.
    #[test]
    fn every_conversation_comes_back_the_same(messages in vec(common::message(), 1..12)) {
        let (mut encoder, mut decoder) = (StreamEncoder::new(), StreamDecoder::new());
        for message in messages {
            let frame = encoder.encode(&message).expect("it is within the limits");
            prop_assert_eq!(decoder.decode(&frame), Ok(Some(message)));
        }
    }

    /// Live records with any steps between them, with and without a hole.
    #[test]
    fn live_records_come_back_the_same(messages in live_stream()) {
        let (mut encoder, mut decoder) = (StreamEncoder::new(), StreamDecoder::new());
        for records in messages {
            let message = Message::Records(records);
            let frame = encoder.encode(&message).expect("it is within the limits");
            prop_assert!(frame.len() <= encode(&message).expect("it fits").len() + 1);
            prop_assert_eq!(decoder.decode(&frame), Ok(Some(message)));
        }
    }

    /// Damage to a stream is an error or another message, never a panic.
    #[test]
    fn damaged_streams_never_panic(
        messages in live_stream(),
        damage in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let (mut encoder, mut decoder) = (StreamEncoder::new(), StreamDecoder::new());
        let mut frames: Vec<_> = messages
            .into_iter()
            .map(|records| encoder.encode(&Message::Records(records)).expect("it fits"))
            .collect();
        for (frame, place, byte) in damage {
            let count = frames.len();
            let frame = &mut frames[frame.index(count)];
            let place = place.index(frame.len());
            frame[place] = byte;
        }
        for frame in frames {
            let _ = decoder.decode(&frame);
        }
    }
}
