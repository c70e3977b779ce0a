//! What a restart leaves of alerts.

use watchfire_alert::rules::Health;

use super::*;

const SOURCE: &str = "rules/rules.yml/g";

#[tokio::test]
async fn a_restart_keeps_what_fires_and_since_when() {
    let rig = Rig::new(RULES);
    let mut engine = rig.engine().await;
    rig.fill("web-1", 95.0);
    rig.turns("g", 4).await;
    let before = rig.alerts("g");
    engine.stop().await;
    drop(engine);
    assert_eq!(rig.stored().await.len(), 1);
    // Its server has not told anything since: nothing is over for want of data.
    rig.hand.advance(Duration::from_secs(600));
    rig.source.lock().expect("nobody panicked").clear();
    let mut engine = rig.engine().await;
    let after = rig.alerts("g");
    assert_eq!((after[0].state, after[0].since_ms), (AlertState::Firing, before[0].since_ms));
    rig.turns("g", 11).await;
    assert_eq!(rig.states("g"), [AlertState::Firing]);
    assert_eq!(rig.heard("rules/rules.yml/g").last(), Some(&vec!["web-1".to_owned()]));
    rig.turns("g", 2).await;
    assert_eq!(rig.states("g"), [AlertState::Resolved], "after the grace it counts");
    engine.stop().await;
}

#[tokio::test]
async fn the_time_in_which_nobody_looked_does_not_count() {
    let rig = Rig::new(RULES);
    let mut engine = rig.engine().await;
    rig.fill("web-1", 95.0);
    rig.turn("g").await;
    engine.stop().await;
    rig.hand.advance(Duration::from_secs(300));
    let _engine = rig.engine().await;
    rig.fill("web-1", 95.0);
    rig.turn("g").await;
    assert_eq!(rig.states("g"), [AlertState::Pending]);
    rig.turns("g", 3).await;
    assert_eq!(rig.states("g"), [AlertState::Firing]);
}

#[tokio::test]
async fn what_a_group_left_that_is_gone_is_over() {
    let rig = Rig::new(RULES);
    let mut engine = rig.engine().await;
    rig.fill("web-1", 95.0);
    rig.turns("g", 4).await;
    engine.stop().await;
    std::fs::remove_file(rig.folder.path().join("rules.yml")).expect("it is there");
    rig.write("other.yml", &RULES.replace("name: g", "name: h"));
    // It is said again until somebody hears it.
    *rig.ears.refusals.lock().expect("nobody panicked") = 1;
    let mut starting = std::pin::pin!(rig.engine());
    let _engine = loop {
        tokio::select! {
            biased;
            engine = &mut starting => break engine,
            () = settle() => rig.hand.advance(Duration::from_millis(10)),
        }
    };
    assert_eq!(rig.heard("rules/rules.yml/g").last(), Some(&Vec::new()));
    let kept: Vec<String> = rig.stored().await.into_iter().map(|one| one.group).collect();
    assert!(!kept.contains(&"rules.yml\ng".to_owned()), "{kept:?}");
}

#[tokio::test]
async fn what_cannot_be_read_is_asked_for_until_it_is_there() {
    let rig = Rig::new(RULES);
    let mut engine = rig.engine().await;
    rig.fill("web-1", 95.0);
    rig.turns("g", 4).await;
    let before = rig.alerts("g");
    engine.stop().await;
    *rig.unreadable.lock().expect("whole") = vec!["a bad disk".to_owned(); 3];
    let mut waited = 0;
    let mut starting = std::pin::pin!(rig.engine());
    let mut engine = loop {
        tokio::select! {
            biased;
            engine = &mut starting => break engine,
            () = settle() => {
                if let Health::Bad(why) = rig.group("g").snapshot().state.health(0) {
                    assert!(why.contains("a bad disk"), "{why}");
                    waited += 1;
                }
                rig.hand.advance(Duration::from_millis(50));
            }
        }
    };
    assert!(waited > 0, "its health says that it waits, and why");
    let after = rig.alerts("g");
    assert_eq!((after[0].state, after[0].since_ms), (AlertState::Firing, before[0].since_ms));
    rig.turn("g").await;
    assert_eq!(rig.heard(SOURCE).last(), Some(&vec!["web-1".to_owned()]));
    engine.stop().await;
}

