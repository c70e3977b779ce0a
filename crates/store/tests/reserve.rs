//! A full disk stops no alarm (fault F14): the outbox has room that nobody else can take.

mod common;
#[path = "common/history.rs"]
mod of_history;
#[path = "common/small_disk.rs"]
mod small_disk;

use common::{at, new_incident, new_notification};
use of_history::chunk;
use small_disk::SmallDisk;
use watchfire_model::{Channel, Content, DeliveryOutcome, NotificationState};
use watchfire_store::{
    Chunk, History, HistoryError, MIN_CAP_BYTES, NewNotification, RESERVE_BYTES, Store, StoreError,
    Teller, Thread,
};

/// How many alarms are to have room.
const ALARMS: u64 = 300;

/// A letter as a hub writes it, with the table of processes in it.
fn letter(number: u64) -> NewNotification {
    let content =
        Content { subject: "down".to_owned(), text: "p".repeat(4_000), html: "q".repeat(8_000) };
    NewNotification { content, ..new_notification(None, "ada", &number.to_string()) }
}

/// An outage with all that is written of it until its letter is sent.
fn alarm(store: &Store, number: u64) -> Result<(), StoreError> {
    let delivery = store.write(|batch| {
        let incident = batch.open_incident(&new_incident(&format!("a-{number}")))?;
        let letter = NewNotification { incident: Some(incident), ..letter(number) };
        let id = batch.enqueue(&letter)?;
        Ok((id, batch.begin_delivery(id, &Channel::new("mailto:ada@example.org"), at(7))?))
    })?;
    store.write(|batch| {
        batch.end_delivery(
            delivery.1,
            at(8),
            &DeliveryOutcome::Accepted { reply: String::new() },
        )?;
        batch.set_state(delivery.0, NotificationState::Delivered)
    })
}

/// So much of the history that it needs room of the disk.
fn of_the_past(number: u64) -> Chunk {
    let records: Vec<u64> = (number * 10 + 1..=number * 10 + 10).collect();
    let mut chunk = chunk("web-1", 1, number * 10, &records);
    chunk.bytes.resize(1 << 20, 7);
    chunk
}

/// Appends until nothing has room any more, and says how much was acknowledged.
fn append_until_full(history: &History) -> u64 {
    for number in 2.. {
        match history.append(&[of_the_past(number)]) {
            Ok(_) => assert!(number < 100, "it is never full"),
            Err(error) => {
                assert_eq!(error, HistoryError::Full);
                return number;
            }
        }
    }
    unreachable!("numbers have no end")
}

#[test]
fn on_a_full_disk_alarms_are_stored_and_sent_and_history_is_not_acknowledged() {
    let Some(disk) = SmallDisk::mount(64 << 20) else { return };
    let store = Store::open(disk.path()).expect("room");
    let history = History::open(disk.path(), MIN_CAP_BYTES * 8).expect("room");
    assert_eq!(store.keep_reserve(), Ok(true));
    history.append(&[of_the_past(0), of_the_past(1)]).expect("room");
    disk.fill();
    let stored = append_until_full(&history);
    for number in 0..ALARMS {
        assert_eq!(alarm(&store, number), Ok(()), "alarm {number}");
        if number % 50 == 0 {
            let full = history.append(&[of_the_past(stored)]);
            assert_eq!(full, Err(HistoryError::Full), "no room is taken from the alarms");
        }
    }
    assert_eq!(store.met_full_disk(), 0);
    assert!(history.met_full_disk() > 0);
    disk.free();
    assert_eq!(history.append(&[of_the_past(stored)]).expect("room").stored, 1);
    assert_eq!(store.keep_reserve(), Ok(true), "it is filled up again");
    drop((store, history));
    let (store, history) =
        (Store::open(disk.path()), History::open(disk.path(), MIN_CAP_BYTES * 8));
    let (store, history) = (store.expect("whole"), history.expect("whole"));
    assert_eq!((store.check(), history.check()), (Ok(()), Ok(())));
    assert_eq!(store.open_incidents().expect("readable").len(), ALARMS as usize);
    let known = history.coverage("web-1", [1; 16]).expect("readable");
    assert_eq!(known.last().map(|(_, to)| *to), Some(stored * 10 + 10), "{known:?}");
}

