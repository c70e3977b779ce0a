//! The datagrams, byte by byte.

use proptest::collection::vec;
use proptest::prelude::*;
use watchfire_wire::pulse::{
    DATAGRAM_BYTES, PULSE_BYTES, Pulse, PulseError, PulseFlags, TAG_BYTES, join, split,
};

const PULSE: Pulse = Pulse {
    session: 0x0102_0304_0506_0708,
    counter: 0x1112_1314_1516_1718,
    flags: PulseFlags::LEAVING,
    sent_us: 0x2122_2324_2526_2728,
};

#[test]
fn the_bytes_stay_what_they_are() {
    let golden = *b"WFP\x01\x02\0\0\0\
        \x01\x02\x03\x04\x05\x06\x07\x08\
        \x11\x12\x13\x14\x15\x16\x17\x18\
        \x21\x22\x23\x24\x25\x26\x27\x28";
    assert_eq!(PULSE.encode(), golden);
    assert_eq!(Pulse::decode(&golden), Ok(PULSE));
    assert_eq!((PULSE_BYTES, TAG_BYTES, DATAGRAM_BYTES), (32, 16, 48));
}

#[test]
fn an_echo_repeats_what_it_answers() {
    let echo = PULSE.echo();
    assert_eq!(echo, Pulse { flags: PulseFlags::ECHO, ..PULSE });
    assert_eq!(echo.encode()[4], 1);
    let both = PulseFlags::ECHO | PulseFlags::LEAVING;
    assert_eq!(Pulse { flags: both, ..PULSE }.encode()[4], 3);
    assert!(both.contains(PulseFlags::ECHO) && both.contains(PulseFlags::LEAVING));
    assert!(!PULSE.flags.contains(PulseFlags::ECHO) && !PULSE.flags.contains(both));
    assert!(!PulseFlags::default().contains(PulseFlags::LEAVING));
}

#[test]
fn what_is_no_pulse_is_refused_by_name() {
    for bytes in [0, 1, 31, 33, 48, 1500] {
        assert_eq!(Pulse::decode(&vec![0; bytes]), Err(PulseError::Length { bytes }));
    }
    assert_eq!(Pulse::decode(&[0; 32]), Err(PulseError::NotAPulse));
    let mut newer = PULSE.encode();
    newer[3] = 2;
    assert_eq!(Pulse::decode(&newer), Err(PulseError::OtherVersion { version: 2 }));
}

#[test]
fn what_a_newer_version_adds_is_passed_over() {
    let mut newer = PULSE.encode();
    newer[4] |= 0xf8;
    newer[5..8].copy_from_slice(&[1, 2, 3]);
    assert_eq!(Pulse::decode(&newer), Ok(PULSE));
}

#[test]
fn a_datagram_is_a_body_and_a_tag() {
    let (body, tag) = (PULSE.encode(), [9; TAG_BYTES]);
    let datagram = join(&body, &tag);
    assert_eq!(split(&datagram), Ok((&body, &tag)));
    for bytes in [0, 16, 32, 47, 49] {
        assert_eq!(split(&vec![0; bytes]), Err(PulseError::Length { bytes }));
    }
}

proptest! {
    #[test]
    fn every_pulse_comes_back_the_same(numbers in any::<[u64; 3]>(), flags in any::<[bool; 3]>()) {
        let known = [PulseFlags::ECHO, PulseFlags::LEAVING, PulseFlags::ORPHAN];
        let set = known.into_iter().zip(flags).filter(|(_, set)| *set).map(|(flag, _)| flag);
        let flags = set.fold(PulseFlags::default(), |all, flag| all | flag);
        let [session, counter, sent_us] = numbers;
        let pulse = Pulse { session, counter, flags, sent_us };
        prop_assert_eq!(Pulse::decode(&pulse.encode()), Ok(pulse));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..64)) {
        let _ = split(&bytes);
        let _ = Pulse::decode(&bytes);
    }
}
