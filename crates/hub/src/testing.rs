//! What several test modules of this crate build on.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::tz::TimeZone;
use watchfire_alert::{PresenceLimits, Recipient};
use watchfire_model::{
    Channel, Content, Evidence, Incident, IncidentId, IncidentKind, Labels, Moment,
    NotificationKind, Presence, Scope, Selector, Server, ServerName, Severity, Sight, Transition,
};
use watchfire_runtime::{Clock, ManualClock, Secret};
use watchfire_store::{NewIncidentRow, NewNotification, Store};

use crate::config::{Login, WatchedServer};
use crate::events::Events;
use crate::fleet::Fleet;

/// `ms` after the start of every test, which is 1000 s after the machine's.
pub(crate) fn moment(ms: u64) -> Moment {
    let start = Moment { monotonic: Duration::from_secs(1000), unix_ms: 1_700_000_000_000 };
    start.after(Duration::from_millis(ms))
}

/// A clock that stands at `moment(0)`.
pub(crate) fn manual_clock() -> (Clock, ManualClock) {
    Clock::manual(moment(0))
}

pub(crate) fn name(text: &str) -> ServerName {
    ServerName::new(text).expect("a good name")
}

/// A server `name` whose label `team` is the name's first letter. Trouble of one whose name ends
/// with `minor` is a warning.
pub(crate) fn watched(text: &str, address: &str) -> WatchedServer {
    let mut labels = Labels::new();
    labels.insert("team", &text[..1]).expect("a good label");
    if text.ends_with("minor") {
        labels.insert("severity", "warning").expect("a good label");
    }
    WatchedServer {
        server: Server::new(name(text), labels),
        address: Some(address.to_owned()),
        login: Some(Login { user: "hub".to_owned(), password: Secret::new("the-agents-password") }),
        agent: None,
    }
}

/// The servers of team `letter` alone.
pub(crate) fn team(letter: &str) -> Scope {
    let selector = Selector::parse(&format!("team={letter:?}")).expect("a good matcher");
    Scope::new(vec![selector])
}

pub(crate) fn fleet_of(servers: &[&str], open: &[Incident], clock: &Clock) -> Arc<Fleet> {
    let servers = servers.iter().map(|name| watched(name, "127.0.0.1:9")).collect();
    let limits = PresenceLimits::default();
    Arc::new(Fleet::new(servers, limits, open, clock.clone(), Events::new()))
}

pub(crate) fn recipient(name: &str, scope: Scope) -> Recipient {
    Recipient {
        name: name.to_owned(),
        scope,
        channels: vec![Channel::new("terminal:")],
        ways: Vec::new(),
        escalated: Vec::new(),
        awake: Default::default(),
        time_zone: TimeZone::UTC,
    }
}

/// A change of presence at `ms`, as the fleet would hand it on.
pub(crate) fn change(server: &str, from: Presence, to: Presence, ms: u64) -> Transition {
    let saw = if to == Presence::AgentDown { Sight::Refused } else { Sight::NoAnswer };
    let evidence = Evidence { observer: "hub".to_owned(), at: moment(ms), saw };
    Transition {
        server: name(server),
        from,
        to,
        at: moment(ms),
        last_sign: Some(moment(ms.saturating_sub(5000))),
        hub_stalled: Duration::ZERO,
        evidence: vec![evidence],
    }
}

/// Opens an incident of `server` in the store, judged at `ms`.
pub(crate) fn open_incident(store: &Store, server: &str, ms: u64) -> IncidentId {
    let row = NewIncidentRow {
        kind: IncidentKind::Presence,
        severity: Severity::Critical,
        part_of: None,
        labels: None,
        server: name(server),
        presence: Presence::Down,
        cause: format!("{server} is silent"),
        silence_began: Some(moment(ms)),
        judged: moment(ms),
        hub_stalled: Duration::ZERO,
    };
    store.write(|batch| batch.open_incident(&row)).expect("the store works")
}

/// An open incident of `server`, as [`open_incident`] stores it.
pub(crate) fn open_row(server: &str, id: i64, ms: u64) -> Incident {
    Incident {
        id: IncidentId(id),
        kind: IncidentKind::Presence,
        severity: Severity::Critical,
        part_of: None,
        server: name(server),
        labels: None,
        acknowledged: None,
        presence: Presence::Down,
        cause: format!("{server} is silent"),
        silence_began: Some(moment(ms)),
        judged: moment(ms),
        hub_stalled: Duration::ZERO,
        state: watchfire_model::IncidentState::Open,
    }
}

/// A notification for `user` on `channels` whose words are its message id.
pub(crate) fn letter(
    incident: Option<IncidentId>,
    user: &str,
    kind: NotificationKind,
    channels: &[&str],
    message_id: &str,
) -> NewNotification {
    let words = |prefix: &str| Content {
        subject: format!("{prefix}{message_id}"),
        text: format!("{prefix}{message_id}"),
        html: format!("<p>{prefix}{message_id}</p>"),
    };
    NewNotification {
        incident,
        thread: watchfire_store::Thread::OfIncident,
        held: false,
        user: user.to_owned(),
        kind,
        channels: channels.iter().map(|channel| Channel::new(channel)).collect(),
        content: words(""),
        content_if_first: (kind == NotificationKind::Recovered).then(|| words("first-")),
        message_id: format!("{message_id}@hub.test"),
        references: Vec::new(),
        created: moment(0),
    }
}

/// Changes the first `from` in the database of `folder` to `to`, whose last handle is `store`.
pub(crate) fn damage(store: Store, folder: &Path, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    // A commit of this size makes SQLite move all pages from its WAL to the file.
    let filler = vec![0; 8 << 20];
    store.write(|batch| batch.put_secret("filler", &filler)).expect("the store works");
    drop(store);
    for beside in ["watchfire.db-wal", "watchfire.db-shm"] {
        let removed = std::fs::remove_file(folder.join(beside));
        let gone = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
        assert!(removed.as_ref().err().is_none_or(gone), "{removed:?}");
    }
    let path = folder.join("watchfire.db");
    let mut bytes = std::fs::read(&path).expect("it is there");
    let mut places = bytes.windows(from.len()).enumerate();
    let found = places.find(|(_, window)| *window == from.as_bytes());
    let place = found.expect("it is in the file").0;
    bytes[place..place + to.len()].copy_from_slice(to.as_bytes());
    std::fs::write(&path, bytes).expect("it can be written");
}

/// Lets the other tasks of this runtime come to their next wait.
pub(crate) async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// Looks again and again until `found` finds something; for what happens on
/// other threads. It panics when that takes longer than any machine does.
pub(crate) async fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    for _ in 0..20_000 {
        if let Some(found) = found() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("this did not happen: {what}");
}

/// What is logged on this thread for as long as it lives.
pub(crate) struct Log {
    lines: Arc<Mutex<Vec<u8>>>,
    _guard: tracing::subscriber::DefaultGuard,
}

impl Log {
    pub(crate) fn new() -> Self {
        let lines: Arc<Mutex<Vec<u8>>> = Arc::default();
        let sink = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || Sink(sink.clone()))
            .finish();
        Self { lines, _guard: tracing::subscriber::set_default(subscriber) }
    }

    pub(crate) fn holds(&self, words: &str) -> bool {
        let lines = self.lines.lock().expect("nobody panicked in it");
        String::from_utf8_lossy(&lines).contains(words)
    }
}

struct Sink(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panicked in it").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
