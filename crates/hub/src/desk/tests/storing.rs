//! What cannot be stored or read stands in nobody's way.

use NotificationKind::{Down, Recovered};

use super::*;

/// The desk at work over a store that has no room for a while.
#[tokio::test]
async fn what_cannot_be_stored_is_kept_and_stored_later() {
    let log = Log::new();
    let room = Room::new(&["a-1", "b-1"], &[("ann", Scope::everything())]);
    let faults = [StoreError::Full, StoreError::Busy, StoreError::Full];
    room.desk.faults.lock().expect("whole").extend(faults);
    let (clock, hand) = manual_clock();
    let (shutdown, _end) = Shutdown::new();
    let _desk = task::spawn("desk", room.desk.clone().run(clock, shutdown));

    room.fleet.check(0, moment(5000));
    until("the desk says that it cannot", || log.holds("cannot be stored yet").then_some(())).await;
    room.fleet.check(1, moment(5100));
    settle().await;
    assert_eq!(room.told("ann"), []);

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
    assert_eq!(room.desk.set_aside.load(Ordering::Relaxed), 0, "a full disk costs nothing");
}

impl Room {
    /// Changes bytes of the database while no hub has it open.
    pub(super) fn damage(
        self,
        from: &str,
        to: &str,
        servers: &[&str],
        users: &[(&str, Scope)],
    ) -> Self {
        let Self { store, fleet, desk, folder, .. } = self;
        drop((fleet, desk));
        crate::testing::damage(store, folder.path(), from, to);
        Self::in_folder(folder, servers, users)
    }

    /// What the desk at work does with these; no time passes.
    async fn store_all(&self, transitions: &[Transition]) {
        let (clock, _hand) = manual_clock();
        let (shutdown, _end) = Shutdown::new();
        let work = self.desk.store_all(transitions.to_vec(), &clock, &shutdown);
        assert!(work.await.is_ok(), "nobody ends the hub");
    }

