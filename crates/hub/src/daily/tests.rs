use watchfire_model::{Channel, Scope};
use watchfire_store::{LaneAbout, PendingLane};

use super::*;
use crate::testing::{fleet_of, manual_clock};

fn due(minutes: u16, zone: &str, now: &str) -> String {
    let zone = TimeZone::get(zone).expect("a zone");
    let now: Timestamp = now.parse().expect("a time");
    let due = last_due(minutes, &zone, now.as_millisecond()).expect("it exists");
    Timestamp::from_millisecond(due).expect("in range").to_string()
}

#[test]
fn the_users_zone_decides() {
    for (minutes, zone, now, expected) in [
        (480, "UTC", "2026-11-22T08:00:00Z", "2026-11-22T08:00:00Z"),
        (480, "UTC", "2026-11-22T07:59:59Z", "2026-11-21T08:00:00Z"),
        (480, "Europe/Berlin", "2026-11-22T07:30:00Z", "2026-11-22T07:00:00Z"),
        (480, "Europe/Berlin", "2026-07-22T06:30:00Z", "2026-07-22T06:00:00Z"),
        // In the hour that does not exist, the report leaves when the clock is past it.
        (150, "Europe/Berlin", "2026-03-29T03:00:00Z", "2026-03-29T01:30:00Z"),
    ] {
        assert_eq!(due(minutes, zone, now), expected, "{minutes} {zone} {now}");
    }
}

/// The reports of a hub with one server, for `ada` at 08:00 in Berlin.
struct Desk {
    daily: Daily,
    _folder: tempfile::TempDir,
}

impl Desk {
    fn new(change: impl FnOnce(&mut User)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (clock, _hand) = manual_clock();
        let mut ada = User::administrator("ada");
        ada.scope = Scope::everything();
        ada.channels = vec![Channel::new("mailto:ada@example.org")];
        ada.report = Some(480);
        ada.time_zone = TimeZone::get("Europe/Berlin").expect("a zone");
        change(&mut ada);
        let daily = Daily {
            fleet: fleet_of(&["a-1"], &[], &clock),
            store: Store::open(folder.path()).expect("a good store"),
            users: vec![ada],
            public_url: "http://hub.test".to_owned(),
            hub_id: "hub.test".to_owned(),
            courier: Arc::default(),
        };
        Self { daily, _folder: folder }
    }

    /// How many reports are written at `now` by a hub that started at `started`.
    fn written(&self, started: &str, now: &str) -> usize {
        self.daily.write_due(moment(started), moment(now)).expect("the store works")
    }

    fn reports(&self) -> Vec<watchfire_model::Notification> {
        let lanes = self.daily.store.lanes().expect("readable");
        assert!(lanes.iter().all(|lane| matches!(lane.key.about, LaneAbout::Report(_))));
        let lane = |lane: &PendingLane| self.daily.store.lane(&lane.key).expect("readable");
        lanes.iter().flat_map(lane).map(|(report, _)| report).collect()
    }
}

fn moment(wall: &str) -> Moment {
    let wall: Timestamp = wall.parse().expect("a time");
    Moment { unix_ms: wall.as_millisecond(), monotonic: Duration::from_secs(1000) }
}

/// Berlin is one hour ahead of UTC in these days, and two from 29 March on.
const STARTED: &str = "2026-03-27T06:00:00Z";

#[test]
fn a_report_is_written_once_a_day_at_its_time() {
    let desk = Desk::new(|_| {});
    for (now, written) in [
        ("2026-03-27T06:59:59Z", 0),
        ("2026-03-27T07:00:03Z", 1),
        ("2026-03-27T07:00:13Z", 0),
        ("2026-03-27T23:59:59Z", 0),
        ("2026-03-28T06:59:59Z", 0),
        ("2026-03-28T07:00:00Z", 1),
        ("2026-03-28T07:00:10Z", 0),
        // The clocks go forward in the night: eight o'clock comes an hour earlier.
        ("2026-03-29T05:59:59Z", 0),
        ("2026-03-29T06:00:00Z", 1),
        ("2026-03-29T07:00:00Z", 0),
    ] {
        assert_eq!(desk.written(STARTED, now), written, "{now}");
    }
    let reports = desk.reports();
    assert_eq!(reports.len(), 3);
    assert!(reports.iter().all(|report| report.kind == NotificationKind::Report));
    assert!(reports[0].content.text.contains("a-1"), "{}", reports[0].content.text);
    assert_ne!(reports[0].message_id, reports[1].message_id);
}

#[test]
fn a_hub_that_started_anew_does_not_send_it_twice() {
    let desk = Desk::new(|_| {});
    assert_eq!(desk.written(STARTED, "2026-03-27T07:00:03Z"), 1);
    assert_eq!(desk.written("2026-03-27T07:05:00Z", "2026-03-27T07:05:10Z"), 0);
    // A wall clock that was set back and comes to eight o'clock again.
    assert_eq!(desk.written(STARTED, "2026-03-27T06:30:00Z"), 0);
    assert_eq!(desk.written(STARTED, "2026-03-27T07:00:03Z"), 0);
}

#[test]
fn a_missed_report_is_late_rather_than_lost_and_not_too_late() {
    let desk = Desk::new(|_| {});
    assert_eq!(desk.written(STARTED, "2026-03-27T07:00:03Z"), 1);
    assert_eq!(desk.written("2026-03-28T12:59:00Z", "2026-03-28T12:59:59Z"), 1, "six hours late");
    assert_eq!(desk.written("2026-03-29T12:01:00Z", "2026-03-29T12:01:10Z"), 0, "that is over");
}

#[test]
fn the_first_report_is_the_first_that_the_hub_lives_to_see() {
    let desk = Desk::new(|_| {});
    let started = "2026-03-27T08:00:00Z";
    assert_eq!(desk.written(started, "2026-03-27T08:00:10Z"), 0);
    assert_eq!(desk.written(started, "2026-03-28T07:00:03Z"), 1);
}

#[test]
fn nobody_gets_a_report_who_asked_for_none_or_cannot_be_reached() {
    let now = "2026-03-27T07:00:03Z";
    assert_eq!(Desk::new(|ada| ada.report = None).written(STARTED, now), 0);
    assert_eq!(Desk::new(|ada| ada.channels.clear()).written(STARTED, now), 0);
}

#[test]
fn a_clock_that_was_in_the_future_does_not_stop_the_reports() {
    let desk = Desk::new(|_| {});
    assert_eq!(desk.written("2031-01-01T00:00:00Z", "2031-01-01T07:00:03Z"), 1);
    assert_eq!(desk.written(STARTED, "2026-03-27T07:00:03Z"), 1, "the clock is right again");
    assert_eq!(desk.written(STARTED, "2026-03-27T07:00:13Z"), 0);

    // A hub that started under the wrong clock and never sent one.
    let desk = Desk::new(|_| {});
    let started = Moment { monotonic: Duration::from_secs(900), ..moment("2031-01-01T00:00:00Z") };
    let written = |now| desk.daily.write_due(started, moment(now)).expect("the store works");
    assert_eq!(written("2026-03-27T07:01:00Z"), 1, "it runs for 100 s and was due 60 s ago");
    assert_eq!(written("2026-03-27T07:02:00Z"), 0);
}

/// What one user is sent for one day has one Message-ID, whatever the clock does.
#[test]
fn a_clock_that_is_set_back_a_little_sends_no_second_report() {
    let desk = Desk::new(|_| {});
    desk.written(STARTED, "2026-03-27T07:00:09Z");
    desk.written(STARTED, "2026-03-27T07:00:03Z");
    assert_eq!(desk.reports().len(), 1);
}
