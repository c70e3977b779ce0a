//! The hashes by which the journal finds a field with its value.

use std::hash::Hasher;

/// SipHash-2-4 with the id of the file as its key: journals since systemd 246.
pub(super) fn keyed(id: [u8; 16], data: &[u8]) -> u64 {
    let id = u128::from_le_bytes(id);
    let low = u64::try_from(id & u128::from(u64::MAX)).unwrap_or(0);
    let high = u64::try_from(id >> 64).unwrap_or(0);
    #[expect(deprecated, reason = "its successor has no key and promises no algorithm")]
    let mut hasher = std::hash::SipHasher::new_with_keys(low, high);
    hasher.write(data);
    hasher.finish()
}

/// Bob Jenkins' lookup3 (`hashlittle2` from zero): older journals.
pub(super) fn plain(data: &[u8]) -> u64 {
    // The algorithm takes the length modulo 2^32.
    let length = u32::try_from(data.len() & 0xffff_ffff).unwrap_or(0);
    let begin = 0xdead_beef_u32.wrapping_add(length);
    let mut abc = [begin; 3];
    if data.is_empty() {
        return joined(abc);
    }
    let last = (data.len() - 1) / 12;
    for (place, block) in data.chunks(12).enumerate() {
        let mut padded = [0; 12];
        padded[..block.len()].copy_from_slice(block);
        for (value, word) in abc.iter_mut().zip(padded.chunks_exact(4)) {
            let word = word.iter().rev().fold(0, |all, &byte| all << 8 | u32::from(byte));
            *value = value.wrapping_add(word);
        }
        if place < last { mix(&mut abc) } else { end(&mut abc) }
    }
    joined(abc)
}

fn joined([_, b, c]: [u32; 3]) -> u64 {
    u64::from(c) << 32 | u64::from(b)
}

fn mix(abc: &mut [u32; 3]) {
    let [mut a, mut b, mut c] = *abc;
    for turns in [[4, 6, 8], [16, 19, 4]] {
        a = a.wrapping_sub(c) ^ c.rotate_left(turns[0]);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(turns[1]);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(turns[2]);
        b = b.wrapping_add(a);
    }
    *abc = [a, b, c];
}

fn end(abc: &mut [u32; 3]) {
    let [mut a, mut b, mut c] = *abc;
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    c = (c ^ b).wrapping_sub(b.rotate_left(24));
    *abc = [a, b, c];
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first is the vector of SipHash's paper, the others those of lookup3's author.
    #[test]
    fn hashes_are_those_of_their_authors() {
        let key = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let data: Vec<u8> = (0..15).collect();
        assert_eq!(keyed(key, &data), 0xa129_ca61_49be_45e5);
        assert_eq!(plain(b""), 0xdead_beef_dead_beef);
        assert_eq!(plain(b"Four score and seven years ago"), 0x1777_0551_ce72_26e6);
    }
}
