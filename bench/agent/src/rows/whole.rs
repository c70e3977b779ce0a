//! The whole agent with a hub, beside whole peers: CPU, memory, the metrics
//! and the recorder.

use std::time::{Duration, Instant};

use anyhow::Context;

use super::{Row, say, windows};
use crate::Arguments;
use crate::field::Field;
use crate::herd::{Herd, Life};
use crate::page::{self, Line};
use crate::peers::{Peer, Purpose, installed};
use crate::started::Started;
use crate::{facts, hub};

const PEERS: [Peer; 5] =
    [Peer::NodeExporter, Peer::Netdata, Peer::Glances, Peer::ZabbixAgent2, Peer::Collectd];
/// Those that read nothing unless they are asked.
const READ_WHEN_ASKED: [Peer; 2] = [Peer::NodeExporter, Peer::ZabbixAgent2];
/// How many processes a small machine has.
const FEW: usize = 100;
const SECONDS_AN_HOUR: f64 = 3600.0;
const KIB_IN_MIB: f64 = 1024.0;

const CPU_SECONDS_AN_HOUR: f64 = 7.0;
const MIB_SMALL: f64 = 8.0;
const MIB_LARGE: f64 = 16.0;
const METRICS_MS: f64 = 1.0;

/// What each program used, one value a round.
struct Usage {
    /// CPU seconds per second.
    cpu: Vec<Vec<f64>>,
    /// PSS in KiB at the end of the round.
    memory: Vec<Vec<f64>>,
}

/// All that run.
struct All {
    programs: Vec<Started>,
    polled: Vec<String>,
    _hub: Started,
}

impl All {
    fn start(
        field: &Field,
        arguments: &Arguments,
        left_out: &mut Vec<String>,
    ) -> anyhow::Result<Self> {
        let (agent, hub) = hub::start(field)?;
        let (mut programs, mut polled) = (vec![agent], Vec::new());
        for peer in installed(&arguments.peers, &PEERS, left_out) {
            programs.extend(peer.start(field, Purpose::Whole)?);
            if READ_WHEN_ASKED.contains(&peer) {
                polled.push(peer.name().to_owned());
            }
        }
        Ok(Self { programs, polled, _hub: hub })
    }

    fn poll(&mut self) {
        let polled = self.polled.clone();
        for program in self.programs.iter_mut().filter(|one| polled.contains(&one.name)) {
            program.poll_each_second();
        }
    }

    fn stop_polling(&mut self) -> anyhow::Result<()> {
        self.programs.iter_mut().try_for_each(Started::stop_polling)
    }

    fn lines(&self, values: &[Vec<f64>], unit: f64) -> Vec<Line> {
        let each = self.programs.iter().zip(values);
        each.map(|(program, values)| Line::new(&program.name, values, unit)).collect()
    }

    fn usage(&mut self, length: Duration, rounds: usize) -> anyhow::Result<Usage> {
        let empty = || vec![Vec::with_capacity(rounds); self.programs.len()];
        let mut usage = Usage { cpu: empty(), memory: empty() };
        for _ in 0..rounds {
            let mut all: Vec<&mut Started> = self.programs.iter_mut().collect();
            let used = windows::cpu(&mut all, length, 1)?;
            for (number, program) in self.programs.iter().enumerate() {
                usage.cpu[number].extend(&used[number]);
                #[expect(clippy::cast_precision_loss, reason = "KiB of one program")]
                usage.memory[number].push(program.cage.pss_kib()? as f64);
            }
        }
        Ok(usage)
    }
}

/// The rows that need the whole agent.
pub(super) fn measure(
    field: &Field,
    arguments: &Arguments,
    left_out: &mut Vec<String>,
) -> anyhow::Result<()> {
    let mut all = All::start(field, arguments, left_out)?;
    let here = facts::processes();
    let _few = Herd::start(field, FEW.saturating_sub(here), Life::Asleep)?;
    eprintln!("whole: {} programs run", all.programs.len());
    all.poll();
    std::thread::sleep(Duration::from_secs(arguments.settle));
    let processes = facts::processes();
    let recorder = Recorder::read(&all.programs[0])?;
    let length = Duration::from_secs(arguments.seconds);
    let usage = all.usage(length, arguments.rounds)?;
    let bytes = Recorder::read(&all.programs[0])?.since(&recorder);
    all.stop_polling()?;
    let chosen = |row| arguments.only.contains(&row);
    if chosen(Row::Whole) {
        let lines = all.lines(&usage.cpu, SECONDS_AN_HOUR);
        let title = format!("The whole agent, {processes} processes");
        say(&page::table(&title, "CPU s/h", 1, &lines))?;
        say(&page::held_at_most(&lines, CPU_SECONDS_AN_HOUR, "CPU s/h"))?;
    }
    if chosen(Row::Bytes) {
        say(&bytes)?;
    }
    if chosen(Row::Metrics) {
        say(&metrics(&all.programs, arguments.scrapes)?)?;
    }
    if chosen(Row::Memory) {
        let title = format!("Memory (PSS), {processes} processes");
        let lines = all.lines(&usage.memory, 1.0 / KIB_IN_MIB);
        say(&page::table(&title, "MiB", 1, &lines))?;
        say(&page::held_at_most(&lines, MIB_SMALL, "MiB"))?;
        say(&large(field, arguments, &mut all)?)?;
    }
    Ok(())
}

