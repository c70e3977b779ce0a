use watchfire_alert::PresenceLimits;
use watchfire_model::Sight;
use watchfire_runtime::task;

use super::*;
use crate::dial::Dialer;
use crate::events::Events;
use crate::opinion::Opinions;
use crate::testing::watched;

/// A hub with servers on other machines, and what looks at the quiet ones.
fn room(servers: &[&str]) -> (Room, Task<()>, ShutdownHandle) {
    let (clock, hand) = manual_clock();
    let servers = servers.iter().map(|name| watched(name, "203.0.113.99:5000")).collect();
    let limits = PresenceLimits::default();
    let fleet = Arc::new(Fleet::new(servers, limits, &[], clock.clone(), Events::new()));
    let room = Room::of(fleet, (clock, hand), None, None);
    let opinions = Opinions {
        fleet: room.fleet.clone(),
        dialer: Dialer::new(room.clock.clone()),
        sessions: room.sessions.clone(),
        pulses: room.sessions.0.pulses.clone(),
        clock: room.clock.clone(),
    };
    let (shutdown, end) = Shutdown::new();
    let looking = task::spawn("opinions", opinions.run(shutdown));
    (room, looking, end)
}

/// What the neighbours of a server that went quiet make of it.
async fn judged_after(saw: [Option<ProbeSaw>; 2]) -> watchfire_model::Transition {
    let (room, _looking, _end) = room(&["a-1", "b-1", "c-1"]);
    let mut agents = [room.agent(0).await, room.agent(1).await, room.agent(2).await];
    for agent in &mut agents {
        agent.greet(1, 0).await;
    }
    for second in 1..=5 {
        room.hand.advance(Duration::from_secs(1));
        settle().await;
        for (index, agent) in agents.iter_mut().enumerate().skip(1) {
            let probes = agent.heard(|message| match message {
                Message::Probe(probe) => Some(probe),
                _ => None,
            });
            for probe in probes.await {
                assert_eq!((second, probe.server.as_str()), (3, "a-1"));
                assert_eq!(probe.address, "203.0.113.99:5000");
                if let Some(saw) = saw[index - 1] {
                    let result = ProbeResult { id: probe.id, saw, took_ms: 1 };
                    agent.say(&Message::ProbeResult(result)).await;
                }
            }
            agent.say(&Message::Alive(Alive::default())).await;
        }
        for index in 0..3 {
            room.fleet.check(index, room.clock.now());
        }
        settle().await;
        for (index, agent) in agents.iter_mut().enumerate().skip(1) {
            let probes = agent.heard(|message| match message {
                Message::Probe(probe) => Some(probe.id),
                _ => None,
            });
            for id in probes.await {
                assert_eq!(second, 3, "once in a silence");
                if let Some(saw) = saw[index - 1] {
                    let result = ProbeResult { id, saw, took_ms: 1 };
                    agent.say(&Message::ProbeResult(result)).await;
                }
            }
        }
    }
    let transitions = room.fleet.transitions(100).await;
    let verdict = transitions.into_iter().rfind(|one| one.to.is_trouble());
    verdict.expect("a silent server is judged")
}

#[tokio::test]
async fn one_that_a_neighbour_reaches_is_unreachable_and_not_down() {
    let verdict = judged_after([Some(ProbeSaw::Reached), Some(ProbeSaw::NoAnswer)]).await;
    assert_eq!((verdict.server.as_str(), verdict.to), ("a-1", Presence::Unreachable));
    let seen: Vec<_> =
        verdict.evidence.iter().map(|seen| (seen.observer.as_str(), seen.saw)).collect();
    assert!(seen.contains(&("b-1", Sight::Reached)), "{seen:?}");
    assert!(seen.contains(&("c-1", Sight::NoAnswer)), "{seen:?}");
}

#[tokio::test]
async fn one_whose_host_answers_a_neighbour_has_lost_its_agent() {
    let verdict = judged_after([Some(ProbeSaw::Refused), None]).await;
    assert_eq!(verdict.to, Presence::AgentDown);
}

#[tokio::test]
async fn one_that_nobody_reaches_is_down() {
    let verdict = judged_after([Some(ProbeSaw::NoAnswer), Some(ProbeSaw::Declined)]).await;
    assert_eq!(verdict.to, Presence::Down);
    assert!(verdict.evidence.iter().all(|seen| seen.observer != "c-1"), "it did not look");
}
