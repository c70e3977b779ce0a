//! What lies where in a block.

use std::ops::Range;

use super::column_id::{ColumnId, KeyId};
use super::group::Group;
use super::head::{Head, Kind, piece_sum};
use super::limits::{GROUP, MAX_GROUP};
use super::numbers::{self, Form};
use super::scratch::Scratch;
use super::varint::{Input, put, put_size};
use super::{BlockError, MAX_BLOCK_BYTES, WindowColumns};

/// Bytes of the checksum before each piece.
pub(super) const SUM: usize = 4;

/// Where a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The number of its group.
    pub group: usize,
    /// Its place in the group.
    pub slot: usize,
}

/// Head and directory of a block: enough to know which keys it has, and which
/// bytes of the block to read for them.
///
/// A store that keeps blocks where it can read parts of them reads
/// [`Head::BYTES`], then up to [`Head::directory_end`], opens the directory, and
/// then reads the ranges that it tells. Who has the whole block uses
/// [`Block`](super::Block).
#[derive(Debug, Clone)]
pub struct Directory<B> {
    bytes: B,
    head: Head,
    sum: u32,
    /// Where the timestamps begin, then the groups, then the end.
    pieces: Vec<usize>,
    sections: Vec<Section>,
}

/// Up to 64 columns whose ids follow one another.
#[derive(Debug, Clone, Copy)]
struct Section {
    first: ColumnId,
    at: usize,
    columns: usize,
}

/// One column of the directory, in the order of ids.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) id: ColumnId,
    /// Where it is, when that is not its section's own group.
    pub(super) moved: Option<Place>,
}

/// Writes the directory after the head: how long the pieces are, and the sections.
pub(super) fn write(pieces: &[usize], entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    pieces.iter().for_each(|&bytes| put_size(&mut out, bytes));
    let mut last = 0;
    let mut bodies = Vec::new();
    for section in entries.chunks(GROUP) {
        let start = bodies.len();
        write_section(section, &mut bodies);
        put(&mut out, section[0].id.0 - last);
        put_size(&mut out, bodies.len() - start);
        last = section[0].id.0;
    }
    out.extend_from_slice(&bodies);
    out
}

fn write_section(section: &[Entry], out: &mut Vec<u8>) {
    let gap = |number: usize| match number {
        0 => 0,
        number => section[number].id.0 - section[number - 1].id.0 - 1,
    };
    let plain = |number: usize| gap(number) == 0 && section[number].moved.is_none();
    let map = (0..section.len()).fold(0, |map, number| map | u64::from(plain(number)) << number);
    out.extend_from_slice(&map.to_le_bytes());
    for (number, entry) in section.iter().enumerate().filter(|(number, _)| !plain(*number)) {
        put(out, gap(number) << 1 | u64::from(entry.moved.is_some()));
        if let Some(place) = entry.moved {
            put_size(out, place.group);
            put_size(out, place.slot);
        }
    }
}

impl<B: AsRef<[u8]>> Directory<B> {
    /// Opens head and directory, of which `bytes` has at least all. `tag` is
    /// the one that the block was sealed with.
    ///
    /// # Errors
    /// [`BlockError`] when it is not a block, or a damaged one.
    pub fn open(bytes: B, tag: u32) -> Result<Self, BlockError> {
        let head = Head::parse(bytes.as_ref())?;
        let sum = head.check(tag, bytes.as_ref())?;
        let end = head.directory_end();
        let mut input = Input::new(&bytes.as_ref()[Head::BYTES..end], "its directory");
        let mut pieces = Vec::with_capacity((head.groups + 2).min(head.directory + 2));
        let mut at = end;
        for _ in 0..=head.groups {
            pieces.push(at);
            at += input.size(MAX_BLOCK_BYTES)?;
            if at > MAX_BLOCK_BYTES {
                return Err(BlockError::Malformed("a block above its limit"));
            }
        }
        pieces.push(at);
        let sections = sections(&mut input, head.columns)?;
        let bodies = end - input.rest().len();
        let shift = |section: Section| Section { at: bodies + section.at, ..section };
        let sections = sections.into_iter().map(shift).collect();
        Ok(Self { bytes, head, sum, pieces, sections })
    }

    /// What the block says of itself.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The bytes it was opened with.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    /// The bytes it was opened with: the front of the block, or all of it.
    pub(crate) fn front(&self) -> &[u8] {
        self.bytes()
    }

