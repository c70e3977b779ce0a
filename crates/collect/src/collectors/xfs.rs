use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::folder::{Folder, Names};
use crate::rate::as_f64;
use crate::record::RecordedPath;
use crate::series::Family;
use crate::text::{lines, number, words};

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family::counter(name, help, &["device"])
}

/// The lines of the file and the metrics of their columns, whose order is that
/// of the kernel's `fs/xfs/xfs_stats.h`.
static LINES: [(&[u8], &[Family]); 8] = [
    (
        b"extent_alloc",
        &[
            counter(
                "node_xfs_extent_allocation_extents_allocated_total",
                "Number of extents allocated for a filesystem.",
            ),
            counter(
                "node_xfs_extent_allocation_blocks_allocated_total",
                "Number of blocks allocated for a filesystem.",
            ),
            counter(
                "node_xfs_extent_allocation_extents_freed_total",
                "Number of extents freed for a filesystem.",
            ),
            counter(
                "node_xfs_extent_allocation_blocks_freed_total",
                "Number of blocks freed for a filesystem.",
            ),
        ],
    ),
    (
        b"abt",
        &[
            counter(
                "node_xfs_allocation_btree_lookups_total",
                "Number of allocation B-tree lookups for a filesystem.",
            ),
            counter(
                "node_xfs_allocation_btree_compares_total",
                "Number of allocation B-tree compares for a filesystem.",
            ),
            counter(
                "node_xfs_allocation_btree_records_inserted_total",
                "Number of allocation B-tree records inserted for a filesystem.",
            ),
            counter(
                "node_xfs_allocation_btree_records_deleted_total",
                "Number of allocation B-tree records deleted for a filesystem.",
            ),
        ],
    ),
    (
        b"blk_map",
        &[
            counter(
                "node_xfs_block_mapping_reads_total",
                "Number of block map for read operations for a filesystem.",
            ),
            counter(
                "node_xfs_block_mapping_writes_total",
                "Number of block map for write operations for a filesystem.",
            ),
            counter(
                "node_xfs_block_mapping_unmaps_total",
                "Number of block unmaps (deletes) for a filesystem.",
            ),
            counter(
                "node_xfs_block_mapping_extent_list_insertions_total",
                "Number of extent list insertions for a filesystem.",
            ),
            counter(
                "node_xfs_block_mapping_extent_list_deletions_total",
                "Number of extent list deletions for a filesystem.",
            ),
            counter(
                "node_xfs_block_mapping_extent_list_lookups_total",
                "Number of extent list lookups for a filesystem.",
            ),
            counter(
                "node_xfs_block_mapping_extent_list_compares_total",
                "Number of extent list compares for a filesystem.",
            ),
        ],
    ),
    (
        b"bmbt",
        &[
            counter(
                "node_xfs_block_map_btree_lookups_total",
                "Number of block map B-tree lookups for a filesystem.",
            ),
            counter(
                "node_xfs_block_map_btree_compares_total",
                "Number of block map B-tree compares for a filesystem.",
            ),
            counter(
                "node_xfs_block_map_btree_records_inserted_total",
                "Number of block map B-tree records inserted for a filesystem.",
            ),
            counter(
                "node_xfs_block_map_btree_records_deleted_total",
                "Number of block map B-tree records deleted for a filesystem.",
            ),
        ],
    ),
    (
        b"dir",
        &[
            counter(
                "node_xfs_directory_operation_lookup_total",
                "Number of file name directory lookups which miss the operating systems directory name lookup cache.",
            ),
            counter(
                "node_xfs_directory_operation_create_total",
                "Number of times a new directory entry was created for a filesystem.",
            ),
            counter(
                "node_xfs_directory_operation_remove_total",
                "Number of times an existing directory entry was created for a filesystem.",
            ),
            counter(
                "node_xfs_directory_operation_getdents_total",
                "Number of times the directory getdents operation was performed for a filesystem.",
            ),
        ],
    ),
    (
        b"ig",
        &[
            counter(
                "node_xfs_inode_operation_attempts_total",
                "Number of times the OS looked for an XFS inode in the inode cache.",
            ),
            counter(
                "node_xfs_inode_operation_found_total",
                "Number of times the OS looked for and found an XFS inode in the inode cache.",
            ),
            counter(
                "node_xfs_inode_operation_recycled_total",
                "Number of times the OS found an XFS inode in the cache, but could not use it as it was being recycled.",
            ),
            counter(
                "node_xfs_inode_operation_missed_total",
                "Number of times the OS looked for an XFS inode in the cache, but did not find it.",
            ),
            counter(
                "node_xfs_inode_operation_duplicates_total",
                "Number of times the OS tried to add a missing XFS inode to the inode cache, but found it had already been added by another process.",
            ),
            counter(
                "node_xfs_inode_operation_reclaims_total",
                "Number of times the OS reclaimed an XFS inode from the inode cache to free memory for another purpose.",
            ),
            counter(
                "node_xfs_inode_operation_attribute_changes_total",
                "Number of times the OS explicitly changed the attributes of an XFS inode.",
            ),
        ],
    ),
    (
        b"rw",
        &[
            counter(
                "node_xfs_write_calls_total",
                "Number of write(2) system calls made to files in a filesystem.",
            ),
            counter(
                "node_xfs_read_calls_total",
                "Number of read(2) system calls made to files in a filesystem.",
            ),
        ],
    ),
    (
        b"vnodes",
        &[
            counter(
                "node_xfs_vnode_active_total",
                "Number of vnodes not on free lists for a filesystem.",
            ),
            counter(
                "node_xfs_vnode_allocate_total",
                "Number of times vn_alloc called for a filesystem.",
            ),
            counter("node_xfs_vnode_get_total", "Number of times vn_get called for a filesystem."),
            counter(
                "node_xfs_vnode_hold_total",
                "Number of times vn_hold called for a filesystem.",
            ),
            counter(
                "node_xfs_vnode_release_total",
                "Number of times vn_rele called for a filesystem.",
            ),
            counter(
                "node_xfs_vnode_reclaim_total",
                "Number of times vn_reclaim called for a filesystem.",
            ),
            counter(
                "node_xfs_vnode_remove_total",
                "Number of times vn_remove called for a filesystem.",
            ),
        ],
    ),
];

