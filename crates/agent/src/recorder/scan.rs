//! From the bytes of a segment to the records in it.
//!
//! A record counts only when both its checksums fit, and both begin with the
//! segment's salt. Behind a damage the next record is searched byte by byte;
//! it is believed when header, content and rising index fit together.

use std::ops::Range;

use watchfire_model::Moment;

use super::kind::Kind;
use super::layout::{
    HEADER_LEN, HeaderError, RECORD_HEADER_LEN, RecordHeader, Seal, SegmentHeader,
};

/// What is in a segment.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) header: SegmentHeader,
    /// In the order of their sequence.
    pub(super) records: Vec<Entry>,
    /// What the records span; the seal's own content is not asked.
    pub(super) spans: Seal,
    /// True when the segment was ended in order.
    pub(super) sealed: bool,
    /// Places between records that are not readable.
    pub(super) damages: u32,
    /// The index after the last one that was seen, readable or not.
    pub(super) next_index: u32,
    /// Where the last record ends.
    pub(super) end: usize,
    /// Bytes behind `end` that are neither a record nor zero.
    pub(super) torn_bytes: u64,
}

/// Where a record is.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) index: u32,
    /// [`Kind`]'s number, or one that a later version knows.
    pub(super) kind: u8,
    pub(super) at: Moment,
    pub(super) starts_chain: bool,
    /// Every record of its kind from the last start of a chain up to this one
    /// is there.
    pub(super) whole: bool,
    /// A record before it, perhaps the one that it goes on from, is not readable.
    pub(super) gap: bool,
    /// The content in the segment's bytes.
    pub(super) content: Range<usize>,
}

impl Entry {
    pub(super) fn is(&self, kind: Kind) -> bool {
        self.kind == kind.number()
    }
}

impl Scan {
    /// Scans a segment.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, HeaderError> {
        let header = SegmentHeader::parse(bytes)?;
        let mut scanner = Scanner { bytes, header, chains: Chains::default() };
        let mut scan = Self {
            header,
            records: Vec::new(),
            spans: Seal::default(),
            sealed: false,
            damages: 0,
            next_index: 0,
            end: HEADER_LEN,
            torn_bytes: 0,
        };
        while !scan.sealed && scanner.step(&mut scan) {}
        if !scan.sealed {
            scan.torn_bytes = written(scanner.from(scan.end)) as u64;
        }
        Ok(scan)
    }
}

struct Scanner<'a> {
    bytes: &'a [u8],
    header: SegmentHeader,
    chains: Chains,
}

impl Scanner<'_> {
    /// Takes the next record; false when there is none.
    fn step(&mut self, scan: &mut Scan) -> bool {
        let here = RecordHeader::parse(&self.header, self.from(scan.end));
        if let Some(record) = here.filter(|record| record.index == scan.next_index) {
            self.take(scan, scan.end, record);
            return true;
        }
        let Some((at, record)) = self.search(scan) else { return false };
        scan.damages += 1;
        self.chains.break_all();
        self.take(scan, at, record);
        true
    }

    fn take(&mut self, scan: &mut Scan, at: usize, record: RecordHeader) {
        let begin = at + RECORD_HEADER_LEN;
        let content = begin..begin + record.len as usize;
        scan.end = content.end;
        scan.next_index = record.index + 1;
        if !record.fits(&self.header, &self.bytes[content.clone()]) {
            // The header is right, so the next record's place and this one's kind are known.
            scan.damages += 1;
            self.chains.broken(record.kind);
            return;
        }
        if record.is_seal() {
            scan.sealed = true;
            return;
        }
        scan.spans.add(record.kind, record.at.unix_ms);
        let Chain { whole, gap } = self.chains.next(record.kind, record.starts_chain);
        let RecordHeader { index, kind, at, starts_chain, .. } = record;
        scan.records.push(Entry { index, kind, at, starts_chain, whole, gap, content });
    }

    /// The next record behind a damage.
    fn search(&self, scan: &Scan) -> Option<(usize, RecordHeader)> {
        let end = scan.end + written(self.from(scan.end));
        (scan.end..end).find_map(|at| {
            let record = RecordHeader::parse(&self.header, self.from(at))?;
            let begin = at + RECORD_HEADER_LEN;
            let content = &self.bytes[begin..begin + record.len as usize];
            let rises = record.index >= scan.next_index;
            (rises && record.fits(&self.header, content)).then_some((at, record))
        })
    }

    fn from(&self, at: usize) -> &[u8] {
        self.bytes.get(at..).unwrap_or_default()
    }
}

