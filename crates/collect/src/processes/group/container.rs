/// How runtimes name the scopes that they ask systemd for: `docker-ID.scope`.
const SCOPES: [&str; 6] =
    ["docker-", "libpod-", "crio-", "cri-containerd-", "nerdctl-", "containerd-"];

/// The parts of a path below which runtimes that manage groups themselves put
/// one group a container.
const FOLDERS: [&str; 6] = ["docker", "libpod_parent", "containerd", "crio", "podruntime", "lxc"];

/// The least of hexadecimal digits that make an id: what runtimes show of one.
const SHORTEST_ID: usize = 12;

/// A whole id as the common runtimes make it: 256 bits.
const WHOLE_ID: usize = 64;

/// The id of the container that a control group belongs to, or the name where
/// the runtime has names only. Of containers in containers it is the innermost.
pub(super) fn container(path: &str) -> Option<&str> {
    let mut above = "";
    let mut found = None;
    for part in path.split('/').filter(|part| !part.is_empty() && *part != "..") {
        found = of_part(above, part).or(found);
        above = part;
    }
    found
}

fn of_part<'p>(above: &str, part: &'p str) -> Option<&'p str> {
    of_scope(part)
        .or_else(|| of_triple(part))
        .or_else(|| of_lxc(above, part))
        .or_else(|| of_machine(part))
        .or_else(|| of_folder(above, part))
}

/// `docker-ID.scope`, `libpod-ID`, `crio-ID.scope` and their like. The group of
/// the program that watches over a container (`libpod-conmon-ID.scope`,
/// `crio-conmon-ID.scope`) is none, and its name has no id in that place.
fn of_scope(part: &str) -> Option<&str> {
    let name = part.strip_suffix(".scope").unwrap_or(part);
    SCOPES.iter().find_map(|scope| name.strip_prefix(scope)).filter(|id| is_id(id))
}

/// `SLICE:RUNTIME:ID`, which runtimes that were not told of systemd make of the
/// names that Kubernetes gives them for it.
fn of_triple(part: &str) -> Option<&str> {
    let (above, id) = part.rsplit_once(':')?;
    (above.contains(':') && is_id(id)).then_some(id)
}

/// LXC, LXD and Incus: `lxc.payload.NAME`, `lxc.payload/NAME`, `lxc/NAME`.
/// `lxc.monitor` holds the program outside.
fn of_lxc<'p>(above: &str, part: &'p str) -> Option<&'p str> {
    let name = part.strip_prefix("lxc.payload.");
    name.or_else(|| matches!(above, "lxc" | "lxc.payload").then_some(part))
}

/// systemd-nspawn: `machine-NAME.scope` and `systemd-nspawn@NAME.service`, with
/// the name as it stands there (a `-` is `\x2d`).
fn of_machine(part: &str) -> Option<&str> {
    let scope = part.strip_prefix("machine-").and_then(|name| name.strip_suffix(".scope"));
    let service =
        || part.strip_prefix("systemd-nspawn@").and_then(|name| name.strip_suffix(".service"));
    scope.or_else(service).filter(|name| !name.is_empty())
}

/// `docker/ID`, `kubepods/…/podUID/ID`, `ecs/TASK/ID-NUMBER`, and a whole id
/// wherever it stands, because the group above can be chosen freely.
fn of_folder<'p>(above: &str, part: &'p str) -> Option<&'p str> {
    let known = FOLDERS.contains(&above) || above.starts_with("pod") || is_hex(above, 32);
    let is_whole = part.len() == WHOLE_ID && is_id(part);
    let numbered = |part: &str| {
        part.split_once('-').is_some_and(|(id, number)| {
            is_hex(id, 32) && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
        })
    };
    (is_whole || known && (is_id(part) || numbered(part))).then_some(part)
}

fn is_id(text: &str) -> bool {
    text.len() >= SHORTEST_ID && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && is_id(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3f4e8a0c9d1b2a3f4e8a0c9d1b2a3f4e8a0c9d1b2a3f4e8a0c9d1b2a3f4e8a0c";
    const OTHER: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const POD: &str = "pod8dbc5577_d0e2_4706_8787_57d52c03ddf2";
    const TASK: &str = "52c0ef54a7f24e8fa5a3d1a3c7a1b2c3";

    /// `ID`, `OTHER`, `POD` and `TASK` stand for the constants.
    fn whole(path: &str) -> String {
        path.replace("ID", ID).replace("OTHER", OTHER).replace("POD", POD).replace("TASK", TASK)
    }

    #[test]
    fn containers_are_found_in_the_paths_of_their_runtimes() {
        for (path, expected) in [
            ("/system.slice/docker-ID.scope", Some("ID")),
            ("/docker/ID", Some("ID")),
            ("/docker/ID/init.scope", Some("ID")),
            ("/docker/0123456789ab", Some("0123456789ab")),
            ("/actions_job/ID", Some("ID")),
            ("/machine.slice/libpod-ID.scope/container", Some("ID")),
            (
                "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope",
                Some("ID"),
            ),
            ("/libpod_parent/libpod-ID", Some("ID")),
            (
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-POD.slice/cri-containerd-ID.scope",
                Some("ID"),
            ),
            ("/kubepods.slice/kubepods-POD.slice/crio-ID.scope", Some("ID")),
            ("/kubepods/besteffort/POD/ID", Some("ID")),
            ("/kubepods.slice/kubepods-POD.slice:cri-containerd:ID", Some("ID")),
            ("/system.slice/nerdctl-ID.scope", Some("ID")),
            ("/default/ID", Some("ID")),
            ("/ecs/TASK/TASK-1234567890", Some("TASK-1234567890")),
            ("/docker/OTHER/kubelet/kubepods/burstable/POD/ID", Some("ID")),
            ("/lxc/web-1", Some("web-1")),
            ("/lxc.payload.web-1/system.slice/nginx.service", Some("web-1")),
            ("/lxc.payload/web-1", Some("web-1")),
            (r"/machine.slice/machine-deb\x2d12.scope/payload", Some(r"deb\x2d12")),
            ("/machine.slice/systemd-nspawn@deb.service/payload", Some("deb")),
        ] {
            let expected = expected.map(whole);
            assert_eq!(container(&whole(path)).map(str::to_owned), expected, "{path}");
        }
    }

    #[test]
    fn what_is_no_container_has_none() {
        for path in [
            "/",
            "",
            "/system.slice/docker.service",
            "/system.slice/containerd.service",
            "/machine.slice/libpod-conmon-ID.scope",
            "/system.slice/crio-conmon-ID.scope",
            "/lxc.monitor.web-1",
            "/docker/buildkit",
            "/system.slice/docker-short.scope",
            "/user.slice/user-1000.slice/session-3.scope",
            "/process_api/f1d2944d4528f7e3ef95991009759d23",
        ] {
            assert_eq!(container(&whole(path)), None, "{path}");
        }
    }
}
