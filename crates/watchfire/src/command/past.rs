//! What the commands on a server share that look at it now or at a past moment.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use watchfire_agent::{AgentConfig, Found, History};
use watchfire_runtime::Clock;

use crate::{screen, settings, when};

/// What was recorded longer before the asked time is not of that moment.
const OF_THE_MOMENT: Duration = Duration::from_secs(60);

const USUAL_CONFIG: &str = "/etc/watchfire/agent.toml";

#[derive(clap::Args)]
pub(super) struct Past {
    /// Show the moment before this time, from what the hub keeps of SERVER, or what the
    /// agent on this machine recorded: 03:12, "yesterday 14:00", -1h30m, or RFC 3339
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    at: Option<String>,
    /// The data folder of the agent [default: that of the agent's config]
    #[arg(long, value_name = "FOLDER", requires = "at", conflicts_with = "server")]
    data: Option<String>,
    /// The agent's config file [default: /etc/watchfire/agent.toml where it exists]
    #[arg(long, short, env = "WATCHFIRE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Past {
    /// The time, as it was typed.
    pub(super) fn at(&self) -> Option<&str> {
        self.at.as_deref()
    }

    /// Whether the agent of this machine reads command lines. The usual config
    /// that this user may not read hides nothing from them that the kernel does not.
    pub(super) fn arguments(&self) -> anyhow::Result<bool> {
        let named = self.config.is_some();
        match load(None, self.config.clone()) {
            Ok(config) => Ok(config.collect.arguments),
            Err(error) if named => Err(error),
            Err(_) => Ok(AgentConfig::new("").collect.arguments),
        }
    }

    /// The recorded past and the moment that is asked for; `None` for now.
    pub(super) fn open(self, clock: &Clock) -> anyhow::Result<Option<(History, i64)>> {
        let Some(at) = self.at else { return Ok(None) };
        let now = Timestamp::from_millisecond(clock.now().unix_ms)?;
        let unix_ms = when::past(&at, now, &TimeZone::system())?;
        Ok(Some((open(self.data, self.config)?, unix_ms)))
    }
}

/// The record in the data folder that is named, or in that of the config.
pub(super) fn open(data: Option<String>, config: Option<PathBuf>) -> anyhow::Result<History> {
    Ok(History::open(&load(data, config)?.data)?)
}

fn load(data: Option<String>, config: Option<PathBuf>) -> anyhow::Result<AgentConfig> {
    let mut overrides = settings::environment(&AgentConfig::KEYS)?;
    overrides.flag("data", "--data", data);
    let path = settings::config_file(config, USUAL_CONFIG);
    Ok(AgentConfig::load(path.as_deref(), &overrides)?)
}

/// The reading, or an error that says how far back the record goes.
pub(super) fn found<T>(history: &History, unix_ms: i64, found: Found<T>) -> anyhow::Result<T> {
    tell_damage(&found);
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

/// Says so when something that was recorded could not be read.
pub(super) fn tell_damage<T>(found: &Found<T>) {
    if found.is_damaged() {
        eprintln!("Some of what was recorded is damaged and was left out.");
    }
}

/// Says so when what was found is no picture of the moment that was asked for.
pub(super) fn tell_age(asked_ms: i64, found_ms: i64) {
    if let Some(words) = age(asked_ms, found_ms) {
        eprintln!("{words}");
    }
}

fn age(asked_ms: i64, found_ms: i64) -> Option<String> {
    let age = Duration::from_millis(u64::try_from(asked_ms.checked_sub(found_ms)?).ok()?);
    (age > OF_THE_MOMENT).then(|| {
        format!(
            "the last record before {} is of {}, {} earlier",
            local(asked_ms),
            local(found_ms),
            screen::span(age)
        )
    })
}

/// A time for programs.
pub(super) fn rfc3339(unix_ms: i64) -> String {
    Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// A time for people, in the zone of this machine.
pub(super) fn local(unix_ms: i64) -> String {
    let at = Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_a_minute_is_told() {
        let asked = 1_700_000_000_000;
        for near in [asked, asked - 60_000, asked + 1, i64::MAX] {
            assert_eq!(age(asked, near), None, "{near}");
        }
        let words = age(asked, asked - 425_000).expect("too old");
        assert!(words.starts_with("the last record before 2023-11-1"), "{words}");
        assert!(words.ends_with(", 7m 5s earlier"), "{words}");
    }
}
