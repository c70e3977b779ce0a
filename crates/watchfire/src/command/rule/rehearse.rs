use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use watchfire_alert::rules::RuleFile;
use watchfire_api::rehearsal::{
    RehearsalWish, Rehearsed, RehearsedAlert, RehearsedRule, RehearsedStretch,
};
use watchfire_runtime::Clock;

use super::files::{self, BadFiles, counted};
use crate::command::block_on;
use crate::command::past::local;
use crate::command::query::step_of;
use crate::hub_client::{Answer, Hub, Question};
use crate::{screen, when};

const PATH: &str = "/api/v1/rules/rehearse";
/// So many stretches of an alert are printed; JSON has all.
const SHOWN: usize = 10;

#[derive(clap::Args)]
pub(super) struct Rehearse {
    /// A file of rules
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// From this time on [default: a day ago]: 03:12, "yesterday 14:00", -6h, or RFC 3339
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// Up to this time [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<String>,
    /// The time between evaluations, as in 15s or 1m [default: that of each group]
    #[arg(long, value_name = "DURATION")]
    step: Option<String>,
    /// The hub, as it was named to `watchfire login` [default: that of the last login]
    #[arg(long, value_name = "HUB")]
    hub: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A hub's no, in Prometheus' shape.
#[derive(Deserialize)]
struct No {
    error: String,
}

impl Rehearse {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let rules = files::read(&self.file)?;
        // Its mistakes are told here, with the file's own name.
        if let Err(errors) = RuleFile::parse(&self.file.display().to_string(), &rules) {
            files::tell(&errors);
            return Err(BadFiles { bad: 1, all: 1 }.into());
        }
        let clock = Clock::system();
        let wish = self.wish(rules, &clock)?;
        let hub = Hub::known(self.hub.as_deref(), &clock)?;
        let answer = block_on(hub.send(&Question::post(PATH, &serde_json::to_value(&wish)?)))?;
        let told = understood(&hub, &answer)?;
        if self.json {
            return screen::print_json(&told);
        }
        screen::print(&text(&told))
    }

    fn wish(&self, rules: String, clock: &Clock) -> anyhow::Result<RehearsalWish> {
        let now = Timestamp::from_millisecond(clock.now().unix_ms)?;
        let zone = TimeZone::system();
        let read = |text: &Option<String>| {
            text.as_deref().map(|text| when::past(text, now, &zone)).transpose()
        };
        let step = self.step.as_deref().map(step_of).transpose()?;
        let step_ms = step.map(|step| i64::try_from(step.as_millis())).transpose()?;
        let (from_unix_ms, until_unix_ms) = (read(&self.from)?, read(&self.to)?);
        Ok(RehearsalWish { rules, from_unix_ms, until_unix_ms, step_ms })
    }
}

fn understood(hub: &Hub, answer: &Answer) -> anyhow::Result<Rehearsed> {
    if answer.status == 200 {
        return hub.read(answer);
    }
    match serde_json::from_slice::<No>(&answer.body) {
        Ok(no) => bail!("{}", screen::line(&no.error)),
        Err(_) => bail!("{}", hub.words(answer)),
    }
}

fn text(told: &Rehearsed) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail, so the results are not looked at.
    let _ = writeln!(out, "{} to {}", local(told.from_unix_ms), local(told.until_unix_ms));
    for group in &told.groups {
        let step = screen::span(millis(group.step_ms));
        let _ = writeln!(out, "\n{}, every {step}", screen::line(&group.name));
        if group.rules.is_empty() {
            let _ = writeln!(out, "  no alerting rule");
        }
        group.rules.iter().for_each(|rule| add_rule(&mut out, rule));
    }
    out
}

fn add_rule(out: &mut String, rule: &RehearsedRule) {
    let fired = rule.alerts.iter().filter(|alert| alert.firing_ms > 0).count();
    let quiet = rule.alerts.len() - fired;
    let name = screen::line(&rule.name);
    let _ = match (fired, quiet) {
        (0, 0) => writeln!(out, "  {name}: nothing"),
        (0, quiet) => writeln!(out, "  {name}: {} pending, none fired", counted(quiet, "alert")),
        (fired, _) => writeln!(out, "  {name}: {} fired", counted(fired, "alert")),
    };
    if let Some(error) = &rule.error {
        let times = rule.failed;
        let _ = writeln!(out, "    failed {times} times, first with: {}", screen::line(error));
    }
    rule.alerts.iter().for_each(|alert| add_alert(out, alert));
    if rule.untold > 0 {
        let _ = writeln!(out, "    and {} more", rule.untold);
    }
}

fn add_alert(out: &mut String, alert: &RehearsedAlert) {
    let labels = alert.labels.iter().filter(|(name, _)| *name != "alertname");
    let labels: Vec<String> = labels.map(|(name, value)| format!("{name}={value:?}")).collect();
    let (fired, waited) = (millis(alert.firing_ms), millis(alert.pending_ms));
    let (fired, waited) = (screen::span(fired), screen::span(waited));
    let labels = screen::line(&labels.join(", "));
    let _ = writeln!(out, "    {{{labels}}} fired {fired}, pending {waited}");
    for stretch in alert.stretches.iter().take(SHOWN) {
        add_stretch(out, stretch);
    }
    let more = alert.stretches.len().saturating_sub(SHOWN) + alert.untold;
    if more > 0 {
        let _ = writeln!(out, "      and {more} more");
    }
}

fn add_stretch(out: &mut String, stretch: &RehearsedStretch) {
    let RehearsedStretch { state, from_unix_ms: from, until_unix_ms: until } = stretch;
    let state = screen::line(state);
    let _ = match until {
        Some(until) => writeln!(out, "      {state} {} to {}", local(*from), local(*until)),
        None => writeln!(out, "      {state} {} to the end", local(*from)),
    };
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use watchfire_api::rehearsal::RehearsedGroup;

    use super::*;

    #[test]
    fn it_says_what_fired_when_and_for_how_long() {
        let stretch = |state: &str, from, until| RehearsedStretch {
            state: state.to_owned(),
            from_unix_ms: from,
            until_unix_ms: until,
        };
        let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let alert = RehearsedAlert {
            labels: BTreeMap::from([label("alertname", "Full"), label("instance", "web-1")]),
            annotations: BTreeMap::new(),
            pending_ms: 60_000,
            firing_ms: 300_000,
            stretches: vec![stretch("pending", 0, Some(60_000)), stretch("firing", 60_000, None)],
            untold: 0,
        };
        let rule = |name: &str, alerts: Vec<RehearsedAlert>, error: Option<&str>| RehearsedRule {
            name: name.to_owned(),
            line: 4,
            evaluations: 9,
            failed: if error.is_some() { 2 } else { 0 },
            error: error.map(str::to_owned),
            alerts,
            untold: 0,
        };
        let rules = vec![rule("Full", vec![alert], None), rule("Odd", Vec::new(), Some("no time"))];
        let groups = vec![RehearsedGroup { name: "disks".to_owned(), step_ms: 15_000, rules }];
        let text = text(&Rehearsed { from_unix_ms: 0, until_unix_ms: 360_000, groups });
        for line in [
            "disks, every ",
            "  Full: 1 alert fired\n    {instance=\"web-1\"} fired ",
            "\n      pending ",
            " to the end\n",
            "  Odd: nothing\n    failed 2 times, first with: no time\n",
        ] {
            assert!(text.contains(line), "{line:?} is not in {text}");
        }
    }
}