    /// The keys that it has, rising, of ticks or of a tier.
    ///
    /// # Errors
    /// [`BlockError`] for bytes that no Watchfire wrote.
    pub fn keys(&self) -> Result<Vec<KeyId>, BlockError> {
        let tier = self.head.kind == Kind::Tier;
        let key = |id: ColumnId| if tier { id.key_of_field() } else { id.key() };
        let above = BlockError::Malformed("a key above its limit");
        let keys = self.entries().map(|entry| key(entry?.0).ok_or(above));
        let mut keys = keys.collect::<Result<Vec<_>, _>>()?;
        keys.dedup();
        Ok(keys)
    }

    /// Bytes of the whole block.
    #[must_use]
    pub fn block_bytes(&self) -> usize {
        self.pieces[self.head.groups + 1]
    }

    /// Which bytes of the block are its timestamps.
    #[must_use]
    pub fn timestamps_range(&self) -> Range<usize> {
        self.pieces[0]..self.pieces[1]
    }

    /// Which bytes of the block are group `number`; none for one that it has not.
    #[must_use]
    pub fn group_range(&self, number: usize) -> Range<usize> {
        match self.pieces.get(number.saturating_add(1)..) {
            Some(&[from, to, ..]) => from..to,
            _ => 0..0,
        }
    }

    /// How many groups there are.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.head.groups
    }

    /// Where the values of a key are, if the block has it. Of a block of ticks.
    ///
    /// # Errors
    /// [`BlockError`] for bytes that no Watchfire wrote.
    pub fn place(&self, key: KeyId) -> Result<Option<Place>, BlockError> {
        self.find(ColumnId::of_key(key))
    }

    /// Where the fields of a tier's key are, in the order of [`WindowColumns::by_field`], if
    /// the block has it.
    ///
    /// # Errors
    /// [`BlockError`] for bytes that no Watchfire wrote.
    pub(crate) fn field_places(
        &self,
        key: KeyId,
    ) -> Result<Option<[Place; WindowColumns::FIELDS]>, BlockError> {
        let mut places = [Place { group: 0, slot: 0 }; WindowColumns::FIELDS];
        for (field, place) in places.iter_mut().enumerate() {
            match self.find(ColumnId::of_field(key, field))? {
                Some(found) => *place = found,
                None => return Ok(None),
            }
        }
        Ok(Some(places))
    }

    /// Where a column is, if the block has it.
    pub(super) fn find(&self, id: ColumnId) -> Result<Option<Place>, BlockError> {
        let after = self.sections.partition_point(|section| section.first <= id);
        let Some(number) = after.checked_sub(1) else { return Ok(None) };
        self.section(number).find(id)
    }

    /// All columns with their places, in the order of ids.
    pub(super) fn entries(
        &self,
    ) -> impl Iterator<Item = Result<(ColumnId, Place), BlockError>> + '_ {
        (0..self.sections.len()).flat_map(|number| self.section(number))
    }

    fn section(&self, number: usize) -> SectionEntries<'_> {
        let Section { first, at, columns } = self.sections[number];
        let bytes = self.bytes.as_ref().get(at..self.head.directory_end());
        let mut input = Input::new(bytes.unwrap_or_default(), "a section of its directory");
        let map = input.array().map_or(0, u64::from_le_bytes);
        let groups = self.head.groups;
        SectionEntries { input, map, next: first.0, number, seen: 0, home: 0, columns, groups }
    }

    /// Checks and takes apart group `number`, of which `bytes` are those of
    /// [`group_range`](Self::group_range).
    ///
    /// # Errors
    /// [`BlockError`] when they are damaged; only the columns of this group are lost then.
    pub fn group<'a>(&self, number: usize, bytes: &'a [u8]) -> Result<Group<'a>, BlockError> {
        let body = self.piece(number + 1, bytes, "a group")?;
        Group::parse(body, self.head.ticks, self.head.pco)
    }

    /// Checks and reads the timestamps, of which `bytes` are those of
    /// [`timestamps_range`](Self::timestamps_range): milliseconds since 1970, rising.
    ///
    /// # Errors
    /// [`BlockError`] when they are damaged; nothing of the block can be read then.
    pub fn timestamps(
        &self,
        bytes: &[u8],
        scratch: &mut Scratch,
        out: &mut Vec<i64>,
    ) -> Result<(), BlockError> {
        let mut input = Input::new(self.piece(0, bytes, "the timestamps")?, "the timestamps");
        let form = Form::from_code(input.byte()?).ok_or(BlockError::Malformed("timestamps"))?;
        let how = (self.head.pco, self.head.ticks);
        if form == Form::Constant {
            out.clear();
            out.push(self.head.first_ms);
        } else {
            numbers::read(form, input, how, &mut scratch.dense, out)?;
        }
        let rise = out.windows(2).all(|pair| pair[0] < pair[1]);
        let ends = (out.first(), out.last());
        let right = rise
            && out.len() == self.head.ticks
            && ends == (Some(&self.head.first_ms), Some(&self.head.last_ms));
        if right { Ok(()) } else { Err(BlockError::Malformed("timestamps that do not rise")) }
    }

    fn piece<'a>(
        &self,
        number: usize,
        bytes: &'a [u8],
        what: &'static str,
    ) -> Result<&'a [u8], BlockError> {
        let (sum, body) = bytes.split_first_chunk::<SUM>().ok_or(BlockError::Truncated(what))?;
        let right = u32::from_le_bytes(*sum) == piece_sum(self.sum, number as u32, body);
        if right { Ok(body) } else { Err(BlockError::Checksum(what)) }
    }
}