/// Memory and CPU of the same programs beside many processes.
fn large(field: &Field, arguments: &Arguments, all: &mut All) -> anyhow::Result<String> {
    // At this size glances needs more than a core for itself.
    all.programs.retain(|program| program.name != Peer::Glances.name());
    let _herd = Herd::start(field, arguments.processes, Life::Asleep)?;
    all.poll();
    std::thread::sleep(Duration::from_secs(arguments.settle));
    let processes = facts::processes();
    let length = Duration::from_secs(arguments.seconds);
    let usage = all.usage(length, arguments.rounds)?;
    all.stop_polling()?;
    let lines = all.lines(&usage.memory, 1.0 / KIB_IN_MIB);
    let title = format!("Memory (PSS), {processes} processes, most asleep");
    let mut text = page::table(&title, "MiB", 1, &lines);
    text.push_str(&page::held_at_most(&lines, MIB_LARGE, "MiB"));
    let title = format!("The same in CPU, {processes} processes, most asleep");
    let lines = all.lines(&usage.cpu, SECONDS_AN_HOUR);
    text.push_str(&page::table(&title, "CPU s/h", 1, &lines));
    Ok(text)
}

/// How long a scrape takes, one a second of each, so that each finds readings
/// that nobody has had before.
fn metrics(programs: &[Started], scrapes: usize) -> anyhow::Result<String> {
    let scraped: Vec<(&Started, _)> = programs
        .iter()
        .filter(|program| program.name != Peer::ZabbixAgent2.name())
        .filter_map(|program| Some((program, program.poll.as_ref()?)))
        .collect();
    let mut took = vec![Vec::with_capacity(scrapes); scraped.len()];
    let began = Instant::now();
    for number in 0..scrapes {
        for (place, (program, poll)) in scraped.iter().enumerate() {
            let time = poll.timed().with_context(|| program.name.clone())?;
            took[place].push(time.as_secs_f64());
        }
        let next = began + Duration::from_secs(u64::try_from(number)? + 1);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let each = scraped.iter().zip(&took);
    let lines: Vec<Line> =
        each.map(|((program, _), took)| Line::new(&program.name, took, 1e3)).collect();
    let title = format!("`GET /metrics`, {scrapes} scrapes, one a second");
    let mut text = page::table(&title, "ms", 2, &lines);
    text.push_str(&page::held_at_most(&lines, METRICS_MS, "ms"));
    Ok(text)
}

/// What the agent tells of its recorder.
struct Recorder {
    at: Instant,
    bytes: f64,
    records: f64,
    series: usize,
}

impl Recorder {
    fn read(agent: &Started) -> anyhow::Result<Self> {
        let metrics = agent.poll.as_ref().context("the agent is asked for metrics")?.once()?;
        let value = |name: &str| {
            let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            let value = line.and_then(|line| line.split(' ').next()?.parse::<f64>().ok());
            value.with_context(|| format!("the agent has no metric {name}"))
        };
        Ok(Self {
            at: Instant::now(),
            bytes: value("watchfire_agent_recorder_bytes_total")?,
            records: value("watchfire_agent_recorder_records_total")?,
            series: metrics.lines().filter(|line| !line.starts_with('#')).count(),
        })
    }

    fn since(&self, before: &Self) -> String {
        let seconds = (self.at - before.at).as_secs_f64();
        let (bytes, records) = (self.bytes - before.bytes, self.records - before.records);
        format!(
            "\n#### Bytes of the recorder\n\nIn {seconds:.0} s it wrote {bytes:.0} bytes in \
             {records:.0} records (ticks of {} series, process tables, schemas): {:.0} bytes a \
             second, {:.2} records a second of {:.0} bytes; {:.1} MiB a day.\n",
            self.series,
            bytes / seconds,
            records / seconds,
            bytes / records,
            bytes / seconds * 86_400.0 / KIB_IN_MIB / KIB_IN_MIB
        )
    }
}
