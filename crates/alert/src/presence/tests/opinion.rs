use super::*;

fn by(observer: &str, ms: u64, saw: Sight) -> Evidence {
    Evidence { observer: observer.to_owned(), ..sight(ms, saw) }
}

#[test]
fn neighbours_are_asked_once_in_a_silence() {
    let mut machine = heard();
    assert!(!machine.wants_second_opinion(at(2999)));
    assert!(machine.wants_second_opinion(at(3000)));
    assert!(!machine.wants_second_opinion(at(3001)));
    machine.check(at(5000));
    assert!(!machine.wants_second_opinion(at(900_000)), "the verdict rests on nobody's word");
    machine.sign_of_life(at(901_000));
    assert!(!machine.wants_second_opinion(at(903_999)));
    machine.check(at(904_000));
    assert!(machine.wants_second_opinion(at(904_100)), "a check keeps the wish");
}

#[test]
fn the_hubs_standstill_asks_nobody() {
    let mut machine = heard();
    assert!(!machine.wants_second_opinion(stalled(12_999, 10_000)));
    assert!(machine.wants_second_opinion(stalled(13_000, 10_000)));
}

#[test]
fn after_a_goodbye_they_are_asked_before_its_limit() {
    let mut machine = heard();
    machine.said_goodbye(at(0), Goodbye::Upgrade);
    assert!(!machine.wants_second_opinion(at(57_999)));
    assert!(machine.wants_second_opinion(at(58_000)));
    let mut unknown = unheard();
    assert!(!unknown.wants_second_opinion(at(2999)));
    assert!(unknown.wants_second_opinion(at(3000)));
}

#[test]
fn a_neighbour_that_reaches_it_makes_it_unreachable() {
    let mut machine = heard();
    machine.observe(sight(3100, Sight::NoAnswer));
    machine.observe(by("db-1", 3050, Sight::Reached));
    machine.observe(by("db-2", 3050, Sight::NoAnswer));
    let told = machine.check(at(5000)).expect("the incident opens all the same");
    assert_eq!(told.to, Presence::Unreachable);
    assert_eq!(
        crate::for_reader(&crate::cause(&told), |_| true),
        "The hub does not reach it, db-1 does: the path between them is cut (db-2 does not)."
    );
}

#[test]
fn what_a_neighbour_saw_before_the_last_sign_says_nothing() {
    let mut machine = heard();
    machine.check(at(3000));
    machine.sign_of_life(at(3200));
    machine.observe(by("db-1", 3100, Sight::Reached));
    assert_eq!(machine.check(at(8200)).map(|change| change.to), Some(Presence::Down));
}

#[test]
fn while_a_verdict_rests_on_a_neighbour_it_is_asked_again() {
    let mut machine = heard();
    assert!(machine.wants_second_opinion(at(3000)));
    machine.observe(by("db-1", 3000, Sight::Reached));
    machine.check(at(5000));
    assert!(!machine.wants_second_opinion(at(62_999)));
    assert!(!machine.wants_second_opinion(stalled(63_000, 1)), "that was the hub's standstill");
    assert!(machine.wants_second_opinion(stalled(63_001, 1)));
    // The machine dies behind the cut: its neighbour sees that too.
    machine.observe(by("db-1", 63_001, Sight::NoAnswer));
    machine.observe(sight(65_000, Sight::NoAnswer));
    assert_eq!(machine.check(stalled(68_000, 1)), None);
    let worse = machine.check(stalled(68_002, 1)).map(|change| change.to);
    assert_eq!(worse, Some(Presence::Down));
}

#[test]
fn a_neighbour_that_is_never_heard_again_is_not_believed_for_ever() {
    let mut machine = heard();
    machine.observe(by("db-1", 3000, Sight::Reached));
    machine.check(at(5000));
    let mut changes = Vec::new();
    for second in 5..400_u64 {
        machine.observe(sight(second * 1000, Sight::NoAnswer));
        changes.extend(machine.check(at(second * 1000)).map(|change| (second, change.to)));
    }
    assert_eq!(changes, [(159, Presence::Down)]);
}

#[test]
fn a_word_that_comes_after_the_verdict_changes_it_in_its_time() {
    let mut machine = heard();
    assert_eq!(machine.check(at(5000)).map(|change| change.to), Some(Presence::Down));
    machine.observe(by("db-1", 5200, Sight::Reached));
    // The hub's own sights go on, and do not speak against the neighbour's.
    machine.observe(sight(7000, Sight::NoAnswer));
    assert_eq!(machine.next_check(), Some(moment(10_200)));
    let changed = machine.check(at(10_200)).map(|change| change.to);
    assert_eq!(changed, Some(Presence::Unreachable));
}
