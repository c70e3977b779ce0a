use std::collections::BTreeMap;

use watchfire_alert::told::Hours;
use watchfire_model::{LabelSet, NotificationId, Scope, TimelineKind};
use watchfire_runtime::ManualClock;
use watchfire_wire::{Command, Exit, Message, Runbooks, Work};

use super::*;
use crate::alerts::{Firing, Round};
use crate::events::Events;
use crate::fleet::Fleet;
use crate::runs::Lines;
use crate::session::CommandDesk;
use crate::testing::{fleet_of, manual_clock, name, recipient};

#[derive(Clone, Default)]
struct Wire(Arc<std::sync::Mutex<Vec<(usize, Command)>>>);

impl Lines for Wire {
    fn say(&self, index: usize, message: Message) -> bool {
        if let Message::Command(command) = message {
            self.0.lock().expect("no panic").push((index, *command));
        }
        true
    }
}

struct Room {
    automatic: Automatic,
    wire: Wire,
    fleet: Arc<Fleet>,
    hand: ManualClock,
    clock: Clock,
    _folder: tempfile::TempDir,
}

fn task(runbook: &str, params: &[(&str, &str)]) -> Task {
    let params = params.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Task {
        name: "it".to_owned(),
        runbook: runbook.to_owned(),
        params: params.collect(),
        servers: Scope::everything(),
        user: "ada".to_owned(),
        scope: Scope::everything(),
    }
}

/// It begins at any time and ends at midnight.
fn daily() -> Schedule {
    Schedule {
        task: task("trim", &[("keep", "7")]),
        each: Hours::parse("00:00-23:59").expect("hours"),
        time_zone: jiff::tz::TimeZone::UTC,
        at_most: Some(1),
        batch_percent: None,
        stop_after: None,
    }
}

fn remedy(is_run: bool) -> Remedy {
    let task = task("restart", &[("unit", "{name}")]);
    Remedy { task, alert: "UnitFailed".to_owned(), is_run, per_hour: 1 }
}

impl Room {
    fn new(schedules: Vec<Schedule>, remedies: Vec<Remedy>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a new store");
        let (clock, hand) = manual_clock();
        let fleet = fleet_of(&["a-1", "b-1"], &[], &clock);
        let recipients = vec![recipient("ada", Scope::everything())];
        let alerts = Arc::new(AlertDesk::new(crate::alerts::Tools {
            fleet: fleet.clone(),
            store: store.clone(),
            recipients: recipients.clone(),
            muting: Arc::default(),
            events: Events::new(),
            courier: Arc::default(),
            ack_links: None,
            public_url: "https://hub.test".to_owned(),
            hub_id: "h".to_owned(),
            wording: Default::default(),
        }));
        let runs = Arc::new(Runs::open(store.clone(), fleet.clone(), clock.clone()));
        let wire = Wire::default();
        runs.set_lines(Box::new(wire.clone()));
        (0..2).for_each(|index| runs.offered((index, 1), Runbooks::default()));
        let tools = Tools {
            store,
            runs,
            alerts,
            recipients,
            public_url: "https://hub.test".to_owned(),
            hub_id: "h".to_owned(),
            courier: Arc::default(),
        };
        let automatic = Automatic::new(tools, schedules, remedies);
        Self { automatic, wire, fleet, hand, clock, _folder: folder }
    }

    /// Looks, has the runs go on, and gives what the servers were told.
    async fn look(&self) -> Vec<(usize, Command)> {
        self.automatic.look(self.clock.now()).await;
        self.automatic.tools.runs.advance();
        self.automatic.tools.runs.store_all().await;
        std::mem::take(&mut self.wire.0.lock().expect("no panic"))
    }

    async fn ends(&self, (index, command): &(usize, Command), code: i32) {
        let exit = Exit { run: command.run, code: Some(code), ..Exit::default() };
        assert!(self.automatic.tools.runs.said(*index, Message::Exit(exit)));
        self.automatic.tools.runs.advance();
        self.automatic.tools.runs.store_all().await;
    }

