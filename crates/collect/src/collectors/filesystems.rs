use std::collections::HashMap;
use std::io;

use watchfire_model::{Filesystem, Status};

use super::mounts::{Mount, with_data};
use super::{Collector, Sample, whole};
use crate::record::RecordedPath;
use crate::recorded::{STATFS_PATH, Space, parse_statfs};
use crate::source::Source;
use crate::text::printable;
use crate::{CollectError, Root};

/// Mounted filesystems that hold data.
///
/// Space is asked of the kernel on a live root and read from
/// [`STATFS_PATH`] on a recorded one. Network filesystems and those of user
/// space are listed with `stale` set and never asked: the call can hang for
/// ever, and nothing here may start a thread to wait in.
#[derive(Debug)]
pub(super) struct FilesystemCollector {
    own: Source,
    first: Source,
    statfs: Source,
}

impl FilesystemCollector {
    pub(super) fn new() -> Self {
        Self {
            own: Source::new("proc/self/mountinfo"),
            first: Source::new("proc/1/mountinfo"),
            statfs: Source::new(STATFS_PATH),
        }
    }

    /// Our own mounts, because those are the ones that can be asked; the first
    /// process' where they are hidden.
    fn mounts(&mut self, root: &Root) -> Result<Vec<Mount>, CollectError> {
        match self.own.read(root) {
            Ok(text) => Ok(with_data(text)),
            Err(error) => match self.first.read(root) {
                Ok(text) => Ok(with_data(text)),
                Err(_) => Err(error),
            },
        }
    }
}

impl Collector for FilesystemCollector {
    fn name(&self) -> &'static str {
        "filesystems"
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const { &[whole("proc/self/mountinfo")] }
    }

    fn collect(
        &mut self,
        sample: &mut Sample<'_>,
        status: &mut Status,
    ) -> Result<(), CollectError> {
        let mut mounts = self.mounts(sample.root)?;
        sample.limit(&mut mounts);
        let mut recorded = HashMap::new();
        if !sample.root.is_live() {
            recorded = parse_statfs(self.statfs.read(sample.root)?);
        }
        for mount in &mounts {
            let answer = space(mount, sample.root.is_live(), &recorded);
            match answer {
                // What has no size is no place to store things.
                Ok(Some(space)) if space.size_bytes == 0 => {}
                Ok(space) => status.filesystems.push(row(mount, space)),
                Err(error) => {
                    status.filesystems.push(row(mount, None));
                    let path = printable(&mount.mount_point);
                    sample.note(&CollectError::unreadable(path.as_ref(), error));
                }
            }
        }
        Ok(())
    }
}

/// The mount points whose space is asked for, for `xtask record-root`.
pub(crate) fn asked_mount_points(root: &Root) -> Result<Vec<Vec<u8>>, CollectError> {
    let mounts = FilesystemCollector::new().mounts(root)?;
    Ok(mounts.into_iter().filter(|mount| mount.may_ask).map(|mount| mount.mount_point).collect())
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

fn row(mount: &Mount, space: Option<Space>) -> Filesystem {
    let Space { size_bytes, available_bytes, free_bytes, files, files_free } =
        space.unwrap_or_default();
    Filesystem {
        device: printable(&mount.source),
        mount_point: printable(&mount.mount_point),
        kind: mount.kind.clone(),
        read_only: mount.read_only,
        size_bytes,
        available_bytes,
        free_bytes,
        files,
        files_free,
        stale: space.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
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
    fn space_is_known_or_stale() {
        let mut bench =
            Bench::new(&[("proc/self/mountinfo", MOUNTINFO), ("recorded/statfs", STATFS)]);
        let status = bench.read(&mut FilesystemCollector::new(), 0);
        let seen: Vec<_> = status
            .filesystems
            .iter()
            .map(|fs| (fs.mount_point.as_str(), fs.size_bytes, fs.read_only, fs.stale))
            .collect();
        let expected = [
            ("/", 1000, false, false),
            ("/data", 10, true, false),
            ("/mnt/nfs", 0, false, true),
            ("/unknown", 0, false, true),
        ];
        assert_eq!(seen, expected);
        assert_eq!(bench.faults.len(), 1, "{:?}", bench.faults);
        assert!(bench.faults[0].error.contains("/unknown"));
    }

    #[test]
    fn the_first_process_stands_in_for_our_own() {
        let mut bench = Bench::new(&[("proc/1/mountinfo", MOUNTINFO), ("recorded/statfs", STATFS)]);
        assert_eq!(bench.read(&mut FilesystemCollector::new(), 0).filesystems.len(), 4);
    }

    #[test]
    fn the_live_machine_is_asked_only_on_a_live_root() {
        let mut bench = Bench::new(&[("proc/self/mountinfo", MOUNTINFO)]);
        let status = bench.read(&mut FilesystemCollector::new(), 0);
        assert!(status.filesystems.is_empty());
        assert!(bench.faults[0].error.contains("recorded/statfs"), "{:?}", bench.faults);
    }
}
