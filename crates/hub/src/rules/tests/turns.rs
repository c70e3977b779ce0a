//! From turn to turn.

use watchfire_alert::rules::Health;

use super::*;

const SOURCE: &str = "rules/rules.yml/g";

#[tokio::test]
async fn what_fires_is_shown_told_kept_and_recorded() {
    let rig = Rig::new(RULES);
    let mut engine = rig.engine().await;
    rig.fill("web-1", 95.0);
    rig.turn("g").await;
    assert_eq!(rig.states("g"), [AlertState::Pending]);
    assert_eq!(rig.heard(SOURCE), [[""; 0]], "that nothing fires is said once");
    let since = rig.alerts("g")[0].since_ms;
    rig.turns("g", 3).await;
    assert_eq!(rig.states("g"), [AlertState::Firing]);
    let [_, told] = &rig.ears.heard.lock().expect("nobody panicked").clone()[..] else {
        panic!("two rounds: {:?}", rig.heard(SOURCE))
    };
    let [firing] = &told.alerts[..] else { panic!("one: {told:?}") };
    let labels = [("alertname", "Full"), ("instance", "web-1"), ("severity", "critical")];
    assert_eq!(firing.labels, LabelSet::of(&labels));
    assert_eq!(firing.annotations, [("summary".to_owned(), "web-1 is full".to_owned())]);
    assert_eq!((firing.value, firing.ends_ms), (Some(95.0), None));
    assert_eq!((firing.starts_ms, told.at_ms), (since + 30_000, since + 30_000));
    let url = "https://hub.test/api/v1/query?query=used%20%3E%2090";
    assert_eq!(firing.generator_url, url);
    let is_kept =
        |kept: &StoredRuleState| kept.group == "rules.yml\ng" && kept.alerts.contains("\"firing\"");
    let stored = || rig.store.rule_states().expect("it is readable");
    until("it is kept", || stored().iter().any(is_kept).then_some(())).await;

    // The series speak in the server's own name.
    let of_alert =
        "{alertname=\"Full\",alertstate=\"firing\",instance=\"web-1\",severity=\"critical\"} 1";
    let expected = [format!("ALERTS{of_alert}")];
    until("the series is stored", || (rig.series("ALERTS") == expected).then_some(())).await;
    let since_s = since / 1000;
    assert!(rig.series("ALERTS_FOR_STATE")[0].ends_with(&format!(" {since_s}")));

    rig.fill("web-1", 10.0);
    rig.turn("g").await;
    assert_eq!(rig.states("g"), [AlertState::Resolved]);
    assert_eq!(rig.heard(SOURCE).last(), Some(&Vec::new()));
    until("the series ends", || rig.series("ALERTS").is_empty().then_some(())).await;
    let before = rig.heard(SOURCE).len();
    // It is kept for a quarter of an hour, and then forgotten, in the store as well.
    rig.turns("g", 92).await;
    assert!(rig.alerts("g").is_empty());
    assert_eq!(rig.heard(SOURCE).len(), before, "nothing is said again and again");
    engine.stop().await;
    assert_eq!(rig.stored().await, []);
    let counts = rig.group("g").counts.evaluations.load(Ordering::Relaxed);
    assert_eq!(counts, 97);
}

