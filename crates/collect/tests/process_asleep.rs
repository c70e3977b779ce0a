//! The arguments of processes that wait for a device or a dead server: reading
//! them would wait as well.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

#[allow(dead_code, reason = "each test crate uses its own part")]
mod common;

use std::fs;
use std::path::Path;

use common::moment;
use watchfire_collect::{ProcessSampler, Root};

fn write(root: &Path, state: char, ticks: u64, command: &str) {
    let folder = root.join("proc/7");
    fs::create_dir_all(&folder).unwrap();
    let stat = format!(
        "7 (dd) {state} 1 7 7 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 100 4096 1 0 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
    );
    fs::write(folder.join("stat"), stat).unwrap();
    fs::write(folder.join("status"), "Uid:\t0\t0\t0\t0\n").unwrap();
    fs::write(folder.join("cmdline"), command.replace(' ', "\0")).unwrap();
    fs::write(folder.join("cgroup"), "0::/\n").unwrap();
    fs::write(root.join("proc/uptime"), "1000.00 0\n").unwrap();
    fs::write(root.join("proc/stat"), "cpu  1 0 0 0\nbtime 1000\n").unwrap();
    fs::write(root.join("proc/loadavg"), "0 0 0 1/1 7\n").unwrap();
}

#[test]
fn the_arguments_of_a_process_that_waits_for_a_device_are_read_when_it_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut sampler = ProcessSampler::new(Root::recorded(dir.path()));
    let mut at = 0;
    let mut command = |state, ticks, text: &str| {
        // A process has its turn once in so many tables.
        (0..64_u64).for_each(|more| {
            write(dir.path(), state, ticks + more, text);
            at += 1000;
            sampler.sample(moment(at)).unwrap();
        });
        at += 1000;
        sampler.sample(moment(at)).unwrap().processes[0].command.clone()
    };
    assert_eq!(command('D', 0, "dd if=a"), "");
    assert_eq!(command('S', 100, "dd if=a"), "dd if=a");
    assert_eq!(command('D', 200, "dd if=b"), "dd if=a");
    assert_eq!(command('R', 300, "dd if=b"), "dd if=b");
}
