//! Roots made by hand for what machines rarely do.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

#[allow(dead_code, reason = "each test crate uses its own part")]
mod common;

use common::{Frames, StatusSampler, moment};
use watchfire_collect::{ProcessSampler, Root};
use watchfire_model::{Load, Memory, ProcessRow, ProcessTable, Status};

fn tables(case: &str) -> (ProcessTable, ProcessTable) {
    let frames = Frames::new(case);
    let mut sampler = ProcessSampler::new(frames.root());
    let first = sampler.sample(moment(100_000)).unwrap();
    frames.show(1);
    (first, sampler.sample(moment(110_000)).unwrap())
}

fn only_table(case: &str) -> ProcessTable {
    let frames = Frames::new(case);
    ProcessSampler::new(frames.root()).sample(moment(100_000)).unwrap()
}

fn row(table: &ProcessTable, pid: u32) -> &ProcessRow {
    table.processes.iter().find(|row| row.pid == pid).expect("the process is listed")
}

#[test]
fn names_with_spaces_brackets_and_new_lines() {
    let table = only_table("hard/odd-names");
    let seen: Vec<_> = table
        .processes
        .iter()
        .map(|row| (row.pid, row.name.as_str(), row.user.as_str(), row.command.as_str()))
        .collect();
    let expected = [
        (100, "a b", "ada", "/opt/a b --flag"),
        (101, "x) R 7 (y", "root", "odd two?lines ?[31mred"),
        (102, "new?line", "4242", ""),
        (103, "((", "root", "client --password=*** --host db"),
        (104, "))", "root", "))"),
        (105, "", "root", ""),
    ];
    assert_eq!(seen, expected);
    for row in &table.processes {
        assert_eq!((row.state, row.ppid, row.rss_bytes), ('S', 1, 409_600), "{row:?}");
    }
    assert_eq!(row(&table, 100).start_time_ms, 1_700_000_010_000);
}

#[test]
fn processes_that_vanish_between_two_reads_are_left_out() {
    let table = only_table("hard/vanished");
    let pids: Vec<_> = table.processes.iter().map(|row| row.pid).collect();
    assert_eq!(pids, [203]);
    assert_eq!(table.total, 1);
}

#[test]
fn a_pid_used_again_is_another_process() {
    let (first, second) = tables("hard/pids");
    assert!(first.processes.iter().all(|row| row.cpu_percent.is_none()));
    let order: Vec<_> = second.processes.iter().map(|row| (row.pid, row.cpu_percent)).collect();
    let expected = [
        (400, Some(50.0)),
        // Born inside the interval: all its time counts.
        (405, Some(25.0)),
        (401, Some(5.0)),
        (402, Some(1.0)),
        // Older than the table before, and yet not in it.
        (403, None),
    ];
    assert_eq!(order, expected);
    let reused = row(&second, 401);
    assert_eq!((reused.name.as_str(), reused.user.as_str()), ("new", "1000"));
    assert_eq!(row(&second, 402).command, "exec --token ***", "a new name is a new program");
    assert_eq!(row(&second, 400).command, "steady", "a known program is not read again at once");
}

#[test]
fn a_stepped_clock_does_not_move_start_times() {
    let (first, second) = tables("hard/pids");
    assert_eq!(row(&first, 400).start_time_ms, row(&second, 400).start_time_ms);
}

#[test]
fn a_renamed_program_shows_its_new_title_in_the_end() {
    let frames = Frames::new("hard/pids");
    let mut sampler = ProcessSampler::new(frames.root());
    sampler.sample(moment(100_000)).unwrap();
    frames.show(1);
    let last = (1..=12).map(|n| sampler.sample(moment(100_000 + n * 5000)).unwrap()).last();
    assert_eq!(row(&last.unwrap(), 400).command, "renamed");
}

#[test]
fn counters_that_go_back_give_no_rate() {
    let (first, second) = tables("hard/counter-back");
    assert_eq!((first.total, row(&second, 300).cpu_percent), (1, None));

    let frames = Frames::new("hard/counter-back");
    let mut sampler = StatusSampler::new(frames.root());
    sampler.sample(moment(100_000));
    frames.show(1);
    let status = sampler.sample(moment(110_000));
    assert_eq!(status.cpu_percent(), None);
    // Only iowait stepped back here, and by one tick.
    assert_eq!(status.cpu.cores[0].busy_percent, Some(50.0));
    assert_eq!(status.cpu.cores[0].iowait_percent, Some(0.0));
    let disk = &status.disks[0];
    assert_eq!((disk.reads_per_s, disk.read_bytes_per_s), (None, None));
    assert_eq!((disk.writes_per_s, disk.written_bytes_per_s), (Some(10.0), Some(81_920.0)));
    let network = &status.networks[0];
    assert_eq!((network.received_bytes_per_s, network.sent_bytes_per_s), (Some(50.0), None));
    assert_eq!((network.errors_per_s, network.drops_per_s), (None, Some(0.0)));
}

#[test]
fn missing_and_broken_files_are_defaults_and_faults() {
    let mut nothing = StatusSampler::new(Root::recorded("/nowhere"));
    assert_eq!(nothing.sample(moment(0)), Status { at: moment(0), ..Status::default() });

    let frames = Frames::new("hard/missing-file");
    let mut sampler = StatusSampler::new(frames.root());
    let status = sampler.sample(moment(0));
    assert_eq!((status.memory, status.load), (Memory::default(), Load::default()));
    assert_eq!((status.host.hostname.as_str(), status.networks.len()), ("lonely", 1));
    assert_eq!(status.uptime.as_secs(), 100);
    let faults = sampler.faults();
    let fault = |name: &str| {
        let found = faults.iter().find(|fault| fault.collector == name);
        found.unwrap_or_else(|| panic!("{name} told no fault: {faults:?}")).error.as_str()
    };
    for name in ["cpu", "filesystem", "diskstats", "uname", "os", "cpuinfo"] {
        fault(name);
    }
    assert!(fault("meminfo").contains("proc/meminfo: No such file"), "{faults:?}");
    assert!(fault("loadavg").ends_with("proc/loadavg: not a load average"), "{faults:?}");
}

#[test]
fn a_cgroup_narrows_memory_and_cores() {
    const MIB: u64 = 1024 * 1024;
    let frames = Frames::new("hard/cgroup-limited");
    let status = StatusSampler::new(frames.root()).sample(moment(0));
    let expected = Memory {
        total_bytes: 512 * MIB,
        available_bytes: 256 * MIB,
        free_bytes: 128 * MIB,
        buffers_bytes: 0,
        cached_bytes: 168 * MIB,
        limit_bytes: Some(512 * MIB),
        ..Memory::default()
    };
    assert_eq!(status.memory, expected);
    assert_eq!((status.cpu.limit_cores, status.host.cores), (Some(1.5), 4));
}

#[test]
fn a_root_without_proc_is_an_error_that_names_it() {
    let error = ProcessSampler::new(Root::recorded("/nowhere")).sample(moment(0)).unwrap_err();
    assert!(error.to_string().starts_with("cannot read /nowhere/proc: "), "{error}");
}
