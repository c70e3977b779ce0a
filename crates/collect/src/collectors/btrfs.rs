use super::sysfs::{copy, signed, value};
use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::folder::{Folder, Names};
use crate::rate::as_f64;
use crate::record::RecordedPath;
use crate::series::Family;
use crate::text::{lines, number, words};

static INFO: Family =
    Family::gauge("node_btrfs_info", "Filesystem information", &["uuid", "label"]);
static RESERVE: Family =
    Family::gauge("node_btrfs_global_rsv_size_bytes", "Size of global reserve.", &["uuid"]);
static DEVICE_SIZE: Family = Family::gauge(
    "node_btrfs_device_size_bytes",
    "Size of a device that is part of the filesystem.",
    &["uuid", "device"],
);
static RESERVED: Family = Family::gauge(
    "node_btrfs_reserved_bytes",
    "Amount of space reserved for a data type",
    &["uuid", "block_group_type"],
);
static SIZE: Family =
    layout("node_btrfs_size_bytes", "Amount of space allocated for a layout/data type");
static USED: Family = layout("node_btrfs_used_bytes", "Amount of used space by a layout/data type");
static RATIO: Family =
    layout("node_btrfs_allocation_ratio", "Data allocation ratio for a layout/data type");
static ERRORS: Family = Family::counter(
    "watchfire_btrfs_device_errors_total",
    "Errors of a device since its counters were last cleared.",
    &["uuid", "device_id", "type"],
);
static MISSING: Family = Family::gauge(
    "watchfire_btrfs_device_missing",
    "Whether a device of the filesystem is missing.",
    &["uuid", "device_id"],
);

/// The lines of `commit_stats`, their metrics, and what a value is divided by.
static COMMITS: [(&[u8], Family, f64); 4] = [
    (
        b"commits",
        Family::counter(
            "node_btrfs_commits_total",
            "The total number of commits that have occurred.",
            &["uuid"],
        ),
        1.0,
    ),
    (
        b"last_commit_ms",
        Family::gauge(
            "node_btrfs_last_commit_seconds",
            "Duration of the most recent commit, in seconds.",
            &["uuid"],
        ),
        1000.0,
    ),
    (
        b"max_commit_ms",
        Family::gauge(
            "node_btrfs_max_commit_seconds",
            "Duration of the slowest commit, in seconds.",
            &["uuid"],
        ),
        1000.0,
    ),
    (
        b"total_commit_ms",
        Family::counter(
            "node_btrfs_commit_seconds_total",
            "Sum of the duration of all commits, in seconds.",
            &["uuid"],
        ),
        1000.0,
    ),
];

const fn layout(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help, &["uuid", "block_group_type", "mode"])
}

/// The kernel counts devices in sectors of this size, whatever their own.
const SECTOR_BYTES: f64 = 512.0;
/// What is stored.
const KINDS: [&[u8]; 3] = [b"data", b"metadata", b"system"];
/// How it is spread over devices.
const MODES: [&[u8]; 9] =
    [b"single", b"dup", b"raid0", b"raid1", b"raid1c3", b"raid1c4", b"raid10", b"raid5", b"raid6"];
/// Letters of a UUID; other folders of the class are no filesystems.
const UUID_LETTERS: usize = 36;

/// Filesystems of Btrfs, from the files that the kernel's `fs/btrfs/sysfs.c`
/// makes.
#[derive(Debug)]
pub(super) struct BtrfsCollector {
    class: Folder,
    filesystems: Names,
    names: Names,
    text: Vec<u8>,
}

impl BtrfsCollector {
    pub(super) fn new() -> Self {
        Self {
            class: Folder::new("sys/fs/btrfs"),
            filesystems: Names::default(),
            names: Names::default(),
            text: Vec::new(),
        }
    }

    fn filesystem(&mut self, reading: &mut Reading<'_>, uuid: &[u8]) {
        let Self { class, text, .. } = self;
        copy(class, &[uuid, b"label"], text);
        reading.put(&INFO, &[uuid, text], 1.0);
        if let Some(bytes) = value(class, &[uuid, b"allocation/global_rsv_size"]) {
            reading.put(&RESERVE, &[uuid], bytes);
        }
        copy(class, &[uuid, b"commit_stats"], text);
        for (name, family, divisor) in &COMMITS {
            if let Some(value) = named(text, name) {
                reading.put(family, &[uuid], value / divisor);
            }
        }
        let devices = self.devices(reading, uuid);
        self.errors(reading, uuid);
        for kind in KINDS {
            self.allocation(reading, uuid, kind, devices);
        }
    }

