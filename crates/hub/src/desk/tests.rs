mod correct;
mod cut;
mod flapping;
mod leaving;
mod others;
mod property;
mod storm;

use futures_util::FutureExt;
use watchfire_model::{Content, Notification, NotificationState, Presence, ProcessTable, Scope};
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
    clock: Clock,
    hand: watchfire_runtime::ManualClock,
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
        let (clock, hand) = manual_clock();
        let fleet = fleet_of(servers, &open, &clock);
        let recipients = users.iter().map(|(name, scope)| recipient(name, scope.clone())).collect();
        let letters = (recipients, "http://hub.test".to_owned(), HUB.to_owned());
        let (events, courier) = (Events::new(), Arc::new(Notify::new()));
        let (fleet_too, store_too, begun) = (fleet.clone(), store.clone(), Arc::default());
        let desk = Desk::new(fleet_too, store_too, open, letters, events, courier, begun);
        Self { store, fleet, desk: Arc::new(desk), folder, clock, hand }
    }

    /// Ends this hub and starts another on the same folder.
    fn restart(self, servers: &[&str], users: &[(&str, Scope)]) -> Self {
        let Self { store, fleet, desk, folder, .. } = self;
        let at = fleet.now();
        drop((store, fleet, desk));
        let room = Self::in_folder(folder, servers, users);
        room.hand.advance(at.since(moment(0)));
        room.desk.take_up().expect("the store works");
        room
    }

    fn record(&self, transitions: &[Transition]) {
        self.desk.record(transitions).expect("the store works");
    }

    fn incidents(&self) -> Vec<Incident> {
        let all = IncidentFilter { limit: watchfire_store::MAX_PAGE, ..IncidentFilter::default() };
        self.store.incidents(&all).expect("readable")
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

impl Room {
    /// Moves the clock on and does what is due then.
    fn advance(&self, ms: u64) {
        self.hand.advance(Duration::from_millis(ms));
        self.record(&[]);
    }

    /// When the desk has something to do without a transition.
    fn next(&self) -> Option<watchfire_model::Moment> {
        self.desk.book().next
    }

    /// Sends what the outbox holds for `user` as the courier does, each lane in its
    /// order, to a provider that takes everything.
    fn deliver(&self, user: &str) -> Vec<Notification> {
        let mut sent = Vec::new();
        for lane in self.store.lanes().expect("readable") {
            if lane.key.user != user {
                continue;
            }
            loop {
                let mut letters = self.store.lane(&lane.key).expect("readable");
                // What the desk wrote down of a first try was not sent: nobody else sends.
                letters.iter_mut().for_each(|(_, tries)| tries.retain(|one| one.ended.is_some()));
                // Longer than any pause: a try in which a hub died is made again.
                let now = self.fleet.now().after(Duration::from_secs(3600));
                let step = watchfire_notify::next_step(&letters, now, 0.0);
                let watchfire_notify::Step::Send { notification, channel, merges, first } = step
                else {
                    assert_eq!(step, watchfire_notify::Step::Empty);
                    break;
                };
                let found = letters.into_iter().find(|(one, _)| one.id == notification);
                let mut letter = found.expect("it is in the lane").0;
                self.take_it(notification, &channel, &merges, now);
                letter.content =
                    letter.content_if_first.filter(|_| first).unwrap_or(letter.content);
                letter.content_if_first = None;
                sent.push(letter);
            }
        }
        sent
    }

    fn take_it(
        &self,
        letter: watchfire_model::NotificationId,
        channel: &watchfire_model::Channel,
        merges: &[watchfire_model::NotificationId],
        now: watchfire_model::Moment,
    ) {
        let reply = String::new();
        let write = |batch: &Batch<'_>| {
            let outcome = watchfire_model::DeliveryOutcome::Accepted { reply };
            let delivery = batch.begin_delivery(letter, channel, now)?;
            batch.end_delivery(delivery, now, &outcome)?;
            batch.set_state(letter, NotificationState::Delivered)?;
            merges.iter().try_for_each(|merged| batch.set_state(*merged, NotificationState::Merged))
        };
        self.store.write(write).expect("the store works");
    }

    fn subjects(&self, user: &str) -> Vec<String> {
        self.deliver(user).into_iter().map(|letter| letter.content.subject).collect()
    }

    /// Lets three seconds pass without a sign of these: they would be judged 2 s later.
    fn late(&self, servers: &[&str]) {
        let index = |server: &&str| self.fleet.index(&name(server)).expect("it is watched");
        let late: Vec<usize> = servers.iter().map(index).collect();
        late.iter().for_each(|index| self.fleet.heard(*index));
        self.hand.advance(Duration::from_secs(3));
        for index in late {
            self.fleet.check(index, self.fleet.now());
            assert_eq!(self.fleet.snapshot(index).presence, Presence::Late);
        }
        self.fleet.transitions(BATCH).now_or_never();
    }
}

