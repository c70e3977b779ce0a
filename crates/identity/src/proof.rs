//! Names and passwords that were found right a moment ago, for those who
//! cannot keep a token and show their password with each request.
//!
//! The check of a password is costly by intent. A program that asks once a
//! second would keep a core busy with it, so a proof that a password was right
//! is kept for a while: a keyed digest, from which nobody gets the password
//! without the key, and the key leaves this process' memory never.

use std::fmt;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use watchfire_model::Moment;
use zeroize::Zeroizing;

use crate::password::PasswordHash;
use crate::random::constant_time_eq;
use crate::{Randomness, SystemRandomness};

/// How long a proof holds.
pub const PROOF_LIVES: Duration = Duration::from_secs(10 * 60);
/// How many proofs are kept. When there are more, the oldest goes, and its
/// owner's password is checked once more.
pub const MAX_PROOFS: usize = 32;

/// That somebody showed this name and password, checked against this hash.
///
/// The hash is part of it, so a proof ends when the password is changed, or
/// hashed again.
#[derive(Clone, Copy)]
pub struct Proof([u8; 32]);

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proof(hidden)")
    }
}

/// The proofs that hold.
///
/// It stands behind a [`LoginLimiter`](crate::limit::LoginLimiter), not before
/// it: asked freely, it would let strangers guess as fast as they can ask.
pub struct Proofs {
    key: Zeroizing<[u8; 32]>,
    /// The oldest first, each with the moment of its check.
    kept: Vec<(Duration, Proof)>,
}

impl fmt::Debug for Proofs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proofs").field("kept", &self.kept.len()).finish_non_exhaustive()
    }
}

impl Default for Proofs {
    fn default() -> Self {
        Self::new()
    }
}

impl Proofs {
    /// No proofs, and a new random key.
    #[must_use]
    pub fn new() -> Self {
        let mut key = Zeroizing::new([0; 32]);
        SystemRandomness.fill(key.as_mut());
        Self { key, kept: Vec::new() }
    }

    /// The proof that `user` with `password` fits `hash` would have. Making one
    /// checks nothing and is cheap.
    #[must_use]
    pub fn proof(&self, user: &str, password: &str, hash: &PasswordHash) -> Proof {
        let mac = Hmac::<Sha256>::new_from_slice(self.key.as_ref());
        let mut mac = mac.expect("HMAC takes a key of any length");
        for part in [user, password, hash.as_str()] {
            // With its length before it, no part can take bytes of its neighbour.
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            mac.update(part.as_bytes());
        }
        Proof(mac.finalize().into_bytes().into())
    }

    /// True when this very proof was kept less than [`PROOF_LIVES`] ago. All
    /// are compared, each in constant time.
    #[must_use]
    pub fn holds(&self, now: Moment, proof: &Proof) -> bool {
        self.kept.iter().fold(false, |found, (since, kept)| {
            let same = constant_time_eq(&kept.0, &proof.0);
            found | (same & (now.monotonic.saturating_sub(*since) < PROOF_LIVES))
        })
    }

    /// Keeps a proof whose password was just found right.
    pub fn keep(&mut self, now: Moment, proof: Proof) {
        self.kept.retain(|(since, kept)| {
            let over = now.monotonic.saturating_sub(*since) >= PROOF_LIVES;
            !over && !constant_time_eq(&kept.0, &proof.0)
        });
        if self.kept.len() >= MAX_PROOFS {
            self.kept.remove(0);
        }
        self.kept.push((now.monotonic, proof));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn only_what_was_shown_holds() {
        let (mut proofs, now) = (Proofs::new(), Moment::default());
        let (hash, other) = (password::hash("pw").unwrap(), password::hash("pw").unwrap());
        proofs.keep(now, proofs.proof("ada", "pw", &hash));
        assert!(proofs.holds(now, &proofs.proof("ada", "pw", &hash)));
        for proof in [
            proofs.proof("ada", "pw", &other),
            proofs.proof("ada", "pW", &hash),
            proofs.proof("ada", "", &hash),
            proofs.proof("bob", "pw", &hash),
            proofs.proof("adap", "w", &hash),
            proofs.proof("", "adapw", &hash),
            Proofs::new().proof("ada", "pw", &hash),
        ] {
            assert!(!proofs.holds(now, &proof));
        }
    }

    #[test]
    fn a_proof_ends_on_the_monotonic_clock() {
        let (mut proofs, now) = (Proofs::new(), Moment::default().after(SECOND));
        let proof = proofs.proof("ada", "pw", password::decoy());
        proofs.keep(now, proof);
        assert!(proofs.holds(now.after(PROOF_LIVES - SECOND), &proof));
        assert!(!proofs.holds(now.after(PROOF_LIVES), &proof));
        // Being used does not make it live longer; being checked again does.
        proofs.keep(now.after(PROOF_LIVES), proof);
        assert!(proofs.holds(now.after(PROOF_LIVES * 2 - SECOND), &proof));
        assert_eq!(proofs.kept.len(), 1);
    }

    #[test]
    fn the_oldest_makes_room() {
        let (mut proofs, mut now) = (Proofs::new(), Moment::default());
        let of = |proofs: &Proofs, number: usize| {
            proofs.proof(&format!("user {number}"), "pw", password::decoy())
        };
        for number in 0..=MAX_PROOFS {
            proofs.keep(now, of(&proofs, number));
            now = now.after(SECOND);
        }
        assert_eq!(proofs.kept.len(), MAX_PROOFS);
        assert!(!proofs.holds(now, &of(&proofs, 0)));
        assert!((1..=MAX_PROOFS).all(|number| proofs.holds(now, &of(&proofs, number))));
    }

    #[test]
    fn debug_shows_nothing() {
        let mut proofs = Proofs::new();
        let proof = proofs.proof("ada", "pw", password::decoy());
        proofs.keep(Moment::default(), proof);
        assert_eq!(format!("{proof:?} {proofs:?}"), "Proof(hidden) Proofs { kept: 1, .. }");
    }
}
