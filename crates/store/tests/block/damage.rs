//! Bits that flip and bytes that are missing: an error or the right value, and
//! never a wrong one.

use watchfire_store::block::{Block, Columns, Scratch, seal};

use crate::made::{TAG, bits, known, options};

/// What could be read of damaged bytes; panics when any of it is wrong.
fn read(bytes: &[u8], truth: &Columns) -> usize {
    let Ok(block) = Block::open(bytes, TAG) else { return 0 };
    let mut scratch = Scratch::new();
    let mut times = Vec::new();
    if block.timestamps(&mut scratch, &mut times).is_ok() {
        assert_eq!(times, truth.timestamps);
    }
    let keys = block.keys().unwrap();
    assert_eq!(keys.len(), truth.series.len());
    let mut right = 0;
    let each = |number: usize, values: Result<Option<&[f64]>, _>| {
        if let Ok(values) = values {
            let (_, truth) = truth.series.iter().find(|(key, _)| *key == keys[number]).unwrap();
            assert_eq!(bits(values.unwrap()), bits(truth));
            right += 1;
        }
    };
    block.read(&keys, 0..truth.timestamps.len(), &mut scratch, each).unwrap();
    right
}

#[test]
fn every_flipped_bit_is_an_error_or_harmless() {
    let mut truth = known();
    truth.series.truncate(40);
    let whole = seal(&truth, &options()).unwrap();
    assert_eq!(read(&whole, &truth), truth.series.len());
    let groups = Block::open(&whole[..], TAG).unwrap().directory().group_range(0);
    let mut bytes = whole.clone();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            let right = read(&bytes, &truth);
            // A damaged group is lost, and nothing else is.
            let hit = groups.contains(&at);
            assert!(right < truth.series.len() || !hit, "bit {bit} of byte {at} was not noticed");
            bytes[at] ^= 1 << bit;
        }
    }
}

#[test]
fn a_damaged_group_is_lost_alone() {
    let truth = known();
    let mut bytes = seal(&truth, &options()).unwrap();
    let groups = Block::open(&bytes[..], TAG).unwrap().directory().groups();
    assert!(groups > 1);
    let range = Block::open(&bytes[..], TAG).unwrap().directory().group_range(1);
    bytes[range.end - 1] ^= 1;
    let right = read(&bytes, &truth);
    assert!(right >= 50 && right < truth.series.len(), "{right} columns are left");
}

#[test]
fn a_cut_is_an_error_for_what_is_cut_off() {
    let truth = known();
    let whole = seal(&truth, &options()).unwrap();
    for end in 0..whole.len() {
        assert!(read(&whole[..end], &truth) < truth.series.len());
    }
}
