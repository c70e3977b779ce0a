//! Power cuts, failing syncs and full disks, on a disk that is a model.
//!
//! A child process works on a history and an outbox while strace writes down each change that it
//! asks the kernel for, with its bytes, each sync and what came of it, and each acknowledgement.
//! These are played on a model of the disk, the power is cut at many places, and both files are
//! opened as each cut may leave them. All that was acknowledged must be there, and nothing wrong.
//!
//! What the model takes away: what was not synced is there or not sector by sector (512 bytes), in
//! any subset and order, with each sector as it was after any of its writes; a length and a name
//! are those before or after. A sync that fails leaves some of what it was for on the disk, and
//! the rest never comes there unless it is written again, as the kernel does it.
//!
//! What it does not show: a sector that is torn within, a disk that says synced and is not, a
//! name that is half moved (neither moves one as it works), and faults of a real file system.
//! The WAL's index is shared memory: garbage is in its place.

mod disk;
mod outbox;
mod trace;
mod work;

use std::collections::BTreeSet;

use disk::{Dice, Disk, Loss};
use trace::{Op, Run};

/// Not a test by itself: what the traced process does.
#[test]
fn child() {
    if let Some((folder, orders)) = trace::orders() {
        work::work(&folder, &orders);
    }
}

/// Cuts the power at one place of a run, and tells what is wrong with what is left.
fn cut(disk: &Disk, acknowledged: u64, loss: Loss, dice: &mut Dice) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a folder");
    disk.leave(loss, dice, folder.path());
    work::look_through(folder.path(), acknowledged)
}

/// What was wrong after how many cuts.
#[derive(Default)]
struct Cuts {
    made: usize,
    wrong: Vec<String>,
}

impl Cuts {
    fn cut(&mut self, (place, acknowledged): (usize, u64), disk: &Disk, loss: Loss, of: &mut Dice) {
        self.made += 1;
        if let Err(what) = cut(disk, acknowledged, loss, of) {
            self.wrong.push(format!("after step {place}, {acknowledged} acknowledged: {what}"));
        }
    }
}

/// Cuts the power once after each acknowledgement, when all that is not synced is lost, and after
/// one in `one_in` of all steps in any other way.
fn cut_often(run: &Run, one_in: u64, seed: u64) -> Cuts {
    let (mut disk, mut dice) = (Disk::default(), Dice(seed));
    let (mut cuts, mut acknowledged) = (Cuts::default(), 0);
    for (place, op) in run.ops.iter().enumerate() {
        disk.apply(op, &mut dice);
        if let Op::Acknowledged(number) = op {
            acknowledged = *number;
            cuts.cut((place, acknowledged), &disk, Loss::All, &mut dice);
        }
        if dice.below(one_in) == 0 {
            let loss = Loss::Some { kept_of_64: [1, 32, 63, 64][dice.below(4) as usize] };
            cuts.cut((place, acknowledged), &disk, loss, &mut dice);
        }
    }
    cuts
}

fn run(orders: &[&str], faults: Option<&str>) -> Option<Run> {
    let folder = tempfile::tempdir().expect("a folder");
    trace::run("history::tests::power::child", folder.path(), &orders.join(" "), faults)
}

/// The last step that a run acknowledged.
fn last_acknowledged(run: &Run) -> u64 {
    let told = run.ops.iter().filter_map(|op| match op {
        Op::Acknowledged(number) => Some(*number),
        _ => None,
    });
    told.max().unwrap_or(0)
}

#[test]
fn what_was_acknowledged_outlives_a_power_cut() {
    let Some(run) = run(&["36"], None) else { return };
    assert_eq!(last_acknowledged(&run), 36);
    let cuts = cut_often(&run, 8, 17);
    println!("{} cuts in {} steps", cuts.made, run.ops.len());
    assert!(cuts.made >= 200, "{} of {}", cuts.made, run.ops.len());
    assert!(cuts.wrong.is_empty(), "{:#?}", cuts.wrong);
}

