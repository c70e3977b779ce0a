//! Who is told when nobody looks after something.

use watchfire_alert::told::{Hours, Maintenance, Stage, Window};
use watchfire_identity::Role;
use watchfire_identity::token::TokenKey;
use watchfire_model::{
    Acknowledged, Notification, NotificationKind, NotificationState, Scope, Severity, TimelineKind,
};
use watchfire_store::StoreError;

use super::*;
use crate::testing::{fleet_of, letter, manual_clock, moment, open_incident, recipient, team};

const MINUTE: u64 = 60_000;

struct House {
    escalator: Escalator,
    store: Store,
    _folder: tempfile::TempDir,
}

fn stage(minutes: u64, user: Option<&str>, channels: &[&str]) -> Stage {
    Stage {
        after: Duration::from_secs(minutes * 60),
        user: user.map(str::to_owned),
        channels: channels.iter().map(|url| Channel::new(url)).collect(),
        severity: Severity::Critical,
    }
}

/// Ada is told of team a's servers, and after ten minutes bob, who sees everything; then she is
/// called herself.
fn house() -> House {
    let plan = vec![stage(10, Some("bob"), &[]), stage(20, None, &["terminal:call"])];
    with(plan, Vec::new())
}

fn with(stages: Vec<Stage>, maintenance: Vec<Maintenance>) -> House {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a new store");
    let fleet = fleet_of(&["a-1", "a-2", "b-1", "a-minor"], &[], &manual_clock().0);
    let users = [("ada", Role::Operator), ("bob", Role::Operator)];
    let key = TokenKey::from_bytes([7; 32]);
    let links = AckLinks::new(&key, "https://hub.test", users);
    let escalator = Escalator {
        fleet,
        store: store.clone(),
        recipients: vec![
            recipient("ada", team("a")),
            recipient("bob", Scope::everything()),
            recipient("cem", team("b")),
        ],
        plans: HashMap::from([("ada".to_owned(), Escalation { stages })]),
        muting: Arc::new(Muting::new(maintenance)),
        links: Arc::new(links),
        alerts: None,
        on_change: Arc::new(|_| {}),
        public_url: "https://hub.test".to_owned(),
        hub_id: "hub".to_owned(),
        courier: Arc::default(),
        known: Mutex::default(),
    };
    House { escalator, store, _folder: folder }
}

impl House {
    /// Trouble of a server at `ms`, of which ada is told.
    fn trouble(&self, server: &str, ms: u64) -> IncidentId {
        let id = open_incident(&self.store, server, ms);
        let mut told = letter(
            Some(id),
            "ada",
            NotificationKind::Down,
            &["terminal:"],
            &format!("{server}-{ms}"),
        );
        told.created = moment(ms);
        self.store.write(|batch| batch.enqueue(&told)).expect("the store works");
        id
    }

    fn look(&self, ms: u64) -> usize {
        self.escalator.look(moment(ms)).expect("the store works")
    }

    /// What left the hub because of escalations.
    fn letters(&self) -> Vec<Notification> {
        let all = self.store.pending_after(watchfire_model::NotificationId(0), 1000);
        let all = all.expect("readable").into_iter();
        all.filter(|one| one.kind == NotificationKind::Escalated).collect()
    }

    fn lines(&self, id: IncidentId) -> Vec<String> {
        let lines = self.store.timeline(id).expect("readable").into_iter();
        lines.filter(|line| line.kind == TimelineKind::Escalated).map(|line| line.text).collect()
    }

    fn tend(&self, id: IncidentId, by: Option<&str>) -> Result<(), StoreError> {
        let by = by.map(|by| Acknowledged { by: by.to_owned(), at_unix_ms: 0 });
        self.store.write(|batch| batch.acknowledge(id, by.as_ref()))
    }
}

#[test]
fn the_next_one_is_told_in_time_and_once() {
    let house = house();
    let id = house.trouble("a-1", 0);
    assert_eq!(house.look(10 * MINUTE - 1), 0);
    assert_eq!(house.look(10 * MINUTE), 1);
    let letters = house.letters();
    assert_eq!((letters.len(), letters[0].user.as_str()), (1, "bob"));
    assert_eq!((letters[0].incident, letters[0].thread), (Some(id), Some(letters[0].id)));
    let text = &letters[0].content.text;
    assert!(text.contains("Told before: ada, 10 min ago"), "{text}");
    assert!(text.contains("Acknowledge: https://hub.test/ack?s="), "{text}");
    assert!(text.contains(&format!("https://hub.test/#/incident/{}", id.0)), "{text}");
    let expected = "nobody looks after it, 10 min after ada was told: bob is told";
    assert_eq!(house.lines(id), [expected]);
    assert_eq!(house.look(19 * MINUTE), 0);
    // The second stage is ada again, by another channel and after what she knows.
    assert_eq!((house.look(20 * MINUTE), house.look(21 * MINUTE)), (1, 0));
    let last = house.letters().pop().expect("a letter");
    assert_eq!((last.user.as_str(), last.channels), ("ada", vec![Channel::new("terminal:call")]));
    assert_eq!(last.references, ["a-1-0@hub.test"]);
}

