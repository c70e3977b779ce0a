mod mdstat;

use mdstat::{Device, State, Work, devices};

use super::sysfs::signed;
use super::{Collector, MAX_DEVICES, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::folder::Folder;
use crate::rate::as_f64;
use crate::record::RecordedPath;
use crate::series::Family;
use crate::source::Source;
use crate::text::words;

static STATE: Family =
    Family::gauge("node_md_state", "Indicates the state of md-device.", &["device", "state"]);
static DISKS: Family = Family::gauge(
    "node_md_disks",
    "Number of active/failed/spare disks of device.",
    &["device", "state"],
);
static REQUIRED: Family = gauge("node_md_disks_required", "Total number of disks of device.");
static BLOCKS: Family = gauge("node_md_blocks", "Total number of blocks on device.");
static SYNCED: Family = gauge("node_md_blocks_synced", "Number of blocks synced on device.");
static TO_SYNC: Family = gauge(
    "watchfire_md_blocks_to_sync",
    "Blocks that the work on the device goes over, while it goes on.",
);
static SPEED: Family =
    gauge("watchfire_md_sync_bytes_per_second", "How fast the work on the device goes on.");
static DEGRADED: Family = gauge("node_md_degraded", "Number of degraded disks on device.");
static RAID_DISKS: Family = gauge("node_md_raid_disks", "Number of raid disks on device.");
static MISMATCHES: Family = gauge(
    "watchfire_md_mismatched_sectors",
    "Sectors whose copies or parity did not agree at the last check or repair.",
);

/// The files of `/sys/block/*/md` and their metrics.
static FILES: [(&[u8], &Family); 3] =
    [(b"degraded", &DEGRADED), (b"raid_disks", &RAID_DISKS), (b"mismatch_cnt", &MISMATCHES)];

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help, &["device"])
}

/// The states of a device, of which it is in exactly one.
const STATES: [&[u8]; 7] =
    [b"active", b"inactive", b"broken", b"recovering", b"resync", b"check", b"reshaping"];

/// Software RAID, from `/proc/mdstat` and `/sys/block/*/md`.
#[derive(Debug)]
pub(super) struct MdCollector {
    mdstat: Source,
    blocks: Folder,
}

impl MdCollector {
    pub(super) fn new() -> Self {
        Self { mdstat: Source::new("proc/mdstat"), blocks: Folder::new("sys/block") }
    }
}

impl Collector for MdCollector {
    fn name(&self) -> &'static str {
        "mdadm"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const {
            &[
                whole("proc/mdstat"),
                whole("sys/block/*/md/degraded"),
                whole("sys/block/*/md/raid_disks"),
                whole("sys/block/*/md/mismatch_cnt"),
            ]
        }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        let Some(text) = self.mdstat.read_if_there(reading.root)? else {
            return Ok(Outcome::NotHere);
        };
        let all = devices(text).count();
        reading.limit(all);
        let in_sysfs = all > 0 && self.blocks.open(reading.root)?;
        for device in devices(text).take(MAX_DEVICES) {
            put(reading, &device);
            if in_sysfs {
                put_files(reading, &mut self.blocks, device.name);
            }
        }
        Ok(Outcome::Read)
    }
}

fn put(reading: &mut Reading<'_>, device: &Device<'_>) {
    let name = device.name;
    let state = state(device);
    for known in STATES {
        reading.put(&STATE, &[name, known], f64::from(u8::from(known == state)));
    }
    let disks: [(&[u8], u64); 3] =
        [(b"active", device.active), (b"failed", device.failed), (b"spare", device.spare)];
    for (kind, count) in disks {
        reading.put(&DISKS, &[name, kind], as_f64(count));
    }
    if device.journal > 0 {
        reading.put(&DISKS, &[name, b"journal"], as_f64(device.journal));
    }
    reading.put(&REQUIRED, &[name], as_f64(device.required));
    if let Some(blocks) = device.blocks {
        reading.put(&BLOCKS, &[name], as_f64(blocks));
        // Where nothing goes on all is done; where it waits nothing is.
        let synced = match (device.work, device.progress) {
            (None, _) => blocks,
            (Some(_), progress) => progress.map_or(0, |progress| progress.done),
        };
        reading.put(&SYNCED, &[name], as_f64(synced));
    }
    if let Some(progress) = device.progress {
        reading.put(&TO_SYNC, &[name], as_f64(progress.all));
        if let Some(speed) = progress.speed {
            reading.put(&SPEED, &[name], as_f64(speed) * 1024.0);
        }
    }
}

