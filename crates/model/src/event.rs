use crate::Moment;

/// What an event of the kernel, or of what starts the programs, is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventKind {
    /// A process was killed, because there was no memory left.
    OomKill,
    /// Memory, a processor or a bus reported an error.
    HardwareError,
    /// A disk did not read or write what it was told to.
    DiskError,
    /// A filesystem found itself damaged.
    FilesystemError,
    /// A filesystem was made read-only after an error.
    ReadOnly,
    /// A disk of a software RAID failed.
    RaidFailure,
    /// A task waited for minutes without being able to run.
    HungTask,
    /// A processor did not leave the kernel for many seconds.
    SoftLockup,
    /// A processor took no interrupts for many seconds.
    HardLockup,
    /// A processor held up the kernel's housekeeping.
    RcuStall,
    /// The kernel itself failed and went on (an oops).
    KernelBug,
    /// A program failed by touching memory that is not its own.
    Segfault,
    /// A network device lost its link.
    LinkDown,
    /// A network device has its link again.
    LinkUp,
    /// A processor was slowed down, because it was too hot.
    ThermalThrottle,
    /// A network device hung and was started anew.
    NicReset,
    /// A unit of systemd failed. The kernel knows nothing of it: the agent saw it.
    UnitFailed,
}

impl EventKind {
    /// All kinds, in the order of their declaration.
    pub const ALL: [Self; 17] = [
        Self::OomKill,
        Self::HardwareError,
        Self::DiskError,
        Self::FilesystemError,
        Self::ReadOnly,
        Self::RaidFailure,
        Self::HungTask,
        Self::SoftLockup,
        Self::HardLockup,
        Self::RcuStall,
        Self::KernelBug,
        Self::Segfault,
        Self::LinkDown,
        Self::LinkUp,
        Self::ThermalThrottle,
        Self::NicReset,
        Self::UnitFailed,
    ];

    /// The name in series and messages: `oom_kill` for example.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OomKill => "oom_kill",
            Self::HardwareError => "hardware_error",
            Self::DiskError => "disk_error",
            Self::FilesystemError => "filesystem_error",
            Self::ReadOnly => "read_only",
            Self::RaidFailure => "raid_failure",
            Self::HungTask => "hung_task",
            Self::SoftLockup => "soft_lockup",
            Self::HardLockup => "hard_lockup",
            Self::RcuStall => "rcu_stall",
            Self::KernelBug => "kernel_bug",
            Self::Segfault => "segfault",
            Self::LinkDown => "link_down",
            Self::LinkUp => "link_up",
            Self::ThermalThrottle => "thermal_throttle",
            Self::NicReset => "nic_reset",
            Self::UnitFailed => "unit_failed",
        }
    }
}

/// Something that the kernel of a server told, or a unit of it that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When the kernel told it.
    pub at: Moment,
    /// What it is about.
    pub kind: EventKind,
    /// The kernel's words, printable, bounded, with secrets masked. Of a unit its name and
    /// `failed`, and then its last lines, each in a line.
    pub text: String,
    /// Who was killed, when it is an [`EventKind::OomKill`].
    pub victim: Option<OomVictim>,
}

/// The process that was killed for want of memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OomVictim {
    /// Its process id.
    pub pid: u32,
    /// Its short name.
    pub name: String,
    /// The cgroup it was in, where the kernel tells (since 4.19).
    pub cgroup: Option<String>,
    /// True when its cgroup had no memory left, false when the machine had none.
    pub cgroup_limit: bool,
    /// The memory it had, without what was swapped out, in bytes.
    pub rss_bytes: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_place_and_a_name_of_its_own() {
        let mut names: Vec<_> = EventKind::ALL.iter().map(|kind| kind.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), EventKind::ALL.len());
        assert!(EventKind::ALL.iter().enumerate().all(|(place, &kind)| kind as usize == place));
    }
}
