//! What a reader of chunks does.

use watchfire_store::Stretch;

/// The sequences that a reader would meet, ring by ring, in order.
pub(crate) fn sequences(stretch: &Stretch) -> Vec<(u8, u64)> {
    let mut all = Vec::new();
    for one in &stretch.chunks {
        let records = one.chunk.bytes.chunks_exact(8);
        let numbers = records.map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight")));
        let new = numbers.filter(|number| *number > one.skip_to);
        all.extend(new.map(|number| (one.chunk.ring[0], number)));
    }
    all
}
