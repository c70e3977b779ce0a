//! `watchfire up`: the fastest start.

use std::net::SocketAddr;

use watchfire_testkit::ask::Ask;
use watchfire_testkit::clock::monotonic;
use watchfire_testkit::ports;
use watchfire_testkit::process::{Running, Signal};

use crate::fixture::{Api, LONG, Lab, eventually, watchfire};

/// The longest that a clean end may take, in milliseconds.
const END_MS: f64 = 3000.0;

#[test]
fn up_shows_this_machine_and_a_server_that_went_away() {
    let lab = Lab::new();
    let gone = Lab::nobody();
    lab.write(
        "data/hub.toml",
        &format!(
            "[[server]]\nname = \"gone-1\"\naddress = \"{gone}\"\n\
             login = {{ user = \"hub\", password = \"x\" }}\n"
        ),
    );
    let address = SocketAddr::from(([127, 0, 0, 1], ports::free()));
    let data = lab.path("data").display().to_string();
    let up = watchfire(["up", "--listen", &address.to_string(), "--data", &data])
        .env("WATCHFIRE_LOG", "info")
        .log(lab.path("up.log"))
        .start();
    let page = format!("http://{address}");
    let printed = up.wait_for_line(&page, LONG);
    assert_eq!((printed.text, printed.is_error), (page, false), "data is on stdout, alone");
    let password = first_password(&up);
    assert!(up.wait_for_line("No mail is configured", LONG).is_error);

    assert_page_is_served(address);
    let api = Api::log_in(address, "admin", &password);
    let this = eventually("this machine is up with its cpu", LONG, || {
        let servers = api.servers();
        servers.into_iter().find(|row| row.presence == "up" && row.cpu_percent.is_some())
    });
    assert_ne!(this.name, "gone-1");
    assert!(api.processes(&this.name).total > 0);

    // Without mail, the trouble is told on the terminal, and shown on the page.
    let told = up.wait_for_line("[AGENT DOWN] gone-1: ", LONG);
    assert!(told.is_error);
    let incidents = api.incidents_of("gone-1");
    assert_eq!(incidents.len(), 1);
    assert_eq!(incidents[0].row.presence, "agent_down");
    assert_eq!(api.incident_rows().len(), 1, "this machine has no incident");
    assert_ends_cleanly(&lab, &up);
    assert_eq!(up.text().matches(&password).count(), 1, "the password is shown once");
}

fn first_password(up: &Running) -> String {
    let shown = up.wait_for_line("password: ", LONG);
    assert!(shown.is_error);
    shown.text.split("password: ").nth(1).unwrap().trim().to_owned()
}

fn assert_page_is_served(address: SocketAddr) {
    let page = Ask::get("/").send(address, LONG).unwrap();
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(Ask::get("/api/servers").send(address, LONG).unwrap().status, 401);
}

fn assert_ends_cleanly(lab: &Lab, up: &Running) {
    let ms = || monotonic().as_secs_f64() * 1000.0;
    let asked = ms();
    up.signal(Signal::Terminate);
    let ended = up.wait_for_end(LONG);
    let took = ms() - asked;
    assert_eq!(ended.code(), Some(0), "{ended}");
    let late = lab.lateness.between_ms(asked, asked + took);
    assert!(took <= END_MS + late, "it took {took} ms; the machine was {late} ms late");
}
