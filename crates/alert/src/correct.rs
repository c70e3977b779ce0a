//! What is known better of an incident once its server handed in what it recorded.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use watchfire_model::{
    Event, Incident, IncidentState, Moment, Presence, ProcessTable, Status, TimelineEntry,
    TimelineKind,
};

use crate::{clean, human, report, view};

/// How far a record may end from the silence's own end and still cover it: a tick may
/// be lost on each side, and clocks of two machines are never quite the same.
const SLACK: Duration = Duration::from_secs(5);
/// How many of the kernel's events before the silence are kept.
const MAX_EVENTS: usize = 5;
/// How many processes are named.
const MAX_PROCESSES: usize = 3;
/// The longest of the kernel's words.
const MAX_WORDS: usize = 160;

/// What a server's agent told after its return. All times are on the hub's clock.
#[derive(Debug, Clone, Copy)]
pub struct Aftermath<'a> {
    /// When the first word of the agent came.
    pub back: Moment,
    /// Whether the machine was started anew in the silence; `None` when the id of one
    /// of both boots is not known.
    pub rebooted: Option<bool>,
    /// How long the machine had been up at `back`.
    pub uptime: Option<Duration>,
    /// Why it was started anew, by the name that the agent gives: `kernel_panic` for
    /// example.
    pub reboot_reason: &'a str,
    /// The kernel's last words; empty when there are none.
    pub last_words: &'a str,
    /// What was recorded within the silence, once backfill is over.
    pub kept: Option<Kept>,
    /// What the kernel told around the beginning of the silence, oldest first.
    pub events: &'a [Event],
    /// The last reading that was recorded before the server went dark, and when.
    pub last_status: Option<(i64, &'a Status)>,
    /// The process table that goes with it.
    pub last_processes: Option<&'a ProcessTable>,
}

/// What was recorded within a silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// When its first tick was taken, in milliseconds since 1970.
    pub from_ms: i64,
    /// When its last tick was taken.
    pub to_ms: i64,
    /// True when no tick between them is missing.
    pub whole: bool,
}

/// What an incident is to say from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// What happened, in one sentence that takes the place of the first one.
    pub cause: String,
    /// The lines to add.
    pub timeline: Vec<TimelineEntry>,
    /// True when it says something else than the verdict that users were told.
    pub contradicts: bool,
}

/// What `facts` say about `incident` that it does not say yet; `None` when they say
/// nothing new. To be asked once, when backfill of the silence is over.
#[must_use]
pub fn correct(incident: &Incident, facts: &Aftermath<'_>) -> Option<Correction> {
    let silence = Silence::of(incident, facts);
    let (rebooted_then, kept) = (silence.rebooted(facts), silence.kept(facts));
    let was_unreachable = incident.presence == Presence::Unreachable;
    // A record of the silence says that the path was cut, and a reboot that it was not.
    let contradicts =
        if rebooted_then { was_unreachable } else { kept.is_none() || !was_unreachable };
    let cause = if rebooted_then {
        rebooted(&silence, facts)
    } else {
        same_boot(&silence, incident, facts)?
    };
    let text = clean(&cause, view::MAX_SENTENCE + MAX_WORDS);
    let told = TimelineEntry { at: facts.back, kind: TimelineKind::Corrected, text };
    let timeline = black_box(&silence, facts).into_iter().chain([told]).collect();
    Some(Correction { cause, timeline, contradicts })
}

/// The silence on the hub's wall clock.
struct Silence {
    from_ms: i64,
    to_ms: i64,
    back: Moment,
}

impl Silence {
    fn of(incident: &Incident, facts: &Aftermath<'_>) -> Self {
        let from = incident.silence_began.unwrap_or(incident.judged);
        let to = match incident.state {
            IncidentState::Closed(at) => at.unix_ms.min(facts.back.unix_ms),
            IncidentState::Open => facts.back.unix_ms,
        };
        Self { from_ms: from.unix_ms, to_ms: to.max(from.unix_ms), back: facts.back }
    }

    /// By the boots' ids; where one is not known, by the time of the boot.
    fn rebooted(&self, facts: &Aftermath<'_>) -> bool {
        facts.rebooted.unwrap_or_else(|| {
            booted_ms(facts)
                .is_some_and(|booted| booted >= self.from_ms.saturating_sub(millis(SLACK)))
        })
    }

    /// The record, cut to the silence; `None` when nothing of it lies within.
    fn kept(&self, facts: &Aftermath<'_>) -> Option<Kept> {
        let kept = facts.kept?;
        let cut = Kept {
            from_ms: kept.from_ms.max(self.from_ms),
            to_ms: kept.to_ms.min(self.to_ms),
            whole: kept.whole,
        };
        (cut.from_ms < cut.to_ms).then_some(cut)
    }

    fn is_covered(&self, kept: Kept) -> bool {
        let slack = millis(SLACK);
        kept.whole
            && kept.from_ms.saturating_sub(self.from_ms) <= slack
            && self.to_ms.saturating_sub(kept.to_ms) <= slack
    }

