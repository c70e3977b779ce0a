//! What the sandbox costs: the agent's readings in a process that has given its rights up, beside
//! one that has not.

use std::ffi::OsString;
use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, bail, ensure};
use rustix::time::{ClockId, clock_gettime};
use watchfire_agent::sandbox::enter;
use watchfire_collect::{Root, TickSampler};
use watchfire_model::Moment;
use watchfire_testkit::process::Program;

use crate::house::PATIENCE;
use crate::table::median;

/// The word with which this program starts itself.
pub(crate) const MODE: &str = "readings";
/// How many processes of each kind, by turns.
const TURNS: usize = 6;
const PERIOD: Duration = Duration::from_secs(1);

pub(crate) fn measure(readings: u32) -> anyhow::Result<String> {
    eprintln!("sandbox: {TURNS} times {readings} readings, confined and not");
    let folder = tempfile::tempdir()?;
    let (mut free, mut confined, mut layers) = (Vec::new(), Vec::new(), String::new());
    for _ in 0..TURNS {
        free.push(process(readings, None)?.0);
        let (took, said) = process(readings, Some(folder.path()))?;
        confined.push(took);
        layers = said;
    }
    let (plain, kept) = (median(&free), median(&confined));
    let mut text = format!(
        "#### A reading of all collectors, CPU, the mean of {readings}, {TURNS} processes of each kind\n\n\
         | process | least, µs | median, µs | × |\n|---|--:|--:|--:|\n"
    );
    for (what, values) in [("free", &free), ("confined", &confined)] {
        let least = values.iter().copied().fold(f64::MAX, f64::min);
        let middle = median(values);
        let _ = writeln!(text, "| {what} | {least:.1} | {middle:.1} | {:.3} |", middle / plain);
    }
    let _ =
        writeln!(text, "\nConfined by: {layers}. It costs {:.1} %.", (kept / plain - 1.0) * 100.0);
    Ok(text)
}

/// Microseconds a reading, and which layers held.
fn process(readings: u32, data: Option<&Path>) -> anyhow::Result<(f64, String)> {
    let program = Program::new(std::env::current_exe()?).args([MODE, &readings.to_string()]);
    let program = data.into_iter().fold(program, Program::arg);
    let (ended, output, words) = program.run(PATIENCE);
    ensure!(ended.success(), "the readings failed: {words}");
    let (took, layers) =
        output.trim_end_matches('\n').split_once(' ').context("it said nothing")?;
    Ok((took.parse()?, layers.to_owned()))
}

/// The process: so many readings one after the other, as if a second lay between each and the
/// next; confined to the folder, where there is one.
pub(crate) fn read(arguments: Vec<OsString>) -> anyhow::Result<()> {
    let Some(readings) = arguments.first().and_then(|word| word.to_str()) else {
        bail!("{MODE} N [FOLDER]")
    };
    let readings: u32 = readings.parse()?;
    let layers = arguments.get(1).map(|data| enter(Path::new(data)).layers);
    let began = Instant::now();
    let stopwatch = Box::new(move || began.elapsed());
    let mut sampler = TickSampler::new(Root::live(), &[], stopwatch);
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let monotonic = watchfire_testkit::clock::monotonic();
    let mut now = Moment { monotonic, unix_ms: i64::try_from(unix.as_millis())? };
    sampler.sample(now);
    let before = thread_cpu()?;
    for _ in 0..readings {
        now.monotonic += PERIOD;
        sampler.sample(now);
    }
    let took = (thread_cpu()? - before).as_secs_f64() * 1e6 / f64::from(readings);
    let held = layers.unwrap_or_default().into_iter().map(|(layer, holds)| match holds {
        Ok(()) => layer.to_owned(),
        Err(why) => format!("not {layer} ({why})"),
    });
    println!("{took} {}", held.collect::<Vec<_>>().join(", "));
    Ok(())
}

fn thread_cpu() -> anyhow::Result<Duration> {
    Ok(Duration::try_from(clock_gettime(ClockId::ThreadCPUTime))?)
}