    /// Gives the sizes of the devices, and says how many there are.
    fn devices(&mut self, reading: &mut Reading<'_>, uuid: &[u8]) -> u64 {
        let Self { class, names, .. } = self;
        class.list(&[uuid, b"devices"], names);
        let all = names.iter().count();
        for device in names.iter().take(reading.limit(all)) {
            if let Some(sectors) = value(class, &[uuid, b"devices", device, b"size"]) {
                reading.put(&DEVICE_SIZE, &[uuid, device], sectors * SECTOR_BYTES);
            }
        }
        u64::try_from(all).unwrap_or(u64::MAX)
    }

    /// Kernels from 5.14 on count errors there.
    fn errors(&mut self, reading: &mut Reading<'_>, uuid: &[u8]) {
        let Self { class, names, text, .. } = self;
        class.list(&[uuid, b"devinfo"], names);
        let taken = reading.limit(names.iter().count());
        for id in names.iter().take(taken) {
            if let Some(missing) = value(class, &[uuid, b"devinfo", id, b"missing"]) {
                reading.put(&MISSING, &[uuid, id], missing);
            }
            copy(class, &[uuid, b"devinfo", id, b"error_stats"], text);
            for line in lines(text) {
                let mut words = words(line);
                let kind = words.next().and_then(|name| name.strip_suffix(b"_errs"));
                if let (Some(kind), Some(count)) = (kind, words.next().and_then(number)) {
                    reading.put(&ERRORS, &[uuid, id, kind], as_f64(count));
                }
            }
        }
    }

    fn allocation(&mut self, reading: &mut Reading<'_>, uuid: &[u8], kind: &[u8], devices: u64) {
        let Self { class, names, .. } = self;
        let folder: [&[u8]; 3] = [uuid, b"allocation", kind];
        let [uuid, allocation, kind] = folder;
        if let Some(bytes) = value(class, &[uuid, allocation, kind, b"bytes_reserved"]) {
            reading.put(&RESERVED, &[uuid, kind], bytes);
        }
        class.list(&folder, names);
        for mode in names.iter().filter(|name| MODES.contains(name)) {
            let values = [uuid, kind, mode];
            if let Some(ratio) = ratio(mode, devices) {
                reading.put(&RATIO, &values, ratio);
            }
            for (family, file) in [(&SIZE, &b"total_bytes"[..]), (&USED, b"used_bytes")] {
                if let Some(bytes) = value(class, &[uuid, allocation, kind, mode, file]) {
                    reading.put(family, &values, bytes);
                }
            }
        }
    }
}

impl Collector for BtrfsCollector {
    fn name(&self) -> &'static str {
        "btrfs"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const {
            &[
                whole("sys/fs/btrfs/*/label"),
                whole("sys/fs/btrfs/*/commit_stats"),
                whole("sys/fs/btrfs/*/allocation/global_rsv_size"),
                whole("sys/fs/btrfs/*/allocation/*/bytes_reserved"),
                whole("sys/fs/btrfs/*/allocation/*/*/total_bytes"),
                whole("sys/fs/btrfs/*/allocation/*/*/used_bytes"),
                whole("sys/fs/btrfs/*/devices/*/size"),
                whole("sys/fs/btrfs/*/devinfo/*/missing"),
                whole("sys/fs/btrfs/*/devinfo/*/error_stats"),
            ]
        }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        if !self.class.open(reading.root)? {
            return Ok(Outcome::NotHere);
        }
        let mut filesystems = std::mem::take(&mut self.filesystems);
        self.class.list(&[], &mut filesystems);
        let is_uuid = |name: &&[u8]| name.len() == UUID_LETTERS;
        let all = filesystems.iter().filter(is_uuid).count();
        for uuid in filesystems.iter().filter(is_uuid).take(reading.limit(all)) {
            self.filesystem(reading, uuid);
        }
        self.filesystems = filesystems;
        Ok(if all == 0 { Outcome::NotHere } else { Outcome::Read })
    }
}

/// The number of a line `name value`.
fn named(text: &[u8], wanted: &[u8]) -> Option<f64> {
    lines(text).find_map(|line| {
        let mut words = words(line);
        (words.next()? == wanted).then(|| signed(words.next()?))?
    })
}

