//! Whatever stands in the files, nothing panics and no rate is absurd.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

#[allow(dead_code, reason = "each test crate uses its own part")]
mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{StatusSampler, moment, testdata};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use watchfire_collect::{ProcessSampler, Root};
use watchfire_model::{Moment, Status};

/// One change to one word or to a whole file.
#[derive(Debug, Clone)]
enum Damage {
    Replace(Vec<u8>),
    Word(prop::sample::Index, &'static str),
    CutAt(prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let words = vec![
        "18446744073709551615",
        "18446744073709551616",
        "9223372036854775807",
        "-1",
        "0",
        "",
        "x",
        "1e308",
        "nan",
        ")",
        "\\777",
        "\t",
    ];
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..80).prop_map(Damage::Replace),
        (any::<prop::sample::Index>(), prop::sample::select(words))
            .prop_map(|(at, word)| Damage::Word(at, word)),
        any::<prop::sample::Index>().prop_map(Damage::CutAt),
    ]
}

impl Damage {
    fn apply(&self, content: &[u8]) -> Vec<u8> {
        match self {
            Self::Replace(content) => content.clone(),
            Self::CutAt(at) => content[..at.index(content.len() + 1)].to_vec(),
            Self::Word(at, word) => {
                let mut words: Vec<&[u8]> = content.split(|&byte| byte == b' ').collect();
                let at = at.index(words.len());
                words[at] = word.as_bytes();
                words.join(&b' ')
            }
        }
    }
}

/// Copies a folder, without kernel threads: they say nothing that the other
/// processes do not, and they are most of the files.
fn copy_files(from: &Path, to: &Path, files: &mut Vec<PathBuf>) {
    if fs::metadata(from.join("cmdline")).is_ok_and(|file| file.len() == 0) {
        return;
    }
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_files(&entry.path(), &target, files);
        } else {
            fs::copy(entry.path(), &target).unwrap();
            files.push(target);
        }
    }
}

/// A root that holds something for every collector, and what its files hold.
/// It is made once and repaired between cases, because making it costs more
/// than reading it.
struct WholeRoot {
    dir: tempfile::TempDir,
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl WholeRoot {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut paths = Vec::new();
        for case in ["hard/counter-back/0", "hard/cgroup-limited/0", "recorded/two-core-vm/0"] {
            copy_files(&testdata().join(case), dir.path(), &mut paths);
        }
        paths.sort();
        paths.dedup();
        let read = |path: PathBuf| (path.clone(), fs::read(path).unwrap());
        Self { dir, files: paths.into_iter().map(read).collect() }
    }

    fn repair(&self) {
        for (path, content) in &self.files {
            if fs::read(path).unwrap() != *content {
                replace(path, content);
            }
        }
    }
}

/// A file that is cut and written again is flushed to disk by some
/// filesystems; a new one is not.
fn replace(path: &Path, content: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, content).unwrap();
}

/// Rates are never negative and shares never above all.
fn check(status: &Status) {
    let loads = status.cpu.cores.iter().chain([&status.cpu.total]);
    for load in loads {
        let shares = [load.busy_percent, load.user_percent, load.steal_percent];
        assert!(shares.into_iter().flatten().all(|share| (0.0..=100.0001).contains(&share)));
    }
    for disk in &status.disks {
        let rates = [disk.read_bytes_per_s, disk.writes_per_s, disk.busy_percent];
        assert!(rates.into_iter().flatten().all(|rate| rate.is_finite() && rate >= 0.0));
    }
    for network in &status.networks {
        let rates = [network.sent_bytes_per_s, network.errors_per_s, network.drops_per_s];
        assert!(rates.into_iter().flatten().all(|rate| rate.is_finite() && rate >= 0.0));
    }
    assert!(status.memory.available_bytes <= status.memory.total_bytes);
    assert!((0.0..=100.0).contains(&status.memory.used_percent()));
}

#[test]
fn damaged_files_give_defaults_and_never_a_panic() {
    let whole = WholeRoot::new();
    let damages = proptest::collection::vec((any::<prop::sample::Index>(), damage()), 1..8);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(128));
    let result = runner.run(&(damages, 0_u64..3000), |(damages, step_ms)| {
        whole.repair();
        read_damaged(&whole, &damages, moment(1000 + step_ms));
        Ok(())
    });
    result.unwrap();
}

fn read_damaged(whole: &WholeRoot, damages: &[(prop::sample::Index, Damage)], later: Moment) {
    let root = Root::recorded(whole.dir.path());
    let mut status = StatusSampler::new(root.clone());
    let mut processes = ProcessSampler::new(root);
    check(&status.sample(moment(1000)));
    processes.sample(moment(1000)).unwrap();
    for (file, damage) in damages {
        let (path, content) = file.get(&whole.files);
        replace(path, &damage.apply(content));
        check(&status.sample(later));
        let table = processes.sample(later).unwrap();
        let mut cpu = table.processes.iter().filter_map(|row| row.cpu_percent);
        assert!(cpu.all(|percent| percent.is_finite() && percent >= 0.0));
    }
}
