//! The bytes of a segment's header, of a record's header and of a seal, as
//! `FORMAT.md` draws them. Nothing here reads or writes a file.

use std::time::Duration;

use crc32fast::Hasher;
use watchfire_model::Moment;

use super::kind::Kind;

const MAGIC: [u8; 8] = *b"\x89WFREC\r\n";
const VERSION: u16 = 1;
/// One copy of the segment's header, its checksum included.
const HEADER_COPY_LEN: usize = 104;
/// Where records begin: the header stands twice, so that one damage spares it.
pub(super) const HEADER_LEN: usize = 2 * HEADER_COPY_LEN;
/// The header of a record.
pub(super) const RECORD_HEADER_LEN: usize = 32;
/// The content of a seal.
const SEAL_CONTENT_LEN: usize = Kind::ALL.len() * 20;
/// A whole seal, with the header that every record has.
pub(super) const SEAL_LEN: usize = RECORD_HEADER_LEN + SEAL_CONTENT_LEN;
/// The kind that marks a seal; no [`Kind`] has it.
const SEAL_KIND: u8 = 0xff;
const STARTS_CHAIN: u8 = 1;
/// A boot id as the kernel writes it.
const BOOT_LEN: usize = 36;

/// The kernel's id of a boot, cut to the 36 bytes it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BootId([u8; BOOT_LEN]);

impl BootId {
    pub(super) fn new(text: &str) -> Self {
        let mut bytes = [0; BOOT_LEN];
        for (to, from) in bytes.iter_mut().zip(text.trim().bytes()) {
            *to = from;
        }
        Self(bytes)
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).trim_end_matches('\0').to_owned()
    }
}

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) number: u64,
    /// Made with the first segment of a ring and handed on.
    pub(super) ring: [u8; 16],
    pub(super) boot: BootId,
    /// Goes into every checksum of the segment, so that neither the remains of
    /// an older file nor bytes that somebody made up pass for records.
    pub(super) salt: u64,
    pub(super) created: Moment,
}

/// Why there is no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderError {
    /// All zero: the file was made and not written yet.
    Empty,
    /// It has another version.
    Version(u16),
    /// Both copies are damaged, or this is no segment.
    Damaged,
}

impl SegmentHeader {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut copy = Vec::with_capacity(HEADER_LEN);
        copy.extend_from_slice(&MAGIC);
        copy.extend_from_slice(&VERSION.to_le_bytes());
        copy.extend_from_slice(&[0; 6]);
        copy.extend_from_slice(&self.number.to_le_bytes());
        copy.extend_from_slice(&self.ring);
        copy.extend_from_slice(&self.boot.0);
        copy.extend_from_slice(&self.salt.to_le_bytes());
        copy.extend_from_slice(&self.created.unix_ms.to_le_bytes());
        copy.extend_from_slice(&monotonic_ms(self.created).to_le_bytes());
        copy.extend_from_slice(&crc(0, &copy).to_le_bytes());
        debug_assert_eq!(copy.len(), HEADER_COPY_LEN);
        copy.extend_from_within(..);
        copy
    }

    /// The header at the beginning of `bytes`.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let copies = || bytes.chunks_exact(HEADER_COPY_LEN).take(2);
        if let Some(header) = copies().find_map(Self::parse_copy) {
            return Ok(header);
        }
        if bytes.iter().take(HEADER_LEN).all(|&byte| byte == 0) {
            return Err(HeaderError::Empty);
        }
        let version = |copy: &[u8]| {
            let mut fields = Fields(copy);
            (fields.array::<8>()? == MAGIC).then(|| fields.array().map(u16::from_le_bytes))?
        };
        match copies().find_map(version) {
            Some(other) if other != VERSION => Err(HeaderError::Version(other)),
            _ => Err(HeaderError::Damaged),
        }
    }

    fn parse_copy(copy: &[u8]) -> Option<Self> {
        let (content, checksum) = copy.split_last_chunk::<4>()?;
        if crc(0, content) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let mut fields = Fields(content);
        let magic: [u8; 8] = fields.array()?;
        let version = u16::from_le_bytes(fields.array()?);
        let _reserved: [u8; 6] = fields.array()?;
        let header = Self {
            number: u64::from_le_bytes(fields.array()?),
            ring: fields.array()?,
            boot: BootId(fields.array()?),
            salt: u64::from_le_bytes(fields.array()?),
            created: Moment {
                unix_ms: i64::from_le_bytes(fields.array()?),
                monotonic: Duration::from_millis(u64::from_le_bytes(fields.array()?)),
            },
        };
        (magic == MAGIC && version == VERSION).then_some(header)
    }

    /// Where the checksums of this segment's records begin.
    fn seeds(&self) -> (u32, u32) {
        let salted = crc(0, &self.number.to_le_bytes());
        let [a, b, c, d, e, f, g, h] = self.salt.to_le_bytes();
        (salted ^ u32::from_le_bytes([a, b, c, d]), salted ^ u32::from_le_bytes([e, f, g, h]))
    }
}

