//! The walk over the processes of this machine misses nobody.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

#[allow(dead_code, reason = "each test crate uses its own part")]
mod common;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use common::moment;
use watchfire_collect::{DetailError, ProcessOptions, ProcessSampler, Root};
use watchfire_model::{ProcessRow, ProcessTable};

/// A sampler and its tables, one every five seconds of a clock of its own.
struct Tables {
    sampler: ProcessSampler,
    table: ProcessTable,
    at_ms: u64,
}

impl Tables {
    fn new() -> Self {
        let sampler = ProcessSampler::new(Root::live());
        Self { sampler, table: ProcessTable::default(), at_ms: 0 }
    }

    fn next(&mut self) -> &ProcessTable {
        self.at_ms += 5000;
        self.sampler.sample_into(moment(self.at_ms), &mut self.table).unwrap();
        &self.table
    }

    fn row(&self, pid: u32) -> Option<&ProcessRow> {
        self.table.processes.iter().find(|row| row.pid == pid)
    }
}

/// A shell that runs one line of a script after the other, as it is told.
struct Shell {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Shell {
    fn new() -> Self {
        let mut child = Command::new("sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell is there");
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { stdin: child.stdin.take(), stdout, child }
    }

    /// Runs a line, which says one word when it is done.
    fn run(&mut self, line: &str) -> String {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
        let mut said = String::new();
        self.stdout.read_line(&mut said).unwrap();
        said.trim().to_owned()
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    fn end(&mut self) {
        self.stdin = None;
        self.child.wait().unwrap();
    }
}

/// User and system time, and that of children, as the kernel says it now, in
/// seconds.
fn times(pid: u32) -> (f64, f64) {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |place: usize| fields[place].parse::<f64>().unwrap();
    (ticks(11) / 100.0 + ticks(12) / 100.0, ticks(13) / 100.0 + ticks(14) / 100.0)
}

/// A process that sleeps, and that ends with the test even when that fails.
struct Sleeper(Child);

impl Sleeper {
    fn new() -> Self {
        let mut command = Command::new("sleep");
        command.arg("1000").stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().expect("sleep is there"))
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        // Both fail only when it ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process that is nobody's child here, killed likewise.
struct Orphan(u32);

impl Drop for Orphan {
    fn drop(&mut self) {
        let pid = i32::try_from(self.0).ok().and_then(rustix::process::Pid::from_raw);
        let kill = |pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        let _ = pid.map(kill);
    }
}

#[test]
fn all_children_are_there_and_only_they() {
    let mut tables = Tables::new();
    tables.next();
    let own = std::process::id();
    let mut alive: Vec<Sleeper> = Vec::new();
    let mut gone = BTreeSet::new();
    let mut without_listing = 0;
    for round in 0..30 {
        alive.extend((0..12).map(|_| Sleeper::new()));
        for _ in 0..round % 13 {
            let child = alive.remove(round * 7 % alive.len());
            gone.insert(child.pid());
        }
        tables.next();
        without_listing += u32::from(!tables.sampler.summary().listed);
        let table = &tables.table;
        let expected: BTreeSet<u32> = alive.iter().map(Sleeper::pid).collect();
        let of_us = |row: &&ProcessRow| row.ppid == own && row.name == "sleep";
        let seen: BTreeSet<u32> = table.processes.iter().filter(of_us).map(|row| row.pid).collect();
        assert!(expected.is_subset(&seen), "missing: {:?}", expected.difference(&seen));
        // Other tests of this file have a child that sleeps, too.
        let dead = |pid: &u32| !expected.contains(pid) && gone.contains(pid);
        assert!(!seen.iter().any(dead), "{seen:?} holds some of {gone:?}");
        assert!(table.processes.windows(2).all(|two| {
            two[0].cpu_percent.unwrap_or(-1.0) >= two[1].cpu_percent.unwrap_or(-1.0)
        }));
    }
    assert!(without_listing > 0, "newcomers were never found by their pids");
}

#[test]
fn who_sleeps_is_not_asked_and_who_wakes_is() {
    let mut shell = Shell::new();
    assert_eq!(shell.run("echo ready"), "ready");
    let mut tables = Tables::new();
    tables.next();
    let ended = (0..3).any(|_| {
        tables.next();
        let row = tables.row(shell.pid()).expect("the shell is there");
        row.cpu_percent == Some(0.0)
    });
    assert!(ended, "the shell waits for a line");
    assert!(tables.sampler.summary().taken_over > 0, "{:?}", tables.sampler.summary());
    // Far less than a tick of `stat`.
    assert_eq!(shell.run("echo again"), "again");
    tables.next();
    let row = tables.row(shell.pid()).unwrap();
    assert!(row.cpu_percent.is_some_and(|percent| percent > 0.0), "{row:?}");
    shell.end();
    tables.next();
    assert!(tables.row(shell.pid()).is_none());
}

#[test]
fn orphans_have_their_new_parent_though_they_slept() {
    let mut shell = Shell::new();
    let orphan: u32 = shell.run("sleep 1000 >/dev/null 2>&1 & echo $!").parse().unwrap();
    let _killed = Orphan(orphan);
    let mut tables = Tables::new();
    for _ in 0..3 {
        tables.next();
    }
    assert_eq!(tables.row(orphan).map(|row| row.ppid), Some(shell.pid()));
    shell.end();
    tables.next();
    let seen = tables.row(orphan).map(|row| row.ppid).expect("the orphan is there");
    let stat = std::fs::read_to_string(format!("/proc/{orphan}/stat")).unwrap();
    let true_parent = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(1).unwrap();
    assert_eq!(seen.to_string(), true_parent);
    assert_ne!(seen, shell.pid());
}

/// Every process of the storm lives shorter than an interval, so no row shows
/// any, and yet their time and their number are known.
#[test]
fn a_fork_storm_is_accounted_for() {
    let mut shell = Shell::new();
    assert_eq!(shell.run("echo ready"), "ready");
    let mut tables = Tables::new();
    tables.next();
    let (own_before, children_before) = times(shell.pid());
    let before = *tables.sampler.summary();
    let storm = "i=0; while [ $i -lt 400 ]; do /bin/true; i=$((i+1)); done; echo over";
    assert_eq!(shell.run(storm), "over");
    tables.next();
    let (own, children) = times(shell.pid());
    let after = *tables.sampler.summary();
    let row = tables.row(shell.pid()).unwrap();

    // In a pid namespace of its own a test cannot know them.
    if let (Some(after), Some(before)) = (after.unseen_births, before.unseen_births) {
        let births = after - before;
        assert!(births >= 400, "{births} of 400 births that no table shows");
    }
    assert!(after.forks.zip(before.forks).is_none_or(|(after, before)| after - before >= 400));
    // One tick for each of the four counters.
    let told = row.ended_children_percent.unwrap() / 100.0 * 5.0;
    let used = children - children_before;
    assert!(used > 0.05 && (told - used).abs() < 0.041, "told {told} s of {used} s");
    let told = row.cpu_percent.unwrap() / 100.0 * 5.0;
    assert!((told - (own - own_before)).abs() < 0.041, "told {told} s");
    let short = after.short_lived_cpu_seconds - before.short_lived_cpu_seconds;
    assert!(short >= used - 0.041, "{short} s of {used} s");
    shell.end();
}

/// A child that tables showed is not told again when its parent has waited.
#[test]
fn a_child_that_was_seen_is_not_counted_twice() {
    let mut shell = Shell::new();
    let mut tables = Tables::new();
    tables.next();
    let burn = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo burnt; read x; echo over";
    assert_eq!(shell.run(&format!("sh -c '{burn}'")), "burnt");
    tables.next();
    let of_shell = |row: &&ProcessRow| row.ppid == shell.pid();
    let child = tables.table.processes.iter().find(of_shell).expect("it waits").clone();
    assert!(child.cpu_seconds > 0.06, "{child:?}");
    assert_eq!(shell.run("go"), "over");
    // The shell answers for its child before it has waited for it.
    assert_eq!(shell.run("echo waited"), "waited");
    tables.next();
    let row = tables.row(shell.pid()).expect("the shell is there");
    let told = row.ended_children_percent.unwrap() / 100.0 * 5.0;
    assert!(told < child.cpu_seconds / 2.0, "told {told} s again: {child:?}");
    assert!(tables.row(child.pid).is_none());
    shell.end();
}

#[test]
fn details_of_a_living_process() {
    let mut shell = Shell::new();
    assert_eq!(shell.run("echo ready"), "ready");
    let pid = shell.pid();
    let mut tables = Tables::new();
    tables.next();
    let start = tables.row(pid).unwrap().start_time_ms;
    let detail = tables.sampler.detail();
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    assert_eq!(detail.open_files(pid, start), Ok(u64::try_from(files).unwrap()));
    assert!(detail.pss_bytes(pid, start).unwrap() > 4096);
    assert_eq!(detail.pss_bytes(pid, start - 10), Err(DetailError::Gone { pid }));
    shell.end();
    assert_eq!(detail.pss_bytes(pid, start), Err(DetailError::Gone { pid }));
    assert_eq!(detail.open_files(pid, start), Err(DetailError::Gone { pid }));
}

#[test]
fn arguments_that_are_off_are_not_in_any_row() {
    let options = ProcessOptions { arguments: false, ..ProcessOptions::default() };
    let mut sampler = ProcessSampler::with_options(Root::live(), options);
    let table = sampler.sample(moment(0)).unwrap();
    assert!(table.processes.iter().all(|row| row.command.is_empty()));
    let own = table.processes.iter().find(|row| row.pid == std::process::id()).unwrap();
    assert!(!own.name.is_empty() && own.virtual_bytes > own.rss_bytes && own.cpu_seconds > 0.0);
}
