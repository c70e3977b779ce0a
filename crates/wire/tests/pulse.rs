//! The datagrams, byte by byte.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use watchfire_wire::pulse::{
    DATAGRAM_BYTES, PULSE_BYTES, Pulse, PulseError, PulseFlags, RoundTrip, TAG_BYTES, join, split,
};

fn pulse() -> Pulse {
    Pulse {
        session: 0x0102_0304_0506_0708,
        counter: 0x1112_1314_1516_1718,
        flags: PulseFlags::LEAVING,
        sent_us: 0x2122_2324_2526_2728,
        round: RoundTrip::default(),
    }
}

#[test]
fn the_bytes_stay_what_they_are() {
    let mut golden = *b"WFP\x01\x02\0\0\0\
        \x01\x02\x03\x04\x05\x06\x07\x08\
        \x11\x12\x13\x14\x15\x16\x17\x18\
        \x21\x22\x23\x24\x25\x26\x27\x28";
    assert_eq!(pulse().encode(), golden);
    assert_eq!(Pulse::decode(&golden), Ok(pulse()));
    let told = Pulse { round: RoundTrip::of(Duration::from_micros(0x01_0203 * 10)), ..pulse() };
    golden[5..8].copy_from_slice(&[1, 2, 3]);
    assert_eq!(told.encode(), golden);
    assert_eq!(Pulse::decode(&golden), Ok(told));
    assert_eq!((PULSE_BYTES, TAG_BYTES, DATAGRAM_BYTES), (32, 16, 48));
}

#[test]
fn a_round_trip_is_told_in_steps() {
    let told = |us| RoundTrip::of(Duration::from_micros(us)).get();
    assert_eq!(RoundTrip::default().get(), None);
    assert_eq!(told(0), Some(Duration::from_micros(10)), "it is known");
    assert_eq!(told(12_345), Some(Duration::from_micros(12_350)));
    assert_eq!(told(u64::MAX), Some(Duration::from_micros(167_772_150)));
}

#[test]
fn an_echo_repeats_what_it_answers() {
    let told = Pulse { round: RoundTrip::of(Duration::from_millis(3)), ..pulse() };
    let echo = told.echo();
    assert_eq!(echo, Pulse { flags: PulseFlags::ECHO, ..pulse() });
    assert_eq!(echo.encode()[4], 1);
    let both = PulseFlags::ECHO | PulseFlags::LEAVING;
    assert_eq!(Pulse { flags: both, ..pulse() }.encode()[4], 3);
    assert!(both.contains(PulseFlags::ECHO) && both.contains(PulseFlags::LEAVING));
    assert!(!pulse().flags.contains(PulseFlags::ECHO) && !pulse().flags.contains(both));
    assert!(!PulseFlags::default().contains(PulseFlags::LEAVING));
}

#[test]
fn what_is_no_pulse_is_refused_by_name() {
    for bytes in [0, 1, 31, 33, 48, 1500] {
        assert_eq!(Pulse::decode(&vec![0; bytes]), Err(PulseError::Length { bytes }));
    }
    assert_eq!(Pulse::decode(&[0; 32]), Err(PulseError::NotAPulse));
    let mut newer = pulse().encode();
    newer[3] = 2;
    assert_eq!(Pulse::decode(&newer), Err(PulseError::OtherVersion { version: 2 }));
}

#[test]
fn what_a_newer_version_adds_is_passed_over() {
    let mut newer = pulse().encode();
    newer[4] |= 0xf8;
    assert_eq!(Pulse::decode(&newer), Ok(pulse()));
}

#[test]
fn a_datagram_is_a_body_and_a_tag() {
    let (body, tag) = (pulse().encode(), [9; TAG_BYTES]);
    let datagram = join(&body, &tag);
    assert_eq!(split(&datagram), Ok((&body, &tag)));
    for bytes in [0, 16, 32, 47, 49] {
        assert_eq!(split(&vec![0; bytes]), Err(PulseError::Length { bytes }));
    }
}

proptest! {
    #[test]
    fn every_pulse_comes_back_the_same(
        numbers in any::<[u64; 4]>(),
        flags in any::<[bool; 3]>(),
    ) {
        let known = [PulseFlags::ECHO, PulseFlags::LEAVING, PulseFlags::ORPHAN];
        let set = known.into_iter().zip(flags).filter(|(_, set)| *set).map(|(flag, _)| flag);
        let flags = set.fold(PulseFlags::default(), |all, flag| all | flag);
        let [session, counter, sent_us, round] = numbers;
        let round = RoundTrip::of(Duration::from_micros(round));
        let pulse = Pulse { session, counter, flags, sent_us, round };
        prop_assert_eq!(Pulse::decode(&pulse.encode()), Ok(pulse));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..64)) {
        let _ = split(&bytes);
        let _ = Pulse::decode(&bytes);
    }
}
