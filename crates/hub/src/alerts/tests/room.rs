//! A desk of alerts beside one of presence, with a clock that a hand moves.

use watchfire_alert::Recipient;
use watchfire_model::{Incident, Moment, Notification, NotificationId, Presence, Scope};
use watchfire_runtime::{Clock, ManualClock};
use watchfire_store::IncidentFilter;

use super::*;
use crate::desk::Desk;
use crate::testing::{fleet_of, manual_clock, recipient};

const HUB: &str = "hub.test";

pub(super) struct Room {
    pub(super) store: Store,
    pub(super) fleet: Arc<Fleet>,
    pub(super) desk: Arc<AlertDesk>,
    pub(super) presence: Arc<Desk>,
    pub(super) clock: Clock,
    pub(super) hand: ManualClock,
    folder: tempfile::TempDir,
    servers: Vec<String>,
    pub(super) users: Vec<Recipient>,
    muting: Arc<Muting>,
}

impl Room {
    /// A hub that has run for ten minutes and hears all its servers.
    pub(super) fn new(servers: &[&str], users: &[(&str, Scope)]) -> Self {
        let users = users.iter().map(|(name, scope)| recipient(name, scope.clone())).collect();
        Self::with(servers, users, Muting::default())
    }

    pub(super) fn with(servers: &[&str], users: Vec<Recipient>, muting: Muting) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let servers = servers.iter().map(|&name| name.to_owned()).collect();
        let room = Self::start(folder, servers, users, Arc::new(muting), moment(0));
        room.hear_all();
        room.hand.advance(10 * MINUTE);
        room
    }

    fn start(
        folder: tempfile::TempDir,
        servers: Vec<String>,
        users: Vec<Recipient>,
        muting: Arc<Muting>,
        now: Moment,
    ) -> Self {
        let store = Store::open(folder.path()).expect("a good store");
        let (clock, hand) = manual_clock();
        hand.advance(now.since(moment(0)));
        let open = store.open_incidents().expect("readable");
        let names: Vec<&str> = servers.iter().map(String::as_str).collect();
        let fleet = fleet_of(&names, &open, &clock);
        let letters = (users.clone(), "https://hub.test".to_owned(), HUB.to_owned());
        let returns = Arc::new(Returns::default());
        let presence = Desk::new(
            fleet.clone(),
            store.clone(),
            open,
            letters,
            Events::new(),
            Arc::default(),
            Arc::default(),
        );
        let desk = AlertDesk::new(Tools {
            fleet: fleet.clone(),
            store: store.clone(),
            recipients: users.clone(),
            muting: muting.clone(),
            events: Events::new(),
            courier: Arc::default(),
            ack_links: None,
            public_url: "https://hub.test".to_owned(),
            hub_id: HUB.to_owned(),
            wording: Default::default(),
        });
        let desk = Arc::new(desk.with_returns(returns.clone()));
        let presence = Arc::new(presence.with_returns(returns));
        Self { store, fleet, desk, presence, clock, hand, folder, servers, users, muting }
    }

    /// Ends this hub and starts another on the same folder, `away` later.
    pub(super) fn restart(self, away: Duration) -> Self {
        let Self { store, fleet, desk, presence, folder, servers, users, muting, .. } = self;
        let now = fleet.now().after(away);
        drop((store, fleet, desk, presence));
        let room = Self::start(folder, servers, users, muting, now);
        room.desk.look().expect("the store works");
        room
    }

    /// Starts another hub on the folder of this one, in which `from` became `to`.
    pub(super) fn damaged(self, from: &str, to: &str) -> Self {
        let Self { store, fleet, desk, presence, folder, servers, users, muting, .. } = self;
        let now = fleet.now();
        drop((fleet, desk, presence));
        crate::testing::damage(store, folder.path(), from, to);
        Self::start(folder, servers, users, muting, now)
    }

    pub(super) fn hear_all(&self) {
        self.fleet.indices().into_iter().for_each(|index| self.fleet.heard(index));
        self.fleet.transitions(usize::MAX).now_or_never();
    }

    /// A server falls silent and is judged, and its desk hears of it.
    pub(super) fn falls(&self, server: &str) {
        let index = self.fleet.index(&name(server)).expect("it is watched");
        self.fleet.heard(index);
        for seconds in [3, 2] {
            self.hand.advance(Duration::from_secs(seconds));
            self.fleet.check(index, self.fleet.now());
        }
        assert_eq!(self.fleet.presence(index), Presence::Down);
        self.record();
    }

    pub(super) fn comes_back(&self, server: &str) {
        self.fleet.heard(self.fleet.index(&name(server)).expect("it is watched"));
        self.record();
    }

    fn record(&self) {
        let transitions = self.fleet.transitions(usize::MAX).now_or_never();
        self.presence.record_now(&transitions.unwrap_or_default());
    }

    /// All that a group of rules says fires.
    pub(super) fn rules(&self, alerts: &[Firing]) {
        self.take(&round("rules/x.yaml/g", alerts)).expect("the store works");
    }

    pub(super) fn take(&self, round: &Round) -> Result<Taken, StoreError> {
        self.desk.take_now(&Round { at_ms: self.fleet.now().unix_ms, ..round.clone() })
    }

    /// Lets time pass and does what is due then.
    pub(super) fn advance(&self, by: Duration) {
        self.hand.advance(by);
        self.desk.look().expect("the store works");
    }

    /// What users are told and what is not sent yet, oldest first.
    pub(super) fn letters(&self) -> Vec<Notification> {
        self.store.pending_after(NotificationId(0), 10_000).expect("readable")
    }

    pub(super) fn told(&self, user: &str) -> Vec<Notification> {
        self.letters().into_iter().filter(|letter| letter.user == user).collect()
    }

    pub(super) fn kinds(&self, user: &str) -> Vec<NotificationKind> {
        self.told(user).iter().map(|letter| letter.kind).collect()
    }

    pub(super) fn incidents(&self) -> Vec<Incident> {
        let all = IncidentFilter { limit: watchfire_store::MAX_PAGE, ..IncidentFilter::default() };
        self.store.incidents(&all).expect("readable").into_iter().rev().collect()
    }

    pub(super) fn lines(&self, at: usize) -> Vec<String> {
        let id = self.incidents()[at].id;
        let lines = self.store.timeline(id).expect("readable");
        lines.into_iter().map(|line| line.text).collect()
    }
}

pub(super) fn round(source: &str, alerts: &[Firing]) -> Round {
    Round {
        source: source.to_owned(),
        alerts: alerts.to_vec(),
        is_whole: true,
        at_ms: 0,
        rules: None,
        order: 0,
        poster: None,
    }
}

/// A warning about a server.
pub(super) fn about(alert: &str, server: &str) -> Firing {
    firing(&[("alertname", alert), ("instance", server)])
}

pub(super) fn critical(alert: &str, server: &str) -> Firing {
    firing(&[("alertname", alert), ("instance", server), ("severity", "critical")])
}

pub(super) fn firing(labels: &[(&str, &str)]) -> Firing {
    let summary = format!("{} is not well", labels.last().expect("one").1);
    Firing {
        labels: LabelSet::of(labels),
        annotations: vec![("summary".to_owned(), summary)],
        value: Some(97.5),
        starts_ms: moment(0).unix_ms,
        ends_ms: None,
        generator_url: String::new(),
    }
}
