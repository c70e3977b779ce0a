//! The process table of a machine with many processes.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::ensure;
use watchfire_collect::{ProcessSampler, Root};
use watchfire_model::ProcessTable;

use super::say;
use crate::Arguments;
use crate::facts;
use crate::field::Field;
use crate::floor::{Kept, open_read_close, spent};
use crate::herd::{Herd, Life};
use crate::page::{self, Line};
use crate::peers::{Peer, glances_command, installed};

const PEERS: [Peer; 4] = [Peer::Ps, Peer::Top, Peer::Glances, Peer::Netdata];
/// netdata's reader of processes, which can run alone.
const APPS: &str = "/usr/lib/netdata/plugins.d/apps.plugin";
/// How long it runs; its start is not counted.
const APPS_START: Duration = Duration::from_secs(3);
const APPS_SECONDS: u64 = 6;
/// glances runs for so many tables, and for so many; the difference is counted.
const GLANCES_TABLES: [u32; 2] = [2, 6];
/// The first tables find out who runs all the time.
const FINDING_OUT: usize = 4;
/// Our tables in one round.
const TABLES: usize = 8;
/// To hold, in floors.
const ALL_RUN: f64 = 1.1;
const MOST_SLEEP: f64 = 0.3;

/// CPU seconds of each way to a process table.
#[derive(Default)]
struct Measured {
    ours: Vec<f64>,
    first: Vec<f64>,
    floor: Vec<f64>,
    kept: Vec<f64>,
    asked: Vec<u32>,
    peers: Vec<(&'static str, Vec<f64>)>,
}

pub(super) fn measure(
    field: &Field,
    arguments: &Arguments,
    left_out: &mut Vec<String>,
) -> anyhow::Result<()> {
    let peers = installed(&arguments.peers, &PEERS, left_out);
    for life in [Life::Asleep, Life::Awake] {
        let herd = Herd::start(field, arguments.processes, life)?;
        std::thread::sleep(Duration::from_secs(3));
        let processes = facts::processes();
        eprintln!("table: {processes} processes, {}", life.name());
        let measured = of_herd(field, &herd, life, &peers, arguments.rounds)?;
        say(&measured.page(processes, life))?;
    }
    Ok(())
}

fn of_herd(
    field: &Field,
    herd: &Herd,
    life: Life,
    peers: &[Peer],
    rounds: usize,
) -> anyhow::Result<Measured> {
    let mut measured = Measured::default();
    let mut table = ProcessTable::default();
    // Before the limit of open files is raised: it keeps a share of it open.
    let mut sampler = ProcessSampler::new(Root::live());
    for _ in 0..=FINDING_OUT {
        sampler.sample_into(facts::now(), &mut table)?;
        std::thread::sleep(life.pause());
    }
    let pids = herd.pids()?;
    let kept = Kept::open(&pids)?;
    for _ in 0..rounds {
        let mut fresh = ProcessSampler::new(Root::live());
        measured.first.push(spent(|| Ok(fresh.sample_into(facts::now(), &mut table)?))?);
        for _ in 0..TABLES {
            std::thread::sleep(life.pause());
            measured.ours.push(spent(|| Ok(sampler.sample_into(facts::now(), &mut table)?))?);
            measured.asked.push(sampler.summary().asked);
            measured.floor.push(spent(|| open_read_close(&pids))?);
            measured.kept.push(spent(|| kept.read())?);
        }
        for peer in peers {
            measured.ask(field, *peer)?;
        }
        // What the peers did is not to be in the next table of ours.
        sampler.sample_into(facts::now(), &mut table)?;
    }
    Ok(measured)
}

impl Measured {
    fn ask(&mut self, field: &Field, peer: Peer) -> anyhow::Result<()> {
        let (name, cpu) = match peer {
            Peer::Ps => (peer.name(), run(field, peer.path(), &["aux"])?),
            Peer::Top => (peer.name(), run(field, peer.path(), &["-b", "-n1"])?),
            Peer::Glances => ("glances --time 1", glances(field)?),
            Peer::Netdata if Path::new(APPS).exists() => ("netdata apps.plugin", apps(field)?),
            _ => return Ok(()),
        };
        match self.peers.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(cpu),
            None => self.peers.push((name, vec![cpu])),
        }
        Ok(())
    }

    fn page(&self, processes: usize, life: Life) -> String {
        let line = |name: &str, values: &[f64]| Line::new(name, values, 1e3);
        let mut lines = vec![
            line("watchfire, a table", &self.ours),
            line("floor: open, read, close `/proc/PID/stat`", &self.floor),
            line("files kept open: read again", &self.kept),
            line("watchfire, the first table", &self.first),
        ];
        lines.extend(self.peers.iter().map(|(name, values)| line(name, values)));
        let title = format!("One process table, {processes} processes, {}", life.name());
        let mut text = page::table(&title, "CPU ms", 2, &lines);
        let most = if life == Life::Awake { ALL_RUN } else { MOST_SLEEP };
        text.push_str(&page::held_under("floor", &lines, most));
        let (least, most) = (self.asked.iter().min(), self.asked.iter().max());
        if let (Some(least), Some(most)) = (least, most) {
            text.push_str(&format!("\nOurs asked {least} to {most} processes for a table.\n"));
        }
        text
    }
}

/// The CPU seconds of a program from its start to its end.
fn run(field: &Field, program: &Path, arguments: &[&str]) -> anyhow::Result<f64> {
    let (cage, _) = field.place("once")?;
    let mut command = cage.command(program)?;
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status()?;
    ensure!(status.success(), "{} failed: {status}", program.display());
    Ok(cage.cpu()?.as_secs_f64())
}

/// The CPU seconds of one of its tables, without its long start.
fn glances(field: &Field) -> anyhow::Result<f64> {
    let of = |tables: u32| -> anyhow::Result<f64> {
        let (cage, folder) = field.place("glances")?;
        let mut command = glances_command(&cage, &folder)?;
        command.args(["--stop-after", &tables.to_string()]);
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        ensure!(status.success(), "glances failed: {status}");
        Ok(cage.cpu()?.as_secs_f64())
    };
    let [few, many] = GLANCES_TABLES;
    Ok((of(many)? - of(few)?) / f64::from(many - few))
}

/// The CPU seconds of one of its tables: it makes one each second.
fn apps(field: &Field) -> anyhow::Result<f64> {
    let (cage, _) = field.place("apps")?;
    let mut command = cage.command(Path::new(APPS))?;
    // It ends with its standard input.
    command.arg("1").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    std::thread::sleep(APPS_START);
    let before = cage.cpu()?;
    std::thread::sleep(Duration::from_secs(APPS_SECONDS));
    let used = cage.cpu()?.saturating_sub(before).as_secs_f64();
    let ended = child.try_wait()?;
    child.kill()?;
    child.wait()?;
    ensure!(ended.is_none(), "apps.plugin ended too early");
    Ok(used / Duration::from_secs(APPS_SECONDS).as_secs_f64())
}