/// What a record's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordHeader {
    /// Bytes of content.
    pub(super) len: u32,
    /// The record's place in its segment.
    pub(super) index: u32,
    pub(super) at: Moment,
    /// [`Kind`]'s number, or one that a later version knows.
    pub(super) kind: u8,
    pub(super) starts_chain: bool,
    content_checksum: u32,
}

impl RecordHeader {
    /// Appends a record's header and content to `out`.
    pub(super) fn write(
        segment: &SegmentHeader,
        (kind, starts_chain): (u8, bool),
        index: u32,
        at: Moment,
        content: &[u8],
        out: &mut Vec<u8>,
    ) {
        let (header_seed, content_seed) = segment.seeds();
        let begin = out.len();
        let len = u32::try_from(content.len()).expect("a segment is smaller than 4 GiB");
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&index.to_le_bytes());
        out.extend_from_slice(&at.unix_ms.to_le_bytes());
        out.extend_from_slice(&monotonic_ms(at).to_le_bytes()[..6]);
        out.extend_from_slice(&[kind, if starts_chain { STARTS_CHAIN } else { 0 }]);
        out.extend_from_slice(&crc(content_seed, content).to_le_bytes());
        let checksum = crc(header_seed, &out[begin..]);
        out.extend_from_slice(&checksum.to_le_bytes());
        debug_assert_eq!(out.len() - begin, RECORD_HEADER_LEN);
        out.extend_from_slice(content);
    }

    /// The header at the beginning of `bytes`, if it is one of `segment`.
    pub(super) fn parse(segment: &SegmentHeader, bytes: &[u8]) -> Option<Self> {
        let (content, rest) = bytes.split_first_chunk::<28>()?;
        let checksum = rest.first_chunk::<4>()?;
        // Cheap first: this is asked at every byte behind a damage.
        let mut fields = Fields(content);
        let len = u32::from_le_bytes(fields.array()?);
        let index = u32::from_le_bytes(fields.array()?);
        let unix_ms = i64::from_le_bytes(fields.array()?);
        let [a, b, c, d, e, f] = fields.array()?;
        let [kind, flags] = fields.array()?;
        let fits = len as usize <= bytes.len() - RECORD_HEADER_LEN;
        if !fits || kind == 0 || flags > STARTS_CHAIN {
            return None;
        }
        if crc(segment.seeds().0, content) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let monotonic = Duration::from_millis(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]));
        Some(Self {
            len,
            index,
            at: Moment { monotonic, unix_ms },
            kind,
            starts_chain: flags == STARTS_CHAIN,
            content_checksum: u32::from_le_bytes(fields.array()?),
        })
    }

    /// True when `content` is what was written.
    pub(super) fn fits(&self, segment: &SegmentHeader, content: &[u8]) -> bool {
        crc(segment.seeds().1, content) == self.content_checksum
    }

    pub(super) fn is_seal(&self) -> bool {
        self.kind == SEAL_KIND
    }
}

/// What one kind of record of a sealed segment spans, by wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) records: u32,
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
}

impl Span {
    pub(super) const EMPTY: Self = Self { records: 0, first_ms: i64::MAX, last_ms: i64::MIN };

    /// The latest time at or before `unix_ms` that one of them can have had.
    pub(super) fn latest_before(&self, unix_ms: i64) -> Option<i64> {
        let any = self.records > 0 && self.first_ms <= unix_ms;
        any.then(|| self.last_ms.min(unix_ms))
    }

    pub(super) fn add(&mut self, unix_ms: i64) {
        self.records += 1;
        self.first_ms = self.first_ms.min(unix_ms);
        self.last_ms = self.last_ms.max(unix_ms);
    }
}

/// The last record of a segment that was ended in order. It says what is in
/// the segment without a look at the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seal(pub(super) [Span; Kind::ALL.len()]);

impl Default for Seal {
    fn default() -> Self {
        Self([Span::EMPTY; Kind::ALL.len()])
    }
}

impl Seal {
    /// Counts a record; kinds that only a later version knows are left out.
    pub(super) fn add(&mut self, kind: u8, unix_ms: i64) {
        if let Some(kind) = Kind::from_number(kind) {
            self.0[kind.place()].add(unix_ms);
        }
    }

    pub(super) fn write(&self, segment: &SegmentHeader, index: u32, at: Moment, out: &mut Vec<u8>) {
        let mut content = Vec::with_capacity(SEAL_CONTENT_LEN);
        for span in &self.0 {
            content.extend_from_slice(&span.records.to_le_bytes());
            content.extend_from_slice(&span.first_ms.to_le_bytes());
            content.extend_from_slice(&span.last_ms.to_le_bytes());
        }
        RecordHeader::write(segment, (SEAL_KIND, true), index, at, &content, out);
    }

