//! What a run of the hub leaves to the next one.

use super::*;

#[test]
fn what_was_stored_and_not_told_is_told_after_a_restart() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    room.rules(&[about("DiskFull", "a-1")]);
    let room = room.restart(HOUR);
    room.hear_all();
    room.advance(SECOND);
    room.rules(&[about("DiskFull", "a-1")]);
    room.advance(10 * SECOND);
    assert_eq!(room.kinds("ann"), [FIRING]);
    room.advance(HOUR);
    assert_eq!(room.kinds("ann"), [FIRING], "once");
    assert_eq!(room.incidents().len(), 1);
}

#[test]
fn what_was_told_is_not_told_again_and_its_end_is_told_in_its_thread() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    room.rules(&[about("DiskFull", "a-1")]);
    room.advance(MINUTE);
    let first = room.told("ann").remove(0);
    let room = room.restart(HOUR);
    room.hear_all();
    room.rules(&[about("DiskFull", "a-1")]);
    room.advance(2 * MINUTE);
    assert_eq!(room.told("ann").len(), 1);
    room.rules(&[]);
    room.advance(MINUTE);
    let told = room.told("ann");
    assert_eq!((told[1].kind, told[1].thread), (RESOLVED, Some(first.id)));
}

#[test]
fn an_end_that_was_stored_and_not_told_is_told_after_a_restart() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    room.rules(&[about("DiskFull", "a-1")]);
    room.advance(MINUTE);
    room.rules(&[]);
    assert!(matches!(room.incidents()[0].state, IncidentState::Closed(_)));
    // Longer than anything that is over is remembered.
    let room = room.restart(5 * HOUR);
    room.hear_all();
    room.advance(SECOND);
    room.advance(10 * SECOND);
    assert_eq!(room.kinds("ann"), [FIRING, RESOLVED]);
    assert_eq!(room.desk.counts().untold, 0);
}

#[test]
fn just_after_a_start_nothing_is_over_for_want_of_data() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    room.rules(&[about("DiskFull", "a-1")]);
    let room = room.restart(MINUTE);
    room.hear_all();
    room.rules(&[]);
    room.advance(59 * SECOND);
    assert_eq!(room.desk.active().len(), 1);
    room.advance(SECOND);
    assert_eq!(room.desk.active().len(), 0);
}

#[test]
fn nobody_could_name_an_alert_again_while_the_hub_was_away() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    let ends_ms = Some(room.fleet.now().unix_ms + 300_000);
    let alerts = vec![Firing { ends_ms, ..about("DiskFull", "a-1") }];
    let outside = Round {
        source: "api".to_owned(),
        alerts,
        is_whole: false,
        at_ms: 0,
        poster: None,
        rules: None,
        order: 0,
    };
    room.take(&outside).expect("the store works");
    let room = room.restart(HOUR);
    room.hear_all();
    room.advance(4 * MINUTE);
    assert_eq!(room.desk.active().len(), 1);
    room.advance(MINUTE);
    assert_eq!(room.desk.active().len(), 0);
}

#[test]
fn something_critical_is_told_again_across_restarts() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    room.rules(&[critical("OnFire", "a-1")]);
    room.advance(MINUTE);
    let room = room.restart(HOUR);
    room.hear_all();
    room.rules(&[critical("OnFire", "a-1")]);
    room.advance(2 * HOUR);
    assert_eq!(room.told("ann").len(), 1);
    room.advance(HOUR);
    assert_eq!(room.kinds("ann"), [FIRING, FIRING]);
}

#[test]
fn an_alert_that_comes_and_goes_does_so_across_restarts() {
    let mut room = Room::new(&["a-1"], &[("ann", team("a"))]);
    for _ in 0..3 {
        room.rules(&[about("Load", "a-1")]);
        room.advance(2 * MINUTE);
        room.rules(&[]);
        room.advance(MINUTE);
        room = room.restart(SECOND);
        room.hear_all();
        room.advance(MINUTE);
    }
    assert_eq!(room.told("ann").len(), 6);
    room.rules(&[about("Load", "a-1")]);
    room.advance(5 * MINUTE);
    assert_eq!(room.told("ann").len(), 6, "it is the fourth time");
    room.advance(10 * MINUTE);
    assert_eq!(room.told("ann").len(), 7);
}
