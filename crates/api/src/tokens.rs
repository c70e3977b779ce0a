//! The tokens of programs: `/api/tokens`.

use serde::{Deserialize, Serialize};

/// `GET /api/tokens`: one's own; an administrator of every server sees all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenList {
    /// By user and name.
    pub tokens: Vec<TokenRow>,
}

/// A token. What opens is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRow {
    /// What it is ended by.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// What the user calls it.
    pub name: String,
    /// What it opens: `read`, `change`, `run`.
    pub scopes: Vec<String>,
    /// The matchers that narrow what the user sees; none where they do not.
    pub servers: Option<Vec<String>>,
    /// When it was made.
    pub made_unix_ms: i64,
    /// When it ends by itself.
    pub ends_unix_ms: i64,
    /// When it opened last, to the minute.
    pub used_unix_ms: Option<i64>,
}

/// `POST /api/tokens`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenWish {
    /// What it is called; no other one of the user's is called so.
    pub name: String,
    /// What it opens.
    pub scopes: Vec<String>,
    /// Matchers that narrow what the user sees.
    #[serde(default)]
    pub servers: Option<Vec<String>>,
    /// How long it lives, in seconds.
    #[serde(default)]
    pub lives_s: Option<u64>,
}

/// The answer: the token, this once.
#[derive(Clone, Serialize, Deserialize)]
pub struct NewToken {
    /// What is sent as `Authorization: Bearer …`.
    pub token: String,
    /// What is listed of it.
    #[serde(flatten)]
    pub row: TokenRow,
}
