//! An incident that does not fit its server's presence is mended, at the second look.

use super::*;

/// Lets a server of the fleet fall silent until it is judged, without the desk hearing of it.
fn falls(room: &Room, server: &str) {
    let index = room.fleet.index(&name(server)).expect("it is watched");
    room.late(&[server]);
    room.hand.advance(Duration::from_secs(2));
    room.fleet.check(index, room.fleet.now());
    assert!(room.fleet.presence(index).is_trouble());
    room.fleet.transitions(BATCH).now_or_never();
}

#[test]
fn a_trouble_that_never_came_to_the_desk_is_told() {
    let room = Room::new(&["a-1", "b-1"], &[("ann", team("a"))]);
    falls(&room, "a-1");
    assert_eq!(room.desk.repairs(), [], "it may be on its way");
    let repairs = room.desk.repairs();
    assert_eq!(repairs.len(), 1, "{repairs:?}");
    room.record(&repairs);
    assert_eq!(room.kinds("ann"), [NotificationKind::Down]);
    assert_eq!((room.desk.repairs(), room.desk.repairs()), (vec![], vec![]), "it fits now");
}

#[test]
fn a_return_that_never_came_to_the_desk_ends_the_incident() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    falls(&room, "a-1");
    room.desk.repairs();
    room.record(&room.desk.repairs());
    let index = room.fleet.index(&name("a-1")).expect("it is watched");
    room.fleet.heard(index);
    room.fleet.transitions(BATCH).now_or_never();
    assert_eq!(room.fleet.presence(index), Presence::Up);
    assert_eq!(room.desk.repairs(), []);
    room.record(&room.desk.repairs());
    assert!(room.incidents().iter().all(|one| one.state != IncidentState::Open));
    assert_eq!(room.kinds("ann"), [NotificationKind::Down, NotificationKind::Recovered]);
}

#[test]
fn what_changes_between_two_looks_is_not_mended() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    falls(&room, "a-1");
    assert_eq!(room.desk.repairs(), []);
    let index = room.fleet.index(&name("a-1")).expect("it is watched");
    room.fleet.heard(index);
    falls(&room, "a-1");
    assert_eq!(room.desk.repairs(), [], "this is another trouble, seen for the first time");
}
