//! A stream of bits, lowest first, and the numbers in it: Rice codes.
//!
//! The code of `n` with `k` low bits is `n >> k` ones, a zero, and the `k` lowest
//! bits of `n`; or, when there would be more than 23 ones, 24 ones and the 64 bits of `n`.

use super::BlockError;

/// So many ones say that the number follows as it is.
const ESCAPE: u32 = 24;
/// The most low bits: with ones and zero before them they fit one look.
pub(super) const MAX_LOW: u32 = 32;

#[derive(Debug, Default)]
pub(super) struct BitWriter {
    word: u64,
    used: u32,
}

impl BitWriter {
    /// Adds the lowest `count` bits of `bits`, 32 at the most; those above are clear.
    fn put(&mut self, bits: u64, count: u32, out: &mut Vec<u8>) {
        self.word |= bits << self.used;
        self.used += count;
        while self.used >= 8 {
            out.push(self.word as u8);
            self.word >>= 8;
            self.used -= 8;
        }
    }

    pub(super) fn rice(&mut self, number: u64, low: u32, out: &mut Vec<u8>) {
        if number >> low >= u64::from(ESCAPE) {
            self.put((1 << ESCAPE) - 1, ESCAPE, out);
            self.put(number & 0xffff_ffff, 32, out);
            self.put(number >> 32, 32, out);
            return;
        }
        let ones = (number >> low) as u32;
        self.put((1 << ones) - 1, ones + 1, out);
        self.put(number & ((1 << low) - 1), low, out);
    }

    pub(super) fn end(self, out: &mut Vec<u8>) {
        if self.used > 0 {
            out.push(self.word as u8);
        }
    }
}

/// How many bits [`BitWriter::rice`] takes.
pub(super) fn rice_bits(number: u64, low: u32) -> u64 {
    let ones = number >> low;
    if ones >= u64::from(ESCAPE) { u64::from(ESCAPE) + 64 } else { ones + 1 + u64::from(low) }
}

/// The number of low bits that suits numbers of this sum and count.
pub(super) fn low_bits(sum: u128, count: usize) -> u32 {
    let mean = sum / (count as u128).max(1);
    mean.checked_ilog2().unwrap_or(0).min(MAX_LOW)
}

/// So many bits are sure to be in a look.
const LOOK: u32 = 57;

#[derive(Debug, Clone)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// At least 57 bits from here on; zeros after the end.
    #[inline]
    fn look(&self) -> u64 {
        let from = self.at / 8;
        let word = match self.bytes.get(from..).and_then(<[u8]>::first_chunk) {
            Some(eight) => u64::from_le_bytes(*eight),
            None => self.look_at_end(from),
        };
        word >> (self.at % 8)
    }

    #[cold]
    fn look_at_end(&self, from: usize) -> u64 {
        let rest = self.bytes.get(from..).unwrap_or_default();
        rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
    }

    #[inline]
    pub(super) fn rice(&mut self, low: u32) -> u64 {
        let word = self.look();
        let ones = word.trailing_ones();
        if ones < ESCAPE {
            self.at += (ones + 1 + low) as usize;
            return short(word, ones, low);
        }
        self.at += ESCAPE as usize;
        let lowest = self.look() & 0xffff_ffff;
        self.at += 32;
        let highest = self.look() & 0xffff_ffff;
        self.at += 32;
        highest << 32 | lowest
    }

    /// Two codes that follow one another, each with its low bits, out of one look where that
    /// has both.
    #[inline]
    pub(super) fn pair(&mut self, lows: [u32; 2]) -> (u64, u64) {
        let word = self.look();
        let ones = word.trailing_ones();
        let first = ones + 1 + lows[0];
        // Where the first one is too long, what is seen of the second one is not used.
        let rest = word >> (first & 63);
        let more = rest.trailing_ones();
        let both = first + more + 1 + lows[1];
        if both > LOOK || ones >= ESCAPE || more >= ESCAPE {
            return (self.rice(lows[0]), self.rice(lows[1]));
        }
        self.at += both as usize;
        (short(word, ones, lows[0]), short(rest, more, lows[1]))
    }

    /// Whether all was read and nothing after it.
    pub(super) fn end(self) -> Result<(), BlockError> {
        let right = self.at.div_ceil(8) == self.bytes.len();
        if right { Ok(()) } else { Err(BlockError::Malformed("bits of another length")) }
    }
}

/// The number whose code, not an escaped one, is at the front of `word` and begins with `ones`.
#[inline]
fn short(word: u64, ones: u32, low: u32) -> u64 {
    u64::from(ones) << low | word >> (ones + 1) & ((1 << low) - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back(numbers: Vec<(u64, u32, u32)>) {
            let numbers: Vec<(u64, u32)> =
                numbers.iter().map(|&(n, right, low)| (n >> (right % 64), low % 33)).collect();
            let (mut writer, mut bytes, mut bits) = (BitWriter::default(), Vec::new(), 0);
            for &(number, low) in &numbers {
                writer.rice(number, low, &mut bytes);
                bits += rice_bits(number, low);
            }
            writer.end(&mut bytes);
            prop_assert_eq!(bytes.len() as u64, bits.div_ceil(8));
            let mut reader = BitReader::new(&bytes);
            for &(number, low) in &numbers {
                prop_assert_eq!(reader.rice(low), number);
            }
            prop_assert_eq!(reader.end(), Ok(()));
            let mut reader = BitReader::new(&bytes);
            for two in numbers.chunks_exact(2) {
                let both = (two[0].0, two[1].0);
                prop_assert_eq!(reader.pair([two[0].1, two[1].1]), both);
            }
        }
    }

    #[test]
    fn too_few_bytes_are_told() {
        let mut reader = BitReader::new(&[0xff]);
        reader.rice(3);
        assert!(reader.end().is_err());
        assert!(BitReader::new(&[0]).end().is_err());
    }
}
