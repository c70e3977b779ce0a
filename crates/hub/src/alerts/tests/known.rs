//! What is not named, while the hub does not see well.

use super::*;

fn of_the_site() -> Firing {
    firing(&[("alertname", "Errors"), ("site", "fra")])
}

fn names(room: &Room) -> Vec<String> {
    room.desk.active().all().iter().map(|alert| alert.labels.get("alertname").to_owned()).collect()
}

#[test]
fn an_alert_of_no_server_stands_after_a_restart_too() {
    let room = Room::new(&["a-1"], &[("ann", Scope::everything())]);
    room.rules(&[of_the_site()]);
    room.advance(MINUTE);
    let room = room.restart(MINUTE);
    room.hear_all();
    assert!(!room.desk.knows_of(&of_the_site().labels));
    room.rules(&[]);
    room.advance(59 * SECOND);
    assert_eq!(names(&room), ["Errors"]);
    room.rules(&[of_the_site()]);
    room.advance(MINUTE);
    assert_eq!(room.kinds("ann"), [FIRING], "nothing happened to it");
    assert!(room.desk.knows_of(&of_the_site().labels));
    room.rules(&[]);
    room.advance(MINUTE);
    assert_eq!(room.kinds("ann"), [FIRING, RESOLVED]);
}

#[test]
fn of_an_alert_of_no_server_nothing_is_known_while_many_servers_are_away() {
    let names: Vec<String> = (0..40).map(|number| format!("a-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let room = Room::new(&names, &[]);
    let labels = of_the_site().labels;
    assert!(room.desk.knows_of(&labels));
    room.falls("a-0");
    room.hand.advance(2 * SECOND);
    // All the others are heard all the while.
    let hear = || names[2..].iter().for_each(|name| room.comes_back(name));
    hear();
    assert!(room.desk.knows_of(&labels), "one of forty is not many");
    room.falls("a-1");
    hear();
    room.hand.advance(2 * SECOND);
    assert!(!room.desk.knows_of(&labels));
    room.hand.advance(HOUR);
    hear();
    room.hand.advance(2 * MINUTE);
    hear();
    assert!(room.desk.knows_of(&labels), "who is away for an hour is missed by nobody");
}

#[test]
fn what_ends_while_the_hub_stood_still_goes_on() {
    let room = Room::new(&["a-1"], &[("ann", Scope::everything())]);
    let ends_ms = Some(room.fleet.now().unix_ms + 300_000);
    let outside = Firing { ends_ms, ..of_the_site() };
    let round = Round { source: "api".to_owned(), is_whole: false, ..round("api", &[outside]) };
    room.take(&round).expect("the store works");
    room.rules(&[about("DiskFull", "a-1")]);
    room.desk.notice_pause(room.fleet.now());
    // As when a machine sleeps.
    room.hand.advance(HOUR);
    room.hear_all();
    room.desk.notice_pause(room.fleet.now());
    room.rules(&[]);
    room.desk.look().expect("the store works");
    assert_eq!(names(&room), ["Errors", "DiskFull"]);
    room.advance(MINUTE);
    assert_eq!(names(&room), ["Errors"]);
    room.advance(4 * MINUTE);
    assert_eq!(names(&room), [""; 0]);
}

#[test]
fn what_a_sender_calls_over_is_over_at_once() {
    let room = Room::new(&["a-1"], &[]);
    let mut round = Round { is_whole: false, ..round("api", &[of_the_site()]) };
    round.alerts[0].ends_ms = Some(room.fleet.now().unix_ms + 300_000);
    room.take(&round).expect("the store works");
    let room = room.restart(SECOND);
    room.hear_all();
    round.alerts[0].ends_ms = Some(room.fleet.now().unix_ms);
    room.take(&round).expect("the store works");
    assert_eq!(names(&room), [""; 0]);
}

#[test]
fn an_alert_whose_rule_was_removed_is_over_and_says_so_once() {
    let room = Room::new(&["a-1", "a-2"], &[("ann", team("a"))]);
    let of = |alerts: &[Firing], rules: &[&str]| {
        let rules = Some(rules.iter().map(|&name| name.to_owned()).collect());
        room.take(&Round { rules, ..round("rules/x.yaml/g", alerts) }).expect("the store works");
    };
    of(&[about("DiskFull", "a-1"), about("Swap", "a-1")], &["DiskFull", "Swap"]);
    room.advance(MINUTE);
    // That its server is away holds up nothing: nobody will look for it again.
    room.falls("a-1");
    of(&[], &["Swap"]);
    assert_eq!(names(&room), ["Swap"]);
    of(&[], &[]);
    assert_eq!(names(&room), [""; 0]);
    of(&[], &[]);
    room.advance(HOUR);
    let lines = room.lines(0).concat();
    assert!(lines.contains("DiskFull: its rule was removed"), "{lines}");
    assert!(lines.contains("Swap: its rule was removed"), "{lines}");
    let resolved = room.kinds("ann").into_iter().filter(|kind| *kind == RESOLVED).count();
    assert_eq!(resolved, 1, "both in one letter");
}

#[test]
fn a_round_that_comes_too_late_changes_nothing() {
    let room = Room::new(&["a-1"], &[]);
    let of = |alerts: &[Firing], order| {
        room.take(&Round { order, ..round("rules/x.yaml/g", alerts) }).expect("the store works");
    };
    of(&[about("DiskFull", "a-1")], 2);
    of(&[], 1);
    assert_eq!(names(&room), ["DiskFull"]);
    of(&[], 3);
    assert_eq!(names(&room), [""; 0]);
}