/// Statistics of XFS filesystems, from `/sys/fs/xfs/*/stats/stats`.
#[derive(Debug)]
pub(super) struct XfsCollector {
    class: Folder,
    names: Names,
}

impl XfsCollector {
    pub(super) fn new() -> Self {
        Self { class: Folder::new("sys/fs/xfs"), names: Names::default() }
    }
}

impl Collector for XfsCollector {
    fn name(&self) -> &'static str {
        "xfs"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const { &[whole("sys/fs/xfs/*/stats/stats")] }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        if !self.class.open(reading.root)? {
            return Ok(Outcome::NotHere);
        }
        let Self { class, names } = self;
        class.list(&[], names);
        // Beside the filesystems stands the sum of them all.
        let is_device = |name: &&[u8]| *name != b"stats" && *name != b"debug";
        let all = names.iter().filter(is_device).count();
        for device in names.iter().filter(is_device).take(reading.limit(all)) {
            if let Some(text) = class.read(&[device, b"stats/stats"]) {
                put(reading, device, text);
            }
        }
        Ok(if all == 0 { Outcome::NotHere } else { Outcome::Read })
    }
}

fn put(reading: &mut Reading<'_>, device: &[u8], text: &[u8]) {
    for line in lines(text) {
        let mut words = words(line);
        let name = words.next();
        let Some((_, families)) = LINES.iter().find(|(known, _)| Some(*known) == name) else {
            continue;
        };
        for (family, word) in families.iter().zip(words) {
            if let Some(count) = number(word) {
                reading.put(family, &[device], as_f64(count));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, below};
    use super::*;

    const STATS: &str = "extent_alloc 1 872 0 0\nabt 0 0 0 0\nblk_map 61 29 1 1 1 91 0\n\
        bmbt 0 0 0 0\ndir 3 2 1 52\ntrans 4 40 0\nig 5 1 0 4 0 0 1\nlog 8 21 0 5821 2\n\
        push_ail 44 0 1102 15 0 2 0 2 0 2\nrw 28 0\nvnodes 4 0 0 0 1 1 1 0\nxpc 3571712 3568056 0\n";

    #[test]
    fn columns_have_their_names() {
        let mut bench = Bench::new(&[
            ("sys/fs/xfs/sda1/stats/stats", STATS),
            ("sys/fs/xfs/stats/stats", STATS),
        ]);
        let lines = bench.read(&mut XfsCollector::new(), 0);
        assert_eq!(lines.len(), 4 + 4 + 7 + 4 + 4 + 7 + 2 + 7);
        let one = |name: &str| below(&lines, name).concat();
        for (name, value) in [
            ("extent_allocation_blocks_allocated", 872),
            ("block_mapping_extent_list_lookups", 91),
            ("directory_operation_getdents", 52),
            ("inode_operation_missed", 4),
            ("inode_operation_attribute_changes", 1),
            ("write_calls", 28),
            ("read_calls", 0),
            ("vnode_release", 1),
        ] {
            let expected = format!(r#"{{device="sda1"}} {value}"#);
            assert_eq!(one(&format!("node_xfs_{name}_total")), expected);
        }
    }

    #[test]
    fn lines_may_be_cut_or_odd() {
        let mut bench = Bench::new(&[("sys/fs/xfs/sda1/stats/stats", "rw 1\nig x 2\n\nodd 5\n")]);
        assert_eq!(bench.read(&mut XfsCollector::new(), 0).len(), 2);
    }

    #[test]
    fn a_machine_without_such_filesystems() {
        let mut bench = Bench::new(&[]);
        bench.read(&mut XfsCollector::new(), 0);
        assert_eq!(bench.outcome, Some(Outcome::NotHere));
        bench.write("sys/fs/xfs/stats/stats", STATS);
        assert!(bench.read(&mut XfsCollector::new(), 0).is_empty());
        assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
    }
}
