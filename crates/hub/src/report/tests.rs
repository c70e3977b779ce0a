use watchfire_alert::other_server;
use watchfire_model::{Incident, IncidentId, IncidentKind, IncidentState, Severity};

use super::*;
use crate::testing::{fleet_of, manual_clock, moment, name, settle, team};

/// Invariant I7.
#[test]
fn a_report_names_its_readers_own_observers() {
    let open = Incident {
        kind: IncidentKind::Presence,
        severity: Severity::Critical,
        part_of: None,
        labels: None,
        acknowledged: None,
        id: IncidentId(1),
        server: name("a-1"),
        presence: Presence::Down,
        cause: format!("Nobody reaches it: neither the hub nor {}.", other_server("b-1")),
        silence_began: Some(moment(0)),
        judged: moment(0),
        hub_stalled: Duration::ZERO,
        state: IncidentState::Open,
    };
    let fleet = fleet_of(&["a-1", "b-1"], &[open], &manual_clock().0);
    let user = User::administrator("ann");
    let text = |scope| write(&fleet, &scope, "ann", moment(0), "", &user).text;
    let (all, hers) = (text(Scope::everything()), text(team("a")));
    assert!(all.contains("neither the hub nor b-1."), "{all}");
    assert!(hers.contains("neither the hub nor another server."), "{hers}");
    assert!(!hers.contains("b-1"), "{hers}");
}

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
