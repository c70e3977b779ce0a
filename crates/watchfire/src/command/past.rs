//! What the commands on a server share that look at it now or at a past moment.

use std::path::PathBuf;

use anyhow::bail;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use watchfire_agent::{AgentConfig, Found, History};
use watchfire_runtime::Clock;

use crate::{settings, when};

const USUAL_CONFIG: &str = "/etc/watchfire/agent.toml";

#[derive(clap::Args)]
pub(super) struct Past {
    /// Show the moment before this time, from what the agent on this machine
    /// recorded: 03:12, "yesterday 14:00", -1h30m, or RFC 3339
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    at: Option<String>,
    /// The data folder of the agent [default: that of the agent's config]
    #[arg(long, value_name = "FOLDER", requires = "at")]
    data: Option<String>,
    /// The agent's config file [default: /etc/watchfire/agent.toml where it exists]
    #[arg(long, short, env = "WATCHFIRE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Past {
    /// The recorded past and the moment that is asked for; `None` for now.
    pub(super) fn open(self, clock: &Clock) -> anyhow::Result<Option<(History, i64)>> {
        let Some(at) = self.at else { return Ok(None) };
        let now = Timestamp::from_millisecond(clock.now().unix_ms)?;
        let unix_ms = when::past(&at, now, &TimeZone::system())?;
        let mut overrides = settings::environment(&AgentConfig::KEYS)?;
        overrides.flag("data", "--data", self.data);
        let path = settings::config_file(self.config, USUAL_CONFIG);
        let config = AgentConfig::load(path.as_deref(), &overrides)?;
        Ok(Some((History::open(&config.data)?, unix_ms)))
    }
}

/// The reading, or an error that says how far back the record goes.
pub(super) fn found<T>(history: &History, unix_ms: i64, found: Found<T>) -> anyhow::Result<T> {
    if found.is_damaged() {
        eprintln!("Some of what was recorded is damaged and was left out.");
    }
    if let Some(value) = found.value {
        return Ok(value);
    }
    let asked = local(unix_ms);
    let hint = match history.began()? {
        Some(began) => format!("the record begins at {}", local(began)),
        None => "nothing has been recorded yet".to_owned(),
    };
    bail!("nothing was recorded at {asked} or before it\n  hint: {hint}")
}

/// A time for people, in the zone of this machine.
pub(super) fn local(unix_ms: i64) -> String {
    let at = Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}
