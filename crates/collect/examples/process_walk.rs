//! What a process table costs, beside opening, reading and closing each
//! `/proc/PID/stat` once, in the same program.
//!
//! `process_walk [PROCESSES] [asleep|some|awake] [TABLES]` starts that many
//! processes that sleep, of which a tenth wake a few times a second, or that
//! all wake once in every table, and prints the least and the median cpu time
//! of this thread for each.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on must fail")]

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::time::{ClockId, clock_gettime};
use watchfire_collect::{ProcessSampler, Root};
use watchfire_model::{Moment, ProcessTable};

/// The argument with which this program is one of the processes.
const NAP: &str = "nap";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let word =
        |place: usize, usual: &str| arguments.get(place).map_or(usual, String::as_str).to_owned();
    if word(0, "") == NAP {
        nap(word(1, "0").parse().unwrap());
    }
    let processes: u32 = word(0, "5000").parse().unwrap();
    let mode = word(1, "asleep");
    let tables: usize = word(2, "12").parse().unwrap();
    let herd = Herd::start(processes, &mode);
    measure(tables, if mode == "asleep" { 300 } else { 1500 }, &herd.pids());
}

/// Sleeps for ever, waking every so many milliseconds when that is not 0.
fn nap(every_ms: u64) -> ! {
    let pause = Duration::from_millis(if every_ms == 0 { 1_000_000_000 } else { every_ms });
    loop {
        std::thread::sleep(pause);
    }
}

struct Herd(Vec<Child>);

impl Herd {
    fn start(processes: u32, mode: &str) -> Self {
        let own = std::env::current_exe().unwrap();
        let start = |number: u32| {
            let every_ms = match mode {
                "awake" => "1000",
                "some" if number.is_multiple_of(10) => "300",
                _ => "0",
            };
            let mut command = Command::new(&own);
            command.args([NAP, every_ms]).stdin(Stdio::null()).stdout(Stdio::null());
            command.spawn().unwrap()
        };
        let mut herd = Self(Vec::new());
        // One by one, so that those that were started end when one cannot be.
        for number in 0..processes {
            herd.0.push(start(number));
        }
        std::thread::sleep(Duration::from_secs(3));
        herd
    }

    fn pids(&self) -> Vec<u32> {
        self.0.iter().map(Child::id).collect()
    }
}

impl Drop for Herd {
    fn drop(&mut self) {
        // Both fail only for those that ended already.
        for child in &mut self.0 {
            let _ = child.kill();
        }
        for child in &mut self.0 {
            let _ = child.wait();
        }
    }
}

fn measure(tables: usize, pause_ms: u64, pids: &[u32]) {
    let mut sampler = ProcessSampler::new(Root::live());
    let mut table = ProcessTable::default();
    let now = || {
        let time = clock_gettime(ClockId::Monotonic);
        let monotonic = Duration::try_from(time).unwrap();
        Moment { monotonic, unix_ms: i64::try_from(monotonic.as_millis()).unwrap() }
    };
    let (mut walks, mut floors, mut asked) = (Vec::new(), Vec::new(), Vec::new());
    let first = spent(|| sampler.sample_into(now(), &mut table).unwrap());
    for number in 0..tables + 4 {
        std::thread::sleep(Duration::from_millis(pause_ms));
        let walk = spent(|| sampler.sample_into(now(), &mut table).unwrap());
        let floor = spent(|| floor(pids));
        // The first tables find out who runs all the time.
        if number >= 4 {
            walks.push(walk);
            floors.push(floor);
            asked.push(sampler.summary().asked);
        }
    }
    let summary = sampler.summary();
    println!(
        "first table {:.1} ms, {} rows, {} kept files",
        first, table.total, summary.kept_files
    );
    println!("asked in each table: {asked:?}");
    let (walk, floor) = (least_and_median(walks), least_and_median(floors));
    println!("table: least {:.2} ms, median {:.2} ms", walk.0, walk.1);
    println!("floor: least {:.2} ms, median {:.2} ms", floor.0, floor.1);
    println!("ratio: least {:.3}, median {:.3}", walk.0 / floor.0, walk.1 / floor.1);
}

/// Opens, reads and closes the `stat` of each process, and does nothing else.
fn floor(pids: &[u32]) {
    use std::io::Write;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let mut buffer = [0_u8; 2048];
    let folder = openat(CWD, "/proc", flags | OFlags::DIRECTORY, Mode::empty()).unwrap();
    for pid in pids {
        let mut name = [0_u8; 24];
        let mut rest = &mut name[..];
        write!(rest, "{pid}/stat").unwrap();
        let length = 24 - rest.len();
        let file = openat(&folder, &name[..length], flags, Mode::empty()).unwrap();
        rustix::io::read(&file, &mut buffer).unwrap();
    }
}

/// The cpu time of this thread for `work`, in milliseconds.
fn spent<T>(work: impl FnOnce() -> T) -> f64 {
    let cpu = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap();
    let before = cpu();
    work();
    (cpu() - before).as_secs_f64() * 1000.0
}

fn least_and_median(mut times: Vec<f64>) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    (times[0], times[times.len() / 2])
}
