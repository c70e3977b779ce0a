use futures_util::FutureExt;
use watchfire_model::{
    Content, Moment, Notification, NotificationState, Presence, ProcessTable, Scope,
};
use watchfire_store::IncidentFilter;

use super::*;
use crate::testing::{
    Log, change, fleet_of, manual_clock, moment, name, open_incident, recipient, settle, team,
    until,
};

const HUB: &str = "hub.test";

/// A desk over a store of its own.
struct Room {
    store: Store,
    fleet: Arc<Fleet>,
    desk: Arc<Desk>,
    folder: tempfile::TempDir,
}

impl Room {
    fn new(servers: &[&str], users: &[(&str, Scope)]) -> Self {
        Self::in_folder(tempfile::tempdir().expect("a folder"), servers, users)
    }

    /// What a start of the hub does with what the folder holds.
    fn in_folder(folder: tempfile::TempDir, servers: &[&str], users: &[(&str, Scope)]) -> Self {
        let store = Store::open(folder.path()).expect("a good store");
        let open = store.open_incidents().expect("readable");
        Self::with_open(folder, store, open, servers, users)
    }

    fn with_open(
        folder: tempfile::TempDir,
        store: Store,
        open: Vec<Incident>,
        servers: &[&str],
        users: &[(&str, Scope)],
    ) -> Self {
        let (clock, _hand) = manual_clock();
        let fleet = fleet_of(servers, &open, &clock);
        let recipients = users.iter().map(|(name, scope)| recipient(name, scope.clone())).collect();
        let letters = (recipients, "http://hub.test".to_owned(), HUB.to_owned());
        let (events, courier) = (Events::new(), Arc::new(Notify::new()));
        let desk = Desk::new(fleet.clone(), store.clone(), open, letters, events, courier);
        Self { store, fleet, desk: Arc::new(desk), folder }
    }

    /// Ends this hub and starts another on the same folder.
    fn restart(self, servers: &[&str], users: &[(&str, Scope)]) -> Self {
        let Self { store, fleet, desk, folder } = self;
        drop((store, fleet, desk));
        Self::in_folder(folder, servers, users)
    }

    fn record(&self, transitions: &[Transition]) {
        self.desk.record(transitions).expect("the store works");
    }

    fn incidents(&self) -> Vec<Incident> {
        self.store.incidents(&IncidentFilter::default()).expect("readable")
    }

    /// What `user` is told, oldest first.
    fn told(&self, user: &str) -> Vec<Notification> {
        let mut told: Vec<Notification> = self
            .incidents()
            .iter()
            .flat_map(|incident| self.store.notifications_of(incident.id).expect("readable"))
            .filter(|notification| notification.user == user)
            .collect();
        told.sort_by_key(|notification| notification.id);
        told
    }

    fn kinds(&self, user: &str) -> Vec<NotificationKind> {
        self.told(user).iter().map(|notification| notification.kind).collect()
    }
}

fn down(server: &str, ms: u64) -> Transition {
    change(server, Presence::Up, Presence::Down, ms)
}

fn back(server: &str, ms: u64) -> Transition {
    change(server, Presence::Down, Presence::Up, ms)
}

#[test]
fn every_matching_user_is_told_once_and_nobody_else() {
    let users = [
        ("ann", team("a")),
        ("bob", team("b")),
        ("eve", Scope::everything()),
        ("nil", Scope::default()),
    ];
    let room = Room::new(&["a-1", "b-1"], &users);
    room.record(&[down("a-1", 5000), change("a-1", Presence::Late, Presence::Late, 5001)]);
    let counts =
        |users: &[&str]| -> Vec<usize> { users.iter().map(|user| room.told(user).len()).collect() };
    assert_eq!(counts(&["ann", "bob", "eve", "nil"]), [1, 0, 1, 0]);
    let told = &room.told("ann")[0];
    assert_eq!((told.kind, told.state), (NotificationKind::Down, NotificationState::Pending));
    assert!(told.content.subject.contains("a-1"), "{}", told.content.subject);
    assert!(told.content.text.contains("http://hub.test/#/incident/1"), "{}", told.content.text);
    assert!(told.references.is_empty() && told.content_if_first.is_none());
    let incident = &room.incidents()[0];
    assert_eq!((incident.judged, incident.silence_began), (moment(5000), Some(moment(0))));
    assert!(room.store.timeline(incident.id).expect("readable").len() >= 2);
}

