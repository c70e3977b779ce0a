//! A hub that dials: `watchfire invite` on the server, `watchfire adopt` at the
//! hub, and then the same watch over TLS as in the other direction.

use watchfire_testkit::smtp::Sink;

use crate::fixture::{Enrolled, LONG, Lab, Plan, adopt, eventually, notifications};

#[test]
fn a_server_that_invited_the_hub_is_dialed_and_its_death_is_told() {
    let (lab, sink) = (Lab::new(), Sink::start());
    let plan = Plan::mailing(&sink).tells("ada", "*", &["mailto:ada@example.org"]);
    let hub = lab.hub(&plan);
    let config = lab.path("hub.toml").display().to_string();
    let (mut agent, mut other) = (Enrolled::new(&lab, "web-1"), Enrolled::new(&lab, "web-2"));
    agent.start();
    other.start();

    let (early, others) = (agent.invite(), other.invite());
    let code = agent.invite();
    let refused = adopt(&config, agent.address, &early);
    assert!(!refused.well && refused.words.contains("no such invitation"), "{}", refused.words);
    let refused = adopt(&config, agent.address, &others);
    assert!(!refused.well && refused.words.contains("was not sent"), "{}", refused.words);
    assert!(hub.api.servers().is_empty(), "nobody was taken in");

    let adopted = adopt(&config, agent.address, &code);
    assert!(adopted.well && adopted.output.trim() == "web-1", "{}", adopted.words);
    eventually("the server is up, with pulses", LONG, || {
        let row = hub.api.servers().pop()?;
        (row.presence == "up" && row.pulse.as_deref() == Some("datagrams")).then_some(())
    });
    hub.wait_until_all_are_up();
    let again = adopt(&config, agent.address, &code);
    assert!(!again.well && again.words.contains("no such invitation"), "{}", again.words);

    agent.kill();
    let incident = hub.wait_for_incident("web-1", "it is told", |incident| {
        notifications(incident, "ada", "down").iter().any(|one| one.state == "delivered")
    });
    assert_eq!(incident.row.presence, "agent_down", "{incident:#?}");
    agent.start();
    hub.wait_for_incident("web-1", "it is back", |incident| {
        let told = notifications(incident, "ada", "recovered");
        incident.row.closed_unix_ms.is_some() && told.iter().any(|one| one.state == "delivered")
    });
    assert_eq!(sink.mails().len(), 2, "one that it is gone and one that it is back");
}
