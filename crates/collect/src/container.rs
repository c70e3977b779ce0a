//! Which container a cgroup belongs to, told by its path alone.

use std::borrow::Cow;

/// A container as its cgroup's path names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContainerRef<'a> {
    /// What runs it: `docker`, `podman`, `containerd`, `cri-o`, `kubernetes`
    /// where the path does not say which, `lxc`, `nspawn`, `libvirt`, and
    /// `other` where the path holds an id and nothing else that is known.
    pub runtime: &'static str,
    /// The runtime's id, or the name where the runtime has no other id. As it
    /// stands in the path, so names of machines can hold escapes.
    pub id: &'a [u8],
    /// How long the part of the path is that is the container's own cgroup.
    pub end: usize,
}

/// The length of the ids of all runtimes that have ids: a hash in hexadecimal.
const ID_BYTES: usize = 64;
/// How much of an id people use.
const SHORT_ID_BYTES: usize = 12;

/// How scopes begin that the runtimes make through systemd.
const SCOPES: &[(&[u8], &str)] = &[
    (b"docker-", "docker"),
    (b"libpod-", "podman"),
    (b"cri-containerd-", "containerd"),
    (b"nerdctl-", "containerd"),
    (b"crio-", "cri-o"),
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
        if let Some((runtime, id)) = named(part).or_else(|| below(parent, in_pod, part)) {
            return Some(ContainerRef { runtime, id, end });
        }
        in_pod |= part.starts_with(b"kubepods") || part.starts_with(b"kubelet-kubepods");
        parent = part;
        from = end + 1;
    }
    None
}

impl ContainerRef<'_> {
    /// What people call it as far as the path tells: the short id, or the name.
    #[must_use]
    pub fn short_name(&self) -> Cow<'_, [u8]> {
        if is_id(self.id) {
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
        let runtime = split_last(above)?.1;
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
    match parent {
        b"docker" if is_id(part) => Some(("docker", part)),
        b"lxc" | b"lxc.payload" if !part.is_empty() => Some(("lxc", part)),
        _ if in_pod && is_id(part) => Some(("kubernetes", part)),
        // The group above can be chosen freely, but nothing else has such names.
        _ if is_id(part) => Some(("other", part)),
        _ => None,
    }
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

fn is_id(text: &[u8]) -> bool {
    let digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    text.len() == ID_BYTES && text.iter().all(digit)
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

    /// Runtime, short name and the length of the container's own path.
    fn seen(path: &str) -> Option<(&'static str, String, usize)> {
        let path = path.replace("ID", ID);
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
            let length = path.replace("ID", ID).len();
            let expected = Some((runtime, name.to_owned(), length));
            assert_eq!(seen(path), expected, "{path}");
            assert_eq!(seen(&format!("{path}/init.scope/x")), expected, "{path}");
        }
    }

    #[test]
    fn the_outermost_counts() {
        let inside = seen("/lxc.payload.web/system.slice/docker-ID.scope");
        assert_eq!(inside, Some(("lxc", "web".to_owned(), 16)));
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
