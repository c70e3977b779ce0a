use std::fmt::Write;

use subtle::ConstantTimeEq;

/// A source of random bytes.
pub trait Randomness {
    /// Fills `bytes`.
    fn fill(&mut self, bytes: &mut [u8]);
}

/// The kernel's random source, `getrandom(2)`.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn fill(&mut self, bytes: &mut [u8]) {
        // Going on with bytes that somebody could guess would be worse than ending.
        getrandom::fill(bytes).expect("the kernel gives random bytes once it has booted");
    }
}

/// `bytes` random bytes in lower-case hexadecimal digits, two for each byte.
#[must_use]
pub fn random_hex(bytes: usize) -> String {
    random_hex_from(&mut SystemRandomness, bytes)
}

pub(crate) fn random_hex_from(randomness: &mut impl Randomness, bytes: usize) -> String {
    let mut raw = vec![0; bytes];
    randomness.fill(&mut raw);
    raw.iter().fold(String::with_capacity(bytes * 2), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
        hex
    })
}

/// Compares without telling by its duration where two secrets differ. Only the
/// lengths may show.
#[must_use]
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Counts up, so that two runs of a test see the same bytes.
    pub(crate) struct Counting(pub(crate) u8);

    impl Randomness for Counting {
        fn fill(&mut self, bytes: &mut [u8]) {
            for byte in bytes {
                *byte = self.0;
                self.0 = self.0.wrapping_add(1);
            }
        }
    }

    #[test]
    fn hex_has_two_digits_for_each_byte() {
        assert_eq!(random_hex_from(&mut Counting(14), 4), "0e0f1011");
        assert_eq!(random_hex(16).len(), 32);
        assert_ne!(random_hex(16), random_hex(16));
    }

    #[test]
    fn equality_is_equality() {
        assert!(constant_time_eq(b"abc", b"abc"));
        assert!(!constant_time_eq(b"abc", b"abd"));
        assert!(!constant_time_eq(b"abc", b"abcd"));
        assert!(constant_time_eq(b"", b""));
    }
}
