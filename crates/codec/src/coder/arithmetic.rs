use super::bits::{BitReader, BitWriter};
use super::{Coder, Probability};

/// What a writer keeps from one tick to the next, so that it need not allocate.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    bits: BitWriter,
}

#[cfg(test)]
impl Scratch {
    pub(crate) fn room(&self) -> usize {
        self.bits.room()
    }
}

/// Appends to `out`. Call [`Writer::finish`] at the end.
pub(crate) struct Writer<'a> {
    low: u32,
    high: u32,
    out: &'a mut Vec<u8>,
    bits: &'a mut BitWriter,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>, scratch: &'a mut Scratch) -> Self {
        Self { low: 0, high: u32::MAX, out, bits: &mut scratch.bits }
    }

    /// The fewest bytes after which any other bytes may follow, then the plain bits, last byte first.
    pub(crate) fn finish(self) {
        for kept in 0..=4 {
            let free = u32::MAX.checked_shr(8 * kept).unwrap_or(0);
            let least = (self.low.wrapping_add(free)) & !free;
            if least >= self.low && least | free <= self.high {
                self.out.extend_from_slice(&least.to_be_bytes()[..kept as usize]);
                break;
            }
        }
        self.out.extend(self.bits.drain().rev());
    }
}

/// Where the interval is cut between "set" (lower part) and "clear".
fn cut(low: u32, high: u32, probability: Probability) -> u32 {
    let width = u64::from(high - low);
    low + ((width * u64::from(probability.of_set())) >> 16) as u32
}

impl Coder for Writer<'_> {
    const WRITES: bool = true;

    #[inline]
    fn bit(&mut self, bit: bool, probability: &mut Probability) -> bool {
        let cut = cut(self.low, self.high, *probability);
        if bit {
            self.high = cut;
        } else {
            self.low = cut + 1;
        }
        while (self.low ^ self.high) >> 24 == 0 {
            self.out.push((self.high >> 24) as u8);
            self.low <<= 8;
            self.high = self.high << 8 | 0xff;
        }
        probability.learn(bit);
        bit
    }

    fn plain(&mut self, value: u64, count: u32) -> u64 {
        self.bits.put(value, count);
        value
    }
}

/// Reads what [`Writer`] wrote. Any bytes give some bits; nothing here can fail
/// but for [`Reader::overrun`].
pub(crate) struct Reader<'a> {
    low: u32,
    high: u32,
    code: u32,
    input: &'a [u8],
    bits: BitReader<'a>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        let mut reader =
            Self { low: 0, high: u32::MAX, code: 0, input, bits: BitReader::new(input) };
        for _ in 0..4 {
            reader.code = reader.code << 8 | reader.byte();
        }
        reader
    }

    /// True when more plain bits were read than there are.
    pub(crate) fn overrun(&self) -> bool {
        self.bits.overrun()
    }

    fn byte(&mut self) -> u32 {
        match self.input.split_first() {
            Some((&first, rest)) => {
                self.input = rest;
                u32::from(first)
            }
            // What follows the last byte does not matter: see `Writer::finish`.
            None => 0,
        }
    }
}

impl Coder for Reader<'_> {
    const WRITES: bool = false;

    #[inline]
    fn bit(&mut self, _: bool, probability: &mut Probability) -> bool {
        let cut = cut(self.low, self.high, *probability);
        let bit = self.code <= cut;
        // Chosen and not branched to: no bit that is worth its room can be foreseen.
        (self.low, self.high) = if bit { (self.low, cut) } else { (cut + 1, self.high) };
        probability.learn(bit);
        while (self.low ^ self.high) >> 24 == 0 {
            self.low <<= 8;
            self.high = self.high << 8 | 0xff;
            self.code = self.code << 8 | self.byte();
        }
        bit
    }

    #[inline]
    fn plain(&mut self, _: u64, count: u32) -> u64 {
        self.bits.take(count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bits_come_back(
            bits in prop::collection::vec((any::<bool>(), 0..3_usize, 0..65_u32, any::<u64>()), 0..400),
            skew in any::<bool>(),
        ) {
            let (mut out, mut scratch) = (vec![7, 7], Scratch::default());
            let mut models = [Probability::default(); 3];
            let mut writer = Writer::new(&mut out, &mut scratch);
            for &(bit, model, count, value) in &bits {
                writer.bit(bit || skew, &mut models[model]);
                writer.plain(value & below(count), count);
            }
            writer.finish();
            let mut models = [Probability::default(); 3];
            let mut reader = Reader::new(&out[2..]);
            for &(bit, model, count, value) in &bits {
                prop_assert_eq!(reader.bit(false, &mut models[model]), bit || skew);
                prop_assert_eq!(reader.plain(0, count), value & below(count));
            }
            prop_assert!(!reader.overrun());
        }
    }

    fn below(count: u32) -> u64 {
        u64::MAX.checked_shr(64 - count).unwrap_or(0)
    }

    #[test]
    fn a_likely_bit_costs_next_to_nothing() {
        let (mut out, mut scratch) = (Vec::new(), Scratch::default());
        let mut model = Probability::default();
        let mut writer = Writer::new(&mut out, &mut scratch);
        for _ in 0..10_000 {
            writer.bit(true, &mut model);
        }
        writer.finish();
        assert!(out.len() < 16, "{} bytes", out.len());
    }

    #[test]
    fn more_plain_bits_than_there_are_is_told() {
        let mut reader = Reader::new(&[1]);
        assert_eq!(reader.plain(0, 8), 1);
        assert!(!reader.overrun());
        reader.plain(0, 1);
        assert!(reader.overrun());
    }
}
