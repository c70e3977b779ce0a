//! The day without a hub: its agents notice together, and tell it once.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use watchfire_testkit::http::{Answer, Stub};
use watchfire_testkit::link::Link;
use watchfire_testkit::smtp::Sink;

use crate::fixture::{Enrolled, Hub, LONG, Lab, Plan, eventually, token};

/// Agents ask one another for a while after half a minute of quiet.
const NOTICED: Duration = Duration::from_secs(150);
const SECRET: &str = "hunter2-channel";

struct House {
    lab: Lab,
    sink: Sink,
    stub: Stub,
    hub: Hub,
    address: SocketAddr,
}

impl House {
    fn new() -> Self {
        let (lab, sink, stub) = (Lab::new(), Sink::start(), Stub::start());
        stub.always(Answer::reply(200, "ok"));
        let address = Lab::nobody();
        let hub = Hub::start_at(&lab, &Self::plan(&sink, &stub), address);
        Self { lab, sink, stub, hub, address }
    }

    fn plan(sink: &Sink, stub: &Stub) -> Plan {
        Plan::mailing(sink)
            .tells("ada", "*", &["mailto:ada@example.org"])
            .with(&format!(
                "[notify]\nallow = [\"127.0.0.1\"]\n\n\
                 [fallback]\nchannel = \"json://{}/{SECRET}\"\nafter = \"30s\"\n",
                stub.addr()
            ))
            .log("info")
    }

    /// An agent of the hub, which it reaches at `hub`.
    fn joined(&self, name: &str, hub: SocketAddr) -> Enrolled {
        let mut agent = Enrolled::new(&self.lab, name);
        let config = self.lab.path("hub.toml").display().to_string();
        let (_, token) = token(&config, name);
        let joined = agent.join(hub, &token);
        assert!(joined.well, "{}", joined.words);
        agent.start();
        agent
    }

    /// Waits until this many agents keep the same fallback.
    fn wait_for_deal(&self, agents: &[&Enrolled]) {
        let words = format!("agents={}", agents.len());
        let dealt = |line: &str| line.contains("keep the fallback") && line.contains(&words);
        eventually("it is dealt out", LONG, || {
            self.hub.process.text().lines().any(dealt).then_some(())
        });
        for agent in agents {
            let path = agent.data.join("fallback.sealed");
            eventually("the agent keeps it", LONG, || path.exists().then_some(()));
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let kept = std::fs::read(&path).unwrap();
            let holds = |text: &[u8]| kept.windows(text.len()).any(|part| part == text);
            assert!(!holds(SECRET.as_bytes()) && !holds(b"json"));
        }
    }
}

#[test]
fn a_hub_that_is_killed_is_told_once_and_knows_when_it_is_back() {
    let mut house = House::new();
    let agents = ["web-1", "web-2", "web-3"].map(|name| house.joined(name, house.address));
    house.wait_for_deal(&agents.each_ref());
    house.hub.process.kill();
    let told = house.stub.wait_for(1, NOTICED);
    let body = told[0].body_text();
    assert_eq!(told[0].path, format!("/{SECRET}"));
    assert!(body.contains("[HUB DOWN]") && body.contains("web-2"), "{body}");
    assert!(body.contains("(3 of the 3"), "{body}");
    // Each knows that it was told, and has nothing left to do.
    eventually("all agents know", LONG, || {
        let knows = |agent: &&Enrolled| {
            agent.count_of("another agent told") + agent.count_of("the fallback was told") == 1
        };
        (agents.iter().filter(knows).count() == agents.len()).then_some(())
    });

    let plan = House::plan(&house.sink, &house.stub);
    house.hub = Hub::start_at(&house.lab, &plan, house.address);
    eventually("an administrator hears of it", LONG, || {
        let mails = house.sink.mails();
        let fits = |mail: &&watchfire_testkit::smtp::Mail| mail.subject().starts_with("[HUB BACK]");
        (mails.iter().filter(fits).count() == 1).then_some(())
    });
    house.hub.process.wait_for_line("the agents missed this hub", LONG);
    assert_eq!(house.stub.requests().len(), 1, "once");
    for log in ["web-1.log", "web-2.log", "web-3.log", "hub.log"] {
        let text = std::fs::read_to_string(house.lab.path(log)).unwrap();
        assert!(!text.contains(SECRET), "{log}");
    }
}

#[test]
fn while_two_of_four_hear_the_hub_nobody_is_told() {
    let house = House::new();
    let links = [Link::to(house.address), Link::to(house.address)];
    let cut = [house.joined("cut-1", links[0].addr()), house.joined("cut-2", links[1].addr())];
    let near = [house.joined("near-1", house.address), house.joined("near-2", house.address)];
    house.wait_for_deal(&[&cut[0], &cut[1], &near[0], &near[1]]);
    for link in &links {
        link.cut();
    }
    for agent in &cut {
        eventually("it asked the others", NOTICED, || {
            (agent.count_of("another agent hears the hub") > 0).then_some(())
        });
    }
    assert_eq!(house.stub.requests().len(), 0);
    // That it would have been told otherwise.
    house.hub.process.kill();
    house.stub.wait_for(1, NOTICED);
    eventually("all agents know", LONG, || {
        let all = cut.iter().chain(&near);
        let told = all.map(|agent| agent.count_of("told that the hub is gone")).sum::<usize>();
        (told >= 4).then_some(())
    });
    assert_eq!(house.stub.requests().len(), 1, "once");
}
