use super::*;
use crate::testing::{fleet_of, manual_clock, settle};

#[tokio::test]
async fn a_server_that_never_tells_its_state_does_not_hold_up_the_report() {
    let (clock, hand) = manual_clock();
    let fleet = fleet_of(&["a-1"], &[], &clock);
    let limit = Duration::from_secs(8);
    let asked = task::spawn("ask", {
        let (fleet, clock) = (fleet.clone(), clock.clone());
        async move { ask_everyone(&fleet, &clock, limit).await }
    });
    settle().await;
    // Signs of life every 50 ms, and no status.
    for _ in 0..159 {
        fleet.heard(0);
        hand.advance(LOOK);
        settle().await;
    }
    assert!(!asked.is_finished(), "it waits for as long as it may");
    for _ in 0..10 {
        fleet.heard(0);
        hand.advance(LOOK);
        settle().await;
    }
    assert!(asked.is_finished(), "8.45 s are over");
}
