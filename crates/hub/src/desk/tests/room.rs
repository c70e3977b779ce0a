//! A desk in a room of its own, with a clock that a hand moves and a courier that takes
//! all at once.

use watchfire_model::{Channel, DeliveryOutcome, NotificationId};
use watchfire_notify::{Step, next_step};
use watchfire_runtime::ManualClock;
use watchfire_store::{IncidentFilter, LaneKey};

use super::*;
use crate::testing::{fleet_of, recipient};

const HUB: &str = "hub.test";

/// A desk over a store of its own.
pub(super) struct Room {
    pub(super) store: Store,
    pub(super) fleet: Arc<Fleet>,
    pub(super) desk: Arc<Desk>,
    pub(super) folder: tempfile::TempDir,
    pub(super) clock: Clock,
    pub(super) hand: ManualClock,
}

impl Room {
    pub(super) fn new(servers: &[&str], users: &[(&str, Scope)]) -> Self {
        Self::in_folder(tempfile::tempdir().expect("a folder"), servers, users)
    }

    /// What a start of the hub does with what the folder holds.
    pub(super) fn in_folder(
        folder: tempfile::TempDir,
        servers: &[&str],
        users: &[(&str, Scope)],
    ) -> Self {
        let store = Store::open(folder.path()).expect("a good store");
        let open = store.open_incidents().expect("readable");
        Self::with_open(folder, store, open, servers, users)
    }

    pub(super) fn with_open(
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
    pub(super) fn restart(self, servers: &[&str], users: &[(&str, Scope)]) -> Self {
        let Self { store, fleet, desk, folder, .. } = self;
        let at = fleet.now();
        drop((store, fleet, desk));
        let room = Self::in_folder(folder, servers, users);
        room.hand.advance(at.since(moment(0)));
        room.desk.take_up().expect("the store works");
        room
    }

    pub(super) fn record(&self, transitions: &[Transition]) {
        self.desk.record(transitions).expect("the store works");
    }

    pub(super) fn incidents(&self) -> Vec<Incident> {
        let all = IncidentFilter { limit: watchfire_store::MAX_PAGE, ..IncidentFilter::default() };
        self.store.incidents(&all).expect("readable")
    }

    /// What `user` is told, oldest first.
    pub(super) fn told(&self, user: &str) -> Vec<Notification> {
        let mut told: Vec<Notification> = self
            .incidents()
            .iter()
            .flat_map(|incident| self.store.notifications_of(incident.id).expect("readable"))
            .filter(|notification| notification.user == user)
            .collect();
        told.sort_by_key(|notification| notification.id);
        told
    }

    pub(super) fn kinds(&self, user: &str) -> Vec<NotificationKind> {
        self.told(user).iter().map(|notification| notification.kind).collect()
    }

    /// Moves the clock on and does what is due then.
    pub(super) fn advance(&self, ms: u64) {
        self.hand.advance(Duration::from_millis(ms));
        self.record(&[]);
    }

    /// When the desk has something to do without a transition.
    pub(super) fn next(&self) -> Option<Moment> {
        self.desk.book().next
    }

    /// Sends what the outbox holds for `user` as the courier does, to a provider that
    /// takes everything: each lane in its order, and of several the newest one first,
    /// because nobody says which of them is faster.
    pub(super) fn deliver(&self, user: &str) -> Vec<Notification> {
        let mut sent = Vec::new();
        loop {
            let mut lanes = self.store.lanes().expect("readable");
            lanes.retain(|lane| lane.key.user == user);
            if lanes.is_empty() {
                return sent;
            }
            let before = sent.len();
            for lane in lanes.iter().rev() {
                sent.extend(std::iter::from_fn(|| self.deliver_next(&lane.key)));
            }
            assert!(sent.len() > before, "lanes wait for each other: {lanes:?}");
        }
    }

    fn deliver_next(&self, lane: &LaneKey) -> Option<Notification> {
        let mut letters = self.store.lane(lane).expect("readable");
        letters.truncate(self.store.turn(&letters).expect("readable"));
        // What the desk wrote down of a first try was not sent: nobody else sends.
        letters.iter_mut().for_each(|(_, tries)| tries.retain(|one| one.ended.is_some()));
        // Longer than any pause: a try in which a hub died is made again.
        let now = self.fleet.now().after(Duration::from_secs(3600));
        let step = next_step(&letters, now, 0.0, |_, _| None);
        let Step::Send { notification, channel, merges, first } = step else {
            assert_eq!(step, Step::Empty);
            return None;
        };
        self.take_it(notification, &channel, &merges, now);
        let mut letter =
            letters.into_iter().map(|(one, _)| one).find(|one| one.id == notification)?;
        letter.content = letter.content_if_first.take().filter(|_| first).unwrap_or(letter.content);
        Some(letter)
    }

    fn take_it(
        &self,
        letter: NotificationId,
        channel: &Channel,
        merges: &[NotificationId],
        now: Moment,
    ) {
        let reply = String::new();
        let write = |batch: &Batch<'_>| {
            let outcome = DeliveryOutcome::Accepted { reply };
            let delivery = batch.begin_delivery(letter, channel, now)?;
            batch.end_delivery(delivery, now, &outcome)?;
            batch.set_state(letter, NotificationState::Delivered)?;
            merges.iter().try_for_each(|merged| batch.set_state(*merged, NotificationState::Merged))
        };
        self.store.write(write).expect("the store works");
    }

    pub(super) fn subjects(&self, user: &str) -> Vec<String> {
        self.deliver(user).into_iter().map(|letter| letter.content.subject).collect()
    }

    /// Lets three seconds pass without a sign of these: they would be judged 2 s later.
    pub(super) fn late(&self, servers: &[&str]) {
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

pub(super) fn down(server: &str, ms: u64) -> Transition {
    change(server, Presence::Up, Presence::Down, ms)
}

pub(super) fn back(server: &str, ms: u64) -> Transition {
    change(server, Presence::Down, Presence::Up, ms)
}