fn state(device: &Device<'_>) -> &'static [u8] {
    match (device.state, device.work) {
        (State::Inactive, _) => b"inactive",
        (State::Broken, _) => b"broken",
        (State::Active, None) => b"active",
        (State::Active, Some(Work::Recovery)) => b"recovering",
        (State::Active, Some(Work::Resync)) => b"resync",
        (State::Active, Some(Work::Check)) => b"check",
        (State::Active, Some(Work::Reshape)) => b"reshaping",
    }
}

fn put_files(reading: &mut Reading<'_>, blocks: &mut Folder, name: &[u8]) {
    for (file, family) in FILES {
        // While the layout changes, the number is followed by the old one in
        // parentheses.
        let text = blocks.read(&[name, b"md", file]);
        if let Some(value) = text.and_then(|text| signed(words(text).next()?)) {
            reading.put(family, &[name], value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, below};
    use super::*;

    const RECOVERING: &str = "Personalities : [raid5]\n\
        md0 : active raid5 sdd1[4] sdc1[2] sdb1[1](F) sda1[0]\n\
        \x20     2048 blocks super 1.2 level 5, 512k chunk, algorithm 2 [3/2] [U_U]\n\
        \x20     [=>..]  recovery = 25.0% (256/1024) finish=0.1min speed=128K/sec\n\n\
        unused devices: <none>\n";

    #[test]
    fn a_rebuild_is_told_from_its_begin_to_its_end() {
        let mut bench = Bench::new(&[
            ("proc/mdstat", RECOVERING),
            ("sys/block/md0/md/degraded", "1\n"),
            ("sys/block/md0/md/raid_disks", "3 (2)\n"),
            ("sys/block/md0/md/mismatch_cnt", "128\n"),
        ]);
        let mut collector = MdCollector::new();
        let expected = [
            r#"node_md_blocks_synced{device="md0"} 256"#,
            r#"node_md_blocks{device="md0"} 2048"#,
            r#"node_md_degraded{device="md0"} 1"#,
            r#"node_md_disks_required{device="md0"} 3"#,
            r#"node_md_disks{device="md0",state="active"} 2"#,
            r#"node_md_disks{device="md0",state="failed"} 1"#,
            r#"node_md_disks{device="md0",state="spare"} 0"#,
            r#"node_md_raid_disks{device="md0"} 3"#,
            r#"node_md_state{device="md0",state="active"} 0"#,
            r#"node_md_state{device="md0",state="broken"} 0"#,
            r#"node_md_state{device="md0",state="check"} 0"#,
            r#"node_md_state{device="md0",state="inactive"} 0"#,
            r#"node_md_state{device="md0",state="recovering"} 1"#,
            r#"node_md_state{device="md0",state="reshaping"} 0"#,
            r#"node_md_state{device="md0",state="resync"} 0"#,
            r#"watchfire_md_blocks_to_sync{device="md0"} 1024"#,
            r#"watchfire_md_mismatched_sectors{device="md0"} 128"#,
            r#"watchfire_md_sync_bytes_per_second{device="md0"} 131072"#,
        ];
        assert_eq!(bench.read(&mut collector, 0), expected);
        let done: String = RECOVERING
            .lines()
            .filter(|line| !line.contains('%'))
            .fold(String::new(), |text, line| {
                text + &line.replace("[3/2] [U_U]", "[3/3] [UUU]") + "\n"
            });
        bench.write("proc/mdstat", &done);
        let lines = bench.read(&mut collector, 15_000);
        assert_eq!(below(&lines, "node_md_blocks_synced"), [r#"{device="md0"} 2048"#]);
        assert!(lines.contains(&r#"node_md_state{device="md0",state="active"} 1"#.to_owned()));
        assert!(below(&lines, "watchfire_md_sync").is_empty());
    }

    #[test]
    fn work_that_waits_has_done_nothing() {
        let text =
            "md1 : active raid1 sdb[1] sda[0]\n  100 blocks [2/2] [UU]\n  \tresync=DELAYED\n";
        let mut bench = Bench::new(&[("proc/mdstat", text)]);
        let lines = bench.read(&mut MdCollector::new(), 0);
        assert_eq!(below(&lines, "node_md_blocks_synced"), [r#"{device="md1"} 0"#]);
        assert!(lines.contains(&r#"node_md_state{device="md1",state="resync"} 1"#.to_owned()));
    }

    #[test]
    fn a_machine_without_software_raid() {
        let mut bench = Bench::new(&[]);
        assert!(bench.read(&mut MdCollector::new(), 0).is_empty());
        assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
        bench.write("proc/mdstat", "Personalities : \nunused devices: <none>\n");
        assert!(bench.read(&mut MdCollector::new(), 0).is_empty());
        assert_eq!(bench.outcome, Some(Outcome::Read));
    }

    #[test]
    fn too_many_devices_are_cut_and_counted() {
        let text: String = (0..=MAX_DEVICES).map(|n| format!("md{n} : inactive\n")).collect();
        let mut bench = Bench::new(&[("proc/mdstat", &text)]);
        let lines = bench.read(&mut MdCollector::new(), 0);
        assert_eq!(below(&lines, "node_md_disks_required").len(), MAX_DEVICES);
        assert!(bench.faults[0].error.starts_with("1 rows were left out"), "{:?}", bench.faults);
    }
}