#[test]
fn the_transition_and_all_its_notifications_are_one_transaction() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a good store");
    // The desk does not know of this one, so that b-1's incident cannot be written.
    let in_the_way = open_incident(&store, "b-1", 0);
    let users = [("ann", Scope::everything())];
    let room = Room::with_open(folder, store, Vec::new(), &["a-1", "b-1", "c-1"], &users);
    room.record(&[down("c-1", 4000)]);
    let both = [down("a-1", 5000), down("b-1", 5001)];
    assert!(room.desk.record(&both).is_err());
    assert_eq!(room.incidents().len(), 2, "the one in the way and the one before");
    assert_eq!(room.told("ann").len(), 1, "nobody is told of what is not there");
    let believed: Vec<ServerName> = room.desk.open.lock().expect("whole").keys().cloned().collect();
    assert_eq!(believed, [name("c-1")], "the desk believes what the store holds");

    let close = |batch: &Batch<'_>| batch.close_incident(in_the_way, moment(5002));
    room.store.write(close).expect("the store works");
    room.record(&both);
    assert_eq!(room.told("ann").len(), 3, "the same transitions are taken once they can be");
}

#[test]
fn five_hundred_that_fall_together_are_one_transaction() {
    let names: Vec<String> = (0..500).map(|n| format!("a-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let room = Room::new(&names, &[("ann", team("a")), ("eve", Scope::everything())]);
    let transitions: Vec<Transition> = names.iter().map(|name| down(name, 5000)).collect();
    room.record(&transitions);
    assert_eq!(room.store.open_incidents().expect("readable").len(), 500);
    assert_eq!(room.store.lanes().expect("readable").len(), 1000);
}

#[test]
fn a_changed_verdict_and_the_recovery_refer_to_what_was_told() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    let agent_down = change("a-1", Presence::Up, Presence::AgentDown, 5000);
    let worse = change("a-1", Presence::AgentDown, Presence::Down, 20_000);
    room.record(&[agent_down]);
    room.record(&[worse]);
    assert_eq!(room.incidents()[0].presence, Presence::Down);
    // Back and forth: each change has its own Message-ID.
    room.record(&[change("a-1", Presence::Down, Presence::AgentDown, 40_000)]);
    room.record(&[change("a-1", Presence::AgentDown, Presence::Up, 60_000)]);
    let told = room.told("ann");
    use NotificationKind::{Changed, Down, Recovered};
    assert_eq!(room.kinds("ann"), [Down, Changed, Changed, Recovered]);
    for (index, one) in told.iter().enumerate() {
        let earlier: Vec<&String> = told[..index].iter().map(|one| &one.message_id).collect();
        assert_eq!(one.references.iter().collect::<Vec<_>>(), earlier, "{index}");
        assert!(!earlier.contains(&&one.message_id), "{index}");
        assert_eq!(one.content_if_first.is_some(), one.kind == Recovered, "{index}");
    }
    let incident = &room.incidents()[0];
    assert_eq!(incident.state, IncidentState::Closed(moment(60_000)));
    assert_eq!(room.store.open_incidents().expect("readable"), []);
    let timeline = room.store.timeline(incident.id).expect("readable");
    assert!(timeline.is_sorted_by_key(|entry| entry.at.monotonic), "{timeline:#?}");

    room.record(&[down("a-1", 90_000)]);
    let again = room.told("ann").pop().expect("told again");
    assert_eq!((again.kind, again.references), (Down, Vec::new()), "another incident");
}

#[test]
fn down_and_back_in_one_batch_is_told_in_order() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    room.record(&[down("a-1", 5000), back("a-1", 6000), down("a-1", 12_000)]);
    use NotificationKind::{Down, Recovered};
    assert_eq!(room.kinds("ann"), [Down, Recovered, Down]);
    assert_eq!(room.incidents().len(), 2);
    assert_eq!(room.store.open_incidents().expect("readable").len(), 1);
}