    async fn fires(&self, source: &str, server: &str, unit: &str) {
        let labels = [("alertname", "UnitFailed"), ("server", server), ("name", unit)];
        let now = self.clock.now().unix_ms;
        let firing = Firing {
            labels: LabelSet::of(&labels),
            annotations: Vec::new(),
            value: None,
            starts_ms: now,
            ends_ms: None,
            generator_url: String::new(),
        };
        let round = Round {
            source: source.to_owned(),
            alerts: vec![firing],
            is_whole: false,
            at_ms: now,
            rules: None,
            order: 0,
            poster: None,
        };
        self.automatic.tools.alerts.take(round).await.expect("it is taken");
    }

    fn notes(&self) -> Vec<String> {
        let store = &self.automatic.tools.store;
        let incidents = self.automatic.tools.alerts.active().all();
        let lines =
            incidents.iter().flat_map(|one| store.timeline(one.incident).expect("readable"));
        lines.filter(|line| line.kind == TimelineKind::Note).map(|line| line.text).collect()
    }

    /// What a letter about the oldest alert offers.
    fn offered(&self) -> Option<String> {
        let alerts = self.automatic.tools.alerts.active().all();
        Offers::new(&self.automatic.remedies).of(&alerts[0], &self.fleet)
    }

    fn letters(&self) -> usize {
        self.automatic.tools.store.pending_after(NotificationId(0), 100).expect("readable").len()
    }
}

#[tokio::test]
async fn a_schedule_runs_once_in_its_time_and_a_bad_end_is_told() {
    let room = Room::new(vec![daily()], Vec::new());
    let given = room.look().await;
    let Work::Runbook(asked) = &given[0].1.work else { panic!("{given:?}") };
    assert_eq!((asked.name.as_str(), given.len()), ("trim", 1), "one at a time");
    assert_eq!(asked.params, BTreeMap::from([("keep".to_owned(), "7".to_owned())]));
    assert_eq!(asked.asker, "ada (schedule \"it\")");
    room.ends(&given[0], 0).await;
    let next = std::mem::take(&mut *room.wire.0.lock().expect("no panic"));
    room.ends(&next[0], 3).await;
    assert_eq!(room.look().await, [], "it began in this time");
    assert_eq!(room.letters(), 1);
    room.look().await;
    assert_eq!(room.letters(), 1, "it is told once");
    room.hand.advance(Duration::from_secs(86_400));
    assert_eq!(room.look().await.len(), 1, "a day later it is time again");
}

#[tokio::test]
async fn a_remedy_runs_once_for_an_alert_and_so_often_in_an_hour() {
    let room = Room::new(Vec::new(), vec![remedy(true)]);
    room.fires("rules/r/g", "a-1", "web.service").await;
    let given = room.look().await;
    let Work::Runbook(asked) = &given[0].1.work else { panic!("{given:?}") };
    assert_eq!((given[0].0, asked.params["unit"].as_str()), (0, "web.service"));
    assert_eq!(room.look().await, [], "once for an alert");
    room.fires("rules/r/g", "b-1", "web.service").await;
    assert_eq!(room.look().await, [], "one in an hour");
    room.ends(&given[0], 0).await;
    room.hand.advance(Duration::from_secs(3601));
    assert_eq!(room.look().await.len(), 1, "it still fires when there is room again");
    let notes = room.notes();
    assert!(notes.len() == 1 && notes[0].contains("well on 1 of 1"), "{notes:?}");
}

#[tokio::test]
async fn a_remedy_is_offered_and_what_others_post_runs_nothing() {
    let room = Room::new(Vec::new(), vec![remedy(false)]);
    room.fires("rules/r/g", "a-1", "web.service").await;
    assert_eq!((room.look().await, room.look().await), (vec![], vec![]));
    let offered = "remedy \"it\": may help: watchfire run --unsigned --runbook restart \
         unit=web.service a-1";
    assert_eq!(room.notes(), [offered]);
    assert!(room.offered().is_some_and(|said| said.starts_with("May help: watchfire run")));
    let room = Room::new(Vec::new(), vec![remedy(true)]);
    room.fires("api", "a-1", "web.service").await;
    assert_eq!((room.look().await, room.offered()), (vec![], None));
    room.fires("rules/r/g", "z-9", "web.service").await;
    assert_eq!(room.look().await, [], "there is no such server");
    assert!(room.automatic.tools.runs.sees(&Scope::everything(), &name("z-9")));
}
