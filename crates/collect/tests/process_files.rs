//! Process tables of roots made by hand: storage counters, control groups,
//! arguments, and the time of children that ended.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

#[allow(dead_code, reason = "each test crate uses its own part")]
mod common;

use common::{Frames, moment};
use watchfire_collect::{DetailError, ProcessOptions, ProcessSampler};
use watchfire_model::{ProcessRow, ProcessTable};

const CONTAINER: &str = "3f4e8a0c9d1b2a3f4e8a0c9d1b2a3f4e8a0c9d1b2a3f4e8a0c9d1b2a3f4e8a0c";

struct Read {
    sampler: ProcessSampler,
    first: ProcessTable,
    second: ProcessTable,
    frames: Frames,
}

fn read(options: ProcessOptions) -> Read {
    let frames = Frames::new("hard/groups");
    let mut sampler = ProcessSampler::with_options(frames.root(), options);
    let first = sampler.sample(moment(100_000)).unwrap();
    frames.show(1);
    let second = sampler.sample(moment(110_000)).unwrap();
    Read { sampler, first, second, frames }
}

fn row(table: &ProcessTable, pid: u32) -> &ProcessRow {
    table.processes.iter().find(|row| row.pid == pid).expect("the process is listed")
}

#[test]
fn storage_counters_have_totals_and_rates() {
    let Read { first, second, .. } = read(ProcessOptions::default());
    let row0 = row(&first, 500);
    assert_eq!((row0.read_bytes, row0.written_bytes), (Some(4096), Some(0)));
    assert_eq!((row0.read_bytes_per_s, row0.written_bytes_per_s), (None, None));
    let row1 = row(&second, 500);
    assert_eq!((row1.read_bytes, row1.written_bytes), (Some(45_056), Some(8192)));
    assert_eq!((row1.read_bytes_per_s, row1.written_bytes_per_s), (Some(4096.0), Some(819.2)));
    // What may not be read is not known, which is not nothing.
    assert_eq!((row(&second, 502).read_bytes, row(&second, 502).read_bytes_per_s), (None, None));
}

#[test]
fn groups_tell_of_units_and_containers() {
    let Read { first, second, .. } = read(ProcessOptions::default());
    let told = |table, pid| {
        let ProcessRow { cgroup, unit, container, .. } = row(table, pid);
        (cgroup.clone(), unit.clone(), container.clone())
    };
    let scope = format!("docker-{CONTAINER}.scope");
    let path = format!("/system.slice/{scope}");
    assert_eq!(told(&first, 500), (path, Some(scope), Some(CONTAINER.to_owned())));
    let session = "/user.slice/user-1000.slice/session-3.scope".to_owned();
    assert_eq!(told(&first, 501), (session, Some("session-3.scope".to_owned()), None));
    let web = Some("web.service".to_owned());
    assert_eq!(told(&first, 502), ("/system.slice/web.service".to_owned(), web.clone(), None));
    // It is its turn: others moved it.
    assert_eq!(told(&second, 502), ("/system.slice/web.service/child".to_owned(), web, None));
}

#[test]
fn sizes_and_times_are_whole() {
    let Read { second, .. } = read(ProcessOptions::default());
    let row = row(&second, 500);
    assert_eq!((row.virtual_bytes, row.rss_bytes), (8_192_000, 172_032));
    assert!((row.cpu_seconds - 2.0).abs() < 1e-9, "{row:?}");
    assert_eq!(row.cpu_percent, Some(10.0));
}

#[test]
fn children_that_no_table_showed_are_in_their_parents_row() {
    let Read { first, second, sampler, .. } = read(ProcessOptions::default());
    assert_eq!(row(&first, 501).ended_children_percent, None);
    assert_eq!(row(&second, 501).ended_children_percent, Some(30.0));
    assert_eq!(row(&second, 500).ended_children_percent, Some(0.0));
    let summary = sampler.summary();
    assert!((summary.seen_cpu_seconds - 1.0).abs() < 1e-9, "{summary:?}");
    assert!((summary.short_lived_cpu_seconds - 3.0).abs() < 1e-9, "{summary:?}");
    // Six seconds were busy; of two nobody knows.
    let unaccounted = summary.unaccounted_cpu_seconds.unwrap();
    assert!((unaccounted - 2.0).abs() < 1e-9, "{summary:?}");
    assert_eq!((summary.forks, summary.unseen_births), (Some(750), Some(50)));
    assert_eq!((summary.processes, summary.threads), (3, 6));
    assert_eq!(summary.by_state().find(|(letter, _)| *letter == 'S'), Some(('S', 3)));
    assert_eq!((summary.asked, summary.taken_over, summary.listed), (3, 0, true));
}

#[test]
fn arguments_are_masked_and_can_be_left_out() {
    let Read { second, .. } = read(ProcessOptions::default());
    let shown = &row(&second, 501).command;
    assert!(shown.starts_with("sh -c sleep 99 --password=***"), "{shown}");
    assert!(!shown.contains("HUNTER2"), "{shown}");

    let Read { second, .. } = read(ProcessOptions { arguments: false, ..Default::default() });
    assert!(second.processes.iter().all(|row| row.command.is_empty()));
    assert_eq!(row(&second, 501).name, "make");
}

#[test]
fn storage_counters_can_be_left_out() {
    let Read { second, .. } = read(ProcessOptions { io: false, ..Default::default() });
    assert!(second.processes.iter().all(|row| row.read_bytes.is_none()));
}

#[test]
fn details_are_of_the_process_that_was_meant() {
    let Read { sampler, second, frames, .. } = read(ProcessOptions::default());
    frames.show(0);
    let detail = sampler.detail();
    let start = row(&second, 500).start_time_ms;
    assert_eq!(detail.pss_bytes(500, start), Ok(1_228_800));
    assert_eq!(detail.pss_bytes(500, start + 10), Err(DetailError::Gone { pid: 500 }));
    assert_eq!(detail.pss_bytes(9, start), Err(DetailError::Gone { pid: 9 }));
    let unknown = detail.open_files(500, start).unwrap_err();
    assert_eq!(unknown.to_string(), "process 500: the number of open files is not known here");
}

#[test]
fn a_table_that_is_filled_again_is_that_of_a_new_one() {
    let frames = Frames::new("hard/pids");
    let (mut one, mut other) =
        (ProcessSampler::new(frames.root()), ProcessSampler::new(frames.root()));
    let mut table = ProcessTable::default();
    for (number, at) in [(0, 100_000), (1, 110_000), (0, 120_000)] {
        frames.show(number);
        one.sample_into(moment(at), &mut table).unwrap();
        assert_eq!(table, other.sample(moment(at)).unwrap());
    }
}
