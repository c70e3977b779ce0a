use watchfire_store::StoreError;

/// Why a user is not made, changed or removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoUser {
    /// There is none of that name.
    #[error("there is no such user")]
    Unknown,
    /// hub.toml has it.
    #[error("{0} stands in hub.toml: change it there")]
    Locked(String),
    /// There is one of that name.
    #[error("there is a user {0} already")]
    Exists(String),
    /// Nobody would be left who can make users.
    #[error("nobody would be left who is an administrator of every server")]
    LastAdmin,
    /// It is no name.
    #[error("a user's name has up to 64 letters, digits, '.', '-', '_', '+' and '@'")]
    Name,
    /// Something else of it is wrong.
    #[error("{0}")]
    Wrong(String),
    /// It cannot be stored.
    #[error(transparent)]
    Store(StoreError),
}