#[test]
fn what_somebody_looks_after_and_what_is_over_is_not_escalated() {
    let house = house();
    let (tended, over) = (house.trouble("a-1", 0), house.trouble("a-2", 0));
    house.tend(tended, Some("ada")).expect("the store works");
    house.store.write(|batch| batch.close_incident(over, moment(9))).expect("the store works");
    assert_eq!(house.look(60 * MINUTE), 0);
    assert!(house.letters().is_empty() && house.lines(over).is_empty());
}

#[test]
fn what_was_taken_back_begins_anew() {
    let house = house();
    let id = house.trouble("a-1", 0);
    house.tend(id, Some("ada")).expect("the store works");
    let line = watchfire_model::TimelineEntry {
        at: moment(30 * MINUTE),
        kind: TimelineKind::Acknowledged,
        text: "ada takes the acknowledgement back".to_owned(),
    };
    house.tend(id, None).expect("the store works");
    house.store.write(|batch| batch.add_timeline(id, &line)).expect("the store works");
    assert_eq!((house.look(39 * MINUTE), house.look(40 * MINUTE)), (0, 1));
}

#[test]
fn many_are_one_letter_and_each_is_known_to_have_been_told() {
    let house = house();
    let (first, second) = (house.trouble("a-1", 0), house.trouble("a-2", 1000));
    assert_eq!(house.look(11 * MINUTE), 1);
    let letters = house.letters();
    assert_eq!((letters.len(), letters[0].incident), (1, None));
    assert!(letters[0].content.text.contains("a-1") && letters[0].content.text.contains("a-2"));
    for id in [first, second] {
        let told = house.store.notifications_of(id).expect("readable");
        let part = told.iter().find(|one| one.user == "bob").expect("a part of the letter");
        assert_eq!((part.state, part.thread), (NotificationState::Merged, Some(letters[0].id)));
    }
}

#[test]
fn who_may_not_know_is_not_told_and_the_stage_is_passed() {
    let house = with(vec![stage(10, Some("cem"), &[]), stage(11, Some("bob"), &[])], Vec::new());
    let id = house.trouble("a-1", 0);
    assert_eq!(house.look(10 * MINUTE), 0, "cem sees team b alone");
    assert!(house.letters().is_empty() && house.lines(id).is_empty());
    assert_eq!(house.store.stages_done().expect("readable").len(), 1);
    assert_eq!(house.look(11 * MINUTE), 1);
    assert_eq!(house.letters()[0].user, "bob");
}

#[test]
fn a_restart_repeats_nothing_and_forgets_nothing() {
    let mut house = house();
    house.trouble("a-1", 0);
    assert_eq!(house.look(10 * MINUTE), 1);
    house.escalator.known = Mutex::default();
    assert_eq!(house.look(11 * MINUTE), 0);
    // The hub was away while the second stage was due.
    house.escalator.known = Mutex::default();
    assert_eq!((house.look(90 * MINUTE), house.look(91 * MINUTE)), (1, 0));
}

#[test]
fn a_clock_that_leaps_calls_nobody() {
    let house = house();
    house.trouble("a-1", 0);
    assert_eq!(house.look(2000), 0);
    let leapt = |ms: u64| Moment { unix_ms: moment(ms).unix_ms + 7_200_000, ..moment(ms) };
    assert_eq!(house.escalator.look(leapt(4000)), Ok(0));
    assert_eq!(house.escalator.look(leapt(10 * MINUTE)), Ok(1));
}

#[test]
fn quiet_hours_hold_up_what_can_wait_and_nothing_that_is_critical() {
    let mut plan = stage(10, Some("bob"), &[]);
    plan.severity = Severity::Warning;
    let mut house = with(vec![plan], Vec::new());
    let quiet = Hours::parse("mon-sun 00:00-23:59").expect("hours");
    house.escalator.recipients[1].awake.quiet = Some(quiet);
    house.trouble("a-1", 0);
    assert_eq!(house.look(10 * MINUTE), 1);
    assert_eq!(house.letters()[0].not_before_ms, None);
}

#[test]
fn what_is_muted_waits_until_it_is_not() {
    let start = moment(0).unix_ms;
    let maintenance = Maintenance {
        name: "disks".to_owned(),
        scope: Scope::everything(),
        window: Window::Once(start, start + 1_800_000),
    };
    let house = with(vec![stage(10, Some("bob"), &[])], vec![maintenance]);
    house.trouble("a-1", 0);
    assert_eq!((house.look(10 * MINUTE), house.look(31 * MINUTE)), (0, 1));
}

#[test]
fn less_than_critical_is_escalated_where_the_config_says_so() {
    let mut second = stage(20, Some("bob"), &[]);
    second.severity = Severity::Warning;
    let house = with(vec![stage(10, Some("bob"), &[]), second], Vec::new());
    let id = house.trouble("a-minor", 0);
    let less = |batch: &watchfire_store::Batch<'_>| {
        batch.describe_incident(id, Severity::Warning, "it is slow")
    };
    house.store.write(less).expect("the store works");
    assert_eq!((house.look(10 * MINUTE), house.look(20 * MINUTE)), (0, 1));
}
