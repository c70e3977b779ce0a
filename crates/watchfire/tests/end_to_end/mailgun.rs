//! Mail by Mailgun's HTTP API, as the first system sent it.

use watchfire_testkit::http::{Answer, Stub};

use crate::fixture::{Lab, PASSWORD, Plan, deliveries, notifications};

#[test]
fn mailgun_gets_the_mail_after_it_was_out_of_order() {
    let (lab, stub) = (Lab::new(), Stub::start());
    stub.next([Answer::reply(503, r#"{"message": "come again"}"#)]);
    stub.always(Answer::reply(200, r#"{"id": "<1@mg.example.org>", "message": "Queued."}"#));
    lab.write("mailgun-key", PASSWORD.replace(' ', "-").as_str());
    let agent = lab.agent("web-1");
    let way = format!(
        "mailgun = {{ base = \"{}\", domain = \"mg.example.org\", \
         key = \"${{file:mailgun-key}}\" }}",
        stub.base()
    );
    let plan = Plan::with_mail(&way).set("down_after = \"4s\"").watches(&agent);
    let hub = lab.hub(&plan.tells("ada", "*", &["mailto:ada@example.org"]));
    hub.wait_until_all_are_up();
    agent.kill();
    let incident = hub.wait_for_incident("web-1", "it was told", |incident| {
        notifications(incident, "ada", "down").iter().any(|one| one.state == "delivered")
    });
    let tries = deliveries(&incident, "ada", "down");
    assert_eq!(tries.len(), 2, "{tries:#?}");
    assert!(tries[0].detail.contains("503: come again"), "{tries:#?}");
    assert_eq!(tries[1].detail, "<1@mg.example.org>");

    hub.wait_until_all_is_sent();
    let requests = stub.requests();
    assert_eq!(requests.len(), 2);
    for request in &requests {
        assert_eq!(request.path, "/v3/mg.example.org/messages");
        assert!(request.header("Authorization").is_some_and(|key| key.starts_with("Basic ")));
        assert_eq!(request.form("to").as_deref(), Some("ada@example.org"));
        assert!(request.form("subject").unwrap().starts_with("[AGENT DOWN] web-1: "));
        assert!(request.form("text").unwrap().contains("the connection was refused"));
        assert!(request.form("html").unwrap().contains("web-1"));
    }
    let id = |index: usize| requests[index].form("h:Message-ID").unwrap();
    assert_eq!(id(0), id(1), "the same Message-ID on every try");
    let key = PASSWORD.replace(' ', "-");
    let log = std::fs::read_to_string(lab.path("hub.log")).unwrap();
    assert!(!log.contains(&key), "the key is in the log");
}
