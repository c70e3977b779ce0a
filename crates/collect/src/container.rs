//! Which container a cgroup belongs to, told by its path alone.

use std::borrow::Cow;

/// A container as its cgroup's path names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContainerRef<'a> {
    /// What runs it: `docker`, `podman`, `containerd`, `cri-o`, `kubernetes`
    /// where the path does not say which, `ecs`, `lxc`, `nspawn`, `libvirt`, and
    /// `other` where the path holds an id and nothing else that is known.
    pub runtime: &'static str,
    /// The runtime's id, or the name where the runtime has no other id. As it
    /// stands in the path, so names of machines can hold escapes.
    pub id: &'a [u8],
    /// How long the part of the path is that is the container's own cgroup.
    pub end: usize,
}

/// The length of the ids of the common runtimes: a hash in hexadecimal.
const ID_BYTES: usize = 64;
/// How much of an id people use, and the least that is taken for one where the
/// name of the group or of the one above says that an id comes.
const SHORT_ID_BYTES: usize = 12;
/// The length of the ids of tasks of Amazon's ECS.
const TASK_BYTES: usize = 32;

/// How scopes begin that the runtimes make through systemd.
const SCOPES: &[(&[u8], &str)] = &[
    (b"docker-", "docker"),
    (b"libpod-", "podman"),
    (b"cri-containerd-", "containerd"),
    (b"nerdctl-", "containerd"),
    (b"containerd-", "containerd"),
    (b"crio-", "cri-o"),
];

/// Groups below which runtimes that manage groups themselves put one group a
/// container, and the runtime.
const FOLDERS: &[(&[u8], &str)] = &[
    (b"docker", "docker"),
    (b"libpod_parent", "podman"),
    (b"containerd", "containerd"),
    (b"crio", "cri-o"),
    (b"podruntime", "kubernetes"),
];

/// The container that a cgroup is or is in, the outermost where one runs in
/// another. `path` begins below the mount of the cgroups, as in
/// `/proc/PID/cgroup`, and what monitors a container (`conmon`) is none.
#[must_use]
pub fn identify(path: &[u8]) -> Option<ContainerRef<'_>> {
    let mut parent: &[u8] = b"";
    let mut from = 0;
    let mut in_pod = false;
    for part in path.split(|&byte| byte == b'/') {
        let end = from + part.len();
        from = end + 1;
        // The kernel shows what is outside of the reader's namespace so.
        if part.is_empty() || part == b".." {
            continue;
        }
        if let Some((runtime, id)) = named(part).or_else(|| below(parent, in_pod, part)) {
            return Some(ContainerRef { runtime, id, end });
        }
        in_pod |= part.starts_with(b"kubepods") || part.starts_with(b"kubelet-kubepods");
        parent = part;
    }
    None
}

impl ContainerRef<'_> {
    /// What people call it as far as the path tells: the short id, or the name.
    #[must_use]
    pub fn short_name(&self) -> Cow<'_, [u8]> {
        if is_id(self.id) && has_ids(self.runtime) {
            return Cow::Borrowed(&self.id[..SHORT_ID_BYTES]);
        }
        match self.id.contains(&b'\\') {
            true => Cow::Owned(unescape_unit(self.id)),
            false => Cow::Borrowed(self.id),
        }
    }
}

/// A name that tells by itself.
fn named(part: &[u8]) -> Option<(&'static str, &[u8])> {
    if let Some(name) = part.strip_prefix(b"lxc.payload.") {
        return (!name.is_empty()).then_some(("lxc", name));
    }
    if let Some(name) = part.strip_prefix(b"systemd-nspawn@") {
        let name = name.strip_suffix(b".service")?;
        return (!name.is_empty()).then_some(("nspawn", name));
    }
    let scope = part.strip_suffix(b".scope");
    if let Some(machine) = scope.and_then(|scope| scope.strip_prefix(b"machine-")) {
        return machine_of(machine);
    }
    // What a runtime makes of the names for systemd when it was not told of it:
    // `SLICE:docker:ID`.
    if let Some((above, id)) = split_last(part).filter(|(_, id)| is_id(id)) {
        let (_, runtime) = split_last(above)?;
        let known = SCOPES.iter().find(|(start, _)| start.strip_suffix(b"-") == Some(runtime));
        return Some((known.map_or("other", |(_, runtime)| runtime), id));
    }
    // Without systemd Podman leaves the suffix out.
    let name = scope.unwrap_or(part);
    SCOPES.iter().find_map(|&(start, runtime)| {
        name.strip_prefix(start).filter(|id| is_id(id)).map(|id| (runtime, id))
    })
}