fn down(server: &str, ms: u64) -> Transition {
    change(server, Presence::Up, Presence::Down, ms)
}

fn back(server: &str, ms: u64) -> Transition {
    change(server, Presence::Down, Presence::Up, ms)
}

#[test]
fn the_first_try_of_a_lane_is_written_down_with_its_letter() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    let tries = |at: usize| {
        let id = room.told("ann")[at].id;
        room.store.deliveries_of(id).expect("readable")
    };
    room.hand.advance(Duration::from_millis(5000));
    room.record(&[down("a-1", 4900)]);
    let first = tries(0);
    assert_eq!((first.len(), first[0].attempt, first[0].ended), (1, 1, None), "{first:?}");
    assert_eq!(first[0].began, moment(5000));
    assert_eq!(first[0].channel, room.told("ann")[0].channels[0]);
    // What has to wait for another letter has no try yet.
    room.record(&[back("a-1", 9000)]);
    assert_eq!(tries(1), []);
    let state = NotificationState::Delivered;
    for told in room.told("ann") {
        room.store.write(|batch| batch.set_state(told.id, state)).expect("the store works");
    }
    room.record(&[down("a-1", 20_000)]);
    assert_eq!(tries(2).len(), 1, "the next incident is a lane of its own");
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
    let believed: Vec<ServerName> = room.desk.book().open.keys().cloned().collect();
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
    assert_eq!(room.told("ann").len(), 500, "each incident knows that she is told");
    assert_eq!(room.store.lanes().expect("readable").len(), 2, "one letter a user");
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
    fn damage(self, from: &str, to: &str, servers: &[&str], users: &[(&str, Scope)]) -> Self {
        assert_eq!(from.len(), to.len());
        let Self { store, fleet, desk, folder, .. } = self;
        // A commit of this size makes SQLite move all pages from its WAL to the file.
        let filler = vec![0; 8 << 20];
        store.write(|batch| batch.put_secret("filler", &filler)).expect("the store works");
        drop((store, fleet, desk));
        for beside in ["watchfire.db-wal", "watchfire.db-shm"] {
            let removed = std::fs::remove_file(folder.path().join(beside));
            let gone = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
            assert!(removed.as_ref().err().is_none_or(gone), "{removed:?}");
        }
        let path = folder.path().join("watchfire.db");
        let mut bytes = std::fs::read(&path).expect("it is there");
        let mut places = bytes.windows(from.len()).enumerate();
        let found = places.find(|(_, window)| *window == from.as_bytes());
        let place = found.expect("it is in the file").0;
        bytes[place..place + to.len()].copy_from_slice(to.as_bytes());
        std::fs::write(&path, bytes).expect("it can be written");
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

use NotificationKind::{Down, Recovered};

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
    assert_eq!(room.kinds("bob"), [Down, Recovered, Down]);
    assert_eq!(room.kinds("ann"), [Down, Recovered, Down]);
    let told = room.told("ann");
    assert!(told[0].content.subject.starts_with("[DOWN] a-1: "), "{}", told[0].content.subject);
    assert!(told[1].content.subject.starts_with("[UP] a-1: "), "{}", told[1].content.subject);
    assert!(told[0].content.text.contains("/#/incident/1"), "{}", told[0].content.text);
}

#[test]
fn a_recovery_tells_the_reading_from_before_the_trouble() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    let loaded = |one| {
        let mut status = watchfire_model::Status::default();
        status.load.one = one;
        status
    };
    room.fleet.status(0, loaded(7.25));
    room.fleet.check(0, moment(3000));
    room.fleet.check(0, moment(5000));
    room.record(&[down("a-1", 5000)]);
    // It is back, and tells its state before the desk comes to it.
    room.hand.advance(Duration::from_secs(60));
    room.fleet.status(0, loaded(1.5));
    room.record(&[back("a-1", 60_000)]);
    let Content { text, .. } = room.told("ann").remove(1).content;
    assert!(text.contains("7.25") && text.contains("before the return"), "{text}");
}

/// A copy of the database that is put back begins its numbers anew.
#[test]
fn incidents_with_one_number_have_message_ids_of_their_own() {
    let ids = [5000, 70_000].map(|judged| {
        let room = Room::new(&["a-1"], &[("ann", team("a"))]);
        room.record(&[down("a-1", judged)]);
        assert_eq!(room.incidents()[0].id.0, 1);
        room.told("ann").remove(0).message_id
    });
    assert_ne!(ids[0], ids[1]);
}
