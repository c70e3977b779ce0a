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
    /// As where somebody answers that nobody has a clock.
    #[cfg(test)]
    Blind,
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
    /// On when the clock of this process answers, and that of process 1 or of
    /// the parent: where others are hidden, as some sandboxes do it, all of them
    /// would seem to be gone.
    pub(super) fn when(pids_are_ours: bool) -> Self {
        let number = |pid: rustix::process::Pid| pid.as_raw_nonzero().get().unsigned_abs();
        let own = number(rustix::process::getpid());
        let parent = rustix::process::getppid().map(number);
        if pids_are_ours && can_see(own, parent, |pid| Self::On.read(pid)) {
            Self::On
        } else {
            Self::Off
        }
    }

    pub(super) fn read(self, pid: u32) -> Ran {
        let Ok(pid) = i32::try_from(pid) else { return Ran::Unknown };
        match self {
            Self::On => {}
            Self::Off => return Ran::Unknown,
            #[cfg(test)]
            Self::Blind => return Ran::NoProcess,
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

/// True when the clocks of this process and of another one answer. Where there
/// is no other that is known to be, the own one has to do.
fn can_see(own: u32, parent: Option<u32>, read: impl Fn(u32) -> Ran) -> bool {
    let answers = |pid: u32| matches!(read(pid), Ran::For(_));
    let others = || [Some(1), parent].into_iter().flatten().filter(|pid| *pid != own);
    let sees_others = others().next().is_none() || others().any(answers);
    matches!(read(own), Ran::For(ns) if ns > 0) && sees_others
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
    fn clocks_that_tell_of_nobody_else_are_not_used() {
        let of = |seen: &'static [u32]| {
            move |pid| if seen.contains(&pid) { Ran::For(5) } else { Ran::NoProcess }
        };
        assert!(can_see(7, Some(6), of(&[7, 1])));
        assert!(can_see(7, Some(6), of(&[7, 6])));
        assert!(can_see(1, None, of(&[1])), "there is no other");
        assert!(!can_see(7, Some(6), of(&[7])));
        assert!(!can_see(7, None, of(&[7])));
        assert!(!can_see(7, Some(6), of(&[1, 6])));
    }

    #[test]
    fn nothing_is_asked_where_the_pids_are_not_ours() {
        assert_eq!(CpuClocks::when(false).read(1), Ran::Unknown);
        assert_eq!(CpuClocks::when(true), CpuClocks::On);
        assert_eq!(CpuClocks::On.read(u32::MAX), Ran::Unknown);
    }
}
