//! A disk that is full, read-only or gone: the agent goes on, and records
//! again when it can.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use watchfire_agent::recorder::{Kind, Recorder, RecorderError};

use crate::support::{BOOT, Feeder, read_all, second, segment_files, small};

/// A small disk of its own, where the machine lets us have one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(bytes: u64) -> Option<Self> {
        let place = tempfile::tempdir().expect("a folder");
        let size = format!("size={bytes},mode=0700");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(place.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            println!("not shown here: this machine mounts no tmpfs for us");
        }
        mounted.then_some(Self(place))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Takes all the room there is.
    fn fill(&self) {
        let mut ballast = fs::File::create(self.path("ballast")).expect("an inode");
        let full = std::io::copy(&mut std::io::repeat(1), &mut ballast).expect_err("is full");
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    }

    fn free(&self) {
        fs::remove_file(self.path("ballast")).expect("ours");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// Appends and flushes once a second from `from` to before `to`.
fn run(recorder: &mut Recorder, feeder: &mut Feeder, from: u64, to: u64) -> Vec<RecorderError> {
    let mut errors = Vec::new();
    for number in from..to {
        errors.extend(feeder.append(recorder, second(number)).err());
        match recorder.flush(second(number)) {
            Ok(Some(job)) => errors.extend(recorder.synced(job.run(), second(number)).err()),
            other => errors.extend(other.err()),
        }
    }
    errors
}

fn opened(folder: &Path, now: u64) -> Recorder {
    Recorder::open(folder, small(8192, 16), BOOT, second(now)).expect("opens")
}

#[test]
fn a_ring_on_a_disk_that_has_little_more_than_its_cap_never_fills_it() {
    // A file that ends within a page takes all of it.
    let Some(disk) = SmallDisk::mount(16 * 8192 + 24 * 4096) else { return };
    let folder = disk.path("record");
    let mut recorder = opened(&folder, 0);
    let errors = run(&mut recorder, &mut Feeder::default(), 0, 4000);
    assert!(errors.is_empty(), "{errors:?}");
    let counters = recorder.counters();
    assert!(counters.dropped_segments > 20, "{counters:?}");
    assert_eq!((counters.failed_writes, counters.records), (0, 4000));
    drop(recorder);
    assert_eq!(read_all(&folder).last(), Some(&3999));
}

#[test]
fn on_a_disk_full_of_other_things_the_oldest_makes_room_and_some_stay() {
    let Some(disk) = SmallDisk::mount(1 << 20) else { return };
    let folder = disk.path("record");
    let mut recorder = opened(&folder, 0);
    let mut feeder = Feeder::default();
    assert!(run(&mut recorder, &mut feeder, 0, 900).is_empty());
    let before = segment_files(&folder).len();
    assert!(before > 6);
    disk.fill();
    let errors = run(&mut recorder, &mut feeder, 900, 2000);
    let all_paused = errors
        .iter()
        .all(|error| matches!(error, RecorderError::Paused | RecorderError::Io { .. }));
    assert!(all_paused, "{errors:?}");
    assert!(segment_files(&folder).len() >= 4);
    assert!(recorder.counters().dropped_segments > 0);
    let kept = read_all(&folder);
    assert!(kept.iter().any(|&number| number > 1500), "the newest is what was kept");
    disk.free();
    run(&mut recorder, &mut feeder, 2000, 2900);
    assert!(recorder.is_recording());
    drop(recorder);
    let kept = read_all(&folder);
    assert!((2310..2900).all(|number| kept.contains(&number)), "{kept:?}");
}

#[test]
fn a_disk_that_is_full_from_the_start_is_waited_for() {
    let Some(disk) = SmallDisk::mount(256 << 10) else { return };
    disk.fill();
    let folder = disk.path("record");
    let mut recorder = opened(&folder, 0);
    let mut feeder = Feeder::default();
    let errors = run(&mut recorder, &mut feeder, 0, 100);
    assert_eq!(errors.len(), 100, "each append says so");
    assert!(!recorder.is_recording());
    // 0, 10, 30 and 70 seconds after the first.
    assert_eq!(recorder.counters().failed_writes, 4);
    assert!(!recorder.needs_restart(Kind::Tick, second(100)), "nothing whole in vain");
    assert_eq!(segment_files(&folder).len(), 0, "no empty file is left");
    disk.free();
    let errors = run(&mut recorder, &mut feeder, 100, 300);
    assert_eq!(errors.len(), 50, "up to the next try, at 150");
    assert!(recorder.is_recording());
    drop(recorder);
    assert_eq!(read_all(&folder), (150..300).collect::<Vec<_>>());
}

#[test]
fn a_place_that_takes_no_folder_is_waited_for() {
    let place = tempfile::tempdir().expect("a folder");
    let data = place.path().join("data");
    fs::write(&data, "a file in the place of the folder").expect("ours");
    let folder = data.join("record");
    let mut recorder = opened(&folder, 0);
    assert!(!recorder.is_recording());
    let mut feeder = Feeder::default();
    let errors = run(&mut recorder, &mut feeder, 1, 9);
    assert!(errors.iter().all(|error| matches!(error, RecorderError::Paused)), "{errors:?}");
    fs::remove_file(&data).expect("ours");
    assert!(run(&mut recorder, &mut feeder, 10, 20).is_empty());
    drop(recorder);
    assert_eq!(read_all(&folder).len(), 10);
}

#[test]
fn a_folder_that_is_removed_meanwhile_is_made_again() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("record");
    let mut recorder = opened(&folder, 0);
    let mut feeder = Feeder::default();
    assert!(run(&mut recorder, &mut feeder, 0, 15).is_empty());
    let ring = recorder.ring_id();
    fs::remove_dir_all(&folder).expect("ours");
    let errors = run(&mut recorder, &mut feeder, 15, 60);
    assert!(matches!(errors.first(), Some(RecorderError::Io { .. })), "{errors:?}");
    assert!(recorder.is_recording());
    assert_ne!(recorder.ring_id(), ring, "its sequences begin elsewhere");
    drop(recorder);
    let read = read_all(&folder);
    assert_eq!(read.last(), Some(&59));
}
