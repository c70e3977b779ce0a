//! Passwords, kept only as Argon2id hashes in the PHC string format.

use std::fmt;
use std::sync::OnceLock;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

use crate::{Randomness, SystemRandomness};

/// The longest password in bytes. It bounds the work that a stranger can cause.
pub const MAX_PASSWORD_BYTES: usize = 1024;

// OWASP's password storage cheat sheet: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The least memory of OWASP's equivalent settings (7 MiB with five passes).
const LEAST_MEMORY_KIB: u32 = 7_168;
/// Memory times passes of the weakest of OWASP's equivalent settings.
const LEAST_WORK: u64 = 7_168 * 5;
/// One try may take at most this much memory: 256 MiB.
const MOST_MEMORY_KIB: u32 = 262_144;
/// Memory times passes that one try may take: sixteen passes over 64 MiB.
const MOST_WORK: u64 = 65_536 * 16;
const MOST_LANES: u32 = 16;

const SALT_BYTES: usize = 16;
const OUTPUT_BYTES: usize = 32;
/// Half of what we make; fewer would let strangers find another password that fits.
const LEAST_OUTPUT_BYTES: usize = 16;

/// 31 letters and digits that cannot be taken for each other: no `i`, `l`, `o`, `0`, `1`.
const READABLE: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";
/// Four groups of six of them hold 118 bits.
const GROUPS: usize = 4;
const GROUP_LENGTH: usize = 6;

/// A valid Argon2id hash of a password. Its `Debug` form does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    text: String,
    parsed: phc::PasswordHash,
}

/// Why a password or a hash was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// The password is empty.
    #[error("a password must not be empty")]
    Empty,
    /// The password is too long.
    #[error("a password has at most {MAX_PASSWORD_BYTES} bytes")]
    TooLong,
    /// The text is no PHC string.
    #[error("this is no password hash: make one with `watchfire passwd`")]
    NotAHash,
    /// The hash is of another algorithm, or of an old version of Argon2.
    #[error("only Argon2id (version 19) hashes are accepted: make one with `watchfire passwd`")]
    NotArgon2id,
    /// The parameters make guessing cheap.
    #[error("the hash is too cheap to guess: make a new one with `watchfire passwd`")]
    TooWeak,
    /// The parameters would let one login take too much memory or time.
    #[error("the hash asks for too much memory or time: make a new one with `watchfire passwd`")]
    TooCostly,
    /// There was not enough memory to work with.
    #[error("there is not enough memory to hash a password")]
    NoMemory,
}

/// Hashes `password` with Argon2id and a new random salt. It takes some ten
/// milliseconds and 19 MiB.
///
/// # Errors
/// [`PasswordError::Empty`] or [`PasswordError::TooLong`] for such passwords,
/// [`PasswordError::NoMemory`] when there is not enough memory.
pub fn hash(password: &str) -> Result<PasswordHash, PasswordError> {
    hash_with(&mut SystemRandomness, password)
}

/// A hash that no password fits. Verifying against it takes the same time as
/// against a hash made by [`hash`], so an unknown user cannot be told from a
/// known one by the time of the answer.
#[must_use]
pub fn decoy() -> &'static PasswordHash {
    static DECOY: OnceLock<PasswordHash> = OnceLock::new();
    DECOY.get_or_init(|| {
        let mut output = [0; OUTPUT_BYTES];
        SystemRandomness.fill(&mut output);
        PasswordHash::from_parsed(phc::PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: phc::ParamsString::try_from(&params()).expect("our parameters are valid"),
            salt: Some(salt(&mut SystemRandomness)),
            hash: Some(phc::Output::new(&output).expect("32 bytes are a valid output")),
        })
    })
}

/// A new random password that people can read aloud and type: four groups of
/// six letters and digits, 118 bits.
#[must_use]
pub fn generate() -> String {
    generate_with(&mut SystemRandomness)
}

