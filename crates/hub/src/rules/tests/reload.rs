//! Files that are read anew.

use super::*;

const SOURCE: &str = "rules/rules.yml/g";

#[tokio::test]
async fn a_bad_file_keeps_the_rules_and_says_why() {
    let rig = Rig::new(RULES);
    let mut engine = rig.engine().await;
    let good = rig.board.reloads();
    assert!(!good.failed);
    rig.fill("web-1", 95.0);
    rig.turns("g", 4).await;
    rig.write("rules.yml", &RULES.replace("used > 90", "used >"));
    rig.hand.advance(Duration::from_secs(1));
    let log = crate::testing::Log::new();
    rig.reload(&mut engine).await;
    assert!(log.holds("rules.yml:6:"), "the log names file and line");
    assert_eq!(rig.board.reloads(), Reloads { failed: true, ..good });
    rig.turn("g").await;
    assert_eq!(rig.states("g"), [AlertState::Firing]);
    rig.write("rules.yml", RULES);
    rig.reload(&mut engine).await;
    let now_ms = rig.clock.now().unix_ms;
    assert_eq!(rig.board.reloads(), Reloads { failed: false, good_unix_ms: now_ms });
    engine.stop().await;
}

#[tokio::test]
async fn a_rule_that_stays_keeps_its_alerts_and_one_that_goes_ends_them() {
    let more = "  - { alert: Odd, expr: used > 50 }\n";
    let rig = Rig::new(&format!("{RULES}{more}"));
    let mut engine = rig.engine().await;
    rig.fill("web-1", 95.0);
    rig.turns("g", 4).await;
    let before = rig.alerts("g");
    assert_eq!(rig.heard(SOURCE).last().map(Vec::len), Some(2));
    // It asks otherwise, and is the same rule; the other is gone.
    rig.write("rules.yml", &RULES.replace("> 90", "> 80").replace("10s", "20s"));
    rig.reload(&mut engine).await;
    let after = rig.alerts("g");
    assert_eq!((after[0].state, after[0].since_ms), (AlertState::Firing, before[0].since_ms));
    let evaluations = rig.group("g").counts.evaluations.load(Ordering::Relaxed);
    assert_eq!(evaluations, 8, "it goes on counting");
    rig.turn("g").await;
    assert_eq!(rig.heard(SOURCE).last(), Some(&vec!["web-1".to_owned()]));
    assert_eq!(rig.group("g").interval_ms, 20_000);
    until("its series ends", || rig.series("ALERTS{alertname=\"Odd\"}").is_empty().then_some(()))
        .await;
    engine.stop().await;
}

#[tokio::test]
async fn a_group_that_goes_says_goodbye() {
    let rig = Rig::new(RULES);
    rig.write("other.yml", &RULES.replace("name: g", "name: h").replace("Full", "Fuller"));
    let mut engine = rig.engine().await;
    rig.fill("web-1", 95.0);
    rig.turns("g", 5).await;
    until("its series is stored", || {
        (rig.series("ALERTS{alertname=\"Full\"}").len() == 1).then_some(())
    })
    .await;
    assert_eq!(rig.heard(SOURCE).last().map(Vec::len), Some(1));
    std::fs::remove_file(rig.folder.path().join("rules.yml")).expect("it is there");
    rig.reload(&mut engine).await;
    assert_eq!(rig.heard(SOURCE).last(), Some(&Vec::new()));
    let groups = rig.board.groups();
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].group().name, "h");
    let kept: Vec<String> = rig.stored().await.into_iter().map(|one| one.group).collect();
    assert!(!kept.contains(&"rules.yml\ng".to_owned()), "{kept:?}");
    let ended = || rig.series("ALERTS{alertname=\"Full\"}").is_empty().then_some(());
    until("its series ends", ended).await;
    engine.stop().await;
    rig.end.request();
}

