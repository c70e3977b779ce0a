use super::*;

fn at(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn sign() -> Event {
    Event::Sign { server: "db-1".into() }
}

fn silent() -> Event {
    Event::Silent { server: "db-1".into() }
}

fn told(presence: Presence) -> Event {
    Event::Told { server: "db-1".into(), presence }
}

fn accepted(news: News) -> Event {
    Event::Accepted {
        alert: "a1".into(),
        servers: vec!["db-1".into()],
        channel: "mail".into(),
        user: "anna".into(),
        news,
    }
}

fn rights(may: bool) -> Event {
    Event::Rights { user: "anna".into(), server: "db-1".into(), may }
}

fn acknowledged(from: u64, to: u64) -> Event {
    Event::Acknowledged { server: "db-1".into(), from, to }
}

fn stored(from: u64, to: u64) -> Event {
    Event::Stored { server: "db-1".into(), from, to }
}

/// Which promise the script breaks, and when; the time goes on to `until`.
fn broken_by(script: &[(f64, Event)], until: f64) -> Option<(Invariant, f64)> {
    let mut checker = Checker::new(7);
    let mut run = || {
        for (seconds, event) in script {
            checker.feed(at(*seconds), event.clone())?;
        }
        let last = script.last().map_or(0.0, |(seconds, _)| *seconds);
        let mut now = last;
        while now < until {
            now += 0.25;
            checker.pass(at(now))?;
        }
        checker.end(at(now))
    };
    run().err().map(|broken| (broken.invariant, broken.at.as_secs_f64()))
}

use self::Invariant::{I1, I2, I3, I4, I5, I6, I7};
use watchfire_model::Presence::{AgentDown, Down, Late, Unknown, Unreachable, Up};

#[test]
fn an_outage_that_is_told_in_time_breaks_nothing() {
    let script = [
        (0.0, rights(true)),
        (0.0, sign()),
        (0.0, told(Up)),
        (10.0, silent()),
        (13.0, told(Late)),
        (15.0, told(Down)),
        (15.2, accepted(News::Down)),
        (15.3, accepted(News::Down)),
        (40.0, sign()),
        (40.0, Event::Healed),
        (40.5, told(Up)),
        (41.0, accepted(News::Up)),
    ];
    assert_eq!(broken_by(&script, 80.0), None);
}

#[test]
fn i1_an_alert_needs_five_seconds_of_silence() {
    for presence in [Down, AgentDown, Unreachable] {
        let early = [(0.0, sign()), (1.0, silent()), (5.9, told(presence))];
        assert_eq!(broken_by(&early, 6.0), Some((I1, 5.9)));
    }
    assert_eq!(broken_by(&[(0.0, sign()), (1.0, silent()), (6.0, told(Down))], 7.0), None);
    let alive = [(0.0, sign()), (4.0, sign()), (8.0, told(Down))];
    assert_eq!(broken_by(&alive, 8.0), Some((I1, 8.0)));
    assert_eq!(broken_by(&[(8.0, told(Down))], 8.0), Some((I1, 8.0)), "nothing was silent");
}

#[test]
fn i1_a_stall_of_the_hub_measures_no_silence() {
    let stalled = |down| {
        [
            (0.0, sign()),
            (1.0, silent()),
            (2.0, Event::HubUnwell),
            (12.0, Event::HubWell),
            (down, told(Down)),
        ]
    };
    assert_eq!(broken_by(&stalled(12.1), 13.0), Some((I1, 12.1)));
    assert_eq!(broken_by(&stalled(16.0), 17.0), None);
}

#[test]
fn i1_a_verdict_that_changes_is_no_new_alert() {
    let changed = [(0.0, silent()), (5.0, told(Down)), (7.0, sign()), (7.1, told(Unreachable))];
    assert_eq!(broken_by(&changed, 8.0), None);
}

#[test]
fn i2_six_seconds_of_silence_need_an_alert() {
    assert_eq!(broken_by(&[(0.0, sign()), (1.0, silent())], 20.0), Some((I2, 7.25)));
    let late = [(0.0, silent()), (5.5, told(Late))];
    assert_eq!(broken_by(&late, 20.0), Some((I2, 6.25)), "late is no alert");
    let twice = [(0.0, silent()), (4.0, silent())];
    assert_eq!(broken_by(&twice, 20.0), Some((I2, 6.25)), "one silence begins once");
    let away = Event::Goodbye { server: "db-1".into(), until: at(60.0) };
    let reboot = [(0.0, sign()), (0.0, away), (1.0, silent())];
    assert_eq!(broken_by(&reboot, 59.0), None);
    assert_eq!(broken_by(&reboot, 90.0), Some((I2, 60.25)));
}

#[test]
fn i2_waits_for_a_hub_that_is_unwell() {
    let down = [(1.0, silent()), (2.0, Event::HubUnwell)];
    assert_eq!(broken_by(&down, 100.0), None);
    let back = [(1.0, silent()), (2.0, Event::HubUnwell), (50.0, Event::HubWell)];
    assert_eq!(broken_by(&back, 100.0), Some((I2, 55.25)));
}

#[test]
fn i3_up_comes_after_down_and_down_never_after_up() {
    let up = [(0.0, rights(true)), (1.0, accepted(News::Up))];
    assert_eq!(broken_by(&up, 1.0), Some((I3, 1.0)));
    let again = |last| {
        [(0.0, rights(true)), (1.0, accepted(News::Down)), (2.0, accepted(News::Up)), (3.0, last)]
    };
    assert_eq!(broken_by(&again(accepted(News::Down)), 3.0), Some((I3, 3.0)));
    assert_eq!(broken_by(&again(accepted(News::Up)), 3.0), None, "a repeated one is in order");
    let both = [(0.0, rights(true)), (1.0, accepted(News::DownAndUp))];
    assert_eq!(broken_by(&both, 1.0), None);
    let mut after = both.to_vec();
    after.push((2.0, accepted(News::Down)));
    assert_eq!(broken_by(&after, 2.0), Some((I3, 2.0)));
}

#[test]
fn i4_what_was_acknowledged_survives_a_crash() {
    let crash = |found| {
        [
            (0.0, stored(1, 100)),
            (1.0, acknowledged(1, 90)),
            (2.0, Event::Crashed),
            (3.0, found),
            (3.0, Event::Recovered),
        ]
    };
    assert_eq!(broken_by(&crash(stored(1, 90)), 3.0), None);
    assert_eq!(broken_by(&crash(stored(1, 89)), 3.0), Some((I4, 3.0)));
    let early = [(0.0, stored(1, 5)), (1.0, acknowledged(1, 6))];
    assert_eq!(broken_by(&early, 1.0), Some((I4, 1.0)), "found at the end without a crash too");
}

#[test]
fn i5_a_command_runs_once_on_each_server() {
    let run = |server: &str| Event::Executed { command: "c1".into(), server: server.into() };
    assert_eq!(broken_by(&[(0.0, run("db-1")), (1.0, run("db-2"))], 1.0), None);
    assert_eq!(broken_by(&[(0.0, run("db-1")), (1.0, run("db-1"))], 1.0), Some((I5, 1.0)));
}

#[test]
fn i6_presences_are_true_thirty_seconds_after_the_healing() {
    let healed = |presence| {
        [
            (0.0, silent()),
            (5.0, told(Down)),
            (10.0, sign()),
            (10.0, Event::Healed),
            (39.9, told(presence)),
        ]
    };
    assert_eq!(broken_by(&healed(Up), 60.0), None);
    assert_eq!(broken_by(&healed(Down), 60.0), Some((I6, 40.15)));
    assert_eq!(broken_by(&healed(Unknown), 60.0), Some((I6, 40.15)));
    let never_told = [(0.0, sign()), (0.0, Event::Healed)];
    assert_eq!(broken_by(&never_told, 60.0).map(|(which, _)| which), Some(I6));
    let mut disturbed = healed(Down).to_vec();
    disturbed.insert(4, (20.0, Event::Disturbed));
    assert_eq!(broken_by(&disturbed, 60.0), None);
    let false_up =
        [(0.0, sign()), (0.0, Event::Healed), (1.0, silent()), (6.5, told(Down)), (7.0, told(Up))];
    assert_eq!(broken_by(&false_up, 60.0).map(|(which, _)| which), Some(I2));
}

#[test]
fn i7_only_who_has_rights_is_told() {
    let down = (1.0, accepted(News::Down));
    assert_eq!(broken_by(&[(0.0, rights(true)), down.clone()], 1.0), None);
    assert_eq!(broken_by(std::slice::from_ref(&down), 1.0), Some((I7, 1.0)), "none is the default");
    let taken = [(0.0, rights(true)), (0.5, rights(false)), down];
    assert_eq!(broken_by(&taken, 1.0), Some((I7, 1.0)));
}

#[test]
fn the_message_holds_the_seed_and_the_last_events() {
    let mut checker = Checker::new(4711);
    for second in 0..100 {
        checker.feed(at(f64::from(second)), sign()).unwrap();
    }
    let broken = checker.feed(at(100.0), told(Down)).unwrap_err();
    let words = broken.to_string();
    assert!(
        words.starts_with("I1 is broken at 100.000 s (seed 4711): db-1 was called down"),
        "{words}"
    );
    assert_eq!(broken.events.len(), SHOWN_EVENTS);
    assert!(words.lines().last().unwrap().contains("Told"), "{words}");
}

#[test]
#[should_panic(expected = "time went backwards")]
fn a_script_that_goes_back_in_time_is_wrong() {
    let mut checker = Checker::new(1);
    checker.pass(at(2.0)).unwrap();
    let _ = checker.pass(at(1.0));
}
