//! What goes out comes in again, and nothing that comes in does harm.

mod common;

use proptest::collection::vec;
use proptest::prelude::*;
use watchfire_wire::{MAX_FRAME_BYTES, WireError, decode, encode};

proptest! {
    #[test]
    fn every_message_comes_back_the_same(message in common::message()) {
        let bytes = encode(&message).expect("it is within the limits");
        prop_assert!(bytes.len() <= MAX_FRAME_BYTES);
        prop_assert_eq!(decode(&bytes), Ok(Some(message)));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..512)) {
        let _ = decode(&bytes);
    }

    /// Damage near to real frames reaches deeper than noise does, and what is
    /// taken all the same must be fit to be sent on.
    #[test]
    fn damaged_frames_never_panic(
        message in common::message(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        keep in any::<prop::sample::Index>(),
    ) {
        let mut bytes = encode(&message).expect("it is within the limits");
        prop_assume!(!bytes.is_empty());
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        for taken in [&bytes[..], &bytes[..keep.index(bytes.len())]] {
            if let Ok(Some(message)) = decode(taken) {
                let again = encode(&message).expect("what was taken can be sent on");
                prop_assert_eq!(decode(&again), Ok(Some(message)));
            }
        }
    }

    #[test]
    fn what_a_newer_version_adds_is_skipped(
        message in common::message(),
        number in 100_u32..10_000,
        added in vec(any::<u8>(), 0..64),
    ) {
        let mut unknown = Vec::new();
        prost::encoding::bytes::encode(number, &added, &mut unknown);
        prop_assert_eq!(decode(&unknown), Ok(None));
        let mut both = encode(&message).expect("it is within the limits");
        both.extend_from_slice(&unknown);
        prop_assert_eq!(decode(&both), Ok(Some(message)));
    }
}

#[test]
fn an_empty_or_giant_frame_is_refused() {
    assert_eq!(decode(&[]), Err(WireError::Empty));
    let giant = vec![0; MAX_FRAME_BYTES + 1];
    assert_eq!(decode(&giant), Err(WireError::TooLarge { bytes: MAX_FRAME_BYTES + 1 }));
}