    fn set_aside(&self) -> u64 {
        self.desk.set_aside.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn an_unreadable_line_of_an_old_timeline_stops_no_alarm() {
    let (servers, users) = (["a-1", "b-1"], [("ann", Scope::everything())]);
    let room = Room::new(&servers, &users);
    room.record(&[down("a-1", 5000)]);
    let room = room.damage("judgedjudged", "fudgedjudged", &servers, &users);
    room.store_all(&[back("a-1", 60_000), down("b-1", 61_000)]).await;
    assert_eq!(room.kinds("ann"), [Down, Recovered, Down]);
    let text = &room.told("ann")[1].content.text;
    assert!(text.contains("first sign of life"), "the news is in it: {text}");
    assert_eq!(room.set_aside(), 0);
}

#[tokio::test]
async fn an_unreadable_notification_stops_no_alarm() {
    let (servers, users) = (["a-1", "b-1"], [("ann", Scope::everything())]);
    let room = Room::new(&servers, &users);
    room.record(&[down("a-1", 5000)]);
    let room = room.damage("down[DOWN]", "dawn[DOWN]", &servers, &users);
    let worse = change("a-1", Presence::Down, Presence::AgentDown, 50_000);
    room.store_all(&[worse, back("a-1", 60_000), down("b-1", 61_000)]).await;
    let lanes = room.store.lanes().expect("readable");
    assert_eq!(lanes.len(), 2, "one for each server");
    let a = room.store.lane(&lanes[0].key).expect("the rest of it is readable");
    assert!(a.iter().any(|(one, _)| one.kind == Recovered), "what can be read is sent");
    let mut open = room.store.open_incidents().expect("readable");
    let b = open.remove(0);
    assert!(b.server == name("b-1") && open.is_empty(), "a-1's incident is closed");
    assert_eq!(room.store.notifications_of(b.id).expect("readable").len(), 1);
    assert_eq!(room.set_aside(), 0);
}

#[tokio::test]
async fn an_unreadable_open_incident_neither_hides_others_nor_keeps_a_new_one_away() {
    let (servers, users) = (["a-1", "b-1", "c-1"], [("ann", Scope::everything())]);
    let room = Room::new(&servers, &users);
    room.record(&[change("a-1", Presence::Up, Presence::AgentDown, 5000), down("b-1", 5001)]);
    let room = room.damage("a-1agent_down", "a-1agent_dawn", &servers, &users);
    let open = room.store.open_incidents().expect("the others are readable");
    assert_eq!(open.iter().map(|open| open.server.as_str()).collect::<Vec<_>>(), ["b-1"]);
    room.store_all(&[down("a-1", 90_000), down("c-1", 90_001)]).await;
    let open = room.store.open_incidents().expect("readable");
    let open: Vec<&str> = open.iter().map(|open| open.server.as_str()).collect();
    assert_eq!(open, ["b-1", "a-1", "c-1"]);
    let lanes = room.store.lanes().expect("readable").len();
    assert_eq!((room.set_aside(), lanes), (0, 3), "one for the first two, then one each");
}

#[tokio::test]
async fn a_desk_that_differs_from_the_store_goes_by_the_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a good store");
    let unknown = open_incident(&store, "a-1", 0);
    let servers = ["a-1", "b-1", "c-1"];
    let users = [("ann", Scope::everything())];
    let room = Room::with_open(folder, store, Vec::new(), &servers, &users);
    // The desk does not know a-1's incident, and the store no longer has c-1's.
    room.record(&[down("c-1", 1000)]);
    let gone = room.store.open_incidents().expect("readable").pop().expect("c-1's").id;
    let close = |batch: &Batch<'_>| batch.close_incident(gone, moment(1001));
    room.store.write(close).expect("the store works");

    let worse = change("c-1", Presence::Down, Presence::AgentDown, 5001);
    room.store_all(&[down("a-1", 5000), worse, down("b-1", 5002)]).await;
    let open = room.store.open_incidents().expect("readable");
    let open: Vec<&str> = open.iter().map(|open| open.server.as_str()).collect();
    assert_eq!(open, ["a-1", "c-1", "b-1"]);
    assert_eq!(room.kinds("ann"), [Down, Down, Down], "c-1 twice and b-1");
    room.store_all(&[back("a-1", 9000)]).await;
    let closed = room.store.incident(unknown).expect("readable").expect("there");
    assert_eq!(closed.state, IncidentState::Closed(moment(9000)));
    assert_eq!(room.set_aside(), 0);
}

#[tokio::test]
async fn a_transition_that_cannot_be_stored_at_all_is_set_aside_alone() {
    let log = Log::new();
    let room = Room::new(&["a-1", "b-1", "c-1"], &[("ann", Scope::everything())]);
    let fault = StoreError::Refused { why: "no".to_owned() };
    // All three, a-1 alone, and a-1 once more.
    room.desk.faults.lock().expect("whole").extend([fault.clone(), fault.clone(), fault]);
    room.store_all(&[down("a-1", 5000), down("b-1", 5001), down("c-1", 5002)]).await;
    assert_eq!(room.set_aside(), 1);
    assert!(log.holds("is set aside"));
    assert_eq!(room.kinds("ann"), [Down, Down]);
}

#[tokio::test]
async fn a_letter_that_cannot_be_made_stops_no_other_and_says_the_least() {
    let users = [("ann", Scope::everything()), ("bob", Scope::everything())];
    let mut room = Room::new(&["a-1", "b-1"], &users);
    let desk = Arc::get_mut(&mut room.desk).expect("nobody else has it yet");
    desk.letters.recipients[0].time_zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(5));
    let words: letters::Words = |facts| {
        assert!(facts.time_zone == &jiff::tz::TimeZone::UTC, "a fault in the words");
        watchfire_alert::content(facts)
    };
    desk.letters.words = (words, words);
    room.store_all(&[down("a-1", 5000), back("a-1", 6000), down("b-1", 5001)]).await;
    // In the order in which they are told: what is wrong comes first.
    assert_eq!(room.kinds("bob"), [Down, Down, Recovered]);
    assert_eq!(room.kinds("ann"), [Down, Down, Recovered]);
    let told = room.told("ann");
    assert!(told[0].content.subject.starts_with("[DOWN] a-1: "), "{}", told[0].content.subject);
    assert!(told[2].content.subject.starts_with("[UP] a-1: "), "{}", told[2].content.subject);
    assert!(told[0].content.text.contains("/#/incident/1"), "{}", told[0].content.text);
}
