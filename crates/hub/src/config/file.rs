//! The shape of `hub.toml`, before its values are checked.

use std::collections::BTreeMap;

use serde::Deserialize;
use watchfire_runtime::config::Spanned;

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HubFile {
    pub(super) listen: Option<Spanned<String>>,
    pub(super) data: Option<Spanned<String>>,
    pub(super) disk: Option<Spanned<String>>,
    pub(super) down_after: Option<Spanned<String>>,
    pub(super) public_url: Option<Spanned<String>>,
    pub(super) plain: Option<Spanned<String>>,
    pub(super) unsigned_runs: Option<Spanned<String>>,
    pub(super) time_zone: Option<Spanned<String>>,
    pub(super) rules: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) builtin_rules: Option<bool>,
    #[serde(default)]
    pub(super) trusted_proxies: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) server: Vec<Spanned<ServerTable>>,
    #[serde(default)]
    pub(super) sender: Vec<Spanned<SenderTable>>,
    #[serde(default)]
    pub(super) user: Vec<Spanned<UserTable>>,
    #[serde(default)]
    pub(super) maintenance: Vec<Spanned<MaintenanceTable>>,
    pub(super) mail: Option<Spanned<MailTable>>,
    pub(super) notify: Option<NotifyTable>,
    pub(super) history: Option<HistoryTable>,
    pub(super) messages: Option<MessagesTable>,
    pub(super) heartbeat: Option<HeartbeatTable>,
    pub(super) fallback: Option<Spanned<FallbackTable>>,
    #[serde(default)]
    pub(super) remote_write: Vec<Spanned<RemoteWriteTable>>,
}

/// `[[server]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerTable {
    pub(super) name: Spanned<String>,
    pub(super) address: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) labels: BTreeMap<Spanned<String>, Spanned<String>>,
    pub(super) login: Option<Spanned<LoginTable>>,
}

/// `login = { … }` of a server.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoginTable {
    pub(super) user: Spanned<String>,
    pub(super) password: Spanned<String>,
}

/// `[[sender]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SenderTable {
    pub(super) name: Spanned<String>,
    pub(super) token: Spanned<String>,
    #[serde(default)]
    pub(super) labels: BTreeMap<Spanned<String>, Spanned<String>>,
}

/// `[[user]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserTable {
    pub(super) name: Spanned<String>,
    pub(super) role: Option<Spanned<String>>,
    pub(super) password_hash: Option<Spanned<String>>,
    pub(super) servers: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(super) channels: Vec<Spanned<String>>,
    pub(super) report: Option<Spanned<String>>,
    pub(super) self_test: Option<Spanned<String>>,
    pub(super) time_zone: Option<Spanned<String>>,
    pub(super) working: Option<Spanned<String>>,
    pub(super) quiet: Option<Spanned<String>>,
    pub(super) wakes: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) way: Vec<WayTable>,
    #[serde(default)]
    pub(super) escalate: Vec<Spanned<EscalateTable>>,
}

/// `[[user.escalate]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EscalateTable {
    pub(super) after: Spanned<String>,
    pub(super) user: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) channels: Vec<Spanned<String>>,
    pub(super) severity: Option<Spanned<String>>,
}

/// `[[user.way]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WayTable {
    pub(super) servers: Option<Vec<Spanned<String>>>,
    pub(super) severity: Option<Spanned<String>>,
    pub(super) during: Option<Spanned<String>>,
    pub(super) channels: Vec<Spanned<String>>,
}

/// `[[maintenance]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MaintenanceTable {
    pub(super) name: Spanned<String>,
    pub(super) servers: Vec<Spanned<String>>,
    pub(super) each: Option<Spanned<String>>,
    pub(super) from: Option<Spanned<String>>,
    pub(super) to: Option<Spanned<String>>,
    pub(super) time_zone: Option<Spanned<String>>,
}

/// `[mail]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MailTable {
    pub(super) from: Spanned<String>,
    pub(super) smtp: Option<Spanned<String>>,
    pub(super) ca: Option<Spanned<String>>,
    pub(super) mailgun: Option<Spanned<MailgunTable>>,
}

/// `[notify]`
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NotifyTable {
    #[serde(default)]
    pub(super) allow: Vec<Spanned<String>>,
    pub(super) texts_per_hour: Option<Spanned<i64>>,
    pub(super) messages_per_hour: Option<Spanned<i64>>,
}

/// `mailgun = { … }`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MailgunTable {
    pub(super) domain: Spanned<String>,
    pub(super) key: Spanned<String>,
    pub(super) base: Option<Spanned<String>>,
}

/// `[messages]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MessagesTable {
    pub(super) subject: Option<Spanned<String>>,
    pub(super) text: Option<Spanned<String>>,
}

/// `[heartbeat]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HeartbeatTable {
    pub(super) url: Spanned<String>,
    pub(super) every: Option<Spanned<String>>,
}

/// `[fallback]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FallbackTable {
    pub(super) channel: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) channels: Vec<Spanned<String>>,
    pub(super) after: Option<Spanned<String>>,
    pub(super) after_stop: Option<Spanned<String>>,
}

/// `[history]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryTable {
    pub(super) read: Spanned<String>,
    pub(super) token: Option<Spanned<String>>,
    pub(super) user: Option<Spanned<String>>,
    pub(super) password: Option<Spanned<String>>,
}

/// `[[remote_write]]`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RemoteWriteTable {
    pub(super) url: Spanned<String>,
    pub(super) token: Option<Spanned<String>>,
    pub(super) user: Option<Spanned<String>>,
    pub(super) password: Option<Spanned<String>>,
    pub(super) servers: Option<Vec<Spanned<String>>>,
}
