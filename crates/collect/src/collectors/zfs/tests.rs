use super::super::testing::{Bench, below};
use super::*;

const ARC: &str = "6 1 0x01 91 4368 5266997922 97951858082072\n\
    name                            type data\n\
    hits                            4    8772612\n\
    memory_available_bytes          3    -5\n";
const DATASET_TEXT: &str = "36 1 0x01 7 1904 6030041930 6031158912\n\
    name                            type data\n\
    dataset_name                    7    tank/home of ada\n\
    writes                          4    4\n\
    nwritten                        4    12302\n\
    reads                           4    2\n\
    nread                           4    28\n\
    nunlinks                        4    3\n\
    nunlinked                       4    3\n\
    zil_commit_count                4    9\n";

#[test]
fn statistics_of_the_cache_pools_and_datasets() {
    let mut bench = Bench::new(&[
        ("proc/spl/kstat/zfs/arcstats", ARC),
        ("proc/spl/kstat/zfs/fm", "0 1 0x01 4 1 2 3\nname type data\nerpt-dropped 4 18\n"),
        ("proc/spl/kstat/zfs/dbgmsg", "timestamp message\n"),
        ("proc/spl/kstat/zfs/tank/state", "DEGRADED\n"),
        ("proc/spl/kstat/zfs/tank/io", "12 3 0x00 1 80 79 39\nnread nwritten\n1884160 3206144\n"),
        ("proc/spl/kstat/zfs/tank/objset-0x36", DATASET_TEXT),
        ("proc/spl/kstat/zfs/tank/objset-0x37", "36 1\nname type data\nwrites 4 4\n"),
    ]);
    let expected = [
        "node_zfs_arc_hits 8772612",
        "node_zfs_arc_memory_available_bytes -5",
        "node_zfs_fm_erpt_dropped 18",
        r#"node_zfs_zpool_dataset_nread{dataset="tank/home of ada",zpool="tank"} 28"#,
        r#"node_zfs_zpool_dataset_nunlinked{dataset="tank/home of ada",zpool="tank"} 3"#,
        r#"node_zfs_zpool_dataset_nunlinks{dataset="tank/home of ada",zpool="tank"} 3"#,
        r#"node_zfs_zpool_dataset_nwritten{dataset="tank/home of ada",zpool="tank"} 12302"#,
        r#"node_zfs_zpool_dataset_reads{dataset="tank/home of ada",zpool="tank"} 2"#,
        r#"node_zfs_zpool_dataset_writes{dataset="tank/home of ada",zpool="tank"} 4"#,
        r#"node_zfs_zpool_nread{zpool="tank"} 1884160"#,
        r#"node_zfs_zpool_nwritten{zpool="tank"} 3206144"#,
        r#"node_zfs_zpool_state{state="degraded",zpool="tank"} 1"#,
        r#"node_zfs_zpool_state{state="faulted",zpool="tank"} 0"#,
        r#"node_zfs_zpool_state{state="offline",zpool="tank"} 0"#,
        r#"node_zfs_zpool_state{state="online",zpool="tank"} 0"#,
        r#"node_zfs_zpool_state{state="removed",zpool="tank"} 0"#,
        r#"node_zfs_zpool_state{state="suspended",zpool="tank"} 0"#,
        r#"node_zfs_zpool_state{state="unavail",zpool="tank"} 0"#,
    ];
    let mut collector = ZfsCollector::new();
    assert_eq!(bench.read(&mut collector, 0), expected);
    assert!(bench.faults.is_empty(), "{:?}", bench.faults);
    let help = bench.metrics().iter().find(|metric| &*metric.name == "node_zfs_fm_erpt_dropped");
    assert_eq!(help.map(|metric| &*metric.help), Some("kstat.zfs.misc.fm.erpt-dropped"));
    // A pool that is exported is gone.
    std::fs::remove_dir_all(bench.dir.path().join("proc/spl/kstat/zfs/tank")).unwrap();
    assert!(below(&bench.read(&mut collector, 15_000), "node_zfs_zpool").is_empty());
}

#[test]
fn statistics_larger_than_a_page_are_read() {
    let many: String = (0..300).map(|n| format!("stat_{n}  4  {n}\n")).collect();
    let mut bench = Bench::new(&[("proc/spl/kstat/zfs/arcstats", &many)]);
    assert!(many.len() > 4096);
    assert_eq!(bench.read(&mut ZfsCollector::new(), 0).len(), 300);
}

#[test]
fn a_machine_without_zfs() {
    let mut bench = Bench::new(&[]);
    assert!(bench.read(&mut ZfsCollector::new(), 0).is_empty());
    assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
}

#[test]
fn the_paths_are_those_of_the_files() {
    for (path, (file, _)) in PATHS.iter().zip(&FILES) {
        assert_eq!(path.strip_prefix("proc/spl/kstat/zfs/"), Some(*file));
    }
}
