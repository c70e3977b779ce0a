use std::ops::Range;

use super::column_id::ColumnId;
use super::directory::{Directory, Place};
use super::group::Group;
use super::head::{Head, Kind};
use super::scratch::Scratch;
use super::{BlockError, KeyId};

/// Takes a column's place among those that were asked for, and what was found.
pub(super) type Visit<'a> = dyn FnMut(usize, Result<Option<&[f64]>, BlockError>) + 'a;

/// A block that is in memory as a whole.
#[derive(Debug, Clone)]
pub struct Block<B> {
    directory: Directory<B>,
}

impl<B: AsRef<[u8]>> Block<B> {
    /// Opens a block that was sealed with `tag`. Its head and directory are
    /// checked here, the timestamps and each group when they are read.
    ///
    /// # Errors
    /// [`BlockError`] when it is not a block, or its head or directory is damaged.
    pub fn open(bytes: B, tag: u32) -> Result<Self, BlockError> {
        Ok(Self { directory: Directory::open(bytes, tag)? })
    }

    /// What the block says of itself.
    #[must_use]
    pub fn head(&self) -> &Head {
        self.directory.head()
    }

    /// What lies where in it.
    #[must_use]
    pub fn directory(&self) -> &Directory<B> {
        &self.directory
    }

    /// The keys of a block of ticks, rising.
    ///
    /// # Errors
    /// [`BlockError::Kind`] for a tier, [`BlockError::Malformed`] for bytes that no
    /// Watchfire wrote.
    pub fn keys(&self) -> Result<Vec<KeyId>, BlockError> {
        self.want(Kind::Ticks)?;
        let key = |id: ColumnId| id.key().ok_or(BlockError::Malformed("a key above its limit"));
        self.directory.entries().map(|entry| key(entry?.0)).collect()
    }

    /// Reads the timestamps: milliseconds since 1970, rising.
    ///
    /// # Errors
    /// [`BlockError`] when they are damaged; nothing of the block can be read then.
    pub fn timestamps(&self, scratch: &mut Scratch, out: &mut Vec<i64>) -> Result<(), BlockError> {
        let bytes = self.bytes(self.directory.timestamps_range());
        self.directory.timestamps(bytes, scratch, out)
    }

    /// Reads `keys` at the ticks of `range` and gives `visit` each one's place in
    /// `keys` and its values, `None` where the block has not the key. Keys come
    /// group by group; where a value is absent it is [`ABSENT`](watchfire_model::ABSENT).
    /// A key whose group is damaged comes with the error, and the others go on.
    ///
    /// # Errors
    /// [`BlockError::Kind`] for a tier; [`BlockError::Malformed`] when `range` is not
    /// within the ticks.
    pub fn read(
        &self,
        keys: &[KeyId],
        range: Range<usize>,
        scratch: &mut Scratch,
        mut visit: impl FnMut(usize, Result<Option<&[f64]>, BlockError>),
    ) -> Result<(), BlockError> {
        self.want(Kind::Ticks)?;
        let columns: Vec<ColumnId> = keys.iter().map(|&key| ColumnId::of_key(key)).collect();
        self.read_columns(&columns, range, scratch, &mut visit)
    }

    /// Reads `keys` at some `ticks` alone, which rise, and says of each whether it is
    /// sure to be whole and never to fall: see [`Group::read_at`]. Else as [`read`](Self::read).
    ///
    /// # Errors
    /// [`BlockError::Kind`] for a tier.
    pub fn read_at(
        &self,
        keys: &[KeyId],
        ticks: &[usize],
        scratch: &mut Scratch,
        mut visit: impl FnMut(usize, Result<Option<(&[f64], bool)>, BlockError>),
    ) -> Result<(), BlockError> {
        self.want(Kind::Ticks)?;
        let columns: Vec<ColumnId> = keys.iter().map(|&key| ColumnId::of_key(key)).collect();
        let found = self.places(&columns, |number, lost| visit(number, lost.map_or(Ok(None), Err)));
        let mut values = std::mem::take(&mut scratch.values);
        for wanted in found.chunk_by(|one, next| one.0.group == next.0.group) {
            let mut group = self.group(wanted[0].0.group);
            for &(Place { slot, .. }, number) in wanted {
                let read = match &mut group {
                    Ok(group) => group.read_at(slot, ticks, scratch, &mut values),
                    Err(error) => Err(*error),
                };
                visit(number, read.map(|rises| Some((&values[..], rises))));
            }
        }
        scratch.values = values;
        Ok(())
    }

    /// Where columns are, group by group, each with its place in `columns`. Those that
    /// are not there go to `lost`, with the error where there is one.
    fn places(
        &self,
        columns: &[ColumnId],
        mut lost: impl FnMut(usize, Option<BlockError>),
    ) -> Vec<(Place, usize)> {
        let mut found: Vec<(Place, usize)> = Vec::with_capacity(columns.len());
        for (number, &id) in columns.iter().enumerate() {
            match self.directory.find(id) {
                Ok(Some(place)) => found.push((place, number)),
                Ok(None) => lost(number, None),
                Err(error) => lost(number, Some(error)),
            }
        }
        found.sort_unstable_by_key(|&(place, _)| (place.group, place.slot));
        found
    }

    /// Reads columns of any kind, as [`read`](Self::read) does.
    pub(super) fn read_columns(
        &self,
        columns: &[ColumnId],
        range: Range<usize>,
        scratch: &mut Scratch,
        visit: &mut Visit<'_>,
    ) -> Result<(), BlockError> {
        if range.start > range.end || range.end > self.head().ticks {
            return Err(BlockError::Malformed("ticks that are nowhere"));
        }
        let found = self.places(columns, |number, lost| visit(number, lost.map_or(Ok(None), Err)));
        for wanted in found.chunk_by(|one, next| one.0.group == next.0.group) {
            self.read_group(wanted, range.clone(), scratch, visit);
        }
        Ok(())
    }

    fn read_group(
        &self,
        wanted: &[(Place, usize)],
        range: Range<usize>,
        scratch: &mut Scratch,
        visit: &mut Visit<'_>,
    ) {
        let mut group = match self.group(wanted[0].0.group) {
            Ok(group) => group,
            Err(error) => return wanted.iter().for_each(|&(_, number)| visit(number, Err(error))),
        };
        let mut values = std::mem::take(&mut scratch.values);
        for &(Place { slot, .. }, number) in wanted {
            let read = group.read(slot, range.clone(), scratch, &mut values);
            visit(number, read.map(|()| Some(&values[..])));
        }
        scratch.values = values;
    }

    fn group(&self, number: usize) -> Result<Group<'_>, BlockError> {
        self.directory.group(number, self.bytes(self.directory.group_range(number)))
    }

    fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.directory.bytes().get(range).unwrap_or_default()
    }

    pub(super) fn want(&self, kind: Kind) -> Result<(), BlockError> {
        match self.head().kind {
            found if found == kind => Ok(()),
            Kind::Ticks => Err(BlockError::Kind("ticks")),
            Kind::Tier => Err(BlockError::Kind("a tier")),
        }
    }
}