impl PasswordHash {
    /// Reads a PHC string: `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`.
    ///
    /// # Errors
    /// [`PasswordError`] for anything but Argon2id version 19, and for
    /// parameters that are too weak to protect or too costly to serve.
    pub fn parse(text: &str) -> Result<Self, PasswordError> {
        let parsed = phc::PasswordHash::new(text).map_err(|_| PasswordError::NotAHash)?;
        if parsed.algorithm != Algorithm::Argon2id.ident()
            || parsed.version != Some(Version::V0x13.into())
        {
            return Err(PasswordError::NotArgon2id);
        }
        let (Some(_), Some(output)) = (&parsed.salt, &parsed.hash) else {
            return Err(PasswordError::NotAHash);
        };
        if output.len() < LEAST_OUTPUT_BYTES {
            return Err(PasswordError::TooWeak);
        }
        check_params(&parsed.params)?;
        Params::try_from(&parsed).map_err(|_| PasswordError::NotAHash)?;
        Ok(Self::from_parsed(parsed))
    }

    /// True when `password` is the one that was hashed. It takes as long as
    /// [`hash`]; call it where blocking is allowed.
    #[must_use]
    pub fn verify(&self, password: &str) -> bool {
        password.len() <= MAX_PASSWORD_BYTES
            && Argon2::default().verify_password(password.as_bytes(), &self.parsed).is_ok()
    }

    /// The PHC string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn from_parsed(parsed: phc::PasswordHash) -> Self {
        Self { text: parsed.to_string(), parsed }
    }
}

impl fmt::Display for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(hidden)")
    }
}

fn hash_with(
    randomness: &mut impl Randomness,
    password: &str,
) -> Result<PasswordHash, PasswordError> {
    if password.is_empty() {
        return Err(PasswordError::Empty);
    }
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(PasswordError::TooLong);
    }
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params())
        .hash_password_with_salt(password.as_bytes(), &salt(randomness))
        .map(PasswordHash::from_parsed)
        .map_err(|_| PasswordError::NoMemory)
}

fn params() -> Params {
    Params::new(MEMORY_KIB, PASSES, LANES, Some(OUTPUT_BYTES)).expect("OWASP's setting is valid")
}

fn salt(randomness: &mut impl Randomness) -> phc::Salt {
    let mut salt = [0; SALT_BYTES];
    randomness.fill(&mut salt);
    phc::Salt::new(&salt).expect("16 bytes are a valid salt")
}

fn check_params(params: &phc::ParamsString) -> Result<(), PasswordError> {
    let known = |name: &str| matches!(name, "m" | "t" | "p");
    if !params.iter().all(|(name, _)| known(name.as_str())) {
        return Err(PasswordError::NotAHash);
    }
    let number = |name| params.get_decimal(name).ok_or(PasswordError::NotAHash);
    let (memory, passes, lanes) = (number("m")?, number("t")?, number("p")?);
    let work = u64::from(memory) * u64::from(passes);
    if memory > MOST_MEMORY_KIB || work > MOST_WORK || lanes > MOST_LANES {
        return Err(PasswordError::TooCostly);
    }
    if memory < LEAST_MEMORY_KIB || work < LEAST_WORK {
        return Err(PasswordError::TooWeak);
    }
    Ok(())
}

fn generate_with(randomness: &mut impl Randomness) -> String {
    let mut password = String::with_capacity(GROUPS * (GROUP_LENGTH + 1));
    for group in 0..GROUPS {
        if group > 0 {
            password.push('-');
        }
        (0..GROUP_LENGTH).for_each(|_| password.push(readable(randomness)));
    }
    password
}

