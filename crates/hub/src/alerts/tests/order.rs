//! No word about an alert holds up the word that a server is down.

use watchfire_alert::told::{Awake, Hours};
use watchfire_model::{Channel, NotificationState};
use watchfire_notify::{Step, next_step};

use super::*;
use crate::testing::recipient;

/// What the courier may send now, lane by lane.
fn sendable(room: &Room) -> Vec<NotificationKind> {
    let mut sendable = Vec::new();
    for lane in room.store.lanes().expect("readable") {
        let mut letters = room.store.lane(&lane.key).expect("readable");
        letters.truncate(room.store.turn(&letters).expect("readable"));
        // What its desk wrote down of a first try is not sent yet.
        letters.iter_mut().for_each(|(_, tries)| tries.retain(|one| one.ended.is_some()));
        if let Step::Send { notification, .. } =
            next_step(&letters, room.fleet.now(), 0.0, |_, _| None)
        {
            sendable.extend(
                letters.iter().filter(|(one, _)| one.id == notification).map(|(one, _)| one.kind),
            );
        }
    }
    sendable
}

#[test]
fn a_letter_that_waits_for_working_hours_holds_up_nothing() {
    // It is 22:23 when the alert fires, and ann works from eight to six.
    let mut ann = recipient("ann", team("a"));
    let working = Some(Hours::parse("08:00-18:00").expect("good hours"));
    ann.awake = Awake { working, ..Awake::default() };
    let room = Room::with(&["a-1"], vec![ann], Muting::default());
    room.rules(&[about("DiskFull", "a-1"), critical("OnFire", "a-1")]);
    room.advance(MINUTE);
    let told = room.told("ann");
    let waits: Vec<bool> = told.iter().map(|letter| letter.not_before_ms.is_some()).collect();
    assert_eq!(waits, [true, false]);
    assert_eq!(sendable(&room), [FIRING], "the critical one");
    room.falls("a-1");
    room.hand.advance(10 * SECOND);
    room.presence.record_now(&[]);
    assert!(sendable(&room).contains(&NotificationKind::Down), "{:?}", room.kinds("ann"));
}

#[test]
fn a_letter_that_cannot_be_handed_over_holds_up_none_of_presence() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    room.rules(&[critical("OnFire", "a-1")]);
    room.advance(MINUTE);
    // It is pending still: its channel is stuck.
    assert_eq!(room.told("ann")[0].state, NotificationState::Pending);
    assert_eq!(room.told("ann")[0].channels, [Channel::new("terminal:")]);
    room.falls("a-1");
    room.hand.advance(10 * SECOND);
    room.presence.record_now(&[]);
    let mut both = sendable(&room);
    both.sort_by_key(|kind| kind.as_str());
    assert_eq!(both, [NotificationKind::Down, FIRING]);
    // And the other way round.
    room.rules(&[critical("OnFire", "a-1"), critical("Flood", "a-1")]);
    room.comes_back("a-1");
    room.advance(2 * MINUTE);
    room.advance(MINUTE);
    assert_eq!(room.kinds("ann").iter().filter(|kind| **kind == FIRING).count(), 2);
}

#[test]
fn letters_of_alerts_keep_their_order_about_one_server() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    room.rules(&[about("DiskFull", "a-1")]);
    room.advance(MINUTE);
    room.rules(&[]);
    room.advance(MINUTE);
    assert_eq!(room.kinds("ann"), [FIRING, RESOLVED]);
    assert_eq!(sendable(&room), [FIRING], "that it is over comes after it");
}

/// What fires on servers of two teams is one letter, and its user may know of one by then.
#[test]
fn a_letter_about_several_names_those_alone_that_its_user_may_still_know_of() {
    let mut room = Room::new(&["a-1", "b-1"], &[("ann", Scope::everything())]);
    room.rules(&[about("DiskFull", "a-1"), about("DiskFull", "b-1")]);
    room.advance(MINUTE);
    room.users[0].scope = team("a");
    let room = room.restart(MINUTE);
    room.presence.reroute().expect("the store works");
    let letters = room.store.pending_after(watchfire_model::NotificationId(0), 10);
    let [letter] = letters.expect("readable").try_into().expect("one letter");
    assert_eq!((letter.kind, &*letter.content.subject), (FIRING, "[FIRING] 1 server"));
    for part in [&letter.content.text, &letter.content.html] {
        assert!(part.contains("a-1") && !part.contains("b-1"), "{part}");
    }
}

#[test]
fn what_waits_goes_where_its_user_is_reached_after_a_restart() {
    let of = Scope::new(vec![Selector::parse(r#"service="shop""#).expect("a matcher")]);
    let room = Room::new(&["a-1"], &[("ann", team("a")), ("sam", of)]);
    room.rules(&[about("DiskFull", "a-1"), firing(&[("alertname", "Slow"), ("service", "shop")])]);
    room.advance(MINUTE);
    let room = room.restart(MINUTE);
    room.presence.reroute().expect("the store works");
    assert_eq!((room.kinds("ann"), room.kinds("sam")), (vec![FIRING], vec![FIRING]));
}
