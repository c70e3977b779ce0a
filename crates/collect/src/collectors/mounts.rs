//! Which mounted filesystems hold data, from `mountinfo`.

mod secrets;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use secrets::masked_source;
pub(crate) use secrets::without_secrets;

use crate::text::{lines, unescape, words};

/// Kinds on a disk or in the memory of this machine, whose drivers answer for
/// their space without waiting for another machine or for a program. What is
/// not listed is not asked, because a call that hangs cannot be taken back.
const LOCAL_KINDS: &[&str] = &[
    "affs", "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "hfs", "hfsplus",
    "jffs2", "jfs", "minix", "msdos", "nilfs2", "ntfs3", "reiserfs", "tmpfs", "ubifs", "udf",
    "ufs", "vfat", "xfs", "zfs",
];

/// The kind that is stacked upon folders of other mounts.
const STACKED_KIND: &str = "overlay";

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
    /// The folder that answers for a stacked filesystem.
    base: Option<Base>,
}

/// A folder below a stacked filesystem, as the one who mounted it named it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Base {
    path: Vec<u8>,
    /// True for the layer that is written to. That is never on a network
    /// filesystem: the kernel refuses them there.
    is_upper: bool,
}

/// The mounts that hold data, each device once at its shortest mount point
/// that can be asked, sorted by mount point.
pub(super) fn with_data(mountinfo: &[u8]) -> Vec<Mount> {
    let mut mounts = visible(mountinfo);
    let stacked: Vec<bool> = mounts.iter().map(|mount| mount.stands_on_local(&mounts)).collect();
    for (mount, stands) in mounts.iter_mut().zip(stacked) {
        mount.may_ask |= stands;
    }
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
        let source = masked_source(&unescape(words.next().unwrap_or_default()));
        let of_device = words.next().unwrap_or_default();
        let kind = String::from_utf8_lossy(&unescape(kind)).into_owned();
        let may_ask = is_local(&kind);
        let base = (kind == STACKED_KIND).then(|| Base::of(of_device)).flatten();
        let read_only = has_option(options, b"ro") || has_option(of_device, b"ro");
        Some(Self { device_id, mount_point, kind, source, read_only, may_ask, base })
    }

    /// True for the same device at the same mount point, as another process sees it.
    pub(super) fn is_same_place(&self, other: &Self) -> bool {
        (&self.device_id, &self.mount_point) == (&other.device_id, &other.mount_point)
    }

    /// True for a stacked filesystem whose answer comes from a local one. Those
    /// of containers are not asked for in any case. In a container the folders
    /// are named as its host sees them, and so belong to no mount but the
    /// stacked one itself.
    fn stands_on_local(&self, mounts: &[Self]) -> bool {
        let Some(base) = &self.base else { return false };
        if !self.holds_data() {
            return true;
        }
        let holds = |mount: &&Self| {
            base.path == mount.mount_point || is_below(&base.path, &mount.mount_point)
        };
        let below = mounts.iter().filter(holds).max_by_key(|mount| mount.mount_point.len());
        match below {
            Some(below) if below.kind != STACKED_KIND => is_local(&below.kind),
            _ => base.is_upper,
        }
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

impl Base {
    /// The upper layer answers, and the first lower one where there is none.
    fn of(options: &[u8]) -> Option<Self> {
        let value = |start: &[u8]| {
            let mut options = options.split(|&byte| byte == b',');
            options.find_map(|option| option.strip_prefix(start)).map(unescape)
        };
        if let Some(path) = value(b"upperdir=") {
            return Some(Self { path, is_upper: true });
        }
        let lower = value(b"lowerdir=").or_else(|| value(b"lowerdir+="))?;
        let path = lower.split(|&byte| byte == b':').next()?.to_vec();
        Some(Self { path, is_upper: false })
    }
}

/// False for filesystems of other machines, for those that a program in user
/// space serves, which can hang as a dead server does, and for all that are
/// not known.
fn is_local(kind: &str) -> bool {
    let user_space = kind.starts_with("fuse.");
    LOCAL_KINDS.contains(&kind) || PSEUDO_KINDS.contains(&kind) && !user_space
}

fn has_option(options: &[u8], wanted: &[u8]) -> bool {
    options.split(|&byte| byte == b',').any(|option| option == wanted)
}

fn is_below(path: &[u8], folder: &[u8]) -> bool {
    let folder = folder.strip_suffix(b"/").unwrap_or(folder);
    path.strip_prefix(folder).is_some_and(|rest| rest.len() > 1 && rest.starts_with(b"/"))
}
