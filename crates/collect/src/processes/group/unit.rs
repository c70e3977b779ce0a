/// The ends of the names of units that can hold processes (`systemd.unit(5)`).
const KINDS: [&str; 6] = [".service", ".scope", ".socket", ".mount", ".swap", ".automount"];

/// The unit of the system's manager that a control group belongs to, as
/// `systemctl status PID` shows it: the first part of the path below the
/// slices, when it has the name of a unit. Below it are groups that the unit
/// made itself, or those of a manager that runs in it.
pub(super) fn unit(path: &str) -> Option<&str> {
    let parts = path.split('/').filter(|part| !part.is_empty() && *part != "..");
    let part = { parts }.find(|part| !part.ends_with(".slice"))?;
    // systemd puts a `_` in front of what the kernel could take for its own file.
    let name = part.strip_prefix('_').unwrap_or(part);
    KINDS.iter().any(|kind| name.len() > kind.len() && name.ends_with(kind)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_the_first_part_below_the_slices() {
        for (path, expected) in [
            ("/system.slice/ssh.service", Some("ssh.service")),
            ("/system.slice/system-getty.slice/getty@tty1.service", Some("getty@tty1.service")),
            ("/init.scope", Some("init.scope")),
            ("/user.slice/user-1000.slice/session-3.scope", Some("session-3.scope")),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/app-vi.scope",
                Some("user@1000.service"),
            ),
            (
                "/system.slice/docker-0123456789ab.scope/system.slice/a.service",
                Some("docker-0123456789ab.scope"),
            ),
            ("/../../system.slice/a.service/b", Some("a.service")),
            ("/system.slice/_cpu.service", Some("cpu.service")),
            ("/system.slice/dbus.socket", Some("dbus.socket")),
            ("/system.slice", None),
            ("/docker/0123456789ab", None),
            ("/docker/a.service", None),
            ("/.service", None),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(unit(path), expected, "{path}");
        }
    }
}
