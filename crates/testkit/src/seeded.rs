//! Random numbers that a seed repeats.

use std::time::Duration;

/// A small generator of random numbers for tests: the same seed gives the same
/// numbers on every machine and in every version (splitmix64 of Steele, Lea
/// and Flood, 2014). Never for secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seeded(u64);

impl Seeded {
    /// The generator that this seed starts.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A generator of its own for the part of a test with this name, so that a
    /// number more drawn in one part changes nothing in the others.
    #[must_use]
    pub fn part(&self, name: &str) -> Self {
        // FNV-1a keeps parts with names that differ apart; one draw mixes it.
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, mix);
        Self(Self(self.0 ^ hash).next())
    }

    /// The next 64 random bits.
    #[expect(
        clippy::should_implement_trait,
        reason = "an endless source is no iterator to collect"
    )]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 up to, and without, 1.
    pub fn unit(&mut self) -> f64 {
        // 53 bits are what an f64 holds exactly.
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with this probability, from 0 to 1.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A whole number below `end`; 0 when `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        // The high half of the product is even enough for any `end` a test has.
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// A time from `from` up to `to`, every one as likely.
    pub fn between(&mut self, from: Duration, to: Duration) -> Duration {
        from + to.saturating_sub(from).mul_f64(self.unit())
    }

    /// A time of an exponential distribution with this mean: how long until
    /// something happens that is as likely at every moment.
    pub fn exponential(&mut self, mean: Duration) -> Duration {
        mean.mul_f64(-(1.0 - self.unit()).ln())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_parts_differ() {
        let draw = |mut seeded: Seeded| [seeded.next(), seeded.next(), seeded.next()];
        let seed = Seeded::new(7);
        assert_eq!(draw(seed.clone()), draw(Seeded::new(7)));
        assert_ne!(draw(seed.clone()), draw(Seeded::new(8)));
        assert_eq!(draw(seed.part("a")), draw(seed.part("a")));
        assert_ne!(draw(seed.part("a")), draw(seed.part("b")));
        // The published first output of splitmix64 for the seed 0.
        assert_eq!(Seeded::new(0).next(), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn numbers_lie_where_they_should() {
        let mut seeded = Seeded::new(1);
        let second = Duration::from_secs(1);
        let mut sum = Duration::ZERO;
        for _ in 0..10_000 {
            assert!(seeded.below(3) < 3);
            let time = seeded.between(second, 2 * second);
            assert!((second..2 * second).contains(&time));
            sum += seeded.exponential(second);
        }
        let mean = sum.as_secs_f64() / 10_000.0;
        assert!((0.95..1.05).contains(&mean), "{mean}");
        let hits = (0..10_000).filter(|_| seeded.chance(0.3)).count();
        assert!((2_800..3_200).contains(&hits), "{hits}");
        assert!(!seeded.chance(0.0) && seeded.chance(1.0));
        assert_eq!(seeded.below(0), 0);
    }
}
