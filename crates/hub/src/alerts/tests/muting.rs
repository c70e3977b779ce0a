//! What nobody is told of for a while, and what becomes of it.

use watchfire_alert::told::{Maintenance, Window};
use watchfire_model::Presence;

use super::*;
use crate::testing::recipient;

#[test]
fn a_server_that_is_down_mutes_its_alerts() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    room.rules(&[about("Old", "a-1")]);
    room.advance(MINUTE);
    assert_eq!(room.kinds("ann"), [FIRING]);
    room.falls("a-1");
    let down = room.told("ann").len();
    // Nothing is known of it, so nothing is over and nothing is told.
    room.rules(&[about("NoData", "a-1"), about("Brief", "a-1")]);
    room.advance(MINUTE);
    room.rules(&[about("NoData", "a-1")]);
    room.advance(HOUR);
    assert_eq!(room.told("ann").len(), down);
    assert_eq!(room.desk.active().len(), 3);
    let muted: Vec<_> = room.desk.active().all().iter().map(|alert| alert.muted.clone()).collect();
    assert_eq!(muted[1], Some("its server is down".into()), "{muted:?}");
    // It is back: after a minute all is looked at again.
    room.comes_back("a-1");
    let back = room.told("ann").len();
    room.advance(59 * SECOND);
    room.rules(&[about("NoData", "a-1")]);
    assert_eq!(room.told("ann").len(), back);
    room.advance(SECOND);
    room.advance(MINUTE);
    assert_eq!(room.kinds("ann")[back..], [FIRING, RESOLVED]);
    let told = room.told("ann").split_off(back);
    assert!(told[0].content.subject.contains("no data"), "{}", told[0].content.subject);
    assert!(told[1].content.subject.contains("old"), "{}", told[1].content.subject);
    assert_eq!(told[1].thread, Some(room.told("ann")[0].id));
    assert_eq!(room.desk.active().len(), 1);
    let lines = room.lines(0);
    let muted = lines.iter().filter(|line| line.contains("is told to nobody"));
    assert_eq!(muted.count(), 2, "{lines:?}");
}

#[test]
fn a_server_that_is_quiet_for_a_moment_resolves_nothing() {
    let room = Room::new(&["a-1"], &[("ann", team("a"))]);
    room.rules(&[about("Old", "a-1")]);
    room.advance(MINUTE);
    let index = room.fleet.index(&name("a-1")).expect("it is watched");
    room.fleet.heard(index);
    room.hand.advance(3 * SECOND);
    room.fleet.check(index, room.fleet.now());
    assert_eq!(room.fleet.presence(index), Presence::Late);
    room.rules(&[]);
    room.advance(MINUTE);
    assert_eq!(room.desk.active().len(), 1);
    // Heard again, it need not be waited for: it was never away.
    room.fleet.heard(index);
    room.advance(SECOND);
    assert_eq!(room.desk.active().len(), 0);
}

#[test]
fn what_is_worked_on_is_told_afterwards_if_it_goes_on() {
    let window = |from: i64, to: i64| {
        let start = moment(0).unix_ms + 600_000;
        Window::Once(start + from * 60_000, start + to * 60_000)
    };
    let scope = Scope::new(vec![Selector::parse(r#"team="a""#).expect("a matcher")]);
    let disks = Maintenance { name: "disks".to_owned(), scope, window: window(0, 30) };
    let users = vec![recipient("ann", Scope::everything())];
    let room = Room::with(&["a-1", "b-1"], users, Muting::new(vec![disks]));
    room.rules(&[about("Long", "a-1"), about("Short", "a-1"), about("Long", "b-1")]);
    room.advance(MINUTE);
    assert_eq!(room.told("ann").len(), 1, "b-1 is not worked on");
    room.rules(&[about("Long", "a-1"), about("Long", "b-1")]);
    room.advance(28 * MINUTE);
    assert_eq!(room.told("ann").len(), 1);
    assert_eq!(room.lines(0)[2], r#"Long is told to nobody: maintenance "disks""#);
    room.advance(MINUTE);
    let told = room.told("ann");
    assert_eq!(room.kinds("ann"), [FIRING, FIRING]);
    assert!(told[1].content.subject.contains("a-1"), "{}", told[1].content.subject);
}

#[test]
fn maintenance_that_names_the_alert_holds_for_that_one_alone() {
    let scope = Scope::new(vec![Selector::parse(r#"alertname="Loud""#).expect("a matcher")]);
    let day = Window::Once(0, i64::MAX);
    let loud = Maintenance { name: "loud".to_owned(), scope, window: day };
    let users = vec![recipient("ann", Scope::everything())];
    let room = Room::with(&["a-1"], users, Muting::new(vec![loud]));
    room.rules(&[about("Loud", "a-1"), about("Grave", "a-1")]);
    room.advance(HOUR);
    assert_eq!(room.told("ann").len(), 1);
    let active = room.desk.active().all();
    assert_eq!(active.iter().map(|alert| alert.muted.is_some()).collect::<Vec<_>>(), [true, false]);
}
