use sha2::{Digest, Sha256};

/// What an envelope says of the bytes that its command reads.
#[must_use]
pub fn stdin_sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_plain_hash() {
        // From FIPS 180-4's example of "abc".
        assert_eq!(stdin_sha256(b"abc")[..4], [0xba, 0x78, 0x16, 0xbf]);
    }
}
