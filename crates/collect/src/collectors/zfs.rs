mod kstat;
#[cfg(test)]
mod tests;

use super::sysfs::copy;
use super::{Collector, Outcome, Pace, Reading, whole};
use crate::folder::{Folder, Names};
use crate::record::RecordedPath;
use crate::series::Family;
use crate::source::Source;
use crate::{CollectError, Root};

/// The files about the whole of ZFS and their metrics.
static FILES: [(&str, Family); 11] = [
    ("abdstats", unknown("node_zfs_abd_{}", "kstat.zfs.misc.abdstats.{}")),
    ("arcstats", unknown("node_zfs_arc_{}", "kstat.zfs.misc.arcstats.{}")),
    ("dbufstats", unknown("node_zfs_dbuf_{}", "kstat.zfs.misc.dbufstats.{}")),
    ("dmu_tx", unknown("node_zfs_dmu_tx_{}", "kstat.zfs.misc.dmu_tx.{}")),
    ("dnodestats", unknown("node_zfs_dnode_{}", "kstat.zfs.misc.dnodestats.{}")),
    ("fm", unknown("node_zfs_fm_{}", "kstat.zfs.misc.fm.{}")),
    ("vdev_cache_stats", unknown("node_zfs_vdev_cache_{}", "kstat.zfs.misc.vdev_cache_stats.{}")),
    (
        "vdev_mirror_stats",
        unknown("node_zfs_vdev_mirror_{}", "kstat.zfs.misc.vdev_mirror_stats.{}"),
    ),
    ("xuio_stats", unknown("node_zfs_xuio_{}", "kstat.zfs.misc.xuio_stats.{}")),
    ("zfetchstats", unknown("node_zfs_zfetch_{}", "kstat.zfs.misc.zfetchstats.{}")),
    ("zil", unknown("node_zfs_zil_{}", "kstat.zfs.misc.zil.{}")),
];

static STATE: Family =
    Family::gauge("node_zfs_zpool_state", "kstat.zfs.misc.state", &["zpool", "state"]);
static POOL: Family = Family::unknown("node_zfs_zpool_{}", "kstat.zfs.misc.io.{}", &["zpool"]);
static DATASET: Family =
    Family::unknown("node_zfs_zpool_dataset_{}", "kstat.zfs.misc.objset.{}", &["zpool", "dataset"]);

const fn unknown(name: &'static str, help: &'static str) -> Family {
    Family::unknown(name, help, &[])
}

/// The states that a pool can have.
const STATES: [&[u8]; 7] =
    [b"online", b"degraded", b"faulted", b"offline", b"removed", b"unavail", b"suspended"];
/// What is given of each dataset.
const DATASET_NUMBERS: [&[u8]; 6] =
    [b"writes", b"nwritten", b"reads", b"nread", b"nunlinks", b"nunlinked"];

/// Statistics of OpenZFS, from `/proc/spl/kstat/zfs`.
#[derive(Debug)]
pub(super) struct ZfsCollector {
    kstat: Folder,
    /// One for each of [`FILES`], because some are larger than a page.
    files: [Source; FILES.len()],
    pools: Names,
    datasets: Names,
    text: Vec<u8>,
}

impl ZfsCollector {
    pub(super) fn new() -> Self {
        Self {
            kstat: Folder::new("proc/spl/kstat/zfs"),
            files: PATHS.map(Source::new),
            pools: Names::default(),
            datasets: Names::default(),
            text: Vec::new(),
        }
    }

    fn pool(&mut self, reading: &mut Reading<'_>, pool: &[u8]) {
        let Self { kstat, datasets, text, .. } = self;
        copy(kstat, &[pool, b"state"], text);
        if !text.is_empty() {
            for known in STATES {
                let is_so = text.eq_ignore_ascii_case(known);
                reading.put(&STATE, &[pool, known], f64::from(u8::from(is_so)));
            }
        }
        // Versions from 2.0 on have no such file.
        copy(kstat, &[pool, b"io"], text);
        for (name, value) in kstat::table(text) {
            reading.put(&POOL, &[name, pool], value);
        }
        kstat.list(&[pool], datasets);
        let objset = |name: &&[u8]| name.starts_with(b"objset-");
        let taken = reading.limit(datasets.iter().filter(objset).count());
        for file in datasets.iter().filter(objset).take(taken) {
            copy(kstat, &[pool, file], text);
            let Some(dataset) = kstat::string(text, b"dataset_name") else { continue };
            for (name, value) in kstat::numbers(text) {
                if DATASET_NUMBERS.contains(&name) {
                    reading.put(&DATASET, &[name, pool, dataset], value);
                }
            }
        }
    }
}

/// The paths of [`FILES`].
const PATHS: [&str; FILES.len()] = [
    "proc/spl/kstat/zfs/abdstats",
    "proc/spl/kstat/zfs/arcstats",
    "proc/spl/kstat/zfs/dbufstats",
    "proc/spl/kstat/zfs/dmu_tx",
    "proc/spl/kstat/zfs/dnodestats",
    "proc/spl/kstat/zfs/fm",
    "proc/spl/kstat/zfs/vdev_cache_stats",
    "proc/spl/kstat/zfs/vdev_mirror_stats",
    "proc/spl/kstat/zfs/xuio_stats",
    "proc/spl/kstat/zfs/zfetchstats",
    "proc/spl/kstat/zfs/zil",
];

impl Collector for ZfsCollector {
    fn name(&self) -> &'static str {
        "zfs"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const {
            &[
                whole(PATHS[0]),
                whole(PATHS[1]),
                whole(PATHS[2]),
                whole(PATHS[3]),
                whole(PATHS[4]),
                whole(PATHS[5]),
                whole(PATHS[6]),
                whole(PATHS[7]),
                whole(PATHS[8]),
                whole(PATHS[9]),
                whole(PATHS[10]),
                whole("proc/spl/kstat/zfs/*/state"),
                whole("proc/spl/kstat/zfs/*/io"),
                whole("proc/spl/kstat/zfs/*/objset-*"),
            ]
        }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        if !self.kstat.open(reading.root)? {
            return Ok(Outcome::NotHere);
        }
        for (file, (_, family)) in self.files.iter_mut().zip(&FILES) {
            put_file(reading, file, family);
        }
        let mut pools = std::mem::take(&mut self.pools);
        self.kstat.list(&[], &mut pools);
        let taken = reading.limit(pools.iter().filter(is_pool).count());
        for pool in pools.iter().filter(is_pool).take(taken) {
            self.pool(reading, pool);
        }
        self.pools = pools;
        Ok(Outcome::Read)
    }
}

/// Which of the files there are depends on the version.
fn put_file(reading: &mut Reading<'_>, file: &mut Source, family: &'static Family) {
    let root: &Root = reading.root;
    match file.read_if_there(root) {
        Ok(Some(text)) => {
            for (name, value) in kstat::numbers(text) {
                reading.put(family, &[name], value);
            }
        }
        Ok(None) => {}
        Err(error) => reading.note(&error),
    }
}

/// Files beside those of [`FILES`] have no files in them, so they do no harm.
fn is_pool(name: &&[u8]) -> bool {
    !FILES.iter().any(|(file, _)| file.as_bytes() == *name)
}
