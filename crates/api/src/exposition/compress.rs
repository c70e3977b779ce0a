use std::fmt;
use std::io;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// The header of a gzip member without name and time (RFC 1952): deflate, made
/// for speed, on Unix.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 3];
/// What an exposition shrinks to at most, as a rule. More grows the output.
const USUAL_RATIO: usize = 4;
/// Room for header, trailer and a block.
const LEAST_ROOM: usize = 1024;
/// The level of both, for speed. Higher ones cost four times the time for a
/// fifth of the bytes.
const LEVEL: u8 = 1;

/// How a body is encoded for its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Encoding {
    /// As it is.
    #[default]
    Identity,
    /// gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
}

impl Encoding {
    /// Every encoding.
    pub const ALL: [Self; 3] = [Self::Identity, Self::Gzip, Self::Zstd];

    /// The word for `Accept-Encoding` and `Content-Encoding`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// Compresses one body after the other. What an encoding needs to work, some
/// 300 KB, is made at its first use and kept.
#[derive(Default)]
pub struct Compressor {
    gzip: Option<Compress>,
    zstd: Option<zstd::bulk::Compressor<'static>>,
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor")
            .field("gzip", &self.gzip.is_some())
            .field("zstd", &self.zstd.is_some())
            .finish()
    }
}

impl Compressor {
    /// Puts `plain`, encoded, into the place of what is in `out`.
    ///
    /// # Errors
    ///
    /// When the encoder has not enough memory; `out` is then not to be used.
    pub fn compress(
        &mut self,
        encoding: Encoding,
        plain: &[u8],
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        out.clear();
        match encoding {
            Encoding::Identity => {
                out.extend_from_slice(plain);
                Ok(())
            }
            Encoding::Gzip => self.gzip(plain, out),
            Encoding::Zstd => self.zstd(plain, out),
        }
    }

    fn gzip(&mut self, plain: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let state =
            self.gzip.get_or_insert_with(|| Compress::new(Compression::new(LEVEL.into()), false));
        state.reset();
        out.reserve(plain.len() / USUAL_RATIO + LEAST_ROOM);
        out.extend_from_slice(&GZIP_HEADER);
        let mut rest = plain;
        loop {
            let before = state.total_in();
            let status = state.compress_vec(rest, out, FlushCompress::Finish)?;
            let taken = usize::try_from(state.total_in() - before).unwrap_or(rest.len());
            rest = &rest[taken..];
            if status == Status::StreamEnd {
                break;
            }
            out.reserve(rest.len() / USUAL_RATIO + LEAST_ROOM);
        }
        let mut check = Crc::new();
        check.update(plain);
        out.extend_from_slice(&check.sum().to_le_bytes());
        out.extend_from_slice(&check.amount().to_le_bytes());
        Ok(())
    }

    fn zstd(&mut self, plain: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let state = match self.zstd.take() {
            Some(state) => state,
            None => zstd::bulk::Compressor::new(LEVEL.into())?,
        };
        let state = self.zstd.insert(state);
        out.reserve(zstd::zstd_safe::compress_bound(plain.len()));
        state.compress_to_buffer(plain, out)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

    fn read_again(encoding: Encoding, bytes: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        match encoding {
            Encoding::Identity => plain.extend_from_slice(bytes),
            Encoding::Gzip => {
                let mut reader = flate2::bufread::GzDecoder::new(bytes);
                reader.read_to_end(&mut plain).unwrap();
                assert!(reader.into_inner().is_empty(), "nothing follows the trailer");
            }
            Encoding::Zstd => plain = zstd::stream::decode_all(bytes).unwrap(),
        }
        plain
    }

    #[test]
    fn text_becomes_small() {
        let text = "node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} 1.5\n".repeat(1000);
        let (mut compressor, mut out) = (Compressor::default(), Vec::new());
        for encoding in [Encoding::Gzip, Encoding::Zstd, Encoding::Gzip, Encoding::Zstd] {
            compressor.compress(encoding, text.as_bytes(), &mut out).unwrap();
            assert!(out.len() * 20 < text.len(), "{encoding:?}: {}", out.len());
            assert_eq!(read_again(encoding, &out), text.as_bytes());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_read_again_is_what_was_there(
            bodies in proptest::collection::vec(
                proptest::collection::vec(any::<u8>(), 0..5000), 1..4,
            ),
            spread in 1..=255_u8,
        ) {
            let (mut compressor, mut out) = (Compressor::default(), Vec::new());
            for body in bodies {
                // From what cannot be compressed to what nearly vanishes.
                let body: Vec<u8> = body.iter().map(|byte| byte % spread).collect();
                for encoding in Encoding::ALL {
                    compressor.compress(encoding, &body, &mut out).unwrap();
                    prop_assert_eq!(&read_again(encoding, &out), &body);
                }
            }
        }
    }
}
