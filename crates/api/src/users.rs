//! Who may log in: `/api/users`, for administrators of every server, and `/api/password`.

use serde::{Deserialize, Serialize};

/// `GET /api/users`: by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserList {
    /// Those who may log in.
    pub users: Vec<UserRow>,
}

/// Somebody who may log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRow {
    /// The name.
    pub name: String,
    /// `viewer`, `operator` or `admin`.
    pub role: String,
    /// The matchers of the servers that the user sees; `*` is every server.
    pub servers: Vec<String>,
    /// Whether hub.toml has the user, and so alone changes it.
    pub locked: bool,
    /// Whether a login wants a code of an authenticator app.
    pub totp: bool,
    /// Sessions that stand open.
    pub sessions: usize,
    /// Tokens of programs.
    pub tokens: usize,
}

/// `POST /api/users`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The name.
    pub name: String,
    /// `viewer`, `operator` or `admin`.
    pub role: String,
    /// The matchers of the servers that the user sees; none of them is no server.
    #[serde(default)]
    pub servers: Vec<String>,
}

/// `PATCH /api/users/{name}`: what is not there stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// The role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The matchers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub servers: Option<Vec<String>>,
}

/// The answer to `POST /api/users` and `POST /api/users/{name}/password`.
#[derive(Clone, Serialize, Deserialize)]
pub struct GivenPassword {
    /// The user.
    pub user: String,
    /// The password, this once. The user may change it.
    pub password: String,
}

/// `POST /api/password`: one's own.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The password of now.
    pub old: String,
    /// The one to be.
    pub new: String,
}
