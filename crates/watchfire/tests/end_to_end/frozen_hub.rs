//! The hub itself stands still; that is not held against any server.

use std::time::Duration;

use watchfire_testkit::process::Signal;
use watchfire_testkit::smtp::Sink;

use crate::fixture::{Lab, Plan, notifications};

/// Twice the silence after which a server is judged.
const FREEZE: Duration = Duration::from_secs(10);

#[test]
fn a_hub_that_was_frozen_calls_no_living_server_down() {
    let (lab, sink) = (Lab::new(), Sink::start());
    let agents = [lab.agent("alive-1"), lab.agent("alive-2"), lab.agent("control-1")];
    let plan = agents.iter().fold(Plan::mailing(&sink), Plan::watches);
    let hub = lab.hub(&plan.tells("ada", "*", &["mailto:ada@example.org"]));
    hub.wait_until_all_are_up();
    hub.process.signal(Signal::Stop);
    // The length of the freeze is the fault itself; nothing is waited for.
    std::thread::sleep(FREEZE);
    hub.process.signal(Signal::Continue);
    // What dies now is judged in full, and a false alarm would have come before.
    agents[2].kill();
    let control = hub.wait_for_incident("control-1", "it was told", |incident| {
        notifications(incident, "ada", "down").iter().any(|one| one.state == "delivered")
    });
    assert_eq!(control.row.presence, "agent_down");
    hub.wait_until_all_is_sent();
    let incidents = hub.api.incident_rows();
    assert_eq!(incidents.len(), 1, "no incident but the control's: {incidents:#?}");
    assert_eq!(sink.mails().len(), 1);
    let alive = hub.api.servers().into_iter().filter(|row| row.name.starts_with("alive"));
    assert!(alive.into_iter().all(|row| row.presence == "up"));
}
