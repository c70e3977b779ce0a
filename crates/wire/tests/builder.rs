//! Records are put into frames: none is lost, none comes twice, none is too large.

#[path = "common/records.rs"]
mod any;

use proptest::prelude::*;
use watchfire_wire::limits::{MAX_RECORD_BYTES, MAX_RECORDS};
use watchfire_wire::{
    MAX_FRAME_BYTES, Message, Record, Records, RecordsBuilder, WireError, decode, encode,
};

fn record(sequence: u64, bytes: usize) -> Record {
    Record { sequence, bytes: vec![sequence.to_le_bytes()[0]; bytes], ..Record::default() }
}

fn frame_of(records: &Records) -> Vec<u8> {
    encode(&Message::Records(records.clone())).expect("what was built fits")
}

/// What lies between messages is told by `previous`: it is the last sequence
/// of the message before.
fn assert_joined(messages: &[Records], previous: u64) {
    let mut before = previous;
    for message in messages {
        assert_eq!(message.previous, before);
        before = message.records.last().expect("no message is empty").sequence;
    }
}

#[test]
fn frames_are_filled_up_to_the_limit_of_bytes() {
    let records = (100..400).map(|sequence| record(sequence, 1000)).collect();
    let messages = Records { request: 3, previous: 99, records }.split(16 << 10).expect("they fit");
    assert_joined(&messages, 99);
    assert_eq!(messages.iter().map(|message| message.records.len()).sum::<usize>(), 300);
    let (last, full) = messages.split_last().expect("messages");
    for message in full {
        let bytes = frame_of(message).len();
        assert!((15 << 10..=16 << 10).contains(&bytes), "{bytes}");
        assert_eq!(message.request, 3);
    }
    assert!(frame_of(last).len() <= 16 << 10);
}

#[test]
fn frames_are_filled_up_to_the_limit_of_records() {
    let records = (1..=1000).map(|sequence| record(sequence, 2)).collect();
    let messages = Records { records, ..Records::default() }.split(usize::MAX).expect("they fit");
    let counts: Vec<_> = messages.iter().map(|message| message.records.len()).collect();
    assert_eq!(counts, [MAX_RECORDS, MAX_RECORDS, MAX_RECORDS, 1000 - 3 * MAX_RECORDS]);
    assert_joined(&messages, 0);
}

#[test]
fn the_largest_record_fits_a_frame_and_goes_alone() {
    let sizes = [10, MAX_RECORD_BYTES, 10, MAX_RECORD_BYTES, MAX_RECORD_BYTES, 10];
    let records = (1..).zip(sizes).map(|(sequence, bytes)| record(sequence, bytes)).collect();
    let messages = Records { records, ..Records::default() }.split(64 << 10).expect("they fit");
    assert_eq!(messages.len(), 6);
    assert_joined(&messages, 0);
    for message in messages {
        let frame = frame_of(&message);
        assert!(frame.len() <= MAX_FRAME_BYTES);
        assert_eq!(decode(&frame), Ok(Some(Message::Records(message))));
    }
}

#[test]
fn a_record_that_fits_nowhere_is_refused_and_leaves_a_hole_that_is_told() {
    let too_long = Err(WireError::TooLong { what: "record", most: MAX_RECORD_BYTES });
    let huge = |sequence| record(sequence, MAX_RECORD_BYTES + 1);
    let mut builder = RecordsBuilder::new(7, 9, 64 << 10);
    assert_eq!(builder.push(huge(10)), too_long);
    assert_eq!(builder.push(record(11, 5)), Ok(None));
    assert_eq!(builder.push(huge(12)), too_long);
    assert_eq!(builder.push(huge(13)), too_long);
    let full = builder.push(record(14, 5)).expect("it fits").expect("the hole ends a message");
    assert_eq!(full, Records { request: 7, previous: 10, records: vec![record(11, 5)] });
    assert_eq!(builder.push(record(15, 5)), Ok(None));
    let last = builder.finish().expect("a message");
    let records = vec![record(14, 5), record(15, 5)];
    assert_eq!(last, Records { request: 7, previous: 13, records });
    let all = Records { records: vec![record(1, 1), huge(2)], ..Records::default() };
    assert_eq!(all.split(64 << 10), too_long.map(|_: Option<Records>| Vec::new()));
}

#[test]
fn a_record_out_of_order_is_refused_and_changes_nothing() {
    let mut builder = RecordsBuilder::new(0, 3, 64 << 10);
    let backwards = Err(WireError::BadValue { what: "sequence of a record" });
    assert_eq!(builder.push(record(3, 1)), backwards);
    assert_eq!(builder.push(record(4, 1)), Ok(None));
    assert_eq!(builder.push(record(4, 1)), backwards);
    assert_eq!(builder.push(record(5, 1)), Ok(None));
    let records = vec![record(4, 1), record(5, 1)];
    assert_eq!(builder.finish(), Some(Records { request: 0, previous: 3, records }));
    assert_eq!(RecordsBuilder::new(0, 3, 100).finish(), None);
}

proptest! {
    #[test]
    fn nothing_is_lost_at_any_limit(all in any::records(), most_bytes in 0_usize..2000) {
        let (request, previous) = (all.request, all.previous);
        let messages = all.clone().split(most_bytes).expect("the records are within the limits");
        assert_joined(&messages, previous);
        for message in &messages {
            prop_assert_eq!(message.request, request);
            let frame = frame_of(message);
            prop_assert!(frame.len() <= most_bytes || message.records.len() == 1);
            prop_assert_eq!(decode(&frame), Ok(Some(Message::Records(message.clone()))));
        }
        let records: Vec<_> = messages.into_iter().flat_map(|message| message.records).collect();
        prop_assert_eq!(records, all.records);
    }
}
