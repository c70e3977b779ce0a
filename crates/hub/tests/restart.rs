//! What a start of the hub makes of what the last one left behind.

use std::path::Path;
use std::time::Duration;

use watchfire_hub::{Hub, HubConfig};
use watchfire_model::{
    IncidentKind, IncidentState, Moment, Presence, ServerName, Severity, TimelineEntry,
    TimelineKind,
};
use watchfire_runtime::Clock;
use watchfire_runtime::config::{Outside, Overrides, Source};
use watchfire_store::{IncidentFilter, NewIncidentRow, Store};

/// A hub.toml in `folder` that watches `servers`.
fn config(folder: &Path, servers: &[&str]) -> HubConfig {
    let mut text = "listen = \"127.0.0.1:0\"\ndata = \"data\"\ntime_zone = \"UTC\"\n".to_owned();
    for name in servers {
        text.push_str(&format!(
            "[[server]]\nname = {name:?}\naddress = \"127.0.0.1:9\"\n\
             login = {{ user = \"hub\", password = \"x\" }}\n"
        ));
    }
    let source = Source::from_text(&folder.join("hub.toml"), text);
    let outside = <dyn Outside>::machine(folder);
    HubConfig::from_source(&source, &Overrides::none(), &outside).expect("a good config")
}

fn open_incident(store: &Store, server: &str) {
    let row = NewIncidentRow {
        kind: IncidentKind::Presence,
        severity: Severity::Critical,
        part_of: None,
        labels: None,
        server: ServerName::new(server).expect("a good name"),
        presence: Presence::Down,
        cause: "silent".to_owned(),
        silence_began: None,
        judged: Moment::default(),
        hub_stalled: Duration::ZERO,
    };
    let judged = TimelineEntry {
        at: Moment::default(),
        kind: TimelineKind::Judged,
        text: "judged".to_owned(),
    };
    let write = store.write(|batch| {
        let id = batch.open_incident(&row)?;
        batch.add_timeline(id, &judged)
    });
    write.expect("the store works");
}

#[tokio::test]
async fn an_incident_of_a_server_that_is_no_longer_watched_is_closed() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let store = Store::open(&data).expect("a new store");
    open_incident(&store, "kept");
    open_incident(&store, "gone");
    drop(store);

    let hub = Hub::bind(config(folder.path(), &["kept"]), Clock::system()).await;
    drop(hub.expect("it starts"));
    let store = Store::open(&data).expect("a good store");
    let open = store.open_incidents().expect("readable");
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].server.as_str(), "kept");
    let all = store.incidents(&IncidentFilter::default()).expect("readable");
    let gone = all.iter().find(|one| one.server.as_str() == "gone").expect("it is kept");
    assert!(matches!(gone.state, IncidentState::Closed(_)));
    let timeline = store.timeline(gone.id).expect("readable");
    let last = timeline.last().expect("it has lines");
    assert!(last.text.contains("no longer watched"), "{}", last.text);
    assert_eq!(store.notifications_of(gone.id).expect("readable"), [], "it is not back");
}

#[tokio::test]
async fn the_first_password_is_made_once_and_shown_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = Hub::bind(config(folder.path(), &[]), Clock::system()).await.expect("it starts");
    let made = first.first_password().expect("nobody could log in").clone();
    assert_eq!(made.user, "admin");
    let knows = |hub: &Hub| hub.logins().any(|(_, hash)| hash.verify(&made.password));
    assert!(knows(&first));
    drop(first);
    let again = Hub::bind(config(folder.path(), &[]), Clock::system()).await.expect("it starts");
    assert!(again.first_password().is_none());
    assert!(knows(&again), "the password holds over a restart");
}

#[tokio::test]
async fn two_hubs_do_not_share_a_folder_or_a_port() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = Hub::bind(config(folder.path(), &[]), Clock::system()).await.expect("it starts");
    let second = Hub::bind(config(folder.path(), &[]), Clock::system()).await;
    let words = second.err().expect("the folder is taken").to_string();
    assert!(words.contains("data"), "{words}");

    let elsewhere = tempfile::tempdir().expect("a folder");
    let mut taken = config(elsewhere.path(), &[]);
    taken.listen = first.local_addr();
    let words = Hub::bind(taken, Clock::system()).await.err().expect("taken").to_string();
    assert!(words.contains(&first.local_addr().to_string()), "{words}");
}