#[test]
fn the_recovery_goes_only_to_those_who_were_told_and_still_may_know() {
    let room = Room::new(&["a-1"], &[("ann", team("a")), ("bob", team("a"))]);
    room.record(&[down("a-1", 5000)]);
    // Bob loses the team and Cat joins it while the trouble goes on.
    let users = [("ann", team("a")), ("bob", team("b")), ("cat", team("a"))];
    let room = room.restart(&["a-1"], &users);
    room.record(&[change("a-1", Presence::Down, Presence::AgentDown, 30_000)]);
    room.record(&[change("a-1", Presence::AgentDown, Presence::Up, 60_000)]);
    use NotificationKind::{Changed, Down, Recovered};
    assert_eq!(room.kinds("ann"), [Down, Changed, Recovered]);
    assert_eq!(room.kinds("bob"), [Down]);
    assert_eq!(room.kinds("cat"), []);
}

#[tokio::test]
async fn a_restart_tells_no_second_down_of_the_same_trouble() {
    let room = Room::new(&["a-1", "b-1"], &[("ann", Scope::everything())]);
    room.record(&[down("a-1", 5000)]);
    let room = room.restart(&["a-1", "b-1"], &[("ann", Scope::everything())]);
    let restored = room.fleet.snapshot(0);
    assert_eq!(restored.presence, Presence::Down);
    assert_eq!(restored.incident.map(|(id, _)| id.0), Some(1));
    for ms in (0..120_000).step_by(500) {
        room.fleet.check(0, moment(ms));
    }
    assert!(room.fleet.transitions(10).now_or_never().is_none(), "nothing new is known of it");

    room.fleet.heard(0);
    let news = room.fleet.transitions(10).now_or_never().expect("it is back");
    room.record(&news);
    use NotificationKind::{Down, Recovered};
    assert_eq!(room.kinds("ann"), [Down, Recovered]);
    assert_eq!(room.told("ann")[1].references, [room.told("ann")[0].message_id.clone()]);
}

#[test]
fn a_verdict_that_repeats_after_a_restart_is_no_news() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    room.record(&[down("a-1", 5000)]);
    let room = room.restart(&["a-1"], &[("ann", team("a"))]);
    room.record(&[change("a-1", Presence::Unknown, Presence::Down, 9000)]);
    assert_eq!(room.kinds("ann"), [NotificationKind::Down]);
    assert_eq!(room.incidents().len(), 1);
}

#[test]
fn the_letter_holds_the_last_known_state() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    let mut status = watchfire_model::Status::default();
    status.load.one = 7.25;
    room.fleet.status(0, status);
    let mut table = ProcessTable::default();
    table.processes.push(watchfire_model::ProcessRow {
        pid: 4242,
        name: "postgres".to_owned(),
        ..Default::default()
    });
    room.fleet.processes(0, table);
    room.record(&[down("a-1", 5000)]);
    let Content { text, html, .. } = room.told("ann").remove(0).content;
    for words in ["7.25", "postgres", "4242"] {
        assert!(text.contains(words), "{words} is missing: {text}");
        assert!(html.contains(words), "{words} is missing: {html}");
    }
}

/// The desk at work; `open_elsewhere` makes every write of a-1 fail until it is closed.
#[tokio::test]
async fn what_cannot_be_stored_is_kept_and_stored_later() {
    let log = Log::new();
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a good store");
    let in_the_way = open_incident(&store, "a-1", 0);
    let users = [("ann", Scope::everything())];
    let room = Room::with_open(folder, store, Vec::new(), &["a-1", "b-1"], &users);
    let (clock, hand) = manual_clock();
    let (shutdown, _end) = Shutdown::new();
    let _desk = task::spawn("desk", room.desk.clone().run(clock, shutdown));

    room.fleet.check(0, moment(5000));
    until("the desk says that it cannot", || log.holds("cannot be stored yet").then_some(())).await;
    room.fleet.check(1, moment(5100));
    settle().await;
    assert_eq!(room.told("ann"), []);

    let close = |at: Moment| room.store.write(|batch| batch.close_incident(in_the_way, at));
    close(moment(5200)).expect("the store works");
    let both = until("both are stored", || {
        // Time stands still for the desk between its tries.
        hand.advance(RETRY);
        let open = room.store.open_incidents().expect("readable");
        (open.len() == 2).then_some(open)
    })
    .await;
    assert_eq!(both[0].server, name("a-1"), "in the order in which they happened");
    assert_eq!(both[0].judged, moment(5000), "the time of the judgement, not of the write");
    until("the fleet shows it", || room.fleet.snapshot(1).incident).await;
    assert_eq!(room.told("ann").len(), 2);
}
