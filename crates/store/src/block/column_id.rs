/// Number of a series key, as the store interned it.
pub type KeyId = u32;

/// A column of a block: a key, or a field of a tier's key. In the order of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ColumnId(pub(super) u64);

impl ColumnId {
    /// The column of a key's values.
    pub(super) fn of_key(key: KeyId) -> Self {
        Self(u64::from(key))
    }

    /// The column of a field of a tier's key, of which there are at most eight.
    pub(super) fn of_field(key: KeyId, field: usize) -> Self {
        Self(u64::from(key) << 3 | field as u64)
    }

    /// The key of a tier's column.
    pub(super) fn key_of_field(self) -> Option<KeyId> {
        KeyId::try_from(self.0 >> 3).ok()
    }

    /// The key, when it is the column of one.
    pub(super) fn key(self) -> Option<KeyId> {
        KeyId::try_from(self.0).ok()
    }
}
