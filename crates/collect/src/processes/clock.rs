use std::time::Duration;

use nix::errno::Errno;
use nix::time::{ClockId, clock_gettime};

/// Asks the kernel how long a process has run, without opening a file.
///
/// Every process has a clock of its cpu time (`clock_getcpuclockid(3)`), which
/// anybody may read. It counts all its threads, those that ended too, in
/// nanoseconds, and a thread that runs at this moment up to this moment. Its
/// number holds the pid, so reading it is one system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CpuClocks {
    /// They are there and tell about the processes of the root.
    On,
    /// They tell nothing about the root: it is recorded, or its pids are not
    /// ours.
    Off,
}

/// What the clock of a pid said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ran {
    /// The process has run this long since it was born, in nanoseconds.
    For(u64),
    /// There is no process of that number. Threads that do not lead their
    /// process have none of these clocks.
    NoProcess,
    /// It cannot be said.
    Unknown,
}

/// The type of the clock in its lowest bits: all threads, exact
/// (`CPUCLOCK_SCHED` of the kernel's `posix-timers.h`).
const EXACT_OF_PROCESS: i32 = 2;

impl CpuClocks {
    /// On when the clock of this process answers.
    pub(super) fn when(pids_are_ours: bool) -> Self {
        let own = rustix::process::getpid().as_raw_nonzero().get().unsigned_abs();
        let works = matches!(Self::On.read(own), Ran::For(ns) if ns > 0);
        if pids_are_ours && works { Self::On } else { Self::Off }
    }

    pub(super) fn read(self, pid: u32) -> Ran {
        let Ok(pid) = i32::try_from(pid) else { return Ran::Unknown };
        if self == Self::Off {
            return Ran::Unknown;
        }
        match clock_gettime(ClockId::from_raw((!pid) << 3 | EXACT_OF_PROCESS)) {
            Ok(time) => {
                u64::try_from(Duration::from(time).as_nanos()).map_or(Ran::Unknown, Ran::For)
            }
            Err(Errno::EINVAL | Errno::ESRCH) => Ran::NoProcess,
            Err(_) => Ran::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_clock_of_a_process_stands_while_it_sleeps_and_ends_with_it() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let sleeps = || std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        while !sleeps().contains("(cat) S ") {
            std::thread::yield_now();
        }
        let first = CpuClocks::On.read(child.id());
        assert!(matches!(first, Ran::For(ns) if ns > 0), "{first:?}");
        assert_eq!(CpuClocks::On.read(child.id()), first, "it did not run");
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(CpuClocks::On.read(child.id()), Ran::NoProcess);
    }

    #[test]
    fn a_thread_is_no_process() {
        let (told, hear) = std::sync::mpsc::sync_channel(1);
        let (stop, wait) = std::sync::mpsc::sync_channel::<()>(1);
        let thread = std::thread::spawn(move || {
            told.send(rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs()).unwrap();
            wait.recv().unwrap_err();
        });
        assert_eq!(CpuClocks::On.read(hear.recv().unwrap()), Ran::NoProcess);
        drop(stop);
        thread.join().unwrap();
    }

    #[test]
    fn nothing_is_asked_where_the_pids_are_not_ours() {
        assert_eq!(CpuClocks::when(false).read(1), Ran::Unknown);
        assert_eq!(CpuClocks::when(true), CpuClocks::On);
        assert_eq!(CpuClocks::On.read(u32::MAX), Ran::Unknown);
    }
}