    /// The seal that `bytes` are, header included.
    pub(super) fn parse(segment: &SegmentHeader, bytes: &[u8]) -> Option<Self> {
        let header = RecordHeader::parse(segment, bytes)?;
        let content = &bytes[RECORD_HEADER_LEN..];
        let whole = content.len() == SEAL_CONTENT_LEN && header.len as usize == SEAL_CONTENT_LEN;
        if !header.is_seal() || !whole || !header.fits(segment, content) {
            return None;
        }
        let mut fields = Fields(content);
        let mut seal = Self::default();
        for span in &mut seal.0 {
            span.records = u32::from_le_bytes(fields.array()?);
            span.first_ms = i64::from_le_bytes(fields.array()?);
            span.last_ms = i64::from_le_bytes(fields.array()?);
        }
        Some(seal)
    }
}

/// CRC-32 (IEEE 802.3) that goes on from `seed`. It finds every error within 32
/// bits in a row, so one flipped bit never passes.
fn crc(seed: u32, bytes: &[u8]) -> u32 {
    let mut hasher = Hasher::new_with_initial(seed);
    hasher.update(bytes);
    hasher.finalize()
}

/// Six bytes hold 8,900 years of uptime.
fn monotonic_ms(at: Moment) -> u64 {
    u64::try_from(at.monotonic.as_millis()).unwrap_or(u64::MAX).min((1 << 48) - 1)
}

/// Bytes that are taken from the front.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }
}

#[cfg(test)]
pub(super) fn a_header(number: u64) -> SegmentHeader {
    let created = Moment { monotonic: Duration::from_millis(12_345), unix_ms: 1_700_000_000_000 };
    let boot = BootId::new("0b6c2f1e-1111-2222-3333-444455556666\n");
    SegmentHeader { number, ring: [7; 16], boot, salt: 0x1234_5678_9abc_def0 ^ number, created }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_survives_any_one_flipped_bit() {
        let header = a_header(5);
        let bytes = header.to_bytes();
        assert_eq!(bytes.len(), HEADER_LEN);
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SegmentHeader::parse(&bytes), Ok(header), "bit {bit}");
        }
        assert_eq!(header.boot.text(), "0b6c2f1e-1111-2222-3333-444455556666");
    }

    #[test]
    fn no_header_is_told_from_a_damaged_and_a_later_one() {
        assert_eq!(SegmentHeader::parse(&[0; HEADER_LEN]), Err(HeaderError::Empty));
        assert_eq!(SegmentHeader::parse(&[]), Err(HeaderError::Empty));
        assert_eq!(SegmentHeader::parse(&[7; HEADER_LEN]), Err(HeaderError::Damaged));
        let mut later = a_header(1).to_bytes();
        (later[8], later[8 + HEADER_COPY_LEN]) = (2, 2);
        assert_eq!(SegmentHeader::parse(&later), Err(HeaderError::Version(2)));
    }

    #[test]
    fn a_record_belongs_to_its_segment_alone() {
        let (mine, other) = (a_header(1), a_header(2));
        let mut bytes = Vec::new();
        let at = Moment { monotonic: Duration::from_millis(77), unix_ms: -5 };
        RecordHeader::write(&mine, (Kind::Tick.number(), true), 9, at, b"content", &mut bytes);
        let header = RecordHeader::parse(&mine, &bytes).expect("a record");
        assert_eq!((header.len, header.index, header.at, header.kind), (7, 9, at, 1));
        assert!(header.starts_chain && header.fits(&mine, b"content"));
        assert!(!header.fits(&mine, b"contens") && !header.fits(&other, b"content"));
        assert_eq!(RecordHeader::parse(&other, &bytes), None);
        assert_eq!(RecordHeader::parse(&mine, &bytes[..38]), None, "the content is cut");
    }

    #[test]
    fn a_seal_comes_back() {
        let segment = a_header(3);
        let mut seal = Seal::default();
        seal.add(Kind::Tick.number(), 10);
        seal.add(Kind::Tick.number(), -3);
        seal.add(Kind::Event.number(), 4);
        seal.add(99, 1_000);
        let mut bytes = Vec::new();
        seal.write(&segment, 3, Moment::default(), &mut bytes);
        assert_eq!(bytes.len(), SEAL_LEN);
        assert_eq!(Seal::parse(&segment, &bytes), Some(seal));
        assert_eq!(seal.0[0], Span { records: 2, first_ms: -3, last_ms: 10 });
        assert_eq!(Seal::parse(&a_header(4), &bytes), None);
    }
}
