use super::*;

const AT: u64 = 5 << 20;

fn record(sequence: u64, seconds: i64) -> Record {
    Record {
        sequence,
        monotonic_ns: 3_000_000_000_000_000 + seconds.unsigned_abs() * 1_000_000_000,
        unix_ms: 1_800_000_000_000 + seconds * 1000,
        bytes: vec![7; 300],
        ..Record::default()
    }
}

fn live(previous: u64, records: Vec<Record>) -> Records {
    Records { request: 0, previous, records }
}

fn bad(what: &'static str) -> Result<Records, WireError> {
    Err(WireError::BadValue { what })
}

#[test]
fn zigzag_is_its_own_way_back() {
    for (number, small) in [(0, 0), (-1, 1), (1, 2), (i64::MAX, u64::MAX - 1), (i64::MIN, u64::MAX)]
    {
        assert_eq!(zigzag(number), small);
        assert_eq!(unzigzag(small), number);
    }
}

#[test]
fn a_live_record_after_another_takes_few_bytes() {
    let base = Base::of(&record(AT, 0));
    for (late_ms, early_ns, head) in [(0, 0, 5), (3, 0, 5), (3, 2_000_000, 6), (0, 400_321, 8)] {
        let mut next = record(AT + 1, 1);
        next.unix_ms += late_ms;
        next.monotonic_ns += late_ms.unsigned_abs() * 1_000_000;
        next.monotonic_ns -= early_ns;
        let records = live(AT, vec![next]);
        let bytes = pack(&records, Some(base)).expect("it fits");
        assert_eq!(bytes.len(), head + 300, "{late_ms} {early_ns}");
        assert_eq!(unpack(0, &bytes, Some(base)), Ok(records));
    }
}

/// Extreme clocks and sequences come back bit by bit.
#[test]
fn any_step_is_exact() {
    let ends = [0, 1, u64::MAX / 2, u64::MAX];
    let walls = [crate::limits::MIN_UNIX_MS, 0, crate::limits::MAX_UNIX_MS];
    for from in ends {
        for to in ends {
            for (one, other) in walls.into_iter().flat_map(|one| walls.map(|other| (one, other))) {
                let first =
                    Record { sequence: 1, monotonic_ns: from, unix_ms: one, ..Record::default() };
                let second = Record {
                    sequence: u64::MAX,
                    monotonic_ns: to,
                    unix_ms: other,
                    ..Record::default()
                };
                let records = live(0, vec![first, second]);
                let bytes = pack(&records, None).expect("it fits");
                assert_eq!(unpack(0, &bytes, None), Ok(records));
            }
        }
    }
}

#[test]
fn only_the_next_live_record_goes_on() {
    let base = Base::of(&record(AT, 0));
    for (request, previous) in [(0, AT - 1), (0, 0), (9, AT)] {
        let records = Records { request, previous, records: vec![record(AT + 1, 1)] };
        let alone = pack(&records, None).expect("it fits");
        assert_eq!(pack(&records, Some(base)), Ok(alone));
    }
}

#[test]
fn a_lost_frame_is_noticed() {
    let base = Base::of(&record(AT, 0));
    let records = live(AT + 1, vec![record(AT + 2, 2)]);
    let bytes = pack(&records, Some(Base::of(&record(AT + 1, 1)))).expect("it fits");
    assert_eq!(unpack(0, &bytes, Some(base)), Err(WireError::OutOfStep));
    assert_eq!(unpack(0, &bytes, None), Err(WireError::OutOfStep));
    let right = Base::of(&record(AT + 1, 1));
    assert_eq!(unpack(8, &bytes, Some(right)), Err(WireError::OutOfStep), "not a live one");
    assert_eq!(unpack(0, &bytes, Some(right)), Ok(records));
}

#[test]
fn a_kind_of_a_newer_agent_keeps_its_place() {
    let mut records = live(3, vec![record(4, 0), record(5, 1), record(6, 2)]);
    records.records[1].kind = RecordKind::Other(200);
    records.records[2].kind = RecordKind::Other(0);
    let bytes = pack(&records, None).expect("it fits");
    assert_eq!(unpack(0, &bytes, None), Ok(records));
}

#[test]
fn what_is_above_a_limit_is_refused_and_nothing_is_cut() {
    let many =
        live(0, (1..=257).map(|sequence| Record { sequence, ..Record::default() }).collect());
    let too_many = WireError::TooMany { what: "records", most: MAX_RECORDS };
    assert_eq!(pack(&many, None), Err(too_many));
    let huge = Record { sequence: 1, bytes: vec![0; MAX_RECORD_BYTES + 1], ..Record::default() };
    let too_long = WireError::TooLong { what: "record", most: MAX_RECORD_BYTES };
    assert_eq!(pack(&live(0, vec![huge]), None), Err(too_long));
    for (previous, sequences) in [(5, [5, 6]), (5, [4, 6]), (0, [0, 1]), (0, [2, 2])] {
        let records = sequences.map(|sequence| record(sequence, 0));
        let error = WireError::BadValue { what: "sequence of a record" };
        assert_eq!(pack(&live(previous, records.to_vec()), None), Err(error));
    }
}

#[test]
fn hostile_numbers_are_refused() {
    let most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    let too_many = Err(WireError::TooMany { what: "records", most: MAX_RECORDS });
    assert_eq!(unpack(0, &[&[0xfe][..], &most[1..]].concat(), None), too_many);
    // 257 records.
    assert_eq!(unpack(0, &[0x82, 0x04, 0], None), too_many);
    // A sequence past the last number, and one after it.
    assert_eq!(unpack(0, &[&[2][..], &most, &[1, 0]].concat(), None), bad("sequence of a record"));
    let past = [&[2, 1, 1 | SKIPS][..], &most, &[0]].concat();
    assert_eq!(unpack(0, &past, None), bad("sequence of a record"));
    // Clocks past all bounds.
    assert_eq!(unpack(0, &[&[2, 0, 1][..], &most].concat(), None), bad("wall clock"));
    let skewed = [&[2, 0, 1 | SKEWED, 0][..], &most].concat();
    assert_eq!(unpack(0, &skewed, None), bad("monotonic clock of a record"));
    assert_eq!(unpack(0, &[2, 0, 0x21, 0], None), bad("first byte of a record"));
    // A length past the end, and bytes that belong to no record.
    for bytes in [&[4, 0, 1, 0, 2, 1, 0, 9][..], &[0, 0, 9]] {
        assert!(matches!(unpack(0, bytes, None), Err(WireError::Malformed { .. })), "{bytes:?}");
    }
    let long = [&[4, 0, 1, 0][..], &most, &[1, 0, 9]].concat();
    assert!(matches!(unpack(0, &long, None), Err(WireError::Malformed { .. })));
}

#[test]
fn every_cut_is_an_error_but_in_the_last_content() {
    let records = live(3, vec![record(4, 0), record(9, 1)]);
    let bytes = pack(&records, None).expect("it fits");
    for end in 0..bytes.len() - 300 {
        assert!(unpack(0, &bytes[..end], None).is_err(), "{end}");
    }
}

#[test]
fn the_length_that_is_reckoned_is_not_less_than_the_one_it_takes() {
    let (first, second) = (record(AT + 1, 1), record(AT + 9, -2));
    let base = Base::after(AT);
    let reckoned = packed_len(&first, base).expect("it fits")
        + packed_len(&second, Base::of(&first)).expect("it fits");
    let bytes = pack(&live(AT, vec![first, second]), None).expect("it fits");
    // The count, `previous` of four bytes, and the last length, which is left out.
    assert_eq!(bytes.len(), 1 + 4 + reckoned - 2);
}
