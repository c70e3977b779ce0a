use watchfire_testkit::conditions::Conditions;

use super::{HUB, World};
use crate::fixture::{Api, LONG, assert_judged_on_time, eventually};

/// F1, F2, F5: a host that is gone, a process that is gone, and a path that is cut
/// in one direction, all at once, beside two servers that are well and asked what they see,
/// and one that nothing reaches and that is heard.
#[test]
fn neighbours_tell_a_dead_host_from_a_dead_agent_and_from_a_cut_path() {
    let servers = ["gone-1", "killed-1", "mute-1", "deaf-1", "well-1", "well-2"];
    let Some(world) = World::start(40, &servers, &[]) else { return };
    world.net.partition(&["gone-1"]);
    world.net.set("mute-1", HUB, Conditions::blocked());
    world.net.set(HUB, "deaf-1", Conditions::blocked());
    world.agent("killed-1").kill();
    // How each of these words comes about is in the tables of `alert`; how many of the
    // neighbours were asked in time is the machine's affair.
    let cases = [
        ("gone-1", "down", "Nobody reaches it: neither the hub nor "),
        ("killed-1", "agent_down", "The host answers, the agent "),
        ("mute-1", "unreachable", "The hub does not reach it, "),
    ];
    for (server, presence, cause) in cases {
        let incident = world.wait_until_told(server);
        assert_eq!(incident.row.presence, presence, "{incident:#?}");
        assert!(incident.row.cause.starts_with(cause), "{incident:#?}");
        assert_judged_on_time(&incident);
        if presence != "agent_down" {
            let named = |neighbour: &&str| incident.row.cause.contains(*neighbour);
            assert!(["well-1", "well-2"].iter().any(named), "{incident:#?}");
        }
    }
    eventually("deaf-1 is shown without a stream", LONG, || {
        let rows = world.asked(Api::servers);
        let deaf = rows.into_iter().find(|row| row.name == "deaf-1").expect("it enrolled");
        assert_eq!(deaf.presence, "up", "{deaf:?}");
        deaf.stream_missing_since_unix_ms.filter(|_| deaf.pulse.as_deref() == Some("datagrams"))
    });
    let mails = world.sink.wait_for(1, LONG);
    assert_eq!(mails.len(), 1, "what happens at once is one letter");
    for (server, ..) in cases {
        assert!(mails[0].text.contains(server), "{server} is not in:\n{}", mails[0].text);
    }
    assert_eq!(world.troubled().len(), cases.len(), "the others are well");
}
