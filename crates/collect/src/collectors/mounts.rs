//! Which mounted filesystems hold data, from `mountinfo`.

use std::collections::HashMap;

use crate::text::{lines, unescape, words};

/// Kinds that live on another machine: asking one whose server is gone waits
/// without end.
const NETWORK_KINDS: &[&str] = &[
    "9p",
    "acfs",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "davfs",
    "davfs2",
    "gfs",
    "gfs2",
    "glusterfs",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "ocfs2",
    "orangefs",
    "pvfs2",
    "smb3",
    "smbfs",
    "sshfs",
    "vboxsf",
    "virtiofs",
    "vmhgfs",
];

/// Kinds that hold no data, or only an image that is full by nature.
const PSEUDO_KINDS: &[&str] = &[
    "autofs",
    "bdev",
    "binder",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "cramfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "erofs",
    "fuse.gvfsd-fuse",
    "fuse.lxcfs",
    "fuse.portal",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nfsd",
    "nsfs",
    "pipefs",
    "proc",
    "pstore",
    "ramfs",
    "rootfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "smackfs",
    "sockfs",
    "squashfs",
    "sysfs",
    "tracefs",
];

/// Folders that belong to the system, with all that is mounted there.
const SYSTEM_FOLDERS: &[&str] = &["/dev", "/proc", "/run", "/sys", "/var/run"];

/// Folders in which container runtimes mount the same space once for each
/// container. The folder itself may be a disk of its own, and then it counts.
const CONTAINER_FOLDERS: &[&str] =
    &["/var/lib/containerd", "/var/lib/containers", "/var/lib/docker", "/var/lib/kubelet"];

/// Single files that container runtimes mount from the host's disk.
const SKIPPED_FILES: &[&str] = &["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"];

/// One line of `mountinfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// Major and minor number, `254:0`: the same for all mounts of a device.
    device_id: Vec<u8>,
    pub(super) mount_point: Vec<u8>,
    pub(super) kind: String,
    pub(super) source: Vec<u8>,
    pub(super) read_only: bool,
    /// False when asking for its space could wait for another machine or for
    /// a program.
    pub(super) may_ask: bool,
}

/// The mounts that hold data, each device once at its shortest mount point
/// that can be asked, sorted by mount point.
pub(super) fn with_data(mountinfo: &[u8]) -> Vec<Mount> {
    let mut mounts = visible(mountinfo);
    let remote = mounts.iter().filter(|mount| !mount.may_ask);
    let dead_ends: Vec<Vec<u8>> = remote.map(|mount| mount.mount_point.clone()).collect();
    for mount in &mut mounts {
        // The way to a mount below a dead one leads through the dead one.
        mount.may_ask &= !dead_ends.iter().any(|point| is_below(&mount.mount_point, point));
    }
    let mut chosen: HashMap<Vec<u8>, Mount> = HashMap::new();
    for mount in mounts.into_iter().filter(Mount::holds_data) {
        match chosen.get(&mount.device_id) {
            Some(other) if other.rank() < mount.rank() => {}
            _ => drop(chosen.insert(mount.device_id.clone(), mount)),
        }
    }
    let mut mounts: Vec<Mount> = chosen.into_values().collect();
    mounts.sort_by(|a, b| a.mount_point.cmp(&b.mount_point));
    mounts
}

/// Of several mounts at the same place only the last can be reached.
fn visible(mountinfo: &[u8]) -> Vec<Mount> {
    let mut last: HashMap<Vec<u8>, Mount> = HashMap::new();
    for mount in lines(mountinfo).filter_map(Mount::parse) {
        last.insert(mount.mount_point.clone(), mount);
    }
    last.into_values().collect()
}

impl Mount {
    /// The format is in the kernel's `Documentation/filesystems/proc.rst`,
    /// 3.5: `36 35 98:0 /root /point rw,noatime master:1 - ext4 /dev/x rw`.
    fn parse(line: &[u8]) -> Option<Self> {
        let mut words = words(line);
        let device_id = words.nth(2)?.to_vec();
        let mount_point = unescape(words.nth(1)?);
        let options = words.next()?;
        let kind = words.by_ref().skip_while(|word| *word != b"-").nth(1)?;
        let source = unescape(words.next().unwrap_or_default());
        let of_device = words.next().unwrap_or_default();
        let kind = String::from_utf8_lossy(&unescape(kind)).into_owned();
        let may_ask = !is_remote(&kind);
        let read_only = has_option(options, b"ro") || has_option(of_device, b"ro");
        Some(Self { device_id, mount_point, kind, source, read_only, may_ask })
    }

    fn holds_data(&self) -> bool {
        let pseudo = PSEUDO_KINDS.contains(&self.kind.as_str());
        let is = |path: &&str| self.mount_point == path.as_bytes();
        let below = |folder: &&str| is_below(&self.mount_point, folder.as_bytes());
        let of_system = SYSTEM_FOLDERS.iter().any(|folder| is(folder) || below(folder));
        let of_container = CONTAINER_FOLDERS.iter().any(below) || SKIPPED_FILES.iter().any(is);
        !(pseudo || of_system || of_container)
    }

