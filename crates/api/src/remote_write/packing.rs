//! Snappy's block format, in which bodies come.

use prost::Message;

use super::RequestError;
use super::limits::{MAX_PACKED, MAX_UNPACKED};

/// No bytes unpack to more than so many times their number: the densest element of the format
/// copies 64 bytes and takes three.
const DENSEST: usize = 22;

/// The bytes of a packed body. What it claims to become is looked at before it gets any memory.
///
/// # Errors
/// [`RequestError`] when it is too large, or not packed so.
pub fn unpack(packed: &[u8]) -> Result<Vec<u8>, RequestError> {
    if packed.len() > MAX_PACKED {
        return Err(RequestError::TooMuch { what: "bytes as sent", limit: MAX_PACKED });
    }
    if packed.is_empty() {
        return Err(RequestError::malformed("the body is empty"));
    }
    let claimed = snap::raw::decompress_len(packed).map_err(|_| not_snappy())?;
    if claimed > MAX_UNPACKED {
        return Err(RequestError::TooMuch { what: "bytes unpacked", limit: MAX_UNPACKED });
    }
    if claimed > packed.len().saturating_mul(DENSEST) {
        return Err(not_snappy());
    }
    snap::raw::Decoder::new().decompress_vec(packed).map_err(|_| not_snappy())
}

/// The body packed as it is to be sent.
///
/// # Errors
/// [`RequestError`] when it is too large for the format: 4 GiB.
pub fn pack(body: &[u8]) -> Result<Vec<u8>, RequestError> {
    snap::raw::Encoder::new()
        .compress_vec(body)
        .map_err(|error| RequestError::malformed(error.to_string()))
}

/// A request as it is to be sent, of either protocol: one of the messages in [`super::message`].
///
/// # Errors
/// As [`pack`].
pub fn pack_request(request: &impl Message) -> Result<Vec<u8>, RequestError> {
    pack(&request.encode_to_vec())
}

fn not_snappy() -> RequestError {
    RequestError::malformed("the body is not in snappy's block format")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_back() {
        let noise: Vec<u8> =
            (0..100_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for body in [Vec::new(), b"a".to_vec(), vec![0; 1 << 20], noise] {
            assert_eq!(unpack(&pack(&body).expect("small")), Ok(body));
        }
    }

    #[test]
    fn a_bomb_gets_no_memory() {
        // The length 2^32 - 1, and one just above the limit, which a body could really have.
        let claims = |length: usize| {
            let mut body = Vec::new();
            let mut left = length;
            while left > 127 {
                body.push(left as u8 | 0x80);
                left >>= 7;
            }
            body.push(left as u8);
            body
        };
        for length in [u32::MAX as usize, MAX_UNPACKED + 1] {
            let error = RequestError::TooMuch { what: "bytes unpacked", limit: MAX_UNPACKED };
            assert_eq!(unpack(&claims(length)), Err(error));
        }
        // It is allowed, but so few bytes cannot become so many.
        let small = unpack(&claims(MAX_UNPACKED));
        assert_eq!(small, Err(not_snappy()));
        let real = pack(&vec![7; MAX_UNPACKED + 1]).expect("packs well");
        assert!(real.len() < MAX_PACKED, "{}", real.len());
        assert!(matches!(unpack(&real), Err(RequestError::TooMuch { .. })));
        let most = pack(&vec![7; MAX_UNPACKED]).expect("packs well");
        assert_eq!(unpack(&most).map(|body| body.len()), Ok(MAX_UNPACKED));
    }

    #[test]
    fn what_is_not_packed_is_refused() {
        for body in [&b""[..], b"\xff", b"\xff\xff\xff\xff\xff\xff", b"hello", b"\x05\x01\x02"] {
            assert!(matches!(unpack(body), Err(RequestError::Malformed(_))), "{body:?}");
        }
    }
}