#[tokio::test]
async fn groups_of_one_name_in_two_files_have_nothing_in_common() {
    let rig = Rig::new(RULES);
    rig.write("other.yml", &RULES.replace("> 90", "> 99"));
    let mut engine = rig.engine().await;
    rig.fill("web-1", 95.0);
    rig.turns("g", 8).await;
    let heard = |file: &str| rig.heard(&format!("rules/{file}/g"));
    assert_eq!(heard("rules.yml").last(), Some(&vec!["web-1".to_owned()]));
    assert!(heard("other.yml").iter().all(Vec::is_empty), "{:?}", heard("other.yml"));
    assert_ne!(sink::source("a", "b/c"), sink::source("a/b", "c"));
    std::fs::remove_file(rig.folder.path().join("other.yml")).expect("it is there");
    rig.reload(&mut engine).await;
    rig.turn("g").await;
    assert_eq!(heard("rules.yml").last(), Some(&vec!["web-1".to_owned()]));
    engine.stop().await;
}

#[tokio::test]
async fn what_runs_while_the_files_are_read_changes_nothing_afterwards() {
    let rig = Rig::new(&RULES.replace("for: 30s", "for: 0s"));
    let mut engine = rig.engine().await;
    rig.fill("web-1", 95.0);
    rig.turn("g").await;
    // The next turn stands before a gate.
    rig.gate.set(true);
    rig.hand.advance(Duration::from_secs(10));
    until("it evaluates", || (rig.gate.waiting() == 1).then_some(())).await;
    rig.write("rules.yml", &RULES.replace("for: 30s", "for: 0s").replace("Full", "Fuller"));
    let mut reading = std::pin::pin!(engine.reload(&rig.shutdown));
    loop {
        tokio::select! {
            biased;
            () = &mut reading => break,
            () = settle() => rig.hand.advance(Duration::from_millis(100)),
        }
    }
    let rounds = rig.heard(SOURCE).len();
    rig.gate.set(false);
    settle().await;
    rig.turn("g").await;
    let heard = rig.ears.heard.lock().expect("nobody panicked").clone();
    let later: Vec<_> = heard[rounds..].iter().filter(|round| round.source == SOURCE).collect();
    let orders: Vec<u64> = heard.iter().map(|round| round.order).collect();
    assert!(orders.is_sorted(), "{orders:?}");
    for round in later {
        let names: Vec<&str> = round.alerts.iter().map(|one| one.labels.get("alertname")).collect();
        assert_eq!(names, ["Fuller"]);
        let rules = round.rules.clone().expect("a group has rules");
        assert_eq!(rules.into_iter().collect::<Vec<_>>(), ["Fuller"]);
    }
}

#[tokio::test]
async fn a_goodbye_that_nobody_takes_is_said_again() {
    let mut rig = Rig::new(RULES);
    rig.write("other.yml", &RULES.replace("name: g", "name: h"));
    let mut engine = rig.engine().await;
    rig.fill("web-1", 95.0);
    rig.turns("g", 4).await;
    std::fs::remove_file(rig.folder.path().join("rules.yml")).expect("it is there");
    let before = rig.heard(SOURCE).len();
    *rig.ears.refusals.lock().expect("nobody panicked") = 100_000;
    {
        let mut reading = std::pin::pin!(engine.reload(&rig.shutdown));
        loop {
            tokio::select! {
                biased;
                () = &mut reading => break,
                () = settle() => rig.hand.advance(Duration::from_secs(1)),
            }
        }
    }
    assert_eq!(rig.heard(SOURCE).len(), before);
    *rig.ears.refusals.lock().expect("nobody panicked") = 0;
    let nudges = rig.nudges.take().expect("once");
    let running = task::spawn("rules", engine.run_on(None, nudges, rig.shutdown.clone()));
    settle().await;
    rig.hand.advance(Duration::from_secs(61));
    until("it is taken", || (rig.heard(SOURCE).len() > before).then_some(())).await;
    assert_eq!(rig.heard(SOURCE)[before..], [vec![""; 0]]);
    rig.end.request();
    let _ = running.join().await;
}
