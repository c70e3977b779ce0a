//! The agent under test, and a hub that has a stream from it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use watchfire_api::hub::ServerList;
use watchfire_testkit::ask::Ask;
use watchfire_testkit::process::Program;

use crate::field::Field;
use crate::peers::free_address;
use crate::poll::Poll;
use crate::started::Started;

const PATIENCE: Duration = Duration::from_secs(60);
const PASSWORD: &str = "only-for-this-run";

/// The agent, and the hub in a control group of its own.
pub(crate) fn start(field: &Field) -> anyhow::Result<(Started, Started)> {
    let hash = hash(&field.binary)?;
    let (agent, own) = start_agent(field, &hash)?;
    let (cage, folder) = field.place_on_disk("hub")?;
    let address = free_address();
    let config = format!(
        "listen = \"{address}\"\ndata = \"data\"\n\n\
         [[user]]\nname = \"ada\"\nservers = [\"*\"]\npassword_hash = \"{hash}\"\n\n\
         [[server]]\nname = \"bench\"\naddress = \"{own}\"\n\
         login = {{ user = \"hub\", password = \"{PASSWORD}\" }}\n"
    );
    let path = folder.join("hub.toml");
    std::fs::write(&path, config)?;
    // A file of its own: else the agent's share of the program would look small.
    let binary = folder.join("watchfire");
    std::fs::copy(&field.binary, &binary)?;
    let mut command = cage.command(&binary)?;
    command.args(["hub", "--config"]).arg(path).env("WATCHFIRE_LOG", "warn");
    let mut hub = Started::new("the hub", cage, &folder, command, None)?;
    wait_until_up(&mut hub, address)?;
    Ok((agent, hub))
}

fn start_agent(field: &Field, hash: &str) -> anyhow::Result<(Started, SocketAddr)> {
    let (cage, folder) = field.place_on_disk("agent")?;
    let address = free_address();
    let config = format!(
        "name = \"bench\"\nlisten = \"{address}\"\ndata = \"data\"\n\n\
         [metrics]\nopen_on_loopback = true\n\n\
         [[user]]\nname = \"hub\"\npassword_hash = \"{hash}\"\n"
    );
    let path = folder.join("agent.toml");
    std::fs::write(&path, config)?;
    let mut command = cage.command(&field.binary)?;
    command.args(["agent", "--config"]).arg(path).env("WATCHFIRE_LOG", "warn");
    let poll = Poll::Http { address, target: "/metrics" };
    let agent = Started::new("watchfire agent", cage, &folder, command, Some(poll))?;
    Ok((agent, address))
}

fn wait_until_up(hub: &mut Started, address: SocketAddr) -> anyhow::Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        hub.check()?;
        match is_up(address) {
            Ok(true) => return Ok(()),
            Ok(false) => ensure!(Instant::now() < until, "the agent is not up in {PATIENCE:?}"),
            Err(error) if Instant::now() > until => {
                return Err(error).with_context(|| format!("the hub wrote:\n{}", hub.log()));
            }
            Err(_) => {}
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn is_up(hub: SocketAddr) -> anyhow::Result<bool> {
    let body = serde_json::json!({ "username": "ada", "password": PASSWORD }).to_string();
    let answer = Ask::post_json("/api/login", &body).send(hub, PATIENCE)?;
    let cookie = answer.header("set-cookie").and_then(|cookie| cookie.split(';').next());
    let cookie = cookie.with_context(|| format!("the login failed: {}", answer.text()))?;
    let answer = Ask::get("/api/servers").header("Cookie", cookie).send(hub, PATIENCE)?;
    ensure!(answer.status == 200, "/api/servers was answered {}", answer.status);
    let list: ServerList = serde_json::from_slice(&answer.body)?;
    Ok(list.servers.iter().any(|row| row.presence == "up"))
}

fn hash(binary: &Path) -> anyhow::Result<String> {
    let program = Program::new(binary).arg("passwd").input(format!("{PASSWORD}\n"));
    let (ended, hash, words) = program.run(PATIENCE);
    ensure!(ended.success(), "`watchfire passwd` failed: {words}");
    Ok(hash.trim().to_owned())
}
