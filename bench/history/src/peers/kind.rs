use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use watchfire_testkit::process::Program;

/// More than the history takes.
pub(super) const CAP: u64 = 16 << 30;

/// What is measured, and how data come into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// The hub, on a history that was filled through the store.
    Sealed(PathBuf),
    /// The hub, with what was pushed to it.
    Pushed(PathBuf),
    Prometheus(PathBuf),
    VictoriaMetrics(PathBuf),
}

impl Kind {
    /// All, in the order of the table's columns. Of a peer that is not installed it is said.
    pub(super) fn installed(watchfire: &Path) -> Vec<Option<Self>> {
        let hint = "build it: cargo build --release --package watchfire";
        assert!(watchfire.is_file(), "there is no {}; {hint}", watchfire.display());
        vec![
            Some(Self::Sealed(watchfire.to_owned())),
            Some(Self::Pushed(watchfire.to_owned())),
            in_path("prometheus").map(Self::Prometheus),
            in_path("victoria-metrics").map(Self::VictoriaMetrics),
        ]
    }

    /// As the table calls it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Sealed(_) | Self::Pushed(_) => "Watchfire",
            Self::Prometheus(_) => "Prometheus",
            Self::VictoriaMetrics(_) => "VictoriaMetrics",
        }
    }

    /// The command that runs it in `folder`, after the configuration that it needs was written.
    pub(super) fn program(
        &self,
        folder: &Path,
        address: SocketAddr,
        servers: &[String],
    ) -> Program {
        match self {
            Self::Sealed(binary) | Self::Pushed(binary) => {
                let config = folder.join("hub.toml");
                std::fs::write(&config, hub_config(folder, address, servers)).unwrap();
                Program::new(binary)
                    .args(["hub", "--open-loopback", "--config"])
                    .arg(config)
                    .env("WATCHFIRE_LOG", "warn")
            }
            Self::Prometheus(binary) => {
                let config = folder.join("prometheus.yml");
                std::fs::write(&config, "global: {}\n").unwrap();
                Program::new(binary)
                    .arg(format!("--config.file={}", config.display()))
                    .arg(format!("--storage.tsdb.path={}", data(folder).display()))
                    .arg(format!("--web.listen-address={address}"))
                    .args(["--web.enable-remote-write-receiver", "--web.enable-admin-api"])
                    .args(["--log.level=warn"])
            }
            Self::VictoriaMetrics(binary) => Program::new(binary)
                .arg(format!("-storageDataPath={}", data(folder).display()))
                .arg(format!("-httpListenAddr={address}"))
                .args(["-loggerLevel=WARN"]),
        }
        .folder(folder)
    }
}

/// Where the data lie in an engine's folder.
pub(super) fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// Servers without agents: nothing is dialed, and all that is known of them is history.
fn hub_config(folder: &Path, address: SocketAddr, servers: &[String]) -> String {
    let data = data(folder);
    let gibibytes = CAP >> 30;
    let mut config =
        format!("listen = \"{address}\"\ndata = {data:?}\ndisk = \"{gibibytes}GiB\"\n");
    for server in servers {
        config.push_str(&format!("\n[[server]]\nname = \"{server}\"\n"));
    }
    config
}

fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|folder| folder.join(program));
    let found = found.into_iter().find(|file| file.is_file());
    if found.is_none() {
        eprintln!("{program} is not installed and left out: apt-get install {program}");
    }
    found
}