const STORM: &str = "WATCHFIRE_STORM_FOLDER";

/// Not a test by itself: a storm on a disk that is full, where temporary files would be too.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(STORM) else { return };
    let store = Store::open(folder.as_ref()).expect("room");
    assert_eq!(store.keep_reserve(), Ok(true));
    let filler = std::path::Path::new(&folder).join("filler");
    let mut filler = std::fs::File::create(filler).expect("an inode");
    std::io::copy(&mut std::io::repeat(1), &mut filler).expect_err("is full");
    let held = store.write(|batch| {
        let hold = |number| batch.enqueue(&NewNotification { held: true, ..letter(number) });
        (0..200).map(hold).collect::<Result<Vec<_>, _>>()
    });
    let held = held.expect("room");
    let told = store.write(|batch| {
        let letter = batch.enqueue(&NewNotification { thread: Thread::Own, ..letter(999) })?;
        let teller = Some(Teller { letter, thread: letter });
        held.iter().try_for_each(|one| batch.merge_held(*one, teller))
    });
    assert_eq!(told, Ok(()));
    // As if it were killed: nothing is put in order.
    std::process::exit(0);
}

/// What a transaction may have to undo in part is put aside, in a file when it is much.
#[test]
fn a_storm_on_a_full_disk_needs_no_temporary_file() {
    let Some(disk) = SmallDisk::mount(64 << 20) else { return };
    let child = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "child", "--nocapture"])
        .env(STORM, disk.path())
        .env("SQLITE_TMPDIR", disk.path())
        .output()
        .expect("it starts");
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    let store = Store::open(disk.path()).expect("a hub that was killed starts on the full disk");
    for number in 1_000..1_100 {
        assert_eq!(alarm(&store, number), Ok(()), "alarm {number}");
    }
}

/// The control: it is the reserve that gives them room.
#[test]
fn without_a_reserve_alarms_find_no_room() {
    let Some(disk) = SmallDisk::mount(64 << 20) else { return };
    let store = Store::open(disk.path()).expect("room");
    disk.fill();
    let failed = (0..ALARMS).find_map(|number| alarm(&store, number).err());
    assert_eq!(failed, Some(StoreError::Full));
    assert!(store.met_full_disk() > 0);
    disk.free();
    assert_eq!(alarm(&store, ALARMS), Ok(()), "the same store goes on");
}

#[test]
fn the_reserve_is_kept_whole_and_no_larger() {
    let folder = tempfile::tempdir().expect("a folder");
    let size = |name: &str| std::fs::metadata(folder.path().join(name)).expect("there").len();
    let store = Store::open(folder.path()).expect("a new store");
    assert_eq!(store.keep_reserve(), Ok(true));
    let (file, log) = (size("watchfire.db"), size("watchfire.db-wal"));
    assert!(file >= RESERVE_BYTES && log >= RESERVE_BYTES / 2, "{file} {log}");
    assert!(file < 2 * RESERVE_BYTES && log < 3 * RESERVE_BYTES, "{file} {log}");
    assert_eq!(store.keep_reserve(), Ok(true));
    assert_eq!((size("watchfire.db"), size("watchfire.db-wal")), (file, log), "nothing to do");
    // What is stored takes of it first, and it is filled up in time.
    for number in 0..ALARMS {
        alarm(&store, number).expect("room");
    }
    assert_eq!(size("watchfire.db"), file);
    for number in ALARMS..2 * ALARMS {
        alarm(&store, number).expect("room");
        assert_eq!(store.keep_reserve(), Ok(true));
    }
    assert!(size("watchfire.db") > file && size("watchfire.db") < 3 * RESERVE_BYTES);
}