fn sections(input: &mut Input<'_>, columns: usize) -> Result<Vec<Section>, BlockError> {
    let mut sections = Vec::new();
    let (mut first, mut at) = (0_u64, 0);
    for number in 0..columns.div_ceil(GROUP) {
        let gap = input.number()?;
        let next = first.checked_add(gap).filter(|_| number == 0 || gap > 0);
        first = next.ok_or(BlockError::Malformed("ids that do not rise"))?;
        let columns = GROUP.min(columns - number * GROUP);
        sections.push(Section { first: ColumnId(first), at, columns });
        at += input.size(MAX_BLOCK_BYTES)?;
    }
    if at == input.rest().len() {
        Ok(sections)
    } else {
        Err(BlockError::Malformed("a directory of another length"))
    }
}

/// Goes through the columns of a section.
struct SectionEntries<'a> {
    input: Input<'a>,
    map: u64,
    next: u64,
    number: usize,
    seen: usize,
    /// How many columns of the section's own group were seen.
    home: usize,
    columns: usize,
    groups: usize,
}

impl SectionEntries<'_> {
    /// Where a column is. Those that follow one another without a word of the list are passed
    /// over together.
    fn find(mut self, id: ColumnId) -> Result<Option<Place>, BlockError> {
        while self.seen < self.columns {
            let plain = (!(self.map >> self.seen)).trailing_zeros() as usize;
            let plain = plain.min(self.columns - self.seen);
            let ahead = id.0.checked_sub(self.next).and_then(|ahead| usize::try_from(ahead).ok());
            let Some(ahead) = ahead else { break };
            if ahead < plain {
                return Ok(Some(Place { group: self.number, slot: self.home + ahead }));
            }
            self.seen += plain;
            self.home += plain;
            self.next = self.next.saturating_add(plain as u64);
            if self.seen < self.columns {
                let (known, place) = self.entry()?;
                if known == id {
                    return Ok(Some(place));
                }
            }
        }
        Ok(None)
    }

    fn entry(&mut self) -> Result<(ColumnId, Place), BlockError> {
        let plain = self.map >> self.seen & 1 == 1;
        let mut code = 0;
        if !plain {
            code = self.input.number()?;
        }
        let id = self.next.checked_add(code >> 1);
        let id = id.ok_or(BlockError::Malformed("ids that do not rise"))?;
        let place = if code & 1 == 1 {
            let group = self.input.size(self.groups)?;
            Place { group, slot: self.input.size(MAX_GROUP)? }
        } else {
            self.home += 1;
            Place { group: self.number, slot: self.home - 1 }
        };
        self.seen += 1;
        self.next = id.saturating_add(1);
        Ok((ColumnId(id), place))
    }
}

impl Iterator for SectionEntries<'_> {
    type Item = Result<(ColumnId, Place), BlockError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.seen >= self.columns {
            return None;
        }
        let entry = self.entry();
        if entry.is_err() {
            self.seen = self.columns;
        }
        Some(entry)
    }
}
