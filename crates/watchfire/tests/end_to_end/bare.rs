//! `watchfire hub` from flags alone.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use watchfire_testkit::ask::Ask;
use watchfire_testkit::ports;
use watchfire_testkit::process::Signal;

use crate::fixture::{LONG, Lab, watchfire};

#[test]
fn a_hub_of_flags_alone_answers_on_loopback_and_ends_cleanly() {
    let lab = Lab::new();
    let address = SocketAddr::from(([127, 0, 0, 1], ports::free()));
    let (listen, data) = (address.to_string(), lab.path("data").display().to_string());
    let flags = ["hub", "--listen", &listen, "--data", &data, "--no-self", "--open-loopback"];
    let hub = watchfire(flags).start();
    hub.wait_for_line(&format!("http://{address}"), LONG);
    hub.wait_for_line("may read without a login", LONG);
    let get = |path: &str| Ask::get(path).send(address, LONG).unwrap();
    assert_eq!(get("/-/ready").status, 200);
    let answer = get("/api/v1/query?query=vector(7)&time=1");
    let expected = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"7"]}]}}"#;
    assert_eq!((answer.status, answer.text()), (200, expected.into()));
    let rebound = raw(address, "GET /api/v1/labels HTTP/1.1\r\nHost: evil.test");
    assert!(rebound.starts_with("HTTP/1.1 421 "), "{rebound}");
    hub.signal(Signal::Terminate);
    assert!(hub.wait_for_end(LONG).success());
}

/// What is answered to these lines of a request.
fn raw(address: SocketAddr, lines: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(format!("{lines}\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn what_a_bare_hub_cannot_do_is_refused() {
    let lab = Lab::new();
    let data = lab.path("data").display().to_string();
    let refused = |code: i32, listen: &str, more: &[&str]| {
        let flags = ["hub", "--listen", listen, "--data", &data];
        let (ended, _, words) = watchfire(flags).args(more.iter().copied()).run(LONG);
        assert_eq!(ended.code(), Some(code), "{more:?}: {words}");
        words
    };
    let words = refused(1, "0.0.0.0:0", &["--open-loopback"]);
    assert!(words.contains("on loopback, and 0.0.0.0:0 is not"), "{words}");
    let (good, bad) = (lab.write("a.yml", "groups: []"), lab.write("b.yml", "groups: x"));
    let words = refused(78, "127.0.0.1:0", &["--rules", &good, "--rules", &bad]);
    assert!(words.contains("b.yml:1:9: groups is a list"), "{words}");
    let words = refused(78, "127.0.0.1:0", &["--rules", "gone.yml"]);
    assert!(words.contains("flag --rules: \"gone.yml\" names no file"), "{words}");
    assert!(!lab.path("data").exists(), "nothing was begun");
}