/// How the records of each kind hang together.
#[derive(Debug, Default)]
struct Chains([Chain; Kind::ALL.len()]);

#[derive(Debug, Clone, Copy, Default)]
struct Chain {
    /// Every record since the start of the chain was there.
    whole: bool,
    /// One was not, since the last that was.
    gap: bool,
}

impl Chains {
    /// Takes a record, and says how it hangs together with those before it.
    fn next(&mut self, kind: u8, starts_chain: bool) -> Chain {
        let Some(kind) = Kind::from_number(kind) else { return Chain::default() };
        let chain = &mut self.0[kind.place()];
        chain.whole |= starts_chain;
        let now = *chain;
        chain.gap = false;
        now
    }

    fn broken(&mut self, kind: u8) {
        if let Some(kind) = Kind::from_number(kind) {
            self.0[kind.place()] = Chain { whole: false, gap: true };
        }
    }

    fn break_all(&mut self) {
        self.0.fill(Chain { whole: false, gap: true });
    }
}

/// How many of `bytes` there are up to the last that is not zero: zeros are
/// room that was never written.
fn written(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use super::super::layout::a_header;
    use super::*;

    /// A segment with a tick of each index; the content is the index.
    fn segment(header: SegmentHeader, indexes: &[u32]) -> Vec<u8> {
        let mut bytes = header.to_bytes();
        for &index in indexes {
            let (what, content) = ((Kind::Tick.number(), index == 0), index.to_be_bytes());
            RecordHeader::write(&header, what, index, Moment::default(), &content, &mut bytes);
        }
        bytes
    }

    fn indexes(scan: &Scan) -> Vec<u32> {
        scan.records.iter().map(|entry| entry.index).collect()
    }

    #[test]
    fn behind_a_damage_only_what_is_newer_is_believed() {
        let mut bytes = segment(a_header(1), &[0, 1, 2, 0, 1, 3]);
        bytes[HEADER_LEN + 36 * 2 + 30] ^= 1;
        let scan = Scan::of(&bytes).expect("a header");
        assert_eq!(indexes(&scan), [0, 1, 3]);
        assert_eq!((scan.damages, scan.torn_bytes, scan.next_index), (1, 0, 4));
        let last = &scan.records[2];
        assert!(last.gap && !last.whole, "it goes on from what is not there");
    }

    #[test]
    fn what_an_older_segment_left_is_not_read() {
        let mut bytes = segment(a_header(2), &[0, 1]);
        let end = bytes.len();
        bytes.extend_from_slice(&segment(a_header(1), &[0, 1, 2, 3])[end..]);
        let scan = Scan::of(&bytes).expect("a header");
        assert_eq!(indexes(&scan), [0, 1]);
        assert_eq!((scan.end, scan.torn_bytes), (end, 72));
    }

    #[test]
    fn a_forged_record_within_a_content_is_not_found() {
        let header = a_header(1);
        // Somebody who knows the format, but not the salt.
        let forged = segment(SegmentHeader { salt: 0, ..header }, &[7])[HEADER_LEN..].to_vec();
        let mut bytes = segment(header, &[0]);
        let at = bytes.len();
        let what = (Kind::Tick.number(), false);
        RecordHeader::write(&header, what, 1, Moment::default(), &forged, &mut bytes);
        bytes[at] ^= 1;
        let scan = Scan::of(&bytes).expect("a header");
        assert_eq!(indexes(&scan), [0]);
    }
}
