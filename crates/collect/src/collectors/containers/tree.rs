//! The tree of cgroups version 2, and what in it is a container or a service.

use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, RawDir, fstat, openat};
use rustix::io::{Errno, retry_on_intr};

use crate::container::identify;
use crate::source::Source;
use crate::text::{lines, unescape, words};
use crate::{CollectError, Root};

/// The most cgroups that are looked at in one reading.
pub(super) const MAX_GROUPS: usize = 4096;
/// How deep below the mount cgroups are looked for.
const MAX_DEPTH: usize = 8;
/// Room for one listing call.
const LISTING_BYTES: usize = 4096;
/// Where cgroups are mounted when the list of mounts does not say.
const USUAL_MOUNT: &[u8] = b"sys/fs/cgroup";

/// What a cgroup is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Container,
    /// A service of the system's slice.
    Unit,
}

/// Finds cgroups. All paths are in one buffer that is used again.
#[derive(Debug)]
pub(super) struct Tree {
    mountinfo: Source,
    /// Where the cgroups are, below the root.
    mount: Option<Vec<u8>>,
    bytes: Vec<u8>,
    todo: Vec<Span>,
    /// What is in groups that can be handed to users, who can fill them with
    /// groups. It is looked at last.
    later: Vec<Span>,
    found: Vec<(Kind, Span)>,
    children: Vec<Span>,
    left_out: bool,
    /// The most cgroups that are looked at.
    pub(super) most: usize,
}

/// A path in [`Tree::bytes`], below the mount, and how deep it is.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: usize,
    to: usize,
    depth: usize,
}

impl Tree {
    pub(super) fn new() -> Self {
        Self {
            mountinfo: Source::new("proc/self/mountinfo"),
            mount: None,
            bytes: Vec::new(),
            todo: Vec::new(),
            later: Vec::new(),
            found: Vec::new(),
            children: Vec::new(),
            left_out: false,
            most: MAX_GROUPS,
        }
    }

    /// Looks through the whole tree. False when there is none.
    ///
    /// # Errors
    ///
    /// When the mount is there and cannot be listed.
    pub(super) fn walk(&mut self, root: &Root) -> Result<bool, CollectError> {
        self.bytes.clear();
        self.todo.clear();
        self.later.clear();
        self.found.clear();
        self.left_out = false;
        let Some(mount) = self.mount.take().or_else(|| self.find_mount(root)) else {
            return Ok(false);
        };
        let path = root.join(OsStr::from_bytes(&mount));
        self.todo.push(Span { from: 0, to: 0, depth: 0 });
        let mut groups = 0;
        while let Some(group) = self.todo.pop().or_else(|| self.later.pop()) {
            groups += 1;
            if groups > self.most {
                self.left_out = true;
                break;
            }
            match self.visit(&path, group) {
                Ok(()) => {}
                Err(_) if group.depth > 0 => {}
                Err(Errno::NOENT | Errno::NOTDIR) => return Ok(false),
                Err(error) => return Err(CollectError::unreadable(&path, error)),
            }
        }
        self.mount = Some(mount);
        Ok(true)
    }

    /// True when there were more cgroups than are looked at.
    pub(super) fn left_out(&self) -> bool {
        self.left_out
    }

    /// The mount of the last walk, below the root.
    pub(super) fn mount(&self) -> &[u8] {
        self.mount.as_deref().unwrap_or(USUAL_MOUNT)
    }

    /// The paths of what was found, in their order, without a slash in front.
    pub(super) fn found(&self, kind: Kind) -> impl Iterator<Item = &[u8]> {
        let of_kind = self.found.iter().filter(move |(found, _)| *found == kind);
        of_kind.map(|(_, span)| &self.bytes[span.from..span.to])
    }

    /// True for a group that only the superuser can have made. Owners are those
    /// of the group above it; in a recorded root they tell nothing.
    pub(super) fn is_of_root(&self, root: &Root, path: &[u8]) -> bool {
        let above = path.iter().rposition(|&byte| byte == b'/').map_or(&[][..], |at| &path[..at]);
        if is_handed_on(above) || !root.is_live() {
            return !is_handed_on(above);
        }
        let folder = root.join(OsStr::from_bytes(self.mount())).join(OsStr::from_bytes(above));
        rustix::fs::stat(&folder).is_ok_and(|stat| stat.st_uid == 0)
    }

    fn visit(&mut self, mount: &Path, group: Span) -> Result<(), Errno> {
        let path = &self.bytes[group.from..group.to];
        // What is in a container belongs to it, other containers too.
        if identify(path).is_some() {
            self.found.push((Kind::Container, group));
            return Ok(());
        }
        if is_unit(path) {
            self.found.push((Kind::Unit, group));
        }
        if group.depth == MAX_DEPTH {
            return Ok(());
        }
        self.list(mount, group)?;
        // The last that is put there is the first that is taken.
        let bytes = &self.bytes;
        self.children.sort_unstable_by(|a, b| bytes[b.from..b.to].cmp(&bytes[a.from..a.to]));
        if is_handed_on(&self.bytes[group.from..group.to]) {
            let room = self.most.saturating_sub(self.later.len());
            let first = self.children.len().saturating_sub(room);
            self.left_out |= first > 0;
            self.later.extend(self.children.drain(..).skip(first));
        } else {
            self.todo.append(&mut self.children);
        }
        Ok(())
    }

