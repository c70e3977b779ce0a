//! What a restart leaves of alerts.

use super::*;

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