    /// A moment of the wall clock as words: its day only where it is not the first one.
    fn clock(&self, unix_ms: i64) -> String {
        let utc = |ms| Timestamp::from_millisecond(ms).map(|stamp| stamp.to_zoned(TimeZone::UTC));
        let (Ok(at), Ok(from)) = (utc(unix_ms), utc(self.from_ms)) else {
            return "an unknown time".to_owned();
        };
        let form = if at.date() == from.date() { "%H:%M:%S" } else { "%-d %b %H:%M:%S" };
        at.strftime(form).to_string()
    }

    /// The moment of the hub's clocks at a time of the wall clock.
    fn moment(&self, unix_ms: i64) -> Moment {
        let ago = u64::try_from(self.back.unix_ms.saturating_sub(unix_ms)).unwrap_or(0);
        self.back.before(Duration::from_millis(ago))
    }
}

fn booted_ms(facts: &Aftermath<'_>) -> Option<i64> {
    facts.uptime.map(|uptime| facts.back.unix_ms.saturating_sub(millis(uptime)))
}

fn rebooted(silence: &Silence, facts: &Aftermath<'_>) -> String {
    let ran_until = match silence.kept(facts) {
        // What was recorded after the boot says nothing of what was before it.
        Some(kept) if booted_ms(facts).is_none_or(|booted| kept.to_ms <= booted) => kept.to_ms,
        _ => silence.from_ms,
    };
    let mut words = format!(
        "It was rebooted ({}): it ran until {}",
        reason(facts.reboot_reason),
        silence.clock(ran_until)
    );
    match booted_ms(facts) {
        Some(booted) => {
            words.push_str(&format!(", and is up again since {} UTC", silence.clock(booted)))
        }
        None => words.push_str(" UTC"),
    }
    let last_words = clean(facts.last_words, MAX_WORDS);
    if !last_words.is_empty() {
        words.push_str(&format!("; the kernel's last words: {last_words}"));
    }
    ended(words)
}

fn same_boot(silence: &Silence, incident: &Incident, facts: &Aftermath<'_>) -> Option<String> {
    let up = facts.uptime.map_or(String::new(), |uptime| {
        format!(", and it has been up for {}", human::duration(uptime))
    });
    let Some(kept) = silence.kept(facts) else {
        // That the agent did not run is what the incident says already, and without a
        // boot id or a record nothing is known.
        let is_news = facts.rebooted == Some(false) && incident.presence != Presence::AgentDown;
        let words =
            format!("The agent did not run, the machine did: nothing was recorded meanwhile{up}");
        return is_news.then(|| ended(words));
    };
    let (from, to) = (silence.clock(kept.from_ms), silence.clock(kept.to_ms));
    Some(ended(if silence.is_covered(kept) {
        format!(
            "It was cut off, the machine was running: it kept recording from {from} to {to} UTC{up}"
        )
    } else {
        format!(
            "It was cut off, the machine was running for a part of it: it recorded from {from} \
             to {to} UTC, with gaps{up}"
        )
    }))
}

/// The reason's name as words.
fn reason(name: &str) -> &str {
    match name {
        "clean_shutdown" => "an orderly shutdown",
        "kernel_panic" => "its kernel failed",
        "watchdog" => "a watchdog found it hanging",
        "power_loss_or_reset" => "power loss or reset",
        _ => "the reason is not known",
    }
}

fn ended(mut words: String) -> String {
    if !words.ends_with(['.', '!', '?', '…']) {
        words.push('.');
    }
    words
}

/// What was recorded before the server went dark, and the kernel's last words.
fn black_box(silence: &Silence, facts: &Aftermath<'_>) -> Vec<TimelineEntry> {
    let entry = |at: Moment, text: &str| TimelineEntry {
        at,
        kind: TimelineKind::BlackBox,
        text: clean(text, view::MAX_SENTENCE),
    };
    let mut lines = Vec::new();
    if let Some((at_ms, status)) = facts.last_status {
        let at = silence.moment(at_ms);
        lines.push(entry(at, &format!("last recorded: {}", report::reading(status))));
        lines.extend(facts.last_processes.and_then(busiest).map(|text| entry(at, &text)));
    }
    let first = facts.events.len().saturating_sub(MAX_EVENTS);
    lines.extend(
        facts.events[first..]
            .iter()
            .map(|event| entry(event.at, &format!("kernel: {}", clean(&event.text, MAX_WORDS)))),
    );
    let last_words = clean(facts.last_words, MAX_WORDS);
    if !last_words.is_empty() {
        let words = format!("the kernel's last words: {last_words}");
        lines.push(entry(silence.moment(silence.from_ms), &words));
    }
    lines
}

fn busiest(table: &ProcessTable) -> Option<String> {
    let rows: Vec<String> = view::top_processes(table)
        .into_iter()
        .take(MAX_PROCESSES)
        .map(|p| format!("{} (pid {}) {} cpu, {}", p.name, p.pid, p.cpu, p.memory))
        .collect();
    (!rows.is_empty()).then(|| format!("busiest then: {}", rows.join("; ")))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