fn readable(randomness: &mut impl Randomness) -> char {
    loop {
        let mut byte = [0];
        randomness.fill(&mut byte);
        // Five bits, and another try for the one value too many, keep all equally likely.
        if let Some(&letter) = READABLE.get(usize::from(byte[0] & 31)) {
            return char::from(letter);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::tests::Counting;

    #[test]
    fn a_hash_fits_its_password_and_no_other() {
        let hash = hash("correct horse").expect("hashes");
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(hash.verify("correct horse"));
        assert!(!hash.verify("correct horse "));
        assert!(!hash.verify(""));
        let read_back = PasswordHash::parse(hash.as_str()).expect("is valid");
        assert!(read_back.verify("correct horse"));
        assert_eq!(read_back, hash);
    }

    #[test]
    fn the_salt_decides_with_the_password() {
        let once = hash_with(&mut Counting(1), "password").expect("hashes");
        let twice = hash_with(&mut Counting(1), "password").expect("hashes");
        assert_eq!(once, twice);
        assert_ne!(once, hash_with(&mut Counting(2), "password").expect("hashes"));
    }

    #[test]
    fn empty_and_endless_passwords_are_refused() {
        assert_eq!(hash(""), Err(PasswordError::Empty));
        assert_eq!(hash(&"x".repeat(1025)), Err(PasswordError::TooLong));
        let hash = hash(&"x".repeat(1024)).expect("the longest password hashes");
        assert!(!hash.verify(&"x".repeat(1025)));
    }

    #[test]
    fn what_is_no_argon2id_is_refused() {
        let tail = "$c29tZXNhbHQxMjM0NTY$QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE";
        let cases = [
            ("", PasswordError::NotAHash),
            ("secret", PasswordError::NotAHash),
            (
                "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
                PasswordError::NotAHash,
            ),
            ("$argon2i$v=19$m=19456,t=2,p=1", PasswordError::NotArgon2id),
            ("$argon2d$v=19$m=19456,t=2,p=1", PasswordError::NotArgon2id),
            ("$argon2id$v=16$m=19456,t=2,p=1", PasswordError::NotArgon2id),
            ("$argon2id$m=19456,t=2,p=1", PasswordError::NotArgon2id),
            ("$argon2id$v=19$m=19456,t=2", PasswordError::NotAHash),
            ("$argon2id$v=19$m=19456,t=2,p=1,data=YWJj", PasswordError::NotAHash),
            ("$argon2id$v=19$m=19456,t=1,p=1", PasswordError::TooWeak),
            ("$argon2id$v=19$m=8,t=10000,p=1", PasswordError::TooWeak),
            ("$argon2id$v=19$m=8,t=4294967295,p=1", PasswordError::TooCostly),
            ("$argon2id$v=19$m=4294967295,t=1,p=1", PasswordError::TooCostly),
            ("$argon2id$v=19$m=19456,t=1000,p=1", PasswordError::TooCostly),
            ("$argon2id$v=19$m=19456,t=2,p=1000", PasswordError::TooCostly),
            ("$argon2id$v=19$m=19456,t=2,p=0", PasswordError::NotAHash),
        ];
        for (head, expected) in cases {
            let text =
                if head.starts_with("$argon2") { format!("{head}{tail}") } else { head.to_owned() };
            assert_eq!(PasswordHash::parse(&text), Err(expected), "{text}");
        }
        assert!(PasswordHash::parse(&format!("$argon2id$v=19$m=47104,t=1,p=1{tail}")).is_ok());
        let short = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQxMjM0NTY$QUFBQUFBQUFBQUFB";
        assert_eq!(PasswordHash::parse(short), Err(PasswordError::TooWeak));
        let bare = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQxMjM0NTY";
        assert_eq!(PasswordHash::parse(bare), Err(PasswordError::NotAHash));
    }

    #[test]
    fn the_decoy_costs_the_same_and_fits_nothing() {
        let parameters = |hash: &PasswordHash| {
            let parts: Vec<_> = hash.as_str().split('$').map(str::to_owned).collect();
            parts[..4].to_vec()
        };
        let real = hash("x").expect("hashes");
        assert_eq!(parameters(decoy()), parameters(&real));
        assert_eq!(decoy().as_str().len(), real.as_str().len());
        assert!(!decoy().verify("x"));
        assert!(PasswordHash::parse(decoy().as_str()).is_ok());
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", hash("x").expect("hashes")), "PasswordHash(hidden)");
    }

    #[test]
    fn generated_passwords_are_readable_and_differ() {
        assert_eq!(generate_with(&mut Counting(0)), "abcdef-ghjkmn-pqrstu-vwxyz2");
        let (one, two) = (generate(), generate());
        assert_ne!(one, two);
        assert_eq!(one.len(), GROUPS * (GROUP_LENGTH + 1) - 1);
        assert!(one.chars().all(|c| c == '-' || READABLE.contains(&(c as u8))), "{one}");
        // 31^24 is more than 2^100.
        assert!(24.0 * 31_f64.log2() > 100.0);
    }
}
