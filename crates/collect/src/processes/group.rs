//! The control group of a process, and the unit and the container it tells of.

mod unit;

use self::unit::unit;
use crate::container::identify;
use crate::text::{lines, printable};

/// Room for `/proc/PID/cgroup`: a dozen hierarchies of version 1 with long paths.
pub(super) const MAX_CGROUP_BYTES: usize = 16 * 1024;

/// What the kernel appends to the path of a group that is gone.
const GONE: &[u8] = b" (deleted)";

/// Hierarchies of version 1 whose path is taken when version 2 has none, the
/// best first. That of systemd holds every process; of the others, most
/// runtimes use all.
const OLD_HIERARCHIES: [&[u8]; 4] = [b"name=systemd", b"memory", b"cpu", b"pids"];

/// The path in a `/proc/PID/cgroup`, whose lines are
/// `hierarchy:controllers:path` (`cgroups(7)`). On a machine with both versions
/// that of version 2 counts unless it is the root, because version 1 is what
/// such a machine sorts its processes by.
pub(super) fn path(text: &[u8]) -> &[u8] {
    let of = |wanted: &dyn Fn(&[u8], &[u8]) -> bool| {
        lines(text).filter_map(fields).find(|(number, names, _)| wanted(number, names))
    };
    let is_root = |path: &[u8]| path == b"/";
    let unified = of(&|number, _| number == b"0").map(|(_, _, path)| path);
    if let Some(path) = unified.filter(|path| !is_root(path)) {
        return path;
    }
    let old = OLD_HIERARCHIES.iter().filter_map(|hierarchy| {
        let (_, _, path) =
            of(&|_, names| names.split(|&byte| byte == b',').any(|name| name == *hierarchy))?;
        (!is_root(path)).then_some(path)
    });
    let any = || lines(text).filter_map(fields).map(|(_, _, path)| path).next();
    { old }.next().or(unified).or_else(any).unwrap_or_default()
}

/// Writes the path and what it tells of into the fields of a row.
pub(super) fn describe(
    path: &[u8],
    cgroup: &mut String,
    its_unit: &mut Option<String>,
    its_container: &mut Option<String>,
) {
    let path = printable(path);
    *its_unit = unit(&path).map(str::to_owned);
    *its_container = container(&path);
    *cgroup = path;
}

/// The id of the container, or the name where the runtime has names only.
fn container(path: &str) -> Option<String> {
    let container = identify(path.as_bytes())?;
    Some(printable(container.id))
}

fn fields(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let mut fields = line.splitn(3, |&byte| byte == b':');
    let (number, names, path) = (fields.next()?, fields.next()?, fields.next()?);
    Some((number, names, path.strip_suffix(GONE).unwrap_or(path)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_path_that_tells_most_counts() {
        for (text, expected) in [
            ("0::/system.slice/ssh.service\n", "/system.slice/ssh.service"),
            ("0::/a:b\n", "/a:b"),
            ("0::/gone (deleted)\n", "/gone"),
            ("0::/\n", "/"),
            ("9:name=systemd:/x.slice\n4:memory:/m\n0::/new\n", "/new"),
            ("9:name=systemd:/x.slice\n4:memory:/m\n0::/\n", "/x.slice"),
            ("9:name=systemd:/\n4:memory:/m\n2:cpu,cpuacct:/c\n0::/\n", "/m"),
            ("4:memory:/\n2:cpuacct,cpu:/c\n", "/c"),
            ("7:blkio:/\n", "/"),
            ("", ""),
            ("nonsense\n", ""),
        ] {
            assert_eq!(String::from_utf8_lossy(path(text.as_bytes())), expected, "{text}");
        }
    }

    #[test]
    fn the_container_is_the_one_that_the_collector_tells_of() {
        let id = "a".repeat(64);
        let inner = "b".repeat(64);
        for (path, expected) in [
            (format!("/docker/{id}/docker/{inner}"), Some(&*id)),
            (r"/machine.slice/machine-qemu\x2d3\x2ddb\x2d1.scope".to_owned(), Some(r"db\x2d1")),
            ("/system.slice/ssh.service".to_owned(), None),
        ] {
            let (mut cgroup, mut unit, mut container) = Default::default();
            describe(path.as_bytes(), &mut cgroup, &mut unit, &mut container);
            assert_eq!(container.as_deref(), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let (mut cgroup, mut unit, mut container) = Default::default();
            describe(path(&bytes), &mut cgroup, &mut unit, &mut container);
            prop_assert!(!cgroup.contains(char::is_control));
        }

        #[test]
        fn any_path_of_parts_is_read(path in "(/[-_a-z0-9.@:\\\\]{0,20}){0,6}") {
            let (mut cgroup, mut unit, mut container) = Default::default();
            describe(path.as_bytes(), &mut cgroup, &mut unit, &mut container);
            prop_assert_eq!(cgroup, path);
        }
    }
}
