//! A big physical server, read as a whole: two processors, sensors of the board
//! and of the BMC, two power supplies of which one fails, a RAID 5 that is
//! rebuilt, a pool of ZFS that is degraded, two NVMe drives of which one dies,
//! two bonded links of which one is lost.
//!
//! `testdata/golden/big-iron.txt` has every series that it gives, with its
//! value in both recordings.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

#[allow(dead_code, reason = "each test crate uses its own part")]
mod common;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{Frames, moment, testdata};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use watchfire_collect::{Root, TickSampler};

/// The collectors that this is about. Others would find nothing here, and
/// would change the golden file when they change.
const HARDWARE: [&str; 20] = [
    "bonding",
    "btrfs",
    "cpu_throttle",
    "cpufreq",
    "dmi",
    "edac",
    "hwmon",
    "infiniband",
    "logind",
    "mdadm",
    "nfs",
    "nfsd",
    "nvme",
    "powersupplyclass",
    "rapl",
    "selinux",
    "thermal_zone",
    "watchdog",
    "xfs",
    "zfs",
];

/// Long enough for every collector to be due again, and for sensors to be
/// looked up again.
const BETWEEN_MS: u64 = 600_000;

fn sampler(root: Root) -> TickSampler {
    let mut others = TickSampler::collector_names();
    others.retain(|name| !HARDWARE.contains(name));
    let others: Vec<String> = others.into_iter().map(str::to_owned).collect();
    TickSampler::new(root, &others, Box::new(|| Duration::ZERO))
}

/// Each series and its value now, without those about the collectors.
fn values(sampler: &TickSampler) -> BTreeMap<String, f64> {
    let keys = sampler.schema().keys().iter().enumerate();
    let given =
        keys.filter_map(|(number, key)| Some((key.to_string(), sampler.tick().value(number)?)));
    let about =
        |key: &String| key.starts_with("node_scrape_") || key.starts_with("watchfire_agent_");
    given.filter(|(key, _)| !about(key)).collect()
}

#[test]
fn every_series_of_a_big_server() {
    let frames = Frames::new("hard/big-iron");
    let mut sampler = sampler(frames.root());
    let mut seen: BTreeMap<String, [String; 2]> = BTreeMap::new();
    for (number, frame) in [0, 1].into_iter().enumerate() {
        frames.show(frame);
        sampler.sample(moment(1000 + u64::from(frame) * BETWEEN_MS));
        assert_eq!(sampler.faults(), []);
        for (key, value) in values(&sampler) {
            let columns = seen.entry(key).or_insert_with(|| ["-".to_owned(), "-".to_owned()]);
            columns[number] = value.to_string();
        }
    }
    let kinds: BTreeMap<&str, String> = sampler
        .metrics()
        .iter()
        .map(|metric| (&*metric.name, format!("{:?}: {}", metric.kind, metric.help)))
        .collect();
    let (mut text, mut last) = (String::new(), "");
    for (key, [first, second]) in &seen {
        let name = key.split('{').next().unwrap();
        if name != last {
            writeln!(text, "# {name} {}", kinds[name]).unwrap();
            last = name;
        }
        writeln!(text, "{key} {first} {second}").unwrap();
    }
    compare("big-iron.txt", &text);
}

#[test]
fn every_collector_finds_what_it_reads() {
    let frames = Frames::new("hard/big-iron");
    let mut sampler = sampler(frames.root());
    sampler.sample(moment(1000));
    let keys = sampler.schema().keys().iter().enumerate();
    let success: BTreeMap<String, f64> = keys
        .filter(|(_, key)| key.name() == "node_scrape_collector_success")
        .map(|(number, key)| (key.to_string(), sampler.tick().value(number).unwrap()))
        .collect();
    let expected = HARDWARE
        .map(|name| (format!(r#"node_scrape_collector_success{{collector="{name}"}}"#), 1.0));
    assert_eq!(success, BTreeMap::from(expected));
}

#[test]
fn what_stays_keeps_its_series() {
    let frames = Frames::new("hard/big-iron");
    let mut sampler = sampler(frames.root());
    sampler.sample(moment(1000));
    let (first, series) = (values(&sampler), sampler.schema().len());
    for turn in 1..50 {
        sampler.sample(moment(1000 + turn * 20_000));
        assert_eq!(values(&sampler), first);
    }
    assert_eq!((sampler.schema().len(), sampler.schema().generation()), (series, 1));
}

#[test]
fn nothing_that_identifies_the_machine_to_others_is_given() {
    let frames = Frames::new("hard/big-iron");
    let mut sampler = sampler(frames.root());
    sampler.sample(moment(1000));
    assert!(values(&sampler).keys().all(|key| !key.to_lowercase().contains("not-to-be-seen")));
}

#[test]
fn a_machine_without_any_of_it_gives_next_to_nothing() {
    let empty = tempfile::tempdir().unwrap();
    let mut sampler = sampler(Root::recorded(empty.path()));
    sampler.sample(moment(1000));
    assert_eq!(sampler.faults(), []);
    let expected = BTreeMap::from([("node_selinux_enabled".to_owned(), 0.0)]);
    assert_eq!(values(&sampler), expected);
}

/// What a file may hold after something went wrong.
fn damage() -> impl Strategy<Value = Vec<u8>> {
    let words =
        vec!["", "-1", "18446744073709551616", "x", "0", ":", "[", "(", "\\", "/../", "nan"];
    let text = proptest::collection::vec(prop::sample::select(words), 0..12)
        .prop_map(|words| words.join(" ").into_bytes());
    prop_oneof![proptest::collection::vec(any::<u8>(), 0..600), text]
}

#[test]
fn damaged_files_do_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    copy(&testdata().join("hard/big-iron/0"), dir.path(), &mut files);
    files.sort();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(64));
    let damages = proptest::collection::vec((any::<prop::sample::Index>(), damage()), 1..30);
    let result = runner.run(&damages, |damages| {
        let mut sampler = sampler(Root::recorded(dir.path()));
        sampler.sample(moment(1000));
        let mut before = Vec::new();
        for (file, damage) in damages {
            let path = file.get(&files);
            before.push((path, fs::read(path).unwrap()));
            replace(path, &damage);
        }
        sampler.sample(moment(1000 + BETWEEN_MS));
        for (path, content) in before.into_iter().rev() {
            replace(path, &content);
        }
        prop_assert!(values(&sampler).values().all(|value| value.is_finite()));
        Ok(())
    });
    result.unwrap();
}

/// A file that is cut and written again is flushed to disk by some
/// filesystems; a new one is not.
fn replace(path: &Path, content: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, content).unwrap();
}

fn copy(from: &Path, to: &Path, files: &mut Vec<PathBuf>) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, target) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &target, files);
        } else if kind.is_symlink() {
            symlink(fs::read_link(entry.path()).unwrap(), target).unwrap();
        } else {
            fs::copy(entry.path(), &target).unwrap();
            files.push(target);
        }
    }
}

/// `UPDATE_GOLDEN=1` writes the file anew instead.
fn compare(name: &str, seen: &str) {
    let path = testdata().join("golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, seen).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap();
    for (number, (golden, seen)) in golden.lines().zip(seen.lines()).enumerate() {
        assert_eq!(golden, seen, "line {} of {}", number + 1, path.display());
    }
    assert_eq!(golden.lines().count(), seen.lines().count(), "{}", path.display());
}
