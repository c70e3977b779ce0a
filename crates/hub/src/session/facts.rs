use serde::Deserialize;
use watchfire_model::{Event, EventKind, Moment, OomVictim};
use watchfire_wire::{Hello, RingState};

/// What an agent said of itself when the session began, as claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Greeted {
    /// When the hello came.
    pub(super) at: Moment,
    pub(super) ring: Option<RingState>,
    /// Whether its machine was started anew since the session before; `None` when
    /// that is not known.
    pub(super) rebooted: Option<bool>,
    pub(super) uptime_ms: Option<u64>,
    /// Why it was started, by the name that the agent gives.
    pub(super) reboot_reason: String,
    /// The kernel's last words, if it had any.
    pub(super) last_words: String,
    /// The agent's wall clock less the hub's.
    pub(super) skew_ms: i64,
}

impl Greeted {
    pub(super) fn new(hello: &Hello, at: Moment) -> Self {
        // `kernel_panic: Kernel panic - not syncing: …`
        let (reason, words) = match hello.reboot_reason.split_once(": ") {
            Some((reason, words)) => (reason.trim(), words.trim()),
            None => (hello.reboot_reason.trim(), ""),
        };
        Self {
            at,
            ring: hello.ring,
            rebooted: None,
            uptime_ms: hello.uptime_ms,
            reboot_reason: reason.to_owned(),
            last_words: words.to_owned(),
            skew_ms: hello.unix_ms.saturating_sub(at.unix_ms),
        }
    }
}

/// An event as agents record it. A newer agent may have kinds that are not known here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct RecordedEvent {
    /// The name of its kind: `oom_kill` for example.
    pub(crate) kind: String,
    /// The kernel's words.
    pub(crate) text: String,
    /// The process that was killed.
    #[serde(default)]
    pub(crate) pid: Option<u32>,
    /// The short name of that process.
    #[serde(default)]
    pub(crate) name: Option<String>,
}

/// What a record says of an event; `None` when it is none at all.
pub(crate) fn recorded_event(bytes: &[u8]) -> Option<RecordedEvent> {
    serde_json::from_slice(bytes).ok()
}

/// The event in a record; `None` for one of a newer agent, or none at all.
pub(crate) fn event_of(bytes: &[u8], at: Moment) -> Option<Event> {
    let recorded = recorded_event(bytes)?;
    let kind = EventKind::ALL.into_iter().find(|kind| kind.name() == recorded.kind)?;
    let victim = recorded.pid.map(|pid| OomVictim {
        pid,
        name: recorded.name.unwrap_or_default(),
        cgroup: None,
        cgroup_limit: false,
        rss_bytes: None,
    });
    Some(Event { at, kind, text: recorded.text, victim })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_last_words_follow_the_reason() {
        let greeted = |reason: &str| {
            let hello = Hello { reboot_reason: reason.to_owned(), ..Hello::default() };
            let greeted = Greeted::new(&hello, Moment::default());
            (greeted.reboot_reason, greeted.last_words)
        };
        let both = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(greeted(""), both("", ""));
        assert_eq!(greeted("power_loss_or_reset"), both("power_loss_or_reset", ""));
        assert_eq!(greeted("kernel_panic: Oops: bad"), both("kernel_panic", "Oops: bad"));
    }

    #[test]
    fn events_are_read_and_what_is_none_is_passed_over() {
        let of = |text: &str| event_of(text.as_bytes(), Moment::default());
        let killed = of(r#"{"kind":"oom_kill","name":"web","pid":7,"text":"Out of memory"}"#);
        let killed = killed.expect("an event");
        assert_eq!(killed.kind, EventKind::OomKill);
        assert_eq!(killed.victim.map(|victim| victim.pid), Some(7));
        assert_eq!(of(r#"{"kind":"from the future","text":""}"#), None);
        assert_eq!(of("no JSON"), None);
    }
}
