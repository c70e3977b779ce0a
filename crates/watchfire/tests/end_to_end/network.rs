//! Hub and agents on hosts of their own, joined by a network that loses and
//! cuts. Where this machine allows no such network, these tests say so and skip.

use std::net::SocketAddr;
use std::time::Duration;

use watchfire_testkit::conditions::Conditions;
use watchfire_testkit::netns::Namespaces;
use watchfire_testkit::process::{Program, Running};

use crate::fixture::{Api, LONG, Lab, PASSWORD, eventually, password_hash, token, watchfire};

const HUB: &str = "hub";
const SERVERS: [&str; 2] = ["web-1", "db-1"];
const HUB_PORT: u16 = 5100;
const AGENT_PORT: u16 = 5000;

/// A hub and two enrolled servers, all of them up.
struct Fleet {
    net: Namespaces,
    hub: Running,
    agents: Vec<Running>,
    api: Api,
    _lab: Lab,
}

impl Fleet {
    fn start(seed: u64) -> Option<Self> {
        let net = Namespaces::or_skip(&[HUB, SERVERS[0], SERVERS[1]], seed)?;
        let lab = Lab::new();
        let address = SocketAddr::from((net.host(HUB).address(), HUB_PORT));
        let config = lab.write("hub.toml", &hub_config(address));
        let program = watchfire(["hub", "--config", &config]).called(HUB).log(lab.path("hub.log"));
        let hub = net.host(HUB).start(program);
        hub.wait_for_line("http", LONG);
        let agents = SERVERS.map(|server| enrol(&net, &lab, &config, server)).into();
        let api = net.host(HUB).inside(|| Api::log_in(address, "ada", PASSWORD));
        let fleet = Self { net, hub, agents, api, _lab: lab };
        fleet.wait_for("web-1", "up");
        fleet.wait_for("db-1", "up");
        Some(fleet)
    }

    fn asked<R: Send>(&self, ask: impl FnOnce(&Api) -> R + Send) -> R {
        self.net.host(HUB).inside(|| ask(&self.api))
    }

    fn wait_for(&self, server: &str, presence: &str) {
        eventually(&format!("{server} is {presence}"), LONG, || {
            let rows = self.asked(Api::servers);
            rows.iter().any(|row| row.name == server && row.presence == presence).then_some(())
        });
    }

    fn incidents(&self) -> Vec<(String, String)> {
        let rows = self.asked(Api::incident_rows);
        rows.into_iter().map(|row| (row.server, row.presence)).collect()
    }
}

fn hub_config(address: SocketAddr) -> String {
    format!(
        "listen = \"{address}\"\ndata = \"hub-data\"\npublic_url = \"http://{address}\"\n\n\
         [[user]]\nname = \"ada\"\nrole = \"admin\"\nservers = [\"*\"]\nchannels = [\"terminal:\"]\n\
         password_hash = \"{}\"\n",
        password_hash()
    )
}

/// Gives the server its certificate and starts its agent.
fn enrol(net: &Namespaces, lab: &Lab, hub_config: &str, server: &str) -> Running {
    let config = format!(
        "name = \"{server}\"\nlisten = \"0.0.0.0:{AGENT_PORT}\"\ndata = \"{server}-data\"\n"
    );
    let config = lab.write(&format!("{server}.toml"), &config);
    let (hub, token) = token(hub_config, server);
    let hub = hub.to_string();
    let join: Program = watchfire(["join", &hub, "-", "--config", &config]);
    let joining = net.host(server).start(join.called("join").input(format!("{token}\n")));
    assert!(joining.wait_for_end(LONG).success(), "{}", joining.text());
    let agent = watchfire(["agent", "--config", &config]).called(server);
    let agent = net.host(server).start(agent.log(lab.path(&format!("{server}.log"))));
    agent.wait_for_line("http", LONG);
    agent
}

#[test]
fn a_third_of_all_packets_lost_is_no_trouble() {
    let Some(fleet) = Fleet::start(30) else { return };
    let before = fleet.net.traffic("web-1", HUB).sent;
    let lossy = Conditions::clear().loss(0.3);
    fleet.net.set_all(lossy.delay(Duration::from_millis(10), Duration::ZERO));
    // Two pulses a second and a record: half a minute of it.
    fleet.net.wait_for_sent("web-1", HUB, before + 150, LONG);
    assert_eq!(fleet.incidents(), [], "nobody was missed");
    drop((fleet.hub, fleet.agents));
}

#[test]
fn a_cut_path_is_told_from_a_dead_server_and_corrected_afterwards() {
    let Some(fleet) = Fleet::start(31) else { return };
    fleet.net.set_between(HUB, "web-1", Conditions::blocked());
    fleet.wait_for("web-1", "unreachable");
    fleet.net.set_between(HUB, "web-1", Conditions::clear());
    fleet.wait_for("web-1", "up");
    assert_eq!(fleet.incidents(), [("web-1".to_owned(), "unreachable".to_owned())]);
    let id = fleet.asked(Api::incident_rows)[0].id;
    eventually("it is said that the machine was running", LONG, || {
        let incident = fleet.asked(|api| api.incident(id));
        incident.row.cause.contains("was running").then_some(())
    });
}