    /// Adds the cgroups in `group` to `children`.
    fn list(&mut self, mount: &Path, group: Span) -> Result<(), Errno> {
        let path = mount.join(OsStr::from_bytes(&self.bytes[group.from..group.to]));
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let folder = retry_on_intr(|| openat(CWD, &path, flags, Mode::empty()))?;
        // The kernel counts a link for each cgroup inside, beside two. Other
        // filesystems that count so do it for folders as well.
        if fstat(&folder)?.st_nlink == 2 {
            return Ok(());
        }
        let mut listing = [MaybeUninit::uninit(); LISTING_BYTES];
        let mut entries = RawDir::new(folder.as_fd(), &mut listing);
        while let Some(entry) = entries.next() {
            let Ok(entry) = entry else { break };
            let name = entry.file_name().to_bytes();
            if entry.file_type() != FileType::Directory || name == b"." || name == b".." {
                continue;
            }
            if self.todo.len() + self.children.len() >= self.most {
                self.left_out = true;
                break;
            }
            let from = self.bytes.len();
            if group.to > group.from {
                self.bytes.extend_from_within(group.from..group.to);
                self.bytes.push(b'/');
            }
            self.bytes.extend_from_slice(name);
            self.children.push(Span { from, to: self.bytes.len(), depth: group.depth + 1 });
        }
        Ok(())
    }

    /// The mount of cgroups version 2, which is not at its usual place where
    /// version 1 is used too.
    fn find_mount(&mut self, root: &Root) -> Option<Vec<u8>> {
        let Ok(text) = self.mountinfo.read(root) else { return Some(USUAL_MOUNT.to_vec()) };
        let mounts = lines(text).filter_map(cgroup2_mount);
        mounts.min_by_key(|mount| !mount.starts_with(USUAL_MOUNT))
    }
}

/// The mount point, without its slash in front, of a line of `mountinfo` that
/// is about the whole tree of cgroups version 2.
fn cgroup2_mount(line: &[u8]) -> Option<Vec<u8>> {
    let mut words = words(line);
    let (root, point) = (words.nth(3)?, words.next()?);
    let kind = words.skip_while(|&word| word != b"-").nth(1)?;
    let point = unescape(point);
    let point = point.strip_prefix(b"/")?;
    let climbs = point.split(|&byte| byte == b'/').any(|part| part == b"..");
    (kind == b"cgroup2" && root == b"/" && !point.is_empty() && !climbs).then(|| point.to_vec())
}

/// True for groups that are or are in one that systemd hands to users: those of
/// sessions, and of services and scopes (`Delegate=`, systemd.resource-control(5)).
fn is_handed_on(path: &[u8]) -> bool {
    path.split(|&byte| byte == b'/').any(|part| {
        part == b"user.slice" || part.ends_with(b".service") || part.ends_with(b".scope")
    })
}

/// True for services in the slice of the system or in a slice inside of it.
fn is_unit(path: &[u8]) -> bool {
    let mut parts = path.split(|&byte| byte == b'/').rev();
    parts.next().is_some_and(|name| name.ends_with(b".service"))
        && path.starts_with(b"system.slice/")
        && parts.all(|part| part.ends_with(b".slice"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_is_found_wherever_it_is() {
        let unified =
            b"31 23 0:27 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw";
        assert_eq!(cgroup2_mount(unified).as_deref(), Some(&b"sys/fs/cgroup/unified"[..]));
        for other in [
            &b"31 23 0:27 /a /sys/fs/cgroup rw - cgroup2 cgroup2 rw"[..],
            b"31 23 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
            b"31 23 0:27 / / rw - cgroup2 cgroup2 rw",
            b"31 23 0:27 / /a/../../b rw - cgroup2 cgroup2 rw",
            b"31 23 0:27 / sys rw - cgroup2",
            b"31 23 0:27",
            b"",
        ] {
            assert_eq!(cgroup2_mount(other), None);
        }
    }

    #[test]
    fn services_of_the_system_are_units() {
        assert!(is_unit(b"system.slice/ssh.service"));
        assert!(is_unit(b"system.slice/system-getty.slice/getty@tty1.service"));
        for other in [
            &b"user.slice/user-1.slice/user@1.service"[..],
            b"system.slice/a.service/b.service",
            b"system.slice",
            b"system.slice/x.mount",
            b"a.service",
        ] {
            assert!(!is_unit(other));
        }
    }
}
