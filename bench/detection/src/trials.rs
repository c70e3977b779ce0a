//! Rounds of faults, and what the hub and the mail server recorded of them.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use watchfire_api::hub::IncidentDetail;
use watchfire_testkit::figures;
use watchfire_testkit::smtp::Mail;

use crate::chance::Chance;
use crate::field::{Fault, Field};

/// How long a mail may be on its way before it counts as lost.
const LOST_AFTER: Duration = Duration::from_secs(30);
/// How often the mailbox is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// What is measured.
pub(crate) struct Settings {
    pub(crate) binary: PathBuf,
    pub(crate) trials: usize,
    pub(crate) agents: usize,
    pub(crate) stagger: Duration,
}

/// The figures of one kind of fault. All times are in seconds.
pub(crate) struct Measured {
    pub(crate) fault: Fault,
    /// Last sign of life -> mail accepted, by the hub's monotonic records.
    pub(crate) from_last_sign: Vec<f64>,
    /// Last sign of life -> judged, by the hub's monotonic records.
    pub(crate) to_judgement: Vec<f64>,
    /// Fault injected -> mail accepted, by the mail server's clock.
    pub(crate) from_fault: Vec<f64>,
    /// First sign of life -> mail accepted, by the hub's monotonic records.
    pub(crate) from_first_sign: Vec<f64>,
    /// Reachable again -> mail accepted, by the mail server's clock.
    pub(crate) from_recovery: Vec<f64>,
    pub(crate) lost: usize,
    pub(crate) doubled: usize,
    /// Incidents that no fault caused.
    pub(crate) false_alarms: usize,
    /// The most that the hub itself stood still in one silence.
    pub(crate) most_stalled: f64,
    pub(crate) hub_cpu: f64,
    pub(crate) took: Duration,
}

/// When each fault began and ended, by server, in order.
type Faults = HashMap<String, Vec<(Duration, Duration)>>;

impl Measured {
    /// True when every mail came exactly once and none without a fault.
    pub(crate) fn is_exact(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.false_alarms == 0
    }
}

/// Tries one kind of fault as often as the settings say.
pub(crate) fn measure(settings: &Settings, fault: Fault) -> anyhow::Result<Measured> {
    eprintln!("{}: starting {} agents and a hub", fault.name(), settings.agents);
    let mut field = Field::start(&settings.binary, settings.agents, fault)?;
    let began = Instant::now();
    let cpu_before = figures::cpu_seconds(field.hub.id()).unwrap_or(0.0);
    let mut faults = Faults::new();
    let mut chance = Chance::new();
    let mut done = 0;
    while done < settings.trials {
        let count = settings.agents.min(settings.trials - done);
        let order = chance.order(count);
        round(&mut field, &order, settings.stagger, fault, &mut faults, done);
        field.wait_until_all_are_up()?;
        done += count;
        eprintln!("{}: {done} of {} trials", fault.name(), settings.trials);
    }
    let took = began.elapsed();
    let hub_cpu = figures::cpu_seconds(field.hub.id()).unwrap_or(0.0) - cpu_before;
    let incidents = field.page.incidents()?;
    let mails = field.sink.mails();
    Ok(figures(fault, &faults, &incidents, &mails, hub_cpu, took))
}

/// One fault on each of these servers, and back. The order is another one each
/// time: else a fault would always fall on the same phase of a server's signs
/// of life, which begin anew when it comes back.
fn round(
    field: &mut Field,
    order: &[usize],
    stagger: Duration,
    fault: Fault,
    faults: &mut Faults,
    before: usize,
) {
    let mut began = Vec::with_capacity(order.len());
    for index in order {
        began.push(field.servers[*index].fail(fault));
        std::thread::sleep(stagger);
    }
    wait_for_mails(field, before * 2 + order.len());
    for (index, began) in order.iter().zip(began) {
        let server = &mut field.servers[*index];
        let ended = server.recover(fault);
        faults.entry(server.name.clone()).or_default().push((began, ended));
        std::thread::sleep(stagger);
    }
    wait_for_mails(field, (before + order.len()) * 2);
}

/// Waits for the mails; those that do not come in time are counted later.
fn wait_for_mails(field: &Field, count: usize) {
    let until = Instant::now() + LOST_AFTER;
    while field.sink.accepted() < count && Instant::now() < until {
        std::thread::sleep(LOOK);
    }
}

fn figures(
    fault: Fault,
    faults: &Faults,
    incidents: &[IncidentDetail],
    mails: &[Mail],
    hub_cpu: f64,
    took: Duration,
) -> Measured {
    let trials: usize = faults.values().map(Vec::len).sum();
    let ids: HashSet<&str> = mails.iter().map(Mail::message_id).collect();
    let mut measured = Measured {
        fault,
        from_last_sign: incidents.iter().filter_map(from_last_sign).collect(),
        to_judgement: incidents.iter().filter_map(|one| one.row.silent_seconds).collect(),
        from_fault: Vec::new(),
        from_first_sign: incidents.iter().filter_map(from_first_sign).collect(),
        from_recovery: Vec::new(),
        lost: 0,
        doubled: mails.len() - ids.len(),
        false_alarms: incidents.len().saturating_sub(trials),
        most_stalled: incidents.iter().map(|one| one.row.hub_stalled_seconds).fold(0.0, f64::max),
        hub_cpu,
        took,
    };
    for (server, times) in faults {
        let downs = accepted(mails, server, &["[DOWN]", "[AGENT DOWN]"]);
        let ups = accepted(mails, server, &["[UP]"]);
        measured.lost += times.len().saturating_sub(downs.len());
        measured.lost += times.len().saturating_sub(ups.len());
        measured.doubled += downs.len().saturating_sub(times.len());
        measured.doubled += ups.len().saturating_sub(times.len());
        for ((began, ended), (down, up)) in times.iter().zip(downs.iter().zip(&ups)) {
            measured.from_fault.push(down.saturating_sub(*began).as_secs_f64());
            measured.from_recovery.push(up.saturating_sub(*ended).as_secs_f64());
        }
    }
    measured
}

/// When the mails about `server` with one of these badges were accepted, in order.
fn accepted(mails: &[Mail], server: &str, badges: &[&str]) -> Vec<Duration> {
    let about = |mail: &&Mail| {
        let parts = mail.subject().split_once(&format!(" {server}: "));
        parts.is_some_and(|(badge, _)| badges.contains(&badge))
    };
    mails.iter().filter(about).filter_map(|mail| mail.accepted).collect()
}

fn from_last_sign(incident: &IncidentDetail) -> Option<f64> {
    let began = incident.row.silence_began_monotonic_ms?;
    Some((told(incident, "down")? - began) / 1000.0)
}

fn from_first_sign(incident: &IncidentDetail) -> Option<f64> {
    let closed = incident.row.closed_monotonic_ms?;
    Some((told(incident, "recovered")? - closed) / 1000.0)
}

/// When the notification of this kind was accepted, in milliseconds since boot.
fn told(incident: &IncidentDetail, kind: &str) -> Option<f64> {
    let notification = incident.notifications.iter().find(|one| one.kind == kind)?;
    let accepted = notification.deliveries.iter().find(|one| one.outcome == "accepted")?;
    accepted.ended_monotonic_ms
}
