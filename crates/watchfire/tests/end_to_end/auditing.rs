//! Who can write to the hub's disk can change its audit, and is found out.

use std::net::SocketAddr;

use rusqlite::Connection;
use watchfire_testkit::ask::Ask;
use watchfire_testkit::smtp::Sink;

use crate::fixture::{Hub, LONG, Lab, Plan, watchfire};

/// What a command ended with, and all that it said.
fn audit<const N: usize>(lab: &Lab, arguments: [&str; N]) -> (Option<i32>, String) {
    let data = lab.path("hub-data").display().to_string();
    let program = watchfire(["audit"]).args(arguments).args(["--data", &data]);
    let (ended, said, words) = program.env("WATCHFIRE_LOG", "error").run(LONG);
    (ended.code(), format!("{said}{words}"))
}

fn guess(address: SocketAddr) {
    let body = r#"{"username":"mallory","password":"a guess"}"#;
    let answer = Ask::post_json("/api/login", body).send(address, LONG).expect("an answer");
    assert_eq!(answer.status, 401);
}

#[test]
fn a_row_that_was_changed_or_taken_off_in_the_database_is_found() {
    let (lab, sink) = (Lab::new(), Sink::start());
    let address = SocketAddr::from(([127, 0, 0, 1], watchfire_testkit::ports::free()));
    let hub = Hub::start_at(&lab, &Plan::mailing(&sink), address);
    guess(address);
    guess(address);
    // One row is the fixture's own login. The hub still has the database open.
    let (code, said) = audit(&lab, ["verify"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("3 rows, and none was changed: 3:"), "{said}");
    let (_, head) = audit(&lab, ["head"]);
    let head = head.trim();
    assert!(head.starts_with("3:"), "{head}");
    hub.process.kill();
    let at_rest = audit(&lab, ["verify", "--head", head]);
    assert_eq!(at_rest.0, Some(0), "{}", at_rest.1);

    let database = Connection::open(lab.path("hub-data/watchfire.db")).expect("the hub's");
    let change = |sql: &str| assert_eq!(database.execute(sql, []), Ok(1), "{sql}");
    change("UPDATE audit SET line = replace(line, 'refused', 'ok') WHERE seq = 2");
    let (code, said) = audit(&lab, ["verify"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("row 2"), "{said}");

    // Put back, it is what was written; without its end the chain is whole but for the kept head.
    change("UPDATE audit SET line = replace(line, ':\"ok\"', ':\"refused\"') WHERE seq = 2");
    assert_eq!(audit(&lab, ["verify", "--head", head]).0, Some(0));
    change("DELETE FROM audit WHERE seq = 3");
    let (code, said) = audit(&lab, ["verify"]);
    assert_eq!((code, said.contains("2 rows")), (Some(0), true), "{said}");
    let (code, said) = audit(&lab, ["verify", "--head", head]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("row 3"), "{said}");

    // A row out of the middle is missed without any head.
    change("DELETE FROM audit WHERE seq = 1");
    change("UPDATE audit SET seq = 1 WHERE seq = 2");
    let (code, said) = audit(&lab, ["verify"]);
    assert_eq!(code, Some(1), "{said}");
}