#[tokio::test]
async fn what_fires_is_kept_before_anybody_hears_of_it() {
    let rig = Rig::new(&RULES.replace("for: 30s", "for: 0s"));
    let mut engine = rig.engine().await;
    *rig.ears.refusals.lock().expect("nobody panicked") = 1_000;
    rig.fill("web-1", 95.0);
    rig.turn("g").await;
    let is_kept = || {
        let stored = rig.store.rule_states().expect("it is readable");
        stored.iter().any(|kept| kept.alerts.contains("\"firing\"")).then_some(())
    };
    until("it is kept", is_kept).await;
    assert!(rig.heard(SOURCE).is_empty());
    engine.stop().await;
    // After a crash between the two it is said, though it may not be found again yet.
    *rig.ears.refusals.lock().expect("nobody panicked") = 0;
    rig.source.lock().expect("nobody panicked").clear();
    let mut engine = rig.engine().await;
    rig.turn("g").await;
    assert_eq!(rig.heard(SOURCE), [["web-1"]]);
    engine.stop().await;
}

#[tokio::test]
async fn what_was_heard_and_not_kept_goes_on_and_what_was_kept_and_not_heard_ends() {
    let rig = Rig::new(RULES);
    let mut engine = rig.engine().await;
    rig.fill("web-1", 95.0);
    rig.turns("g", 3).await;
    engine.stop().await;
    let pending = rig.stored().await.remove(0);
    assert!(pending.alerts.contains("\"pending\""), "{pending:?}");
    let mut engine = rig.engine().await;
    rig.fill("web-1", 95.0);
    rig.turns("g", 4).await;
    assert_eq!(rig.heard(SOURCE).last(), Some(&vec!["web-1".to_owned()]));
    engine.stop().await;
    let fired = rig.heard(SOURCE).len();
    // A row of before, and none.
    for row in [Some(pending), None] {
        let name = "rules.yml\ng".to_owned();
        let change = |batch: &watchfire_store::Batch<'_>| match &row {
            Some(row) => batch.put_rule_state(row),
            None => batch.remove_rule_state(&name),
        };
        rig.store.write(change).expect("the store works");
        let mut engine = rig.engine().await;
        rig.turns("g", 2).await;
        assert_eq!(rig.states("g"), [AlertState::Firing]);
        engine.stop().await;
    }
    assert!(rig.heard(SOURCE)[fired..].iter().all(|round| *round == ["web-1"]));
    // That it is over is kept, and nobody hears of it.
    let mut engine = rig.engine().await;
    rig.turn("g").await;
    *rig.ears.refusals.lock().expect("nobody panicked") = 1_000;
    rig.fill("web-1", 5.0);
    rig.turn("g").await;
    assert_eq!(rig.states("g"), [AlertState::Resolved]);
    engine.stop().await;
    *rig.ears.refusals.lock().expect("nobody panicked") = 0;
    let before = rig.heard(SOURCE).len();
    let mut engine = rig.engine().await;
    rig.turns("g", 2).await;
    assert_eq!(rig.heard(SOURCE)[before..], [vec![""; 0]]);
    engine.stop().await;
}

#[tokio::test]
async fn a_restart_takes_nothing_of_the_time_that_an_alert_is_kept_firing() {
    let rig = Rig::new(&RULES.replace("for: 30s", "for: 0s\n    keep_firing_for: 200s"));
    let mut engine = rig.engine().await;
    rig.fill("web-1", 95.0);
    rig.turn("g").await;
    rig.fill("web-1", 5.0);
    rig.turns("g", 5).await;
    assert!(rig.alerts("g")[0].keep_since_ms.is_some());
    engine.stop().await;
    // Longer than it is kept, in which nobody looked.
    rig.hand.advance(Duration::from_secs(600));
    rig.fill("web-1", 5.0);
    let mut engine = rig.engine().await;
    // Of the 200 s some 40 are over.
    for _ in 0..15 {
        rig.fill("web-1", 5.0);
        rig.turn("g").await;
        assert_eq!(rig.states("g"), [AlertState::Firing]);
    }
    for _ in 0..3 {
        rig.fill("web-1", 5.0);
        rig.turn("g").await;
    }
    assert_eq!(rig.states("g"), [AlertState::Resolved]);
    engine.stop().await;
}
