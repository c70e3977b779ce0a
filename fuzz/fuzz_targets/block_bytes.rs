//! Any bytes as a block of history, behind checksums that are right: no panic,
//! no endless loop, little memory. What is read can be sealed and read again.

#![no_main]

use watchfire_store::block::{Block, Columns, Directory, Head, Scratch, SealOptions, merge, seal};

libfuzzer_sys::fuzz_target!(|input: (bool, &[u8])| {
    let (right_sums, bytes) = input;
    let mut bytes = bytes.to_vec();
    if right_sums {
        put_sums_right(&mut bytes);
    }
    let Ok(block) = Block::open(&bytes[..], 0) else { return };
    let ticks = block.head().ticks;
    let (mut scratch, mut columns) = (Scratch::new(), Columns::default());
    if let Ok(keys) = block.tier_keys() {
        let few = &keys[..keys.len().min(100)];
        let _ = block.read_windows(few, 0..ticks, &mut scratch);
    }
    let Ok(keys) = block.keys() else { return };
    let few = &keys[..keys.len().min(100)];
    let times = block.timestamps(&mut scratch, &mut columns.timestamps);
    let _ = block.read(few, 0..ticks, &mut scratch, |number, values| {
        if let Ok(Some(values)) = values {
            assert_eq!(values.len(), ticks);
            columns.series.push((few[number], values.to_vec()));
        }
    });
    columns.series.sort_by_key(|(key, _)| *key);
    columns.series.dedup_by_key(|(key, _)| *key);
    if times.is_err() || ticks > 2000 {
        return;
    }
    let sealed = seal(&columns, &SealOptions::default()).expect("what was read can be sealed");
    let again = Block::open(&sealed[..], 0).expect("what was sealed opens");
    merge(&[again], &SealOptions::default()).expect("what was sealed can be merged");
});

/// As a writer would have put them. The first bytes are taken to be those of a block.
fn put_sums_right(bytes: &mut [u8]) {
    if bytes.len() >= 5 {
        bytes[..5].copy_from_slice(b"WFbk\x01");
    }
    let Ok(head) = Head::parse(bytes) else { return };
    let end = head.directory_end();
    if bytes.len() < end {
        return;
    }
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..Head::BYTES - 4]);
    hasher.update(&bytes[Head::BYTES..end]);
    let sum = hasher.finalize();
    bytes[Head::BYTES - 4..Head::BYTES].copy_from_slice(&sum.to_le_bytes());
    let Ok(directory) = Directory::open(&bytes[..end], 0) else { return };
    let groups = (0..directory.groups()).map(|number| directory.group_range(number));
    let pieces: Vec<_> = std::iter::once(directory.timestamps_range()).chain(groups).collect();
    for (number, range) in pieces.into_iter().enumerate() {
        let Some(piece) = bytes.get_mut(range).filter(|piece| piece.len() >= 4) else { continue };
        let mut hasher = crc32fast::Hasher::new_with_initial(sum);
        hasher.update(&(number as u32).to_le_bytes());
        hasher.update(&piece[4..]);
        piece[..4].copy_from_slice(&hasher.finalize().to_le_bytes());
    }
}
