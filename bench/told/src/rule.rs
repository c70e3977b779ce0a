//! From what a rule asks about to the mail: sockets are opened, the next sample says so, the rule
//! fires at once, and a mail is accepted. Beside Prometheus and Alertmanager with the same rules.

use std::fmt::Write;
use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use watchfire_testkit::clock::monotonic;
use watchfire_testkit::process::{Program, Running};
use watchfire_testkit::smtp::Mail;

use crate::field::{Field, Plan, free, name};
use crate::peers::{MISSING, Peers, Target, found};
use crate::times::{HEAD, Times, first, lost, row};

/// So many sockets more for each trial; the machine's own come and go by less.
const STEP: usize = 40;
/// Between two trials: what fires within ten seconds is in one letter of ours.
const SPACING: Duration = Duration::from_secs(13);
/// Until all rules were evaluated on live samples.
const SETTLE: Duration = Duration::from_secs(20);
/// The first rows of the table are ours.
const OWN_ROWS: usize = 2;
/// How long a mail may take.
const LOST_AFTER: Duration = Duration::from_secs(45);

pub(crate) struct Rule {
    rows: Vec<(&'static str, Times)>,
    has_exporter: bool,
}

/// Trial by trial another server's rule fires, and goes on: none of them flaps.
pub(crate) fn measure(binary: &Path, trials: usize) -> anyhow::Result<Rule> {
    eprintln!("rule: {trials} rules fire");
    let rules = rules(trials, sockets_in_use()?);
    let plan = Plan { users: &["ada"], data: None, agents: trials, rules: Some(&rules) };
    let field = Field::with(binary, &plan)?;
    let exporter = exporter()?;
    let targets: Vec<Target> = field
        .agents
        .iter()
        .zip(1..)
        .map(|(agent, number)| {
            let address = exporter.as_ref().map_or(*agent, |(_, address)| *address);
            Target { instance: name(number), address }
        })
        .collect();
    let peers = Peers::start(field.folder(), &targets, &rules)?;
    thread::sleep(SETTLE);
    let (mut open, mut begun, mut begun_unix) = (Vec::new(), Vec::new(), Vec::new());
    for trial in 1..=trials {
        eprintln!("rule: {trial} of {trials}");
        for _ in 0..STEP {
            open.push(UdpSocket::bind("127.0.0.1:0").context("no more sockets: ulimit -n")?);
        }
        begun.push(monotonic());
        begun_unix.push(jiff::Timestamp::try_from(SystemTime::now())?);
        // Their phase against samples and evaluations is to differ.
        let odd = Duration::from_millis(u64::try_from(trial * 370 % 1000)?);
        thread::sleep(SPACING + odd);
    }
    thread::sleep(LOST_AFTER);
    let times = |mails: &[Mail]| -> Times {
        begun
            .iter()
            .zip(1..)
            .map(|(at, trial)| {
                let mark = mark(trial);
                first(mails, *at, *at + LOST_AFTER, |mail| mail.raw_text().contains(&mark))
            })
            .collect()
    };
    let own = fired(&field.page()?.alerts()?, &begun_unix);
    let mut rows = vec![
        ("watchfire: the rule fires", own),
        (
            "watchfire: the mail is accepted (10 s after the first critical news)",
            times(&field.sink.mails()),
        ),
    ];
    if let Some(peers) = &peers {
        rows.push(("Prometheus: the rule fires", fired(&peers.alerts()?, &begun_unix)));
        rows.push((
            "Prometheus and Alertmanager, `group_wait: 0s`, `group_interval: 1s`",
            times(&peers.tuned.mails()),
        ));
        rows.push((
            "Prometheus and Alertmanager with its own times (30 s, 5 min)",
            times(&peers.usual.mails()),
        ));
    }
    Ok(Rule { rows, has_exporter: exporter.is_some() })
}

/// What the letter of a rule has in its summary.
fn mark(trial: usize) -> String {
    format!("step-{trial}-is-over")
}

/// From each step to the evaluation at which its rule fired.
fn fired(alerts: &serde_json::Value, begun: &[jiff::Timestamp]) -> Times {
    let all = alerts["data"]["alerts"].as_array().cloned().unwrap_or_default();
    let at = |trial: usize| {
        let name = format!("StepNumber{trial}Over");
        let own = all.iter().find(|alert| alert["labels"]["alertname"] == name.as_str())?;
        own["activeAt"].as_str()?.parse::<jiff::Timestamp>().ok()
    };
    let since = |(begun, trial): (&jiff::Timestamp, usize)| {
        Some(at(trial)?.duration_since(*begun).as_secs_f64())
    };
    begun.iter().zip(1..).map(since).collect()
}

fn rules(trials: usize, sockets: usize) -> String {
    let mut text = "groups:\n- name: steps\n  interval: 1s\n  rules:\n".to_owned();
    for trial in 1..=trials {
        let limit = sockets + trial * STEP - STEP / 2;
        let _ = writeln!(
            text,
            "  - alert: StepNumber{trial}Over\n    \
             expr: node_sockstat_UDP_inuse{{instance=\"{}\"}} > {limit}\n    \
             labels: {{ severity: critical }}\n    annotations: {{ summary: {} }}",
            name(trial),
            mark(trial)
        );
    }
    text
}

/// UDP sockets, as the kernel counts them and the collectors tell.
fn sockets_in_use() -> anyhow::Result<usize> {
    let text = fs::read_to_string("/proc/net/sockstat").context("/proc/net/sockstat")?;
    let line = text.lines().find_map(|line| line.strip_prefix("UDP: inuse "));
    let count = line.and_then(|line| line.split(' ').next()?.parse().ok());
    count.context("/proc/net/sockstat says nothing of UDP")
}

/// node_exporter reads when it is asked; where it is not here, Prometheus asks our agents, whose
/// answer may be a second old.
fn exporter() -> anyhow::Result<Option<(Running, std::net::SocketAddr)>> {
    let Some(path) = found(&["prometheus-node-exporter", "node_exporter"]) else {
        return Ok(None);
    };
    let address = free();
    let program = Program::new(path).arg(format!("--web.listen-address={address}"));
    let running = program.arg("--log.level=error").called("node_exporter").start();
    Ok(Some((running, address)))
}

impl Rule {
    /// Ours told all.
    pub(crate) fn is_exact(&self) -> bool {
        self.rows.iter().take(OWN_ROWS).all(|(_, times)| lost(times) == 0)
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = format!(
            "From the moment at which {STEP} sockets were open, with the rule `node_sockstat_UDP_inuse > N`; samples and rules each second, no `for`.\n\n{HEAD}"
        );
        for (watcher, times) in &self.rows {
            row(&mut text, watcher, times);
        }
        if self.rows.len() == OWN_ROWS {
            text.push_str(MISSING);
        } else if !self.has_exporter {
            text.push_str(
                "\nPrometheus scraped our agents, since node_exporter is not installed (package prometheus-node-exporter): what \
                 they answer is up to a second old, half a second in the mean.\n",
            );
        }
        text
    }
}