/// The control: a rig that does not find this loss would show nothing above.
#[test]
fn without_a_sync_a_commit_the_rig_finds_what_is_lost() {
    for (how, least) in [("NORMAL", 12), ("OFF", 24)] {
        let Some(run) = run(&["36", how], None) else { return };
        assert_eq!(last_acknowledged(&run), 36);
        let cuts = cut_often(&run, 1 << 40, 17);
        println!("{how}: {} of {} cuts lost something", cuts.wrong.len(), cuts.made);
        assert!(cuts.wrong.len() >= least, "{how}: {:#?}", cuts.wrong);
    }
}

/// A sync that failed is not trusted when it is done again, and nothing is acknowledged by it.
#[test]
fn a_sync_that_fails_once_acknowledges_nothing() {
    let Some(whole) = run(&["4"], None) else { return };
    let syncs = whole.syncs;
    let mut wrong = Vec::new();
    for (call, count) in [("fsync", syncs.fsync), ("fdatasync", syncs.fdatasync)] {
        for number in 1..=count {
            let fault = format!("{call}:error=EIO:when={number}");
            let Some(run) = run(&["4"], Some(&fault)) else { return };
            assert_eq!((run.failed, last_acknowledged(&run)), (1, 4), "{fault}");
            let cuts = cut_often(&run, 200, number);
            wrong.extend(cuts.wrong.into_iter().map(|what| format!("{fault} {what}")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    println!("{syncs:?} syncs failed, one in each run");
}

/// The disk is full for a while, at different places: nothing is acknowledged then, it goes on
/// without a restart when there is room again, and a power cut takes nothing even then.
#[test]
fn a_disk_that_is_full_for_a_while_loses_nothing() {
    for first in [3, 30, 60, 90, 120, 150] {
        let fault = format!("pwrite64:error=ENOSPC:when={first}..{}", first + 20);
        let Some(run) = run(&["8"], Some(&fault)) else { return };
        assert_eq!((run.failed, last_acknowledged(&run)), (21, 8), "{fault}");
        let cuts = cut_often(&run, 32, first);
        assert!(cuts.wrong.is_empty(), "{fault}: {:#?}", cuts.wrong);
    }
}

/// Of the model itself: what is synced stays, and what is not may go.
#[test]
fn the_model_keeps_what_is_synced_and_nothing_else() {
    let wrote = |at, byte: u8| Op::Wrote { file: "a".to_owned(), at, bytes: vec![byte; 1024] };
    let (made, one, two) = (Op::Made("a".to_owned()), wrote(0, 1), wrote(512, 2));
    let sync = |well| Op::Synced { file: "a".to_owned(), well };
    let (synced, failed) = (sync(true), sync(false));
    let mut dice = Dice(1);
    let mut left = |ops: &[&Op], loss| {
        let (mut disk, folder) = (Disk::default(), tempfile::tempdir().expect("a folder"));
        ops.iter().for_each(|op| disk.apply(op, &mut dice));
        disk.leave(loss, &mut dice, folder.path());
        std::fs::read(folder.path().join("a")).ok()
    };
    assert_eq!(left(&[&made, &one, &synced], Loss::All), None, "its name is lost");
    let kept = [&made, &Op::FolderSynced, &one, &synced, &two];
    assert_eq!(left(&kept, Loss::All), Some(vec![1; 1024]));
    let whole = [[1; 512], [2; 512], [2; 512]].concat();
    assert_eq!(left(&kept, Loss::Some { kept_of_64: 64 }), Some(whole.clone()));
    let half = Loss::Some { kept_of_64: 32 };
    let seen: BTreeSet<Vec<u8>> = (0..64).filter_map(|_| left(&kept, half)).collect();
    assert!(seen.contains(&[[1; 512], [2; 512]].concat()), "torn, and too short");
    assert!(seen.contains(&[[1; 512], [1; 512], [2; 512]].concat()), "the later half alone");
    // What a sync failed to write is not written by the next one.
    let failed = [&kept[..], &[&failed, &synced]].concat();
    let seen: BTreeSet<Vec<u8>> = (0..64).filter_map(|_| left(&failed, Loss::All)).collect();
    assert!(seen.len() > 1 && seen.contains(&whole), "{}", seen.len());
}
