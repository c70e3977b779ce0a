use std::collections::HashMap;
use std::io;

use super::mounts::{Mount, with_data};
use super::{Collector, Outcome, Pace, Reading};
use crate::rate::as_f64;
use crate::record::{RecordedPath, Rewrite};
use crate::recorded::{STATFS_PATH, Space, parse_statfs};
use crate::series::Family;
use crate::source::Source;
use crate::text::printable;
use crate::{CollectError, Root};

static SIZE: Family = gauge("node_filesystem_size_bytes", "Filesystem size in bytes.");
static FREE: Family = gauge("node_filesystem_free_bytes", "Filesystem free space in bytes.");
static AVAILABLE: Family =
    gauge("node_filesystem_avail_bytes", "Filesystem space available to non-root users in bytes.");
static FILES: Family = gauge("node_filesystem_files", "Filesystem total file nodes.");
static FILES_FREE: Family =
    gauge("node_filesystem_files_free", "Filesystem total free file nodes.");
static READ_ONLY: Family = gauge("node_filesystem_readonly", "Filesystem read-only status.");
static ERROR: Family = gauge(
    "node_filesystem_device_error",
    "Whether an error occurred while getting statistics for the given device.",
);

static NOT_ASKED: Family = gauge(
    "watchfire_filesystem_not_asked",
    "The space of this filesystem is not asked for, because the answer may never come.",
);

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help, &["device", "mountpoint", "fstype"])
}

/// Mounted filesystems that hold data.
///
/// Space is asked of the kernel on a live root and read from
/// [`STATFS_PATH`] on a recorded one. Filesystems that are not known to be
/// local are listed with `watchfire_filesystem_not_asked` and never asked: the
/// call can hang for ever, and nothing here may start a thread to wait in. That
/// is no error, so they have no `node_filesystem_device_error`.
#[derive(Debug)]
pub(super) struct FilesystemCollector {
    own: Source,
    first: Source,
    statfs: Source,
    /// What `mounts` was made of.
    text: Vec<u8>,
    mounts: Vec<Mount>,
}

impl FilesystemCollector {
    pub(super) fn new() -> Self {
        Self {
            own: Source::new("proc/self/mountinfo"),
            first: Source::new("proc/1/mountinfo"),
            statfs: Source::new(STATFS_PATH),
            text: Vec::new(),
            mounts: Vec::new(),
        }
    }

    /// Our own mounts, because those are the ones that can be asked; the first
    /// process' where they are hidden.
    fn look(&mut self, root: &Root) -> Result<(), CollectError> {
        let text = match self.own.read(root) {
            Ok(text) => text,
            Err(error) => self.first.read(root).map_err(|_| error)?,
        };
        if text != self.text {
            self.mounts = with_data(text);
            self.text.clear();
            self.text.extend_from_slice(text);
            self.see_past_our_service(root);
        }
        Ok(())
    }

    /// A hardened service sees every filesystem read-only. What is true of the
    /// machine is what the first process sees at the same place.
    fn see_past_our_service(&mut self, root: &Root) {
        let Ok(text) = self.first.read(root) else { return };
        if text == self.text {
            return;
        }
        for theirs in with_data(text) {
            let same = self.mounts.iter_mut().filter(|ours| ours.is_same_place(&theirs));
            same.for_each(|ours| ours.read_only = theirs.read_only);
        }
    }
}

impl Collector for FilesystemCollector {
    fn name(&self) -> &'static str {
        "filesystem"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const { &[RecordedPath { pattern: "proc/self/mountinfo", rewrite: Rewrite::Mounts }] }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        self.look(reading.root)?;
        let mut recorded = HashMap::new();
        if !reading.root.is_live() {
            recorded = parse_statfs(self.statfs.read(reading.root)?);
        }
        let taken = reading.limit(self.mounts.len());
        for mount in &self.mounts[..taken] {
            match space(mount, reading.root.is_live(), &recorded) {
                // What has no size is no place to store things.
                Ok(Some(space)) if space.size_bytes == 0 => {}
                Ok(space) => put(reading, mount, space),
                Err(error) => {
                    put(reading, mount, None);
                    let path = printable(&mount.mount_point);
                    reading.note(&CollectError::unreadable(path.as_ref(), error));
                }
            }
        }
        Ok(Outcome::Read)
    }
}

/// The mount points whose space is asked for, for `xtask record-root`.
pub(crate) fn asked_mount_points(root: &Root) -> Result<Vec<Vec<u8>>, CollectError> {
    let mut collector = FilesystemCollector::new();
    collector.look(root)?;
    let asked = collector.mounts.into_iter().filter(|mount| mount.may_ask);
    Ok(asked.map(|mount| mount.mount_point).collect())
}

fn space(
    mount: &Mount,
    live: bool,
    recorded: &HashMap<Vec<u8>, Space>,
) -> io::Result<Option<Space>> {
    if !mount.may_ask {
        return Ok(None);
    }
    if live {
        return Space::ask(&mount.mount_point).map(Some);
    }
    let found = recorded.get(&mount.mount_point).copied();
    found.map(Some).ok_or_else(|| io::Error::other(format!("not in {STATFS_PATH}")))
}