#[tokio::test]
async fn what_is_not_taken_is_told_again_until_it_is() {
    let rig = Rig::new(&RULES.replace("for: 30s", "for: 0s"));
    let _engine = rig.engine().await;
    *rig.ears.refusals.lock().expect("nobody panicked") = 2;
    rig.fill("web-1", 95.0);
    rig.turn("g").await;
    assert!(rig.heard(SOURCE).is_empty());
    for _ in 0..2 {
        rig.hand.advance(Duration::from_secs(1));
        settle().await;
    }
    until("it is taken", || (rig.heard(SOURCE).len() == 1).then_some(())).await;
    assert_eq!(rig.heard(SOURCE), [["web-1"]]);
    assert_eq!(rig.group("g").counts.unheard.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_turn_for_which_there_is_no_time_is_counted_and_skipped() {
    let text = |name: &str| {
        format!("- {{ name: {name}, interval: 10s, rules: [{{ record: r, expr: used }}] }}\n")
    };
    let rules = format!("groups:\n{}{}{}", text("a"), text("b"), text("c"));
    let rig = Rig::new(&rules);
    let mut engine = rig.engine().await;
    rig.gate.set(true);
    // All three come to a turn, two of them evaluate, and the third waits.
    rig.hand.advance(Duration::from_secs(10));
    until("two evaluate", || (rig.gate.waiting() == 2).then_some(())).await;
    // What does not end is given up, and holds its place all the same.
    rig.hand.advance(Duration::from_secs(11));
    let names = ["a", "b", "c"];
    let failures = || -> Vec<u64> {
        let of = |name: &&str| rig.group(name).counts.failures.load(Ordering::Relaxed);
        names.iter().map(of).collect()
    };
    until("two are given up", || (failures().iter().sum::<u64>() == 2).then_some(())).await;
    rig.hand.advance(Duration::from_secs(30));
    settle().await;
    rig.gate.set(false);
    let waiting = names[failures().iter().position(|failed| *failed == 0).expect("one waited")];
    let watched = rig.group(waiting);
    let evaluated = || (watched.counts.evaluations.load(Ordering::Relaxed) > 0).then_some(());
    until("the third has its turn", evaluated).await;
    let (turns, missed) = (&watched.counts.turns, &watched.counts.missed);
    let (turns, missed) = (turns.load(Ordering::Relaxed), missed.load(Ordering::Relaxed));
    assert!(missed >= 3 && turns == missed + 1, "{missed} of {turns}");
    assert_eq!(watched.counts.evaluations.load(Ordering::Relaxed), 1, "they are not made up for");
    engine.stop().await;
}

#[tokio::test]
async fn a_rule_that_fails_says_why_and_its_alerts_stand() {
    let labels = "severity: critical, instance: one";
    let rules = RULES.replace("for: 30s", "for: 0s").replace("severity: critical", labels);
    let rig = Rig::new(&rules);
    let _engine = rig.engine().await;
    rig.fill("web-1", 95.0);
    rig.turn("g").await;
    assert_eq!(rig.states("g"), [AlertState::Firing]);
    // Two series become one alert.
    rig.fill("web-2", 95.0);
    rig.turn("g").await;
    let health = rig.group("g").snapshot().state.health(0).clone();
    let Health::Bad(why) = health else { panic!("it is {health:?}") };
    assert!(why.contains("two series become the same alert"), "{why}");
    assert_eq!(rig.group("g").counts.failures.load(Ordering::Relaxed), 1);
    assert_eq!(rig.states("g"), [AlertState::Firing]);
    assert_eq!(rig.heard(SOURCE).last(), Some(&vec!["one".to_owned()]));
}

#[tokio::test]
async fn a_clock_that_is_set_lets_nothing_fire_and_nothing_hang() {
    let rig = Rig::new(RULES);
    let _engine = rig.engine().await;
    rig.fill("web-1", 95.0);
    rig.turn("g").await;
    // Four minutes forward: the alert has waited for ten seconds all the same.
    rig.hand.jump_wall(240_000);
    rig.fill("web-1", 95.0);
    rig.turn("g").await;
    assert_eq!(rig.states("g"), [AlertState::Pending]);
    rig.turns("g", 3).await;
    assert_eq!(rig.states("g"), [AlertState::Firing], "{:?}", rig.alerts("g"));
    // An hour back: it goes on, and its turns do not wait for that hour.
    rig.hand.jump_wall(-3_600_000);
    rig.source.lock().expect("nobody panicked").clear();
    rig.fill("web-1", 95.0);
    rig.turns("g", 2).await;
    assert_eq!(rig.states("g"), [AlertState::Firing]);
    rig.fill("web-1", 5.0);
    rig.turn("g").await;
    assert_eq!(rig.states("g"), [AlertState::Resolved]);
}
