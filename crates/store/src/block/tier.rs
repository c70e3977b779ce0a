//! Windows as a block: each field of a key is a column.

use std::ops::Range;

use super::block_reader::Block;
use super::column_id::ColumnId;
use super::head::Kind;
use super::scratch::Scratch;
use super::seal::{SealOptions, seal_columns};
use super::windows::{WindowColumns, Windows};
use super::{BlockError, KeyId, SealError};

/// Seals the windows of one server.
///
/// # Errors
/// [`SealError`] says what is wrong with the columns. Nothing else fails.
pub fn seal_tier(windows: &Windows, options: &SealOptions) -> Result<Vec<u8>, SealError> {
    if windows.width_ms == 0 {
        return Err(SealError::Width);
    }
    let columns = windows.series.iter().flat_map(|(key, columns)| {
        let id = move |field| ColumnId::of_field(*key, field);
        columns.fields().into_iter().enumerate().map(move |(field, of)| (id(field), &of[..]))
    });
    seal_columns(&windows.starts, columns.collect(), (Kind::Tier, windows.width_ms), options)
}

impl<B: AsRef<[u8]>> Block<B> {
    /// The keys of a tier, rising.
    ///
    /// # Errors
    /// [`BlockError::Kind`] for a block of ticks, [`BlockError::Malformed`] for bytes
    /// that no Watchfire wrote.
    pub fn tier_keys(&self) -> Result<Vec<KeyId>, BlockError> {
        self.want(Kind::Tier)?;
        let mut keys = Vec::new();
        for entry in self.directory().entries() {
            let key = entry?.0.key_of_field();
            keys.push(key.ok_or(BlockError::Malformed("a key above its limit"))?);
        }
        keys.dedup();
        Ok(keys)
    }

    /// Reads what is known of `keys` in the windows of `range`: for each the
    /// columns, nothing where the block has not the key, or what is damaged. When
    /// each window begins is told by [`timestamps`](Self::timestamps).
    ///
    /// # Errors
    /// [`BlockError::Kind`] for a block of ticks; [`BlockError::Malformed`] when
    /// `range` is not within the windows.
    pub fn read_windows(
        &self,
        keys: &[KeyId],
        range: Range<usize>,
        scratch: &mut Scratch,
    ) -> Result<Vec<Result<Option<WindowColumns>, BlockError>>, BlockError> {
        self.want(Kind::Tier)?;
        let fields = WindowColumns::FIELDS;
        let ids: Vec<ColumnId> = keys
            .iter()
            .flat_map(|&key| (0..fields).map(move |field| ColumnId::of_field(key, field)))
            .collect();
        let mut found: Vec<Result<Option<WindowColumns>, BlockError>> =
            vec![Ok(Some(WindowColumns::default())); keys.len()];
        self.read_columns(&ids, range, scratch, &mut |number, values| {
            let found = &mut found[number / fields];
            match (&mut *found, values) {
                (Ok(Some(columns)), Ok(Some(values))) => {
                    columns.fields_mut()[number % fields].extend_from_slice(values);
                }
                (Ok(_), Ok(None)) => *found = Ok(None),
                (Ok(_), Err(error)) => *found = Err(error),
                (Ok(None) | Err(_), _) => {}
            }
        })?;
        Ok(found)
    }
}