/// A name that tells by where it is.
fn below<'a>(parent: &[u8], in_pod: bool, part: &'a [u8]) -> Option<(&'static str, &'a [u8])> {
    if matches!(parent, b"lxc" | b"lxc.payload") {
        return Some(("lxc", part));
    }
    let folder = FOLDERS.iter().find(|(name, _)| *name == parent).map(|(_, runtime)| *runtime);
    let of_pod = in_pod && (is_whole_id(part) || parent.starts_with(b"pod") && is_id(part));
    match folder {
        Some(runtime) if is_id(part) => Some((runtime, part)),
        _ if of_pod => Some(("kubernetes", part)),
        _ if is_task(parent) && is_numbered(part) => Some(("ecs", part)),
        // The group above can be chosen freely, but nothing else has such names.
        _ if is_whole_id(part) => Some(("other", part)),
        _ => None,
    }
}

/// `TASK-NUMBER`: a container of a task of ECS.
fn is_numbered(part: &[u8]) -> bool {
    let (task, number) = part.split_at_checked(TASK_BYTES).unwrap_or_default();
    let number = number.strip_prefix(b"-").unwrap_or_default();
    is_task(task) && !number.is_empty() && number.iter().all(u8::is_ascii_digit)
}

fn is_task(text: &[u8]) -> bool {
    text.len() == TASK_BYTES && is_id(text)
}

/// Scopes that are registered with `systemd-machined`. Libvirt names them by
/// driver, number and name.
fn machine_of(machine: &[u8]) -> Option<(&'static str, &[u8])> {
    for driver in [&br"qemu\x2d"[..], br"lxc\x2d"] {
        let Some(rest) = machine.strip_prefix(driver) else { continue };
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if let Some(name) = rest[digits..].strip_prefix(br"\x2d").filter(|_| digits > 0) {
            return (!name.is_empty()).then_some(("libvirt", name));
        }
    }
    (!machine.is_empty()).then_some(("nspawn", machine))
}

fn split_last(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().rposition(|&byte| byte == b':')?;
    Some((&text[..at], &text[at + 1..]))
}

fn is_whole_id(text: &[u8]) -> bool {
    text.len() == ID_BYTES && is_id(text)
}

fn is_id(text: &[u8]) -> bool {
    (SHORT_ID_BYTES..=ID_BYTES).contains(&text.len()) && text.iter().all(u8::is_ascii_hexdigit)
}

/// False where the path holds the name that people gave.
fn has_ids(runtime: &str) -> bool {
    !matches!(runtime, "lxc" | "nspawn" | "libvirt")
}

