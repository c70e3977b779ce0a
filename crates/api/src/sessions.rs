//! The sessions of the page that stand open: `/api/sessions`.

use serde::{Deserialize, Serialize};

/// `GET /api/sessions`: those that the asker may know of, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionList {
    /// One's own; an administrator of every server sees all.
    pub sessions: Vec<SessionRow>,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    /// What it is ended by. It opens nothing.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// `viewer`, `operator` or `admin`.
    pub role: String,
    /// The address that it was begun from.
    pub from: String,
    /// When it was begun.
    pub began_unix_ms: i64,
    /// When it ends by itself.
    pub ends_unix_ms: i64,
    /// Whether it is the one that asks.
    pub is_this: bool,
}