/// How many bytes of the devices one byte takes.
fn ratio(mode: &[u8], devices: u64) -> Option<f64> {
    let parity = |count: u64| (devices > count).then(|| as_f64(devices) / as_f64(devices - count));
    match mode {
        b"single" | b"raid0" => Some(1.0),
        b"dup" | b"raid1" | b"raid10" => Some(2.0),
        b"raid1c3" => Some(3.0),
        b"raid1c4" => Some(4.0),
        b"raid5" => parity(1),
        b"raid6" => parity(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    const ID: &str = "0abb23a9-579b-43e6-ad30-227ef47fcb9d";

    #[test]
    fn a_filesystem_on_two_devices() {
        let mut bench = Bench::new(&[("sys/fs/btrfs/features/raid56", "0\n")]);
        for (file, content) in [
            ("label", "home\n"),
            (
                "commit_stats",
                "commits 258051\ncur_commit_ms 0\nlast_commit_ms 1000\nmax_commit_ms 51462\ntotal_commit_ms 47836090\n",
            ),
            ("allocation/global_rsv_size", "16777216\n"),
            ("allocation/data/bytes_reserved", "5\n"),
            ("allocation/data/raid1/total_bytes", "2147483648\n"),
            ("allocation/data/raid1/used_bytes", "808189952\n"),
            ("allocation/data/flags", "1\n"),
            ("allocation/system/dup/total_bytes", "x\n"),
            ("devices/sda1/size", "20971520\n"),
            ("devices/sdb1/size", "20971520\n"),
            ("devinfo/1/missing", "0\n"),
            ("devinfo/1/error_stats", "write_errs 3\nread_errs 0\nodd\n"),
            ("devinfo/2/missing", "1\n"),
        ] {
            bench.write(&format!("sys/fs/btrfs/{ID}/{file}"), content);
        }
        let lines = bench.read(&mut BtrfsCollector::new(), 0);
        let lines: Vec<String> = lines.iter().map(|line| line.replace(ID, "U")).collect();
        let expected = [
            r#"node_btrfs_allocation_ratio{block_group_type="data",mode="raid1",uuid="U"} 2"#,
            r#"node_btrfs_allocation_ratio{block_group_type="system",mode="dup",uuid="U"} 2"#,
            r#"node_btrfs_commit_seconds_total{uuid="U"} 47836.09"#,
            r#"node_btrfs_commits_total{uuid="U"} 258051"#,
            r#"node_btrfs_device_size_bytes{device="sda1",uuid="U"} 10737418240"#,
            r#"node_btrfs_device_size_bytes{device="sdb1",uuid="U"} 10737418240"#,
            r#"node_btrfs_global_rsv_size_bytes{uuid="U"} 16777216"#,
            r#"node_btrfs_info{label="home",uuid="U"} 1"#,
            r#"node_btrfs_last_commit_seconds{uuid="U"} 1"#,
            r#"node_btrfs_max_commit_seconds{uuid="U"} 51.462"#,
            r#"node_btrfs_reserved_bytes{block_group_type="data",uuid="U"} 5"#,
            r#"node_btrfs_size_bytes{block_group_type="data",mode="raid1",uuid="U"} 2147483648"#,
            r#"node_btrfs_used_bytes{block_group_type="data",mode="raid1",uuid="U"} 808189952"#,
            r#"watchfire_btrfs_device_errors_total{device_id="1",type="read",uuid="U"} 0"#,
            r#"watchfire_btrfs_device_errors_total{device_id="1",type="write",uuid="U"} 3"#,
            r#"watchfire_btrfs_device_missing{device_id="1",uuid="U"} 0"#,
            r#"watchfire_btrfs_device_missing{device_id="2",uuid="U"} 1"#,
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn parity_costs_the_less_the_more_devices_there_are() {
        assert_eq!((ratio(b"raid5", 4), ratio(b"raid6", 4)), (Some(4.0 / 3.0), Some(2.0)));
        assert_eq!((ratio(b"raid5", 1), ratio(b"raid6", 0), ratio(b"odd", 9)), (None, None, None));
    }

    #[test]
    fn a_machine_without_such_filesystems() {
        let mut bench = Bench::new(&[]);
        bench.read(&mut BtrfsCollector::new(), 0);
        assert_eq!(bench.outcome, Some(Outcome::NotHere));
        bench.write("sys/fs/btrfs/features/raid56", "0\n");
        bench.read(&mut BtrfsCollector::new(), 0);
        assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
    }
}