/// Undoes the `\x2d` of `systemd-escape(1)`.
fn unescape_unit(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = match tail {
            [b'x', digits @ ..] if first == b'\\' => digits.get(..2).and_then(hex_byte),
            _ => None,
        };
        out.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { &tail[3..] } else { tail };
    }
    out
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits).ok()?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then_some(())?;
    u8::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const OTHER: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const POD: &str = "pod8dbc5577_d0e2_4706_8787_57d52c03ddf2";
    const TASK: &str = "52c0ef54a7f24e8fa5a3d1a3c7a1b2c3";

    /// `ID`, `OTHER`, `POD` and `TASK` stand for the constants.
    fn whole(path: &str) -> String {
        path.replace("ID", ID).replace("OTHER", OTHER).replace("POD", POD).replace("TASK", TASK)
    }

    /// Runtime, short name and the length of the container's own path.
    fn seen(path: &str) -> Option<(&'static str, String, usize)> {
        let path = whole(path);
        identify(path.as_bytes()).map(|found| {
            (found.runtime, String::from_utf8(found.short_name().into()).unwrap(), found.end)
        })
    }

    #[test]
    fn containers_are_recognised_by_their_path() {
        let short = "0123456789ab";
        for (path, runtime, name) in [
            ("/system.slice/docker-ID.scope", "docker", short),
            ("/docker/ID", "docker", short),
            (
                "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope",
                "podman",
                short,
            ),
            ("/libpod_parent/libpod-ID", "podman", short),
            (
                "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1.slice/cri-containerd-ID.scope",
                "containerd",
                short,
            ),
            ("/kubepods.slice/kubepods-pod1.slice/crio-ID.scope", "cri-o", short),
            ("/kubepods/burstable/pod1-2/ID", "kubernetes", short),
            ("/system.slice/nerdctl-ID.scope", "containerd", short),
            ("/jobs/ID", "other", short),
            ("/system.slice:docker:ID", "docker", short),
            ("/kubepods-pod1.slice:cri-containerd:ID", "containerd", short),
            ("/lxc.payload.web", "lxc", "web"),
            ("/lxc/101", "lxc", "101"),
            ("/lxc.payload/web", "lxc", "web"),
            ("/machine.slice/systemd-nspawn@deb.service", "nspawn", "deb"),
            (r"/machine.slice/machine-my\x2dbox.scope", "nspawn", "my-box"),
            (r"/machine.slice/machine-qemu\x2d3\x2ddb\x2d1.scope", "libvirt", "db-1"),
        ] {
            let length = whole(path).len();
            let expected = Some((runtime, name.to_owned(), length));
            assert_eq!(seen(path), expected, "{path}");
            assert_eq!(seen(&format!("{path}/init.scope/x")), expected, "{path}");
        }
    }

    #[test]
    fn the_outermost_counts() {
        let inside = seen("/lxc.payload.web/system.slice/docker-ID.scope");
        assert_eq!(inside, Some(("lxc", "web".to_owned(), 16)));
        for path in ["/docker/ID/docker/OTHER", "/docker/ID/kubelet/kubepods/burstable/POD/OTHER"] {
            assert_eq!(seen(path), Some(("docker", ID[..12].to_owned(), 72)), "{path}");
        }
    }

    #[test]
    fn ids_are_found_in_the_paths_of_their_runtimes() {
        for (path, runtime, id) in [
            ("/system.slice/docker-ID.scope", "docker", "ID"),
            ("/docker/ID/init.scope", "docker", "ID"),
            ("/docker/0123456789ab", "docker", "0123456789ab"),
            ("/docker/0123456789AB", "docker", "0123456789AB"),
            ("/system.slice/docker-0123456789abcdef.scope", "docker", "0123456789abcdef"),
            ("/system.slice/containerd-ID.scope", "containerd", "ID"),
            ("/actions_job/ID", "other", "ID"),
            ("/../../docker/ID", "docker", "ID"),
            ("/machine.slice/libpod-ID.scope/container", "podman", "ID"),
            ("/libpod_parent/libpod-ID", "podman", "ID"),
            ("/libpod_parent/ID", "podman", "ID"),
            ("/containerd/0123456789ab", "containerd", "0123456789ab"),
            (
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-POD.slice/cri-containerd-ID.scope",
                "containerd",
                "ID",
            ),
            ("/kubepods.slice/kubepods-POD.slice/crio-ID.scope", "cri-o", "ID"),
            ("/kubepods/besteffort/POD/ID", "kubernetes", "ID"),
            ("/kubepods/besteffort/POD/0123456789ab", "kubernetes", "0123456789ab"),
            ("/kubepods.slice/kubepods-POD.slice:cri-containerd:ID", "containerd", "ID"),
            ("/default/ID", "other", "ID"),
            ("/ecs/TASK/TASK-1234567890", "ecs", "TASK-1234567890"),
            ("/ecs/cluster/TASK/TASK-1234567890/x", "ecs", "TASK-1234567890"),
            ("/lxc/web-1", "lxc", "web-1"),
            ("/lxc.payload.web-1/system.slice/nginx.service", "lxc", "web-1"),
            (r"/machine.slice/machine-deb\x2d12.scope/payload", "nspawn", r"deb\x2d12"),
            (r"/machine.slice/machine-qemu\x2d3\x2ddb.scope", "libvirt", "db"),
            ("/machine.slice/systemd-nspawn@deb.service/payload", "nspawn", "deb"),
        ] {
            let path = whole(path);
            let found = identify(path.as_bytes()).map(|found| (found.runtime, found.id));
            assert_eq!(found, Some((runtime, whole(id).as_bytes())), "{path}");
        }
    }

    #[test]
    fn a_name_that_looks_like_an_id_stays_whole() {
        assert_eq!(seen("/lxc/deadbeefdeadbeef"), Some(("lxc", "deadbeefdeadbeef".into(), 21)));
    }

    #[test]
    fn other_groups_are_no_containers() {
        for path in [
            "/",
            "",
            "/system.slice/docker.service",
            "/system.slice/docker-short.scope",
            "/machine.slice/libpod-conmon-ID.scope",
            "/kubepods.slice/crio-conmon-ID.scope",
            "/docker/buildkit",
            "/lxc.monitor.web",
            "/lxc.payload.",
            "/lxc/",
            "/user.slice/session-1.scope",
            "/kubepods/burstable/pod1-2",
            "/machine.slice/machine-.scope",
            "/elsewhere/x:ID",
            "/system.slice/containerd.service",
            "/system.slice/crio-conmon-ID.scope",
            "/process_api/f1d2944d4528f7e3ef95991009759d23",
            "/ecs/TASK",
            "/ecs/TASK/TASK-",
            "/ecs/TASK/TASK-x",
            "/elsewhere/0123456789ab",
        ] {
            assert_eq!(seen(path), None, "{path}");
        }
    }

    #[test]
    fn escapes_are_undone_where_they_are_whole() {
        assert_eq!(unescape_unit(br"a\x2db\x2"), br"a-b\x2");
        assert_eq!(unescape_unit(br"\\x+1\xzz\"), br"\\x+1\xzz\");
    }

    proptest! {
        #[test]
        fn nothing_panics_and_the_end_is_the_end_of_a_part(
            parts in proptest::collection::vec("(docker|kubepods|lxc|machine-[a-z\\\\x2]*\\.scope|lxc\\.payload\\.[a-z]*|[a-f0-9]{64}|.{0,8})", 0..6),
        ) {
            let path = parts.join("/");
            if let Some(found) = identify(path.as_bytes()) {
                let rest = &path.as_bytes()[found.end..];
                prop_assert!(rest.is_empty() || rest[0] == b'/');
                prop_assert!(!found.short_name().is_empty());
            }
        }
    }
}
