//! How much of the machine's cpu time a process table accounts for while
//! shells start one short program after the other.
//!
//! `fork_storm [waited|ignored] [TABLES]` runs two such shells, which wait for
//! their children, or two such Perl programs, which ignore the end of theirs so
//! that nobody waits, and prints what each table of a second says and cost.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on must fail")]

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use watchfire_collect::{ProcessSampler, ProcessSummary, Root};
use watchfire_model::{Moment, ProcessTable};

const STORM: &str = "while :; do /bin/true; done";
/// The kernel reaps the children of a process that ignores their end, and adds
/// their time to nobody's.
const STORM_THAT_NOBODY_WAITS_FOR: &str =
    "$SIG{CHLD} = 'IGNORE'; while (1) { exec '/bin/true' unless fork; wait }";

fn main() {
    let mut arguments = std::env::args().skip(1);
    let ignored = arguments.next().is_some_and(|word| word == "ignored");
    let tables: usize = arguments.next().map_or(10, |tables| tables.parse().unwrap());
    let mut shells: Vec<Child> = (0..2).map(|_| start(ignored)).collect();
    let mut sampler = ProcessSampler::new(Root::live());
    let mut table = ProcessTable::default();
    sampler.sample_into(now(), &mut table).unwrap();
    let (first, busy) = (*sampler.summary(), busy_seconds());
    for _ in 0..tables {
        std::thread::sleep(Duration::from_secs(1));
        let before = *sampler.summary();
        let cpu = clock_gettime(ClockId::ThreadCPUTime);
        sampler.sample_into(now(), &mut table).unwrap();
        let cpu = Duration::try_from(clock_gettime(ClockId::ThreadCPUTime) - cpu).unwrap();
        tell("table", &before, sampler.summary());
        println!("  cost {:.2} ms", cpu.as_secs_f64() * 1000.0);
    }
    tell("in all", &first, sampler.summary());
    println!("  the kernel counts {:.2} s of user, nice and system time", busy_seconds() - busy);
    for shell in &mut shells {
        shell.kill().unwrap();
        shell.wait().unwrap();
    }
}

fn start(ignored: bool) -> Child {
    let (program, option, script) =
        if ignored { ("perl", "-e", STORM_THAT_NOBODY_WAITS_FOR) } else { ("sh", "-c", STORM) };
    let mut command = Command::new(program);
    command.args([option, script]).stdin(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

fn tell(what: &str, before: &ProcessSummary, after: &ProcessSummary) {
    let rows = after.seen_cpu_seconds - before.seen_cpu_seconds;
    let short = after.short_lived_cpu_seconds - before.short_lived_cpu_seconds;
    let known = "outside of a pid namespace of its own the kernel's counts are known";
    let unaccounted = |summary: &ProcessSummary| summary.unaccounted_cpu_seconds.expect(known);
    let rest = unaccounted(after) - unaccounted(before);
    let births = after.forks.unwrap_or(0) - before.forks.unwrap_or(0);
    let unseen = after.unseen_births.expect(known) - before.unseen_births.expect(known);
    print!("{what}: rows {rows:.3} s, short-lived {short:.3} s, unaccounted {rest:.3} s");
    println!(" ({:.1} % known), {births} births, {unseen} unseen", share(rows + short, rest));
}

fn share(known: f64, rest: f64) -> f64 {
    known / (known + rest) * 100.0
}

fn now() -> Moment {
    let monotonic = Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap();
    Moment { monotonic, unix_ms: i64::try_from(monotonic.as_millis()).unwrap() }
}

fn busy_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap();
    let ticks: u64 =
        stat.split_whitespace().skip(1).take(3).map(|word| word.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10).as_secs_f64()
}