    /// The lowest of a device's mounts is listed: one that can be asked, the
    /// shortest of them.
    fn rank(&self) -> (bool, usize, &[u8]) {
        (!self.may_ask, self.mount_point.len(), &self.mount_point)
    }
}

/// True for other machines' filesystems, and for those that a program in user
/// space serves: one that hangs is as bad as a dead server. `fuseblk` is on a
/// local disk and its drivers answer.
fn is_remote(kind: &str) -> bool {
    let user_space = kind == "fuse" || kind.starts_with("fuse.");
    user_space || NETWORK_KINDS.contains(&kind)
}

fn has_option(options: &[u8], wanted: &[u8]) -> bool {
    options.split(|&byte| byte == b',').any(|option| option == wanted)
}

fn is_below(path: &[u8], folder: &[u8]) -> bool {
    let folder = folder.strip_suffix(b"/").unwrap_or(folder);
    path.strip_prefix(folder).is_some_and(|rest| rest.len() > 1 && rest.starts_with(b"/"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points(mountinfo: &str) -> Vec<(String, bool)> {
        let found = with_data(mountinfo.as_bytes());
        found
            .into_iter()
            .map(|mount| (String::from_utf8(mount.mount_point).unwrap(), mount.may_ask))
            .collect()
    }

    #[test]
    fn a_line_with_optional_fields_and_escapes_is_read() {
        let line = br"36 35 98:0 /sub /mnt/my\040disk rw,noatime shared:1 master:2 - ext4 /dev/sd\134a ro,x";
        let mount = Mount::parse(line).unwrap();
        assert_eq!(mount.mount_point, b"/mnt/my disk");
        assert_eq!(mount.source, br"/dev/sd\a");
        assert_eq!(mount.kind, "ext4");
        assert!(mount.read_only && mount.may_ask);
    }

    #[test]
    fn pseudo_filesystems_and_container_mounts_are_left_out() {
        let mountinfo = "\
1 0 254:0 / / rw - ext4 /dev/vda rw
2 1 0:5 / /proc rw - proc proc rw
3 1 0:6 / /run/user/1000 rw - tmpfs tmpfs rw
4 1 0:7 / /tmp rw - tmpfs tmpfs rw
5 1 0:8 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw
6 1 7:1 / /snap/core/1 ro - squashfs /dev/loop1 ro
7 1 254:0 /x /etc/hosts rw - ext4 /dev/vda rw
8 1 0:9 / /runner rw - tmpfs tmpfs rw
9 1 8:9 / /var/lib/docker rw - ext4 /dev/sdc rw
";
        let expected =
            ["/", "/runner", "/tmp", "/var/lib/docker"].map(|point| (point.to_owned(), true));
        assert_eq!(points(mountinfo), expected);
    }

    #[test]
    fn a_device_is_listed_once_at_its_shortest_mount_point() {
        let mountinfo = "\
1 0 8:1 /data /srv/www/data rw - ext4 /dev/sda1 rw
2 0 8:1 / /srv rw - ext4 /dev/sda1 rw
3 0 8:1 /b /bbb rw - ext4 /dev/sda1 rw
";
        assert_eq!(points(mountinfo), [("/bbb".to_owned(), true)]);
    }

    #[test]
    fn network_and_user_space_mounts_and_what_is_below_them_are_not_asked() {
        let mountinfo = "\
1 0 0:1 / / rw - overlay overlay rw
2 1 0:50 / /mnt/nfs rw - nfs4 server:/x rw
3 2 8:1 / /mnt/nfs/local rw - ext4 /dev/sda1 rw
4 1 0:51 / /mnt/box rw - fuse.sshfs me@there: rw
5 1 8:2 / /mnt/ntfs rw - fuseblk /dev/sda2 rw
6 1 8:3 / /mnt/nfsx rw - ext4 /dev/sda3 rw
";
        let asked: Vec<_> =
            points(mountinfo).into_iter().filter(|(_, ask)| *ask).map(|(point, _)| point).collect();
        assert_eq!(asked, ["/", "/mnt/nfsx", "/mnt/ntfs"]);
        assert_eq!(points(mountinfo).len(), 6);
        let elsewhere =
            format!("{mountinfo}7 1 8:1 / /a/longer/way/to/it rw - ext4 /dev/sda1 rw\n");
        assert!(points(&elsewhere).contains(&("/a/longer/way/to/it".to_owned(), true)));
    }

    #[test]
    fn the_last_mount_hides_those_at_the_same_place() {
        let mountinfo = "\
1 0 8:1 / /data rw - ext4 /dev/sda1 rw
2 1 8:2 / /data rw - xfs /dev/sdb1 rw
";
        let found = with_data(mountinfo.as_bytes());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].kind, "xfs");
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            with_data(&bytes);
        }

        #[test]
        fn words_in_any_order_do_not_panic(text in "([0-9:]{1,3}|/[a-z]{0,3}|-|ext4|nfs|ro| |\n){0,60}") {
            with_data(text.as_bytes());
        }
    }
}
