//! Numbers as pco packs them, above the least of them, in the narrowest type.

use pco::data_types::Number;
use pco::wrapped::{FileCompressor, FileDecompressor};
use pco::{ChunkConfig, DecompressorScratch, DeltaSpec, ModeSpec};

use super::varint::{Input, put_signed};
use super::{BlockError, SealError};

/// The format of pco's own that this build writes, as the head of a block tells it.
pub(super) const PCO_FORMAT: [u8; 2] = [4, 1];

/// What reading keeps, so that it need not be made for each column.
#[derive(Debug, Clone, Default)]
pub(super) struct DenseScratch {
    pco: DecompressorScratch,
    narrow: Vec<u16>,
    medium: Vec<u32>,
    wide: Vec<u64>,
}

/// Writes `numbers`, taking differences `order` times.
pub(super) fn write(
    numbers: &[i64],
    order: usize,
    level: usize,
    out: &mut Vec<u8>,
) -> Result<(), SealError> {
    let least = numbers.iter().copied().min().unwrap_or_default();
    let most = numbers.iter().copied().max().unwrap_or_default();
    let above = |number: &i64| number.wrapping_sub(least) as u64;
    let span = above(&most);
    let config = ChunkConfig::default()
        .with_compression_level(level)
        .with_mode_spec(ModeSpec::Classic)
        .with_delta_spec(match order {
            0 => DeltaSpec::NoOp,
            order => DeltaSpec::TryConsecutive(order),
        });
    let bytes = if u16::try_from(span).is_ok() {
        16_u8
    } else if u32::try_from(span).is_ok() {
        32
    } else {
        64
    };
    out.push(bytes);
    put_signed(out, least);
    match bytes {
        16 => chunk(&numbers.iter().map(|n| above(n) as u16).collect::<Vec<_>>(), &config, out),
        32 => chunk(&numbers.iter().map(|n| above(n) as u32).collect::<Vec<_>>(), &config, out),
        _ => chunk(&numbers.iter().map(above).collect::<Vec<_>>(), &config, out),
    }
}

fn chunk<T: Number>(
    numbers: &[T],
    config: &ChunkConfig,
    out: &mut Vec<u8>,
) -> Result<(), SealError> {
    let mut written = || {
        let mut chunk = FileCompressor::default().chunk_compressor(numbers, config)?;
        chunk.write_meta(&mut *out)?;
        chunk.write_page(0, &mut *out)?;
        Ok::<(), pco::errors::PcoError>(())
    };
    written().map_err(|_| SealError::Compressor)
}

/// Reads what [`write`] wrote with pco's format `format`.
pub(super) fn read(
    mut input: Input<'_>,
    format: [u8; 2],
    ticks: usize,
    scratch: &mut DenseScratch,
    out: &mut Vec<i64>,
) -> Result<(), BlockError> {
    let (bits, least) = (input.byte()?, input.signed()?);
    let (bytes, pco) = (input.rest(), &mut scratch.pco);
    out.clear();
    let back = |above: u64| least.wrapping_add(above as i64);
    match bits {
        16 => {
            page(bytes, format, ticks, pco, &mut scratch.narrow)?;
            out.extend(scratch.narrow.iter().map(|&above| back(u64::from(above))));
        }
        32 => {
            page(bytes, format, ticks, pco, &mut scratch.medium)?;
            out.extend(scratch.medium.iter().map(|&above| back(u64::from(above))));
        }
        64 => {
            page(bytes, format, ticks, pco, &mut scratch.wide)?;
            out.extend(scratch.wide.iter().map(|&above| back(above)));
        }
        _ => return Err(BlockError::Malformed("a column of an unknown width")),
    }
    Ok(())
}

fn page<T: Number + Default>(
    bytes: &[u8],
    format: [u8; 2],
    ticks: usize,
    scratch: &mut DecompressorScratch,
    out: &mut Vec<T>,
) -> Result<(), BlockError> {
    out.resize(ticks, T::default());
    let mut read = || {
        let (file, _) = FileDecompressor::new(&format[..])?;
        let (chunk, rest) = file.chunk_decompressor::<T, _>(bytes)?;
        let mut page = chunk.page_decompressor_with_scratch(rest, ticks, scratch)?;
        page.read(out)
    };
    let progress = read().map_err(|_| BlockError::Malformed("what pco packed"))?;
    let whole = progress.finished && progress.n_processed == ticks;
    if whole { Ok(()) } else { Err(BlockError::Malformed("what pco packed ends too early")) }
}
