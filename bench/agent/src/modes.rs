//! What this program does when it is started by itself: the parts of the
//! benchmark whose CPU is counted by control group.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use watchfire_collect::{Root, TickSampler};

use crate::{cage, facts, guard, herd};

/// A part: it is given the arguments after its name.
type Mode = fn(Vec<OsString>) -> anyhow::Result<()>;

const PERIOD: Duration = Duration::from_secs(1);

/// Our collectors that node_exporter has not, or not unless told. `cpuinfo`,
/// `logind`, `systemd`, `tcpstat` and `watchdog` it has, but off.
pub(crate) const NOT_ITS_DEFAULT: [&str; 8] =
    ["cgroup", "containers", "cpuinfo", "logind", "systemd", "tcpstat", "uptime", "watchdog"];

/// The files that collectors of the remaining families read at every tick.
const HOT: [&str; 16] = [
    "/proc/stat",
    "/proc/meminfo",
    "/proc/vmstat",
    "/proc/loadavg",
    "/proc/diskstats",
    "/proc/schedstat",
    "/proc/net/dev",
    "/proc/net/netstat",
    "/proc/net/snmp",
    "/proc/net/snmp6",
    "/proc/net/sockstat",
    "/proc/net/sockstat6",
    "/proc/net/softnet_stat",
    "/proc/pressure/cpu",
    "/proc/pressure/io",
    "/proc/pressure/memory",
];
const HOT_WHERE_THERE: [&str; 2] = ["/proc/pressure/irq", "/proc/sys/fs/file-nr"];

pub(crate) fn named(name: &OsStr) -> Option<Mode> {
    match name.to_str()? {
        "guard" => Some(guard::run),
        "into" => Some(cage::enter),
        "herd" => Some(herd::lead),
        "nap" => Some(herd::nap),
        "floor" => Some(floor),
        "ticks" => Some(ticks),
        "all-ticks" => Some(all_ticks),
        "spin" => Some(spin),
        _ => None,
    }
}

/// The files of the floor that this machine has.
pub(crate) fn hot_files() -> Vec<(&'static str, File)> {
    let paths = HOT.into_iter().chain(HOT_WHERE_THERE);
    paths.filter_map(|path| Some((path, File::open(path).ok()?))).collect()
}

/// Reads the files, which stay open, to their end once a second.
fn floor(_: Vec<OsString>) -> anyhow::Result<()> {
    let files = hot_files();
    let mut buffer = vec![0; 256 * 1024];
    each_second(|| {
        for (_, file) in &files {
            read_to_end(file, &mut buffer)?;
        }
        Ok(())
    })
}

fn read_to_end(file: &File, buffer: &mut [u8]) -> io::Result<()> {
    let mut offset = 0;
    loop {
        match file.read_at(buffer, offset) {
            Ok(0) => return Ok(()),
            Ok(read) => offset += u64::try_from(read).unwrap_or(u64::MAX),
            // The kernel was told to leave this kind of pressure out.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Our sampler with node_exporter's default families, once a second.
fn ticks(_: Vec<OsString>) -> anyhow::Result<()> {
    sample(&NOT_ITS_DEFAULT.map(str::to_owned))
}

/// Our sampler with all it has, once a second.
fn all_ticks(_: Vec<OsString>) -> anyhow::Result<()> {
    sample(&[])
}

fn sample(without: &[String]) -> anyhow::Result<()> {
    let began = Instant::now();
    let stopwatch = Box::new(move || began.elapsed());
    let mut sampler = TickSampler::new(Root::live(), without, stopwatch);
    let mut said = false;
    each_second(|| {
        sampler.sample(facts::now());
        if !std::mem::replace(&mut said, true) {
            println!("{} series", sampler.schema().len());
        }
        Ok(())
    })
}

/// For a profiler: as many readings as are told, one after the other, as if a
/// second lay between each and the next.
fn spin(arguments: Vec<OsString>) -> anyhow::Result<()> {
    let readings: u32 = herd::number(&arguments, 0)?;
    let without = NOT_ITS_DEFAULT.map(str::to_owned);
    let began = Instant::now();
    let stopwatch = Box::new(move || began.elapsed());
    let mut sampler = TickSampler::new(Root::live(), &without, stopwatch);
    let mut now = facts::now();
    let before = Instant::now();
    for _ in 0..readings {
        now.monotonic += PERIOD;
        sampler.sample(now);
    }
    println!("{:.1} µs a reading", before.elapsed().as_secs_f64() * 1e6 / f64::from(readings));
    Ok(())
}

fn each_second(mut work: impl FnMut() -> io::Result<()>) -> anyhow::Result<()> {
    let mut next = Instant::now();
    loop {
        work()?;
        next += PERIOD;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}
