//! All that descends from this process, which is the parent of whoever loses its own.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, kill_process};
use watchfire_runtime::Clock;

/// How long killing goes on. Who is still there then waits in the kernel, for a disk mostly, and
/// ends when that answers.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks, for what was killed to end.
const PAUSE: Duration = Duration::from_millis(2);

/// A child that ended: its code, or its signal.
pub(super) type Ended = (Pid, Option<i32>, Option<i32>);

/// Takes in all children that have ended. `None` when there are no children left at all, and so
/// no descendants: those without a parent are ours.
pub(super) fn reap(ended: &mut Vec<Ended>) -> Option<()> {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => {
                ended.push((pid, status.exit_status(), status.terminating_signal()));
            }
            Ok(None) => return Some(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return None,
        }
    }
}

/// Asks all to end.
pub(super) fn terminate() {
    signal(&descendants(), Signal::TERM);
}

/// Ends all that descend from this process, and gives back how many would not go.
pub(super) fn kill(clock: &Clock, ended: &mut Vec<Ended>) -> usize {
    let until = clock.now().after(PATIENCE);
    while reap(ended).is_some() {
        let left = descendants();
        // Stopped first, so that none starts another while the rest is met.
        signal(&left, Signal::STOP);
        signal(&left, Signal::KILL);
        if clock.now().monotonic >= until.monotonic {
            return left.len();
        }
        pause();
    }
    0
}

fn signal(whom: &[Pid], signal: Signal) {
    for pid in whom {
        // Who is gone already needs none.
        let _ = kill_process(*pid, signal);
    }
}

/// All processes below this one that have not ended.
pub(super) fn descendants() -> Vec<Pid> {
    below(rustix::process::getpid(), &parents())
}

/// Ends what a supervisor that died left behind, which is the runner's then: all children but
/// the `known` ones, and what they leave in turn.
pub(super) fn end_strangers(known: &[u32], clock: &Clock) {
    let until = clock.now().after(PATIENCE);
    while clock.now().monotonic < until.monotonic {
        let strangers: Vec<Pid> = children()
            .into_iter()
            .filter(|pid| !known.iter().any(|one| i64::from(*one) == i64::from(pid.as_raw_pid())))
            .collect();
        if strangers.is_empty() {
            return;
        }
        signal(&strangers, Signal::KILL);
        for pid in strangers {
            let _ = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG);
        }
        pause();
    }
}

/// How many threads a user has, as the limit of processes counts them.
pub(super) fn threads_of(user: u32) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let own = entries.filter(|entry| {
        let is_process = entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit);
        is_process && entry.metadata().is_ok_and(|found| found.uid() == user)
    });
    let threads =
        own.map(|entry| fs::read_dir(entry.path().join("task")).map_or(1, Iterator::count));
    threads.sum::<usize>() as u64
}

/// The children of this process, ended ones too.
fn children() -> Vec<Pid> {
    let me = rustix::process::getpid().as_raw_pid();
    let of_me = parents().into_iter().filter(|(_, (parent, _))| *parent == me);
    of_me.filter_map(|(pid, _)| Pid::from_raw(pid)).collect()
}

fn pause() {
    let pause = rustix::time::Timespec { tv_sec: 0, tv_nsec: i64::from(PAUSE.subsec_nanos()) };
    let _ = rustix::thread::nanosleep(&pause);
}

/// Of each process its parent, and whether it has ended.
fn parents() -> BTreeMap<i32, (i32, bool)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in brackets, may hold anything.
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = fields.next()?;
        Some((pid, (fields.next()?.parse().ok()?, matches!(state, "Z" | "X"))))
    })
    .collect()
}

fn below(top: Pid, parents: &BTreeMap<i32, (i32, bool)>) -> Vec<Pid> {
    let (mut found, mut next) = (Vec::new(), vec![top.as_raw_pid()]);
    while let Some(parent) = next.pop() {
        for (pid, (of, is_over)) in parents {
            if *of == parent && *pid != parent {
                next.push(*pid);
                found.extend(Pid::from_raw(*pid).filter(|_| !is_over));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_below_and_nobody_else() {
        let parents =
            [(1, (0, false)), (7, (1, false)), (8, (7, true)), (9, (8, false)), (5, (1, false))];
        let found = below(Pid::from_raw(7).expect("a pid"), &parents.into());
        assert_eq!(found, [Pid::from_raw(9).expect("a pid")], "below one that ended as well");
    }
}
