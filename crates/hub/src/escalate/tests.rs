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
    let families = house.store.untended_families(IncidentId(0), 1).expect("readable");
    let done = house.store.stages_done(families.expect("one")).expect("readable");
    assert_eq!(done.len(), 1);
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

/// Incidents of servers that nobody watches, of each of which `user` was told at the start.
fn crowd(store: &Store, count: usize, server: &str, user: &str) {
    let write = |batch: &watchfire_store::Batch<'_>| {
        for number in 0..count {
            let name = format!("{server}-{number}");
            let id = batch.open_incident(&watchfire_store::NewIncidentRow {
                kind: watchfire_model::IncidentKind::Presence,
                severity: Severity::Critical,
                part_of: None,
                server: crate::testing::name(&name),
                labels: None,
                presence: watchfire_model::Presence::Down,
                cause: String::new(),
                silence_began: None,
                judged: moment(0),
                hub_stalled: Duration::ZERO,
            })?;
            let told = letter(Some(id), user, NotificationKind::Down, &["terminal:"], &name);
            batch.enqueue(&told)?;
        }
        Ok(())
    };
    store.write(write).expect("the store works");
}

#[test]
fn those_without_a_plan_take_no_place_of_others() {
    let house = house();
    crowd(&house.store, 5001, "z", "cem");
    house.trouble("a-1", 0);
    assert_eq!(house.look(11 * MINUTE), 1);
    let all = house.store.pending_after(watchfire_model::NotificationId(0), 10_000);
    assert_eq!(all.expect("readable").last().expect("a letter").user, "bob");
}

#[test]
fn what_is_muted_takes_no_place_of_what_is_not() {
    let start = moment(0).unix_ms;
    let maintenance = Maintenance {
        name: "many".to_owned(),
        scope: Scope::new(vec![
            watchfire_model::Selector::parse(r#"name=~"a-x.*""#).expect("a matcher"),
        ]),
        window: Window::Once(start, start + 86_400_000),
    };
    let mut house = with(vec![stage(10, Some("bob"), &[])], vec![maintenance]);
    let names: Vec<String> = (0..501).map(|number| format!("a-x-{number}")).collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.push("a-1");
    house.escalator.fleet = fleet_of(&names, &[], &manual_clock().0);
    crowd(&house.store, 501, "a-x", "ada");
    house.trouble("a-1", 0);
    assert_eq!(house.look(11 * MINUTE), 1);
    assert_eq!(house.letters().len(), 1);
}

/// A desk of alerts beside the escalator, in whose store ada was told of what fires.
fn with_alert(labels: &[(&str, &str)]) -> (House, IncidentId) {
    let mut house = with(vec![stage(10, Some("bob"), &[])], Vec::new());
    let desk = AlertDesk::new(crate::alerts::Tools {
        fleet: house.escalator.fleet.clone(),
        store: house.store.clone(),
        recipients: Vec::new(),
        muting: house.escalator.muting.clone(),
        events: crate::events::Events::new(),
        courier: Arc::default(),
        ack_links: None,
        public_url: "https://hub.test".to_owned(),
        hub_id: "hub".to_owned(),
        wording: Default::default(),
    });
    let desk = Arc::new(desk);
    let alert = crate::alerts::Firing {
        labels: watchfire_model::LabelSet::of(labels),
        annotations: Vec::new(),
        value: None,
        starts_ms: moment(0).unix_ms,
        ends_ms: None,
        generator_url: String::new(),
    };
    let round = crate::alerts::Round {
        source: "rules/x/g".to_owned(),
        alerts: vec![alert],
        is_whole: true,
        at_ms: moment(0).unix_ms,
        poster: None,
        rules: None,
        order: 0,
    };
    desk.take_now(&round).expect("the store works");
    let id = desk.active().all()[0].incident;
    let told = letter(Some(id), "ada", NotificationKind::Firing, &["terminal:"], "fires");
    house.store.write(|batch| batch.enqueue(&told)).expect("the store works");
    house.escalator.alerts = Some(desk);
    (house, id)
}

#[test]
fn a_silence_by_the_name_of_an_alert_holds_its_escalation_too() {
    let on_fire = [("alertname", "OnFire"), ("instance", "a-1"), ("severity", "critical")];
    for (matchers, letters) in [(r#"alertname="OnFire""#, 0), (r#"alertname="Other""#, 1)] {
        let (house, _) = with_alert(&on_fire);
        let selector = watchfire_model::Selector::parse(matchers).expect("matchers");
        let silence = watchfire_alert::told::Silence {
            matchers: selector.matchers().to_vec(),
            from_ms: moment(0).unix_ms,
            to_ms: moment(60 * MINUTE).unix_ms,
            author: "ada".to_owned(),
            comment: String::new(),
        };
        let scope = Scope::everything();
        let one = crate::muting::Standing::new("1".to_owned(), silence, scope, moment(0));
        house.escalator.muting.hold(vec![Arc::new(one)]);
        assert_eq!(house.look(11 * MINUTE), letters, "{matchers}");
    }
}
