//! A thousand simulated servers: how soon all have answered, and what that costs the hub.

use std::fmt::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use watchfire_testkit::figures;
use watchfire_testkit::process::Program;

use crate::cage::Cage;
use crate::house::{House, Ran};
use crate::table::{median, spread_ms};

/// The design's figure.
const WITHIN: f64 = 1.0;
/// After it key ticks and schemas of the begin are gone.
const SETTLE: Duration = Duration::from_secs(15);
/// How long the hub's rest is measured.
const REST: Duration = Duration::from_secs(10);
/// Between two commands.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Kind {
    /// The hub took it → the last answer was stored, on the hub's clock.
    all: Vec<f64>,
    /// The hub took it → a server had ended it, on the clock of both.
    each: Vec<f64>,
    /// The whole of `watchfire run`.
    person: Vec<f64>,
    /// The hub's CPU, without what it uses at rest.
    cpu: Vec<f64>,
}

pub(crate) fn measure(binary: &Path, servers: usize, rounds: usize) -> anyhow::Result<String> {
    eprintln!("fleet: {servers} servers enrol");
    let (of_hub, of_person) = (Cage::new("hub")?, Cage::new("person")?);
    let house = House::start(binary, &of_hub)?;
    let fleet = Program::new(binary)
        .args(["sim", "--hub", &house.address.to_string(), "--servers", &servers.to_string()])
        .arg("--hub-data")
        .arg(house.folder().join("hub"))
        .arg("--folder")
        .arg(house.folder().join("fleet"))
        .called("fleet")
        .env("WATCHFIRE_LOG", "error")
        .start();
    house.wait_until_up(servers)?;
    thread::sleep(SETTLE);
    let (began, before) = (Instant::now(), of_hub.cpu()?);
    thread::sleep(REST);
    let rest = (of_hub.cpu()? - before) / began.elapsed().as_secs_f64();
    let memory = figures::memory(house.hub.id()).context("the hub ended")?;

    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let all = ["-l", "name=~\".+\""];
    let command = words(&[all[0], all[1], "--", "true"]);
    let runbook = words(&[all[0], all[1], "--runbook", "restart", "unit=nginx"]);
    let (mut signed, mut books) = (Kind::default(), Kind::default());
    for round in 1..=rounds {
        eprintln!("fleet: {round} of {rounds}");
        for (kind, words, is_signed) in
            [(&mut signed, &command, true), (&mut books, &runbook, false)]
        {
            let (began, before) = (Instant::now(), of_hub.cpu()?);
            let ran = house.run(&of_person, words, is_signed)?;
            let used = of_hub.cpu()? - before - rest * began.elapsed().as_secs_f64();
            kind.add(&ran, servers, used)?;
            thread::sleep(PAUSE);
        }
    }
    let after = figures::memory(house.hub.id()).context("the hub ended")?;
    ensure!(fleet.ended().is_none(), "the fleet ended: {}", fleet.text());
    Ok(page(servers, &[("signed `true`", &signed), ("a runbook", &books)], rest, (memory, after)))
}

impl Kind {
    fn add(&mut self, ran: &Ran, servers: usize, cpu: f64) -> anyhow::Result<()> {
        let run = &ran.run;
        ensure!(
            run.counts.ok as usize == servers && run.targets.len() == servers,
            "not every server answered: {:?}",
            run.counts
        );
        let since = |unix_ms: i64| {
            let ms = u32::try_from(unix_ms - run.began_unix_ms).unwrap_or(0);
            f64::from(ms) / 1e3
        };
        self.all.push(since(run.ended_unix_ms.context("it has no end")?));
        let exits = run.targets.iter().filter_map(|target| target.exit);
        self.each.extend(exits.map(|exit| since(exit.ended_unix_ms)));
        self.person.push(ran.took.as_secs_f64());
        self.cpu.push(cpu);
        Ok(())
    }
}

fn page(servers: usize, kinds: &[(&str, &Kind)], rest: f64, memory: (u64, u64)) -> String {
    let mut text = format!(
        "#### {servers} simulated servers\n\n\
         | figure | times | p50, ms | p99, ms | max, ms | to hold |\n|---|--:|--:|--:|--:|--:|\n"
    );
    for (name, kind) in kinds {
        let rows = [
            ("the hub took it → all answers stored", &kind.all, "1000 ms"),
            ("the hub took it → a server ended it", &kind.each, ""),
            ("the whole of `watchfire run`", &kind.person, ""),
            ("the hub's CPU, without that of its rest", &kind.cpu, ""),
        ];
        for (figure, values, hold) in rows {
            let (times, spread) = (values.len(), spread_ms(values));
            let _ = writeln!(text, "| {name}: {figure} | {times} | {spread} | {hold} |");
        }
    }
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let held = kinds.iter().all(|(_, kind)| median(&kind.all) <= WITHIN);
    let _ = writeln!(
        text,
        "\nTo hold: 1 s until all have answered. {}. The hub at rest, with {servers} streams: {:.1} % \
         of a core. Its memory (PSS): {:.1} MiB before the first command, {:.1} MiB after the last.",
        if held { "By the medians: held" } else { "By the medians: **not held**" },
        rest * 100.0,
        mib(memory.0),
        mib(memory.1),
    );
    text
}
