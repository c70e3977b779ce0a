use std::fmt::Write;
use std::path::PathBuf;

use anyhow::bail;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use watchfire_agent::RecordedEvent;
use watchfire_runtime::Clock;

use super::past::{local, open, rfc3339, tell_damage};
use crate::{screen, when};

/// The kind whose text has the last lines of the unit behind its first line.
const UNIT_FAILED: &str = "unit_failed";
/// What is shown unless a begin is named.
const USUAL: SignedDuration = SignedDuration::from_hours(24);

#[derive(clap::Args)]
#[command(after_help = "It is what the agent on this machine recorded, whether it runs or not.")]
pub(super) struct Events {
    /// From when on: 03:12, "yesterday 14:00", -1h30m, or RFC 3339 [default: 24 hours ago]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// Up to when [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<String>,
    /// The data folder of the agent [default: that of the agent's config]
    #[arg(long, value_name = "FOLDER")]
    data: Option<String>,
    /// The agent's config file [default: /etc/watchfire/agent.toml where it exists]
    #[arg(long, short, env = "WATCHFIRE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Events {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let now = Timestamp::from_millisecond(Clock::system().now().unix_ms)?;
        let (from, to) = times(self.from.as_deref(), self.to.as_deref(), now)?;
        let found = open(self.data, self.config)?.events(from, to)?;
        tell_damage(&found);
        let recorded = found.value.unwrap_or_default();
        if recorded.left_out > 0 {
            eprintln!("{} earlier events are left out: name a shorter time", recorded.left_out);
        }
        if self.json {
            return screen::print_json(&recorded.events.iter().map(json).collect::<Vec<_>>());
        }
        if recorded.events.is_empty() {
            eprintln!("No events were recorded from {} to {}.", local(from), local(to));
        }
        screen::print(&text(&recorded.events))
    }
}

/// Both in milliseconds since 1970.
fn times(from: Option<&str>, to: Option<&str>, now: Timestamp) -> anyhow::Result<(i64, i64)> {
    let zone = TimeZone::system();
    let read = |text: &str| when::past(text, now, &zone);
    let to = to.map_or_else(|| Ok(now.as_millisecond()), read)?;
    let day_before = to.saturating_sub(i64::try_from(USUAL.as_millis())?);
    let from = from.map_or_else(|| Ok(day_before), read)?;
    if from > to {
        bail!("--from is after --to\n  hint: name the earlier time with --from");
    }
    Ok((from, to))
}

fn json(event: &RecordedEvent) -> serde_json::Value {
    serde_json::json!({
        "at": rfc3339(event.unix_ms),
        "kind": event.kind,
        "text": event.text,
        "pid": event.pid,
        "name": event.name,
    })
}

fn text(events: &[RecordedEvent]) -> String {
    let mut out = String::new();
    for event in events {
        let (first, lines) = match event.text.split_once('\n') {
            Some(parts) if event.kind == UNIT_FAILED => parts,
            _ => (event.text.as_str(), ""),
        };
        let (kind, words) = (screen::line(&event.kind), screen::line(first));
        let _ = writeln!(out, "{}  {kind:<16}  {words}", local(event.unix_ms));
        for line in lines.lines() {
            let _ = writeln!(out, "    {}", screen::line(line));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_shown_unless_told() {
        let now: Timestamp = "2026-11-22T02:30:00Z".parse().expect("a time");
        let ms = now.as_millisecond();
        let hour = 3_600_000;
        let read = |from, to| times(from, to, now).expect("times");
        assert_eq!(read(None, None), (ms - 24 * hour, ms));
        assert_eq!(read(Some("-2h"), None), (ms - 2 * hour, ms));
        assert_eq!(read(None, Some("-2d")), (ms - 72 * hour, ms - 48 * hour));
        assert!(times(Some("-1h"), Some("-2h"), now).is_err());
    }

    #[test]
    fn a_failed_unit_has_its_last_lines_below_it() {
        let event = RecordedEvent {
            unix_ms: 0,
            kind: UNIT_FAILED.to_owned(),
            text: "web.service failed\nno\u{1b} port\nbye".to_owned(),
            pid: None,
            name: None,
        };
        let shown = text(&[event]);
        assert!(shown.ends_with("  unit_failed       web.service failed\n    no? port\n    bye\n"));
    }

    #[test]
    fn an_event_is_one_line_whatever_it_says() {
        let event = RecordedEvent {
            unix_ms: 0,
            kind: "oom_kill".to_owned(),
            text: "Killed process 7\n\u{202e}(web)".to_owned(),
            pid: Some(7),
            name: None,
        };
        let shown = text(&[event.clone(), event]);
        assert_eq!(shown.lines().count(), 2);
        assert!(shown.contains("  oom_kill          Killed process 7??(web)\n"), "{shown}");
    }
}
