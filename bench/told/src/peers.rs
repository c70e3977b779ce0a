//! Prometheus with everything at 1 s and two Alertmanagers, one with the times of its
//! documentation and one that waits for nothing, each with a mailbox of its own.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use watchfire_testkit::ask::Ask;
use watchfire_testkit::process::{Program, Running};
use watchfire_testkit::smtp::Sink;

use crate::field::{free, until};

const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Peers {
    /// Where the Alertmanager with its own times sends to.
    pub(crate) usual: Sink,
    /// Where the other one does.
    pub(crate) tuned: Sink,
    prometheus: SocketAddr,
    _running: [Running; 3],
}

/// What Prometheus scrapes once a second, under this name of an instance.
pub(crate) struct Target {
    pub(crate) instance: String,
    pub(crate) address: SocketAddr,
}

impl Peers {
    /// Starts them in a folder that is there; `None` where they are not installed.
    pub(crate) fn start(
        folder: &Path,
        targets: &[Target],
        rules: &str,
    ) -> anyhow::Result<Option<Self>> {
        let Some(prometheus) = found(&["prometheus"]) else { return Ok(None) };
        let managers = ["prometheus-alertmanager", "alertmanager"];
        let Some(manager) = found(&managers) else { return Ok(None) };
        let folder = folder.join("peers");
        fs::create_dir(&folder)?;
        fs::write(folder.join("rules.yml"), rules)?;
        let (usual, tuned) = (Sink::start(), Sink::start());
        let (first, one) = alertmanager(&manager, &folder, "usual", &usual, "")?;
        let waits_for_nothing = "  group_wait: 0s\n  group_interval: 1s\n";
        let (second, other) = alertmanager(&manager, &folder, "tuned", &tuned, waits_for_nothing)?;
        let config = folder.join("prometheus.yml");
        fs::write(&config, prometheus_config(targets, one, other))?;
        let address = free();
        let program = Program::new(prometheus)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("tsdb").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=error");
        let third = program.called("prometheus").start();
        until("Prometheus and Alertmanager are ready", || {
            let is_ready = |address| {
                let answer = Ask::get("/-/ready").send(address, PATIENCE);
                answer.is_ok_and(|answer| answer.status == 200)
            };
            Ok([one, other, address].into_iter().all(is_ready))
        })?;
        let running = [first, second, third];
        Ok(Some(Self { usual, tuned, prometheus: address, _running: running }))
    }

    /// What fires, as Prometheus' API tells it.
    pub(crate) fn alerts(&self) -> anyhow::Result<serde_json::Value> {
        let answer = Ask::get("/api/v1/alerts").send(self.prometheus, PATIENCE)?;
        Ok(serde_json::from_slice(&answer.body)?)
    }
}

/// What the page says where they are not.
pub(crate) const MISSING: &str = "\nPrometheus and Alertmanager were not measured: they are not installed (packages prometheus and \
     prometheus-alertmanager).\n";

/// The first of these programs that is in `PATH`.
pub(crate) fn found(names: &[&str]) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    let all = std::env::split_paths(&folders);
    all.flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        .find(|path| path.exists())
}

fn alertmanager(
    program: &Path,
    folder: &Path,
    name: &str,
    sink: &Sink,
    times: &str,
) -> anyhow::Result<(Running, SocketAddr)> {
    let config = folder.join(format!("{name}.yml"));
    let text = format!(
        "global:\n  smtp_smarthost: '{}'\n  smtp_from: manager@example.org\n  \
         smtp_require_tls: false\nroute:\n  receiver: mail\n  group_by: [alertname, instance]\n{times}\
         receivers:\n- name: mail\n  email_configs:\n  - to: ada@example.org\n    send_resolved: true\n",
        sink.addr()
    );
    fs::write(&config, text)?;
    let address = free();
    let program = Program::new(program)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.path={}", folder.join(name).display()))
        .arg(format!("--web.listen-address={address}"))
        .args(["--cluster.listen-address=", "--log.level=error"])
        .called(name);
    Ok((program.start(), address))
}

fn prometheus_config(targets: &[Target], one: SocketAddr, other: SocketAddr) -> String {
    let mut text = format!(
        "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  evaluation_interval: 1s\n\
         rule_files: [rules.yml]\nalerting:\n  alertmanagers:\n  - static_configs:\n    \
         - targets: ['{one}', '{other}']\nscrape_configs:\n- job_name: node\n  static_configs:\n"
    );
    for Target { instance, address } in targets {
        let _ =
            writeln!(text, "  - targets: ['{address}']\n    labels: {{ instance: '{instance}' }}");
    }
    text
}
