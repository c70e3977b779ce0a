//! An alert that comes and goes is told less often.

use super::*;

#[test]
fn an_alert_that_comes_and_goes_is_told_each_quarter_of_an_hour() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    let fires = |on: bool| room.rules(&[about("Load", "a-1")][..usize::from(on)]);
    // Three times in full, each by itself.
    for _ in 0..3 {
        fires(true);
        room.advance(MINUTE);
        fires(false);
        room.advance(MINUTE);
    }
    assert_eq!(room.kinds("ann"), [FIRING, RESOLVED, FIRING, RESOLVED, FIRING, RESOLVED]);
    assert_eq!(room.incidents().len(), 3);
    // From the fourth time on it is one incident, and one word each quarter of an hour.
    for _ in 0..30 {
        fires(true);
        room.advance(MINUTE);
        fires(false);
        room.advance(MINUTE);
    }
    assert_eq!(room.incidents().len(), 4);
    let told = room.told("ann").split_off(6);
    assert_eq!(told.len(), 4, "an hour: {:?}", room.kinds("ann"));
    for letter in &told {
        let words = &letter.content.text;
        assert!(words.contains("times within half an hour"), "{words}");
        assert_eq!(letter.thread, Some(told[0].id), "one thread");
    }
    let lines = room.lines(3);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("comes and goes"), "{lines:?}");
    // It calms down: what is so at the end is told, and the incident is over.
    room.advance(31 * MINUTE);
    room.advance(MINUTE);
    let known = room.kinds("ann");
    assert_eq!(known.last(), Some(&RESOLVED), "{known:?}");
    assert!(matches!(room.incidents()[3].state, IncidentState::Closed(_)));
}

#[test]
fn one_that_stays_is_told_in_the_end() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    for _ in 0..4 {
        room.rules(&[]);
        room.advance(MINUTE);
        room.rules(&[about("Load", "a-1")]);
        room.advance(MINUTE);
    }
    assert_eq!(room.kinds("ann"), [FIRING, RESOLVED, FIRING, RESOLVED, FIRING, RESOLVED]);
    room.advance(14 * MINUTE);
    assert_eq!(room.kinds("ann").last(), Some(&FIRING));
    room.advance(HOUR);
    assert_eq!(room.told("ann").len(), 7);
    assert_eq!(room.desk.active().len(), 1);
}
