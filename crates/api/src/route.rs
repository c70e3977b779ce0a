//! Who would be told of a server, when and how: `GET /api/servers/{name}/route`.

use serde::{Deserialize, Serialize};

/// What would become of news of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The server.
    pub server: String,
    /// How bad the news would be: `info`, `warning` or `critical`.
    pub severity: String,
    /// When they would come.
    pub at_unix_ms: i64,
    /// Why nobody would be told, and until when; `None` where nothing mutes it.
    pub muted: Option<Muted>,
    /// The users that the asker may know of, in the config's order. Whose servers do not hold
    /// this one are left out.
    pub users: Vec<RouteRow>,
}

/// Why nobody is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Muted {
    /// In words.
    pub why: String,
    /// `None` where it has no end.
    pub until_unix_ms: Option<i64>,
}

/// How one user would be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteRow {
    /// The user.
    pub user: String,
    /// Whether the user is told at all.
    pub told: bool,
    /// What happens, in words.
    pub words: String,
    /// Until when it waits for the user to be awake; `None` for news that do not wait.
    pub not_before_unix_ms: Option<i64>,
    /// The channels, preferred first, without their secrets.
    pub channels: Vec<String>,
}
