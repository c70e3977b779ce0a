//! What `ps` and `stats` share when they ask a hub about one of its servers.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use watchfire_runtime::Clock;

use crate::hub_client::{Hub, encoded, seconds};
use crate::when;

#[derive(clap::Args)]
pub(super) struct OfHub {
    /// The server to ask the hub about [default: this machine, without a hub]
    #[arg(value_name = "SERVER")]
    server: Option<String>,
    /// The hub, as it was named to `watchfire login` [default: that of the last login]
    #[arg(long, value_name = "HUB", requires = "server")]
    hub: Option<String>,
}

/// A server to ask a hub about.
pub(super) struct Server {
    pub(super) hub: Hub,
    name: String,
    /// The moment, in milliseconds since 1970; `None` for now.
    pub(super) at: Option<i64>,
}

impl OfHub {
    /// The server that is named; `None` for this machine.
    pub(super) fn server(self, at: Option<&str>, clock: &Clock) -> anyhow::Result<Option<Server>> {
        let Some(name) = self.server else { return Ok(None) };
        let now = Timestamp::from_millisecond(clock.now().unix_ms)?;
        let at = at.map(|text| when::past(text, now, &TimeZone::system())).transpose()?;
        Ok(Some(Server { hub: Hub::known(self.hub.as_deref(), clock)?, name, at }))
    }
}

impl Server {
    /// The address of `what` at the hub, with the moment.
    pub(super) fn path(&self, what: &str, more: &[(&str, String)]) -> String {
        let at = self.at.map(|at| ("at", seconds(at)));
        let pairs = at.iter().chain(more);
        let query: Vec<_> = pairs.map(|(key, value)| format!("{key}={}", encoded(value))).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("/api/servers/{}/{what}{mark}{}", encoded(&self.name), query.join("&"))
    }
}
