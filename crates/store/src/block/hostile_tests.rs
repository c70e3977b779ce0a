//! Bytes that mean nothing, behind checksums that are right: no panic, no
//! endless loop, and no more memory than the limits allow.

use proptest::prelude::*;
use watchfire_model::ABSENT;

use super::head::piece_sum;
use super::{
    Block, Columns, Directory, Head, Scratch, SealOptions, Windows, merge, seal, seal_tier,
};

/// Puts every checksum right, where the bytes are still those of a block.
fn resum(bytes: &mut [u8]) {
    let Ok(head) = Head::parse(bytes) else { return };
    if bytes.len() < head.directory_end() {
        return;
    }
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..Head::BYTES - 4]);
    hasher.update(&bytes[Head::BYTES..head.directory_end()]);
    let sum = hasher.finalize();
    bytes[Head::BYTES - 4..Head::BYTES].copy_from_slice(&sum.to_le_bytes());
    let Ok(directory) = Directory::open(&*bytes, 0) else { return };
    let groups = (0..directory.groups()).map(|number| directory.group_range(number));
    let pieces: Vec<_> = std::iter::once(directory.timestamps_range()).chain(groups).collect();
    for (number, range) in pieces.into_iter().enumerate() {
        if let Some(piece) = bytes.get_mut(range).filter(|piece| piece.len() >= 4) {
            let right = piece_sum(sum, number as u32, &piece[4..]);
            piece[..4].copy_from_slice(&right.to_le_bytes());
        }
    }
}

fn read(bytes: &[u8]) {
    let Ok(block) = Block::open(bytes, 0) else { return };
    let (mut scratch, mut times) = (Scratch::new(), Vec::new());
    let all = 0..block.head().ticks;
    let _ = block.timestamps(&mut scratch, &mut times);
    if let Ok(keys) = block.keys() {
        let _ = block.read(&keys, all.clone(), &mut scratch, |_, _| {});
        let _ = merge(std::slice::from_ref(&block), &SealOptions::default());
    }
    if let Ok(keys) = block.tier_keys() {
        let _ = block.read_windows(&keys, all, &mut scratch);
    }
}

fn sealed(tier: bool) -> Vec<u8> {
    let ticks = 150_u64;
    let noise = |tick: u64, bits: u32| {
        let mixed = (tick + 9).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> (64 - bits)
    };
    let of = |value: &dyn Fn(u64) -> f64| (0..ticks).map(value).collect::<Vec<f64>>();
    let sum = |tick: u64| (0..tick).map(|tick| noise(tick, 9)).sum::<u64>() as f64;
    let mut series = vec![
        (1, of(&|_| 4.0)),
        (2, of(&|tick| sum(tick) / 100.0)),
        (3, of(&|tick| 9.0 - sum(tick) / 100.0)),
        (5, of(&|tick| if tick % 31 == 0 { ABSENT } else { (tick / 40) as f64 })),
        (9, of(&|tick| f64::from_bits(noise(tick, 62)))),
        (10, of(&|tick| (noise(tick, 14) * noise(tick + 1, 3)) as f64)),
    ];
    series.extend((20..90).map(|key| (key, of(&|tick| (tick / 77) as f64))));
    let timestamps = (0..ticks as i64).map(|tick| tick * 1000).collect();
    let columns = Columns { timestamps, series };
    // So that pco is among what is read.
    let options = SealOptions { for_speed: 0, ..SealOptions::default() };
    if tier {
        seal_tier(&Windows::of_ticks(&columns, 5000, |_| None), &options).unwrap()
    } else {
        seal(&columns, &options).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn nonsense_is_an_error(
        tier: bool,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = sealed(tier);
        for (place, to) in changes {
            let place = place.index(bytes.len());
            bytes[place] = to;
        }
        resum(&mut bytes);
        read(&bytes);
    }

    #[test]
    fn any_bytes_are_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut whole = sealed(false)[..Head::BYTES].to_vec();
        whole[20..24].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
        whole.extend_from_slice(&bytes);
        resum(&mut whole);
        read(&whole);
        read(&bytes);
    }
}

#[test]
fn sums_that_are_put_right_are_taken() {
    let mut bytes = sealed(false);
    let whole = bytes.clone();
    resum(&mut bytes);
    assert_eq!(bytes, whole);
}
