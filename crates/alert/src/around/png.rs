//! Pictures of few colours as PNG (RFC 2083): one line colour from clear to full, and the area
//! below it.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// How many steps there are from clear to full.
const STEPS: u8 = 14;
/// The colour of the line, which is seen well on white and on black.
const LINE: [u8; 3] = [0x5b, 0x8d, 0xc4];
/// How much of the area below the line is seen, of 255.
const AREA: u8 = 0x30;

/// Four bits a pixel: 0 is clear, 1 to 14 the line, 15 the area.
#[derive(Debug)]
pub(super) struct Image {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Image {
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![0; width * height] }
    }

    /// Puts so much of the line there, 0 to 1, or else the area.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 14")]
    pub(super) fn set(&mut self, x: usize, y: usize, cover: f64, in_area: bool) {
        let step = (cover.clamp(0.0, 1.0) * f64::from(STEPS)).round() as u8;
        let is_fainter = in_area && opacity(step) < AREA;
        if let Some(pixel) = self.pixels.get_mut(y * self.width + x) {
            *pixel = if is_fainter { STEPS + 1 } else { step };
        }
    }

    #[cfg(test)]
    pub(super) fn is_line(&self, x: usize, y: usize) -> bool {
        (STEPS / 2..=STEPS).contains(&self.pixels[y * self.width + x])
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self, x: usize, y: usize) -> bool {
        self.pixels[y * self.width + x] == 0
    }
}

/// The bytes of the picture.
pub(super) fn encode(image: &Image) -> Option<Vec<u8>> {
    let (width, height) = (u32::try_from(image.width).ok()?, u32::try_from(image.height).ok()?);
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    // Four bits, colours by number, deflate, no filter method but 0, not interlaced.
    header.extend([4, 3, 0, 0, 0]);
    chunk(&mut bytes, b"IHDR", &header)?;
    let colours = usize::from(STEPS) + 2;
    chunk(&mut bytes, b"PLTE", &LINE.repeat(colours))?;
    let clear: Vec<u8> = (0..=STEPS).map(opacity).chain([AREA]).collect();
    chunk(&mut bytes, b"tRNS", &clear)?;
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    for row in image.pixels.chunks(image.width) {
        let packed = row.chunks(2).map(|two| two[0] << 4 | two.get(1).copied().unwrap_or(0));
        let row: Vec<u8> = [0].into_iter().chain(packed).collect();
        encoder.write_all(&row).ok()?;
    }
    chunk(&mut bytes, b"IDAT", &encoder.finish().ok()?)?;
    chunk(&mut bytes, b"IEND", &[])?;
    Some(bytes)
}

fn opacity(step: u8) -> u8 {
    u8::try_from(u32::from(step) * 255 / u32::from(STEPS)).unwrap_or(u8::MAX)
}

fn chunk(bytes: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) -> Option<()> {
    bytes.extend(u32::try_from(data.len()).ok()?.to_be_bytes());
    let mut checked = crc32fast::Hasher::new();
    checked.update(kind);
    checked.update(data);
    bytes.extend(kind);
    bytes.extend(data);
    bytes.extend(checked.finalize().to_be_bytes());
    Some(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// The chunks of a PNG, with their checksums held.
    fn chunks(mut bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        bytes = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n").expect("a PNG");
        let mut chunks = Vec::new();
        while !bytes.is_empty() {
            let (length, rest) = bytes.split_first_chunk::<4>().expect("a length");
            let length = u32::from_be_bytes(*length) as usize;
            let (checked, rest) = rest.split_at(4 + length);
            let (sum, rest) = rest.split_first_chunk::<4>().expect("a checksum");
            assert_eq!(crc32fast::hash(checked), u32::from_be_bytes(*sum));
            let kind = String::from_utf8(checked[..4].to_vec()).expect("letters");
            chunks.push((kind, checked[4..].to_vec()));
            bytes = rest;
        }
        chunks
    }

    #[test]
    fn a_picture_is_read_back() {
        let mut image = Image::new(3, 2);
        image.set(0, 0, 1.0, false);
        image.set(2, 1, 0.0, true);
        let chunks = chunks(&encode(&image).expect("a picture"));
        let kinds: Vec<&str> = chunks.iter().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(kinds, ["IHDR", "PLTE", "tRNS", "IDAT", "IEND"]);
        assert_eq!(chunks[0].1, [0, 0, 0, 3, 0, 0, 0, 2, 4, 3, 0, 0, 0]);
        assert_eq!((chunks[1].1.len(), chunks[2].1.len()), (48, 16));
        assert_eq!((chunks[2].1[0], chunks[2].1[14], chunks[2].1[15]), (0, 255, AREA));
        let mut rows = Vec::new();
        let read = flate2::read::ZlibDecoder::new(&*chunks[3].1).read_to_end(&mut rows);
        assert_eq!((read.expect("whole"), rows), (6, vec![0, 0xe0, 0, 0, 0, 0xf0]));
    }
}
