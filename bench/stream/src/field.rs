//! A hub, a mail server and a simulated fleet, all on loopback.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tempfile::TempDir;
use watchfire_testkit::process::{Program, Running};
use watchfire_testkit::smtp::Sink;
use watchfire_testkit::{figures, ports};

use crate::Arguments;
use crate::told::{Told, told};

/// How long anything may take to start; ten thousand enrolments are the longest.
const PATIENCE: Duration = Duration::from_secs(900);
/// How long a killed agent stays away, in seconds.
const AWAY: u64 = 20;

/// Everything that runs.
pub(crate) struct Field {
    pub(crate) hub: Running,
    pub(crate) fleet: Running,
    pub(crate) sink: Sink,
    /// The hub's memory before anybody streamed to it, in bytes.
    pub(crate) empty_hub: u64,
    _folder: TempDir,
}

impl Field {
    /// Starts hub and fleet. The killing begins when the calm part must be over.
    pub(crate) fn start(binary: &Path, arguments: &Arguments) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let sink = Sink::start();
        let address = SocketAddr::from(([127, 0, 0, 1], ports::free()));
        let config = folder.path().join("hub.toml");
        std::fs::write(&config, hub_config(address, &sink))?;
        let hub = Program::new(binary).args(["hub", "--config"]).arg(&config).called("hub");
        let hub = hub.env("WATCHFIRE_LOG", "warn").folder(folder.path()).start();
        hub.wait_for_line("http://", PATIENCE);
        std::thread::sleep(Duration::from_secs(2));
        let empty_hub = figures::memory(hub.id()).context("the hub ended")?;
        let script = folder.path().join("script.txt");
        std::fs::write(&script, kills(arguments))?;
        eprintln!("{} servers enrol and begin to stream", arguments.servers);
        let fleet = Program::new(binary)
            .args(["sim", "--json", "--hub", &address.to_string()])
            .args(["--servers", &arguments.servers.to_string()])
            .arg("--hub-data")
            .arg(folder.path().join("hub"))
            .arg("--folder")
            .arg(folder.path().join("fleet"))
            .arg("--script")
            .arg(&script)
            .called("fleet")
            .env("WATCHFIRE_LOG", "warn")
            .start();
        Ok(Self { hub, fleet, sink, empty_hub, _folder: folder })
    }

    /// Waits until every server has a stream.
    pub(crate) fn wait_until_all_stream(&self, servers: usize) -> anyhow::Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            ensure!(self.fleet.ended().is_none(), "the fleet ended: {}", self.fleet.text());
            let connected = self.counts().last().map_or(0, |counts| counts.connected);
            if connected >= servers as u64 {
                return Ok(());
            }
            ensure!(Instant::now() < until, "only {connected} of {servers} servers stream");
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    /// What the fleet told of itself so far.
    pub(crate) fn counts(&self) -> Vec<crate::told::Counts> {
        let lines = self.fleet.lines();
        let told = lines.iter().filter_map(|line| told(&line.text));
        told.filter_map(|told| if let Told::Counts(counts) = told { Some(counts) } else { None })
            .collect()
    }
}

/// One server after the other is killed, once all stream and the calm part was measured.
fn kills(arguments: &Arguments) -> String {
    let begin = arguments.servers as u64 / 100 + 60 + arguments.seconds;
    (0..arguments.trials as u64).fold(String::new(), |mut text, trial| {
        let at = begin + trial * arguments.spacing;
        let _ = writeln!(text, "{at}s killed 1 for {AWAY}s");
        text
    })
}

fn hub_config(listen: SocketAddr, sink: &Sink) -> String {
    format!(
        "listen = \"{listen}\"\ndata = \"hub\"\n\n\
         [mail]\nfrom = \"hub@example.org\"\nsmtp = \"{}\"\n\n\
         [[user]]\nname = \"ada\"\nservers = [\"*\"]\nchannels = [\"mailto:ada@example.org\"]\n",
        sink.url()
    )
}