fn put(reading: &mut Reading<'_>, mount: &Mount, space: Option<Space>) {
    let labels: [&[u8]; 3] = [&mount.source, &mount.mount_point, mount.kind.as_bytes()];
    let flag = |set: bool| f64::from(u8::from(set));
    if mount.may_ask {
        reading.put(&ERROR, &labels, flag(space.is_none()));
    } else {
        reading.put(&NOT_ASKED, &labels, 1.0);
    }
    reading.put(&READ_ONLY, &labels, flag(mount.read_only));
    let Some(space) = space else { return };
    reading.put(&SIZE, &labels, as_f64(space.size_bytes));
    reading.put(&FREE, &labels, as_f64(space.free_bytes));
    reading.put(&AVAILABLE, &labels, as_f64(space.available_bytes));
    reading.put(&FILES, &labels, as_f64(space.files));
    reading.put(&FILES_FREE, &labels, as_f64(space.files_free));
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, below};
    use super::*;

    const MOUNTINFO: &str = "\
1 0 254:0 / / rw - ext4 /dev/vda rw
2 1 8:1 / /data ro - xfs /dev/sda1 rw
3 1 0:50 / /mnt/nfs rw - nfs4 server:/x rw
4 1 0:51 / /empty rw - tmpfs tmpfs rw
5 1 8:2 / /unknown rw - xfs /dev/sdb1 rw
";
    const STATFS: &str =
        "/\t1000\t300\t400\t50\t25\n/data\t10\t1\t1\t0\t0\n/empty\t0\t0\t0\t0\t0\n";

    #[test]
    fn a_hardened_service_does_not_make_filesystems_read_only() {
        let own = "1 0 254:0 / / ro - ext4 /dev/vda rw\n2 1 8:1 / /data ro - xfs /dev/sda1 rw\n\
                   3 1 8:9 / /own ro - xfs /dev/sdz rw\n";
        let first = "1 0 254:0 / / rw - ext4 /dev/vda rw\n2 1 8:1 / /data ro - xfs /dev/sda1 rw\n\
                     3 1 8:8 / /own rw - xfs /dev/sdy rw\n";
        let mut bench = Bench::new(&[
            ("proc/self/mountinfo", own),
            ("proc/1/mountinfo", first),
            ("recorded/statfs", "/\t1000\t300\t400\t50\t25\n"),
        ]);
        let lines = bench.read(&mut FilesystemCollector::new(), 0);
        let read_only = below(&lines, "node_filesystem_readonly");
        let ends: Vec<_> = read_only.iter().filter_map(|line| line.rsplit(' ').next()).collect();
        // In the order of their names: /data, /own, and the root.
        assert_eq!(ends, ["1", "1", "0"], "{read_only:?}");
    }

    #[test]
    fn space_is_known_or_an_error_is_told() {
        let mut bench =
            Bench::new(&[("proc/self/mountinfo", MOUNTINFO), ("recorded/statfs", STATFS)]);
        let lines = bench.read(&mut FilesystemCollector::new(), 0);
        let sizes = [
            r#"{device="/dev/sda1",fstype="xfs",mountpoint="/data"} 10"#,
            r#"{device="/dev/vda",fstype="ext4",mountpoint="/"} 1000"#,
        ];
        assert_eq!(below(&lines, "node_filesystem_size_bytes"), sizes);
        let errors: Vec<char> = below(&lines, "node_filesystem_device_error")
            .iter()
            .filter_map(|line| line.chars().last())
            .collect();
        assert_eq!(errors, ['0', '1', '0'], "{lines:?}");
        let not_asked = r#"{device="server:/x",fstype="nfs4",mountpoint="/mnt/nfs"} 1"#;
        assert_eq!(below(&lines, "watchfire_filesystem_not_asked"), [not_asked]);
        assert!(below(&lines, "node_filesystem_readonly")[0].ends_with("1"), "{lines:?}");
        assert_eq!(bench.faults.len(), 1, "{:?}", bench.faults);
        assert!(bench.faults[0].error.contains("/unknown"));
    }

    #[test]
    fn the_first_process_stands_in_for_our_own() {
        let mut bench = Bench::new(&[("proc/1/mountinfo", MOUNTINFO), ("recorded/statfs", STATFS)]);
        let lines = bench.read(&mut FilesystemCollector::new(), 0);
        assert_eq!(below(&lines, "node_filesystem_device_error").len(), 3);
    }

    #[test]
    fn a_filesystem_that_is_mounted_later_is_seen() {
        let mut bench = Bench::new(&[("recorded/statfs", STATFS)]);
        let (first, mut collector) = (MOUNTINFO.lines().next(), FilesystemCollector::new());
        bench.write("proc/self/mountinfo", &format!("{}\n", first.unwrap()));
        assert_eq!(bench.read(&mut collector, 0).len(), 7);
        bench.write("proc/self/mountinfo", MOUNTINFO);
        assert_eq!(bench.read(&mut collector, 15_000).len(), 7 + 7 + 2 + 2);
    }

    #[test]
    fn the_live_machine_is_asked_only_on_a_live_root() {
        let mut bench = Bench::new(&[("proc/self/mountinfo", MOUNTINFO)]);
        assert!(bench.read(&mut FilesystemCollector::new(), 0).is_empty());
        assert!(bench.faults[0].error.contains("recorded/statfs"), "{:?}", bench.faults);
    }
}
