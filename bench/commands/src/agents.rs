//! Real agents, each with a folder, a policy and a runner of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use watchfire_testkit::ports;
use watchfire_testkit::process::Running;

use crate::cage::Cage;
use crate::house::{House, PATIENCE};

/// Slow collectors begin in the first 15 s, and the start's pages are given back after 30.
const SETTLE: Duration = Duration::from_secs(40);
/// Commands run as root there, as they do over SSH here.
const POLICY: &str =
    "policy = \"signed\"\nallowed_signers = \"SIGNERS\"\n\n[limits]\nuser = \"root\"\n";

pub(crate) struct Agents(Vec<Running>);

pub(crate) fn name(number: usize) -> String {
    format!("real-{number}")
}

impl Agents {
    /// Enrols and starts them in this group.
    pub(crate) fn start(
        binary: &Path,
        cage: &Cage,
        house: &House,
        count: usize,
    ) -> anyhow::Result<Self> {
        let signers = house.folder().join("allowed_signers");
        fs::write(&signers, house.signer()?)?;
        let policy = POLICY.replace("SIGNERS", &signers.display().to_string());
        let running = (1..=count).map(|number| {
            let name = name(number);
            let folder = house.folder().join(&name);
            fs::create_dir(&folder)?;
            fs::write(folder.join("policy.toml"), &policy)?;
            let config = folder.join("agent.toml");
            fs::write(&config, own_config(&name, &folder))?;
            let token = house.token(&name)?;
            let join = cage.program(binary).args(["join", &house.address.to_string(), "-"]);
            let join = join.arg("--config").arg(&config).input(format!("{token}\n"));
            let (ended, _, words) = join.run(PATIENCE);
            ensure!(ended.success(), "`watchfire join` failed: {words}");
            let program = cage.program(binary).args(["agent", "--config"]).arg(&config);
            let program = program.env("WATCHFIRE_LOG", "error").folder(&folder).called(&name);
            let agent = program.start();
            agent.wait_for_line("http", PATIENCE);
            Ok(agent)
        });
        let agents = Self(running.collect::<anyhow::Result<_>>()?);
        house.wait_until_up(count)?;
        // The start's own work is not to be in the figures.
        std::thread::sleep(SETTLE);
        Ok(agents)
    }

    pub(crate) fn are_there(&self) -> bool {
        self.0.iter().all(|agent| agent.ended().is_none())
    }
}

fn own_config(name: &str, folder: &Path) -> String {
    let listen = SocketAddr::from(([127, 0, 0, 1], ports::free()));
    format!(
        "name = \"{name}\"\nlisten = \"{listen}\"\ndata = \"{0}/data\"\n\n\
         [run]\npolicy_file = \"{0}/policy.toml\"\nrunner_socket = \"/nowhere/runner.sock\"\n",
        folder.display()
    )
}
