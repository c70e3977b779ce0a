use super::births::{BirthCount, forks, last_pid};
use crate::Root;
use crate::recorded::parse_uptime;
use crate::source::Source;
use crate::text::{lines, number, words};

/// The files that tell of all processes together.
#[derive(Debug)]
pub(super) struct Machine {
    uptime: Source,
    stat: Source,
    loadavg: Source,
    pid_max: Source,
    /// True when what the kernel counts is of the processes that are seen here.
    counts_are_ours: Option<bool>,
}

/// The number of the kernel's first pid namespace, the same on every machine
/// (`PROC_PID_INIT_INO` of its `proc_ns.h`).
const FIRST_PID_NAMESPACE: u64 = 0xeffffffc;

/// What they say.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct MachineCounts {
    /// Seconds since boot, on the clock of the processes' start times.
    pub(super) uptime: Option<f64>,
    /// When the machine booted, in milliseconds since 1970.
    pub(super) boot_time_ms: Option<i64>,
    /// User, nice and system time of all cores, in clock ticks. `None` in a pid
    /// namespace of one's own: it is that of the whole machine.
    pub(super) busy_ticks: Option<u64>,
    /// Births since boot, likewise.
    pub(super) own_births: Option<u64>,
    /// For where to look: births elsewhere make one look further than needed.
    pub(super) births: BirthCount,
}

impl Machine {
    pub(super) fn new() -> Self {
        Self {
            uptime: Source::new("proc/uptime"),
            stat: Source::new("proc/stat"),
            loadavg: Source::new("proc/loadavg"),
            pid_max: Source::new("proc/sys/kernel/pid_max"),
            counts_are_ours: None,
        }
    }

    /// What cannot be read is `None`.
    pub(super) fn read(&mut self, root: &Root) -> MachineCounts {
        let uptime = self.uptime.read(root).ok().and_then(parse_uptime);
        // The last pid is read before anything is looked for, so that what is
        // born from here on is in the span of the next table.
        let last_pid = self.loadavg.read(root).ok().and_then(last_pid);
        let pid_max = self.pid_max.read(root).ok().and_then(|text| number(text.trim_ascii()));
        let ours = *self
            .counts_are_ours
            .get_or_insert_with(|| !root.is_live() || is_first(pid_namespace()));
        let stat = self.stat.read(root).unwrap_or_default();
        MachineCounts {
            uptime,
            boot_time_ms: boot_time(stat),
            busy_ticks: busy_ticks(stat).filter(|_| ours),
            own_births: forks(stat).filter(|_| ours),
            births: BirthCount {
                last_pid,
                forks: forks(stat),
                pid_max: pid_max.and_then(|pid| u32::try_from(pid).ok()),
            },
        }
    }
}

/// The number of this process' pid namespace (`namespaces(7)`); `None` where
/// the kernel has none.
fn pid_namespace() -> Option<u64> {
    rustix::fs::stat("/proc/self/ns/pid").ok().map(|stat| stat.st_ino)
}

fn is_first(namespace: Option<u64>) -> bool {
    namespace.is_none_or(|number| number == FIRST_PID_NAMESPACE)
}

/// `btime` of `/proc/stat`, in milliseconds since 1970.
fn boot_time(stat: &[u8]) -> Option<i64> {
    let seconds = lines(stat).find_map(|line| line.strip_prefix(b"btime "))?;
    i64::try_from(number(seconds.trim_ascii())?).ok()?.checked_mul(1000)
}

/// The first three numbers of the line `cpu` of `/proc/stat`; guests are in
/// the first two.
fn busy_ticks(stat: &[u8]) -> Option<u64> {
    let mut numbers = words(lines(stat).find_map(|line| line.strip_prefix(b"cpu "))?).map(number);
    let (user, nice, system) = (numbers.next()??, numbers.next()??, numbers.next()??);
    Some(user.saturating_add(nice).saturating_add(system))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_a_stat_file() {
        let stat = b"cpu  10 20 30 400 5 6 7\ncpu0 1 2 3 4\nbtime 1700000000\nprocesses 9\n";
        assert_eq!(boot_time(stat), Some(1_700_000_000_000));
        assert_eq!(busy_ticks(stat), Some(60));
        assert_eq!(busy_ticks(b"cpu0 1 2 3\n"), None);
        assert_eq!(busy_ticks(b"cpu  1 2\n"), None);
    }

    #[test]
    fn this_machine_tells_all() {
        let counts = Machine::new().read(&Root::live());
        assert!(counts.uptime.is_some() && counts.boot_time_ms.is_some(), "{counts:?}");
        let ours = is_first(pid_namespace());
        assert_eq!(counts.busy_ticks > Some(0), ours, "{counts:?}");
        assert_eq!(counts.own_births > Some(0), ours, "{counts:?}");
        let BirthCount { last_pid, forks, pid_max } = counts.births;
        assert!(last_pid > Some(0) && forks > Some(0) && pid_max > last_pid, "{counts:?}");
    }

    #[test]
    fn counts_of_the_host_are_not_those_of_a_container() {
        assert!(is_first(None) && is_first(Some(4_026_531_836)));
        assert!(!is_first(Some(4_026_532_000)));
        let mut machine = Machine::new();
        machine.counts_are_ours = Some(false);
        let counts = machine.read(&Root::live());
        assert_eq!((counts.busy_ticks, counts.own_births), (None, None));
        assert!(counts.uptime.is_some() && counts.births.forks > Some(0), "{counts:?}");
    }

    #[test]
    fn a_root_without_files_tells_nothing() {
        let counts = Machine::new().read(&Root::recorded("/nowhere"));
        assert_eq!(counts, MachineCounts::default());
    }
}
