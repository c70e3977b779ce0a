//! Random numbers that a seed repeats.

/// A small generator of random numbers: the same seed gives the same numbers
/// on every machine and in every version (splitmix64 of Steele, Lea and Flood,
/// 2014). Never for secrets.
#[derive(Debug, Clone)]
pub(crate) struct Seeded(u64);

impl Seeded {
    /// The generator for one part of what `seed` decides, so that a number more
    /// that is drawn in one part changes nothing in the others.
    pub(crate) fn part(seed: u64, name: &str, number: u64) -> Self {
        // FNV-1a keeps parts with names that differ apart; two draws mix it.
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, mix);
        let of_name = Self(seed ^ hash).next();
        Self(Self(of_name ^ number).next())
    }

    /// The next 64 random bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A whole number below `end`; 0 when `end` is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // The high half of the product is even enough for any `end` there is here.
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// A whole number from `from` up to and with `to`.
    pub(crate) fn within(&mut self, from: u64, to: u64) -> u64 {
        from + self.below((to - from).saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_repeat_and_differ() {
        let draw = |seed, name, number| Seeded::part(seed, name, number).next();
        assert_eq!(draw(1, "a", 0), draw(1, "a", 0));
        let all = [draw(1, "a", 0), draw(2, "a", 0), draw(1, "b", 0), draw(1, "a", 1)];
        assert!((0..4).all(|one| (0..one).all(|other| all[one] != all[other])));
    }

    #[test]
    fn ranges_are_kept() {
        let mut seeded = Seeded::part(7, "range", 0);
        let drawn: Vec<_> = (0..200).map(|_| seeded.within(3, 5)).collect();
        assert!((3..=5).all(|number| drawn.contains(&number)));
        assert!(drawn.iter().all(|number| (3..=5).contains(number)));
        assert_eq!((seeded.below(0), seeded.within(4, 4)), (0, 4));
    }
}
