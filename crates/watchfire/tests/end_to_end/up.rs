//! `watchfire up`: the fastest start.

use std::net::SocketAddr;

use watchfire_api::hub::ServerRow;
use watchfire_testkit::ask::Ask;
use watchfire_testkit::ports;
use watchfire_testkit::process::{Running, Signal};

use crate::fixture::{Api, LONG, Lab, eventually, said, watchfire};

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
    // Watched like any other: over TLS, with datagrams.
    let this = eventually("this machine is up with its cpu, and its datagrams come", LONG, || {
        let is_whole = |row: &ServerRow| {
            row.presence == "up"
                && row.cpu_percent.is_some()
                && row.pulse.as_deref() == Some("datagrams")
        };
        api.servers().into_iter().find(is_whole)
    });
    assert_ne!(this.name, "gone-1");
    let processes = || (api.processes(&this.name).total > 0).then_some(());
    eventually("this machine's processes are there", LONG, processes);

    // Without mail, the trouble is told on the terminal, and shown on the page.
    let told = up.wait_for_line("[AGENT DOWN] gone-1: ", LONG);
    assert!(told.is_error);
    let incidents = api.incidents_of("gone-1");
    assert_eq!(incidents.len(), 1);
    assert_eq!(incidents[0].row.presence, "agent_down");
    assert_eq!(api.incident_rows().len(), 1, "this machine has no incident");
    assert_ends_cleanly(&up);
    assert_eq!(up.text().matches(&password).count(), 1, "the password is shown once");
}

/// The hub may listen elsewhere the next time; this machine is known by its key.
#[test]
fn up_goes_on_where_it_ended() {
    let lab = Lab::new();
    let data = lab.path("data").display().to_string();
    let mut password = None;
    for start in 0..2 {
        let address = SocketAddr::from(([127, 0, 0, 1], ports::free()));
        let up = watchfire(["up", "--listen", &address.to_string(), "--data", &data])
            .env("WATCHFIRE_LOG", "info")
            .log(lab.path(&format!("up-{start}.log")))
            .start();
        up.wait_for_line(&format!("http://{address}"), LONG);
        let password = password.get_or_insert_with(|| first_password(&up));
        let api = Api::log_in(address, "admin", password);
        eventually("this machine is up, and nothing else is watched", LONG, || {
            let servers = api.servers();
            (servers.len() == 1 && servers[0].presence == "up").then_some(())
        });
        assert_eq!(api.incident_rows().len(), 0, "start {start}");
        assert_ends_cleanly(&up);
    }
}

/// What an administrator removed does not come back because the program starts anew.
#[test]
fn a_machine_that_was_removed_stays_away() {
    let lab = Lab::new();
    let data = lab.path("data").display().to_string();
    let start = |log: &str| {
        let address = SocketAddr::from(([127, 0, 0, 1], ports::free()));
        let up = watchfire(["up", "--listen", &address.to_string(), "--data", &data]);
        (address, up.env("WATCHFIRE_LOG", "info").log(lab.path(log)).start())
    };
    let (address, up) = start("first.log");
    let password = first_password(&up);
    let api = Api::log_in(address, "admin", &password);
    let name = eventually("this machine is up", LONG, || {
        api.servers().into_iter().find(|row| row.presence == "up").map(|row| row.name)
    });
    assert_ends_cleanly(&up);
    let hub_data = lab.path("data/hub").display().to_string();
    let removed =
        said(watchfire(["server", "remove", &name, "--data", &hub_data]).called("remove"));
    assert!(removed.well, "{}", removed.words);

    let (address, up) = start("second.log");
    up.wait_for_line("was removed from the hub", LONG);
    // Once the agent was refused, it has tried what it can.
    up.wait_for_line("the hub does not take this agent any more", LONG);
    assert_eq!(Api::log_in(address, "admin", &password).servers().len(), 0);
    assert_ends_cleanly(&up);
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

fn assert_ends_cleanly(up: &Running) {
    up.signal(Signal::Terminate);
    let ended = up.wait_for_end(LONG);
    assert_eq!(ended.code(), Some(0), "{ended}");
}
