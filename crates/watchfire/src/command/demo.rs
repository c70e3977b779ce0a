use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use watchfire_hub::{Hub, HubConfig, OVERRIDABLE, User};
use watchfire_runtime::config::{Outside, Source};
use watchfire_runtime::{Clock, Shutdown, task};
use watchfire_sim::{Fleet, Members, Script, Settings};

use super::{block_on, hub, sim};
use crate::settings;

/// Servers of the fleet: enough for a page, few enough to be followed.
const SERVERS: usize = 12;
/// What the servers are drawn from: everybody sees the same ones.
const SEED: u64 = 1;
/// The user that is told of everything.
const ADMIN: &str = "admin";
/// How long the fleet may take to end after the hub.
const END: Duration = Duration::from_secs(4);

#[derive(clap::Args)]
#[command(after_help = "Nothing of this machine is watched, and no mail leaves it. \
    Delete the folder when you have seen enough.")]
pub(super) struct Demo {
    /// Where the page is served [default: 127.0.0.1:5100]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The folder for everything that is kept
    #[arg(long, value_name = "FOLDER", default_value = "watchfire-demo")]
    data: PathBuf,
    /// What happens: a file, or calm, demo, trouble or storm
    #[arg(long, value_name = "SCRIPT", default_value = "demo")]
    script: String,
}

impl Demo {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let script = sim::read_script(&self.script)?;
        let mut overrides = settings::environment(&OVERRIDABLE)?;
        overrides.flag("listen", "--listen", self.listen);
        overrides.flag("data", "--data", Some(self.data.join("hub").display().to_string()));
        let empty = Source::from_text(Path::new("hub.toml"), "");
        let outside = <dyn Outside>::machine(Path::new("."));
        let mut config = HubConfig::from_source(&empty, &overrides, &outside)?;
        config.users.push(User::administrator(ADMIN));
        // The keys of the servers are in there.
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.data)
            .with_context(|| format!("the folder {} cannot be made", self.data.display()))?;
        block_on(demonstrate(config, self.data, script))
    }
}

async fn demonstrate(config: HubConfig, data: PathBuf, script: Script) -> anyhow::Result<()> {
    let clock = Clock::system();
    let (shutdown, end) = Shutdown::on_signals()?;
    let hub = Hub::bind(config, clock.clone()).await.context("the hub cannot start")?;
    let mut address = hub.local_addr();
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    println!("http://{address}");
    eprintln!(
        "A fleet of {SERVERS} servers that are not there. Open the address above; Ctrl-C ends."
    );
    hub::show_first(hub.first_password());
    let fleet = simulate(data, address, script, clock.clone(), shutdown.clone());
    let fleet = task::spawn_critical("the simulated fleet", end.clone(), fleet);
    hub.run(shutdown, end).await;
    let _ = clock.within(END, fleet.join()).await;
    Ok(())
}

/// Enrols the servers at the hub that runs already, and lets them run.
async fn simulate(
    data: PathBuf,
    hub: std::net::SocketAddr,
    script: Script,
    clock: Clock,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let mut members = Members::open(&data.join("fleet"))?;
    let missing = SERVERS.saturating_sub(members.all().len());
    let hub_data = data.join("hub");
    let making = move || sim::make_tokens(&hub_data, missing);
    let tokens = task::blocking("tokens of the demo", making).await??;
    let settings = Settings { hub, seed: SEED, script };
    let fleet = Fleet::new(&settings, members.all(), tokens, clock)?;
    fleet.run(shutdown, |told| sim::take(told, &mut members, false)).await;
    Ok(())
}
