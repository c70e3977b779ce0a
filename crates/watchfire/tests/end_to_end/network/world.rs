use std::net::SocketAddr;

use watchfire_api::hub::IncidentDetail;
use watchfire_testkit::netns::Namespaces;
use watchfire_testkit::process::{Program, Running};
use watchfire_testkit::smtp::Sink;

use crate::fixture::{
    Api, LONG, Lab, PASSWORD, eventually, notifications, password_hash, token, watchfire,
};

/// The hub's host. Each server's host has the server's name.
pub(super) const HUB: &str = "hub";
const HUB_PORT: u16 = 5100;
const AGENT_PORT: u16 = 5000;

/// A hub, its mail server on the same host, and enrolled servers that dial it.
pub(super) struct World {
    pub(super) net: Namespaces,
    pub(super) hub: Running,
    pub(super) sink: Sink,
    pub(super) lab: Lab,
    pub(super) address: SocketAddr,
    config: String,
    agents: Vec<(String, Running)>,
    api: Api,
}

impl World {
    /// With these servers, all of them up, and empty hosts beside. `None` where this
    /// machine allows no such network.
    pub(super) fn start(seed: u64, servers: &[&str], empty: &[&str]) -> Option<Self> {
        let hosts = [&[HUB], servers, empty].concat();
        let net = Namespaces::or_skip(&hosts, seed)?;
        let (lab, sink) = (Lab::new(), net.host(HUB).inside(Sink::start));
        let address = SocketAddr::from((net.host(HUB).address(), HUB_PORT));
        let config = lab.write("hub.toml", &hub_config(address, &sink));
        let hub = start_hub(&net, &lab, &config);
        let start = |server: &&str| ((*server).to_owned(), enrol(&net, &lab, &config, server));
        let agents = servers.iter().map(start).collect();
        let api = net.host(HUB).inside(|| Api::log_in(address, "ada", PASSWORD));
        let world = Self { net, hub, sink, lab, address, config, agents, api };
        world.wait_until_up(servers);
        Some(world)
    }

    /// Starts the hub once more, after its end.
    pub(super) fn start_hub(&mut self) {
        self.hub = start_hub(&self.net, &self.lab, &self.config);
    }

    /// What somebody at the hub's host asks.
    pub(super) fn asked<R: Send>(&self, ask: impl FnOnce(&Api) -> R + Send) -> R {
        self.net.host(HUB).inside(|| ask(&self.api))
    }

    /// Waits until these servers are up, and the hub has their processes.
    pub(super) fn wait_until_up(&self, servers: &[&str]) {
        eventually(&format!("{servers:?} are up"), LONG, || {
            let ready = self.asked(|api| {
                let rows = api.servers();
                let up = |server: &&str| {
                    rows.iter().any(|row| row.name == **server && row.presence == "up")
                        && api.processes(server).total > 0
                };
                servers.iter().all(up)
            });
            ready.then_some(())
        });
    }

    /// The agent's process on this server.
    pub(super) fn agent(&self, server: &str) -> &Running {
        let found = self.agents.iter().find(|(name, _)| name == server);
        &found.expect("it was started").1
    }

    /// The servers that had an incident so far, oldest first.
    pub(super) fn troubled(&self) -> Vec<String> {
        let rows = self.asked(Api::incident_rows);
        rows.into_iter().map(|row| row.server).collect()
    }

    /// The server's only incident, once it is as `fit` wants it.
    #[track_caller]
    pub(super) fn wait_for_incident(
        &self,
        server: &str,
        what: &str,
        fit: impl Fn(&IncidentDetail) -> bool,
    ) -> IncidentDetail {
        eventually(&format!("{server}: {what}"), LONG, || {
            let mut all = self.asked(|api| api.incidents_of(server));
            assert!(all.len() <= 1, "{server} has more than one incident: {all:#?}");
            all.pop().filter(|incident| fit(incident))
        })
    }

    /// The server's only incident, once ada was told that it is gone.
    #[track_caller]
    pub(super) fn wait_until_told(&self, server: &str) -> IncidentDetail {
        self.wait_for_incident(server, "it is told", |incident| is_told(incident, "down"))
    }

    /// The server's only incident, once ada was told that it is gone and that it is
    /// back, of each once.
    #[track_caller]
    pub(super) fn wait_until_over(&self, server: &str) -> IncidentDetail {
        self.wait_for_incident(server, "its end is told", |incident| {
            is_told(incident, "down") && is_told(incident, "recovered")
        })
    }
}

fn is_told(incident: &IncidentDetail, kind: &str) -> bool {
    let told = notifications(incident, "ada", kind);
    assert!(told.len() <= 1, "{kind} is told more than once: {incident:#?}");
    // What happens at once is one letter, in which the others are merged.
    let there = |state: &str| matches!(state, "delivered" | "merged");
    told.iter().all(|one| there(&one.state)) && !told.is_empty()
}

fn start_hub(net: &Namespaces, lab: &Lab, config: &str) -> Running {
    let program = watchfire(["hub", "--config", config]).called(HUB).log(lab.path("hub.log"));
    let hub = net.host(HUB).start(program);
    hub.wait_for_line("http", LONG);
    hub
}

fn hub_config(address: SocketAddr, sink: &Sink) -> String {
    format!(
        "listen = \"{address}\"\ndata = \"hub-data\"\npublic_url = \"http://{address}\"\n\n\
         [mail]\nfrom = \"Watchfire <hub@example.org>\"\nsmtp = \"{}\"\n\n\
         [[user]]\nname = \"ada\"\nrole = \"admin\"\nservers = [\"*\"]\n\
         channels = [\"mailto:ada@example.org\"]\npassword_hash = \"{}\"\n",
        sink.url(),
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
