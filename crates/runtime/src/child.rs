//! Starting a program of somebody else's: with no right, file or limit of ours left to it.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Gid, Pid, Uid};
use rustix::process::{
    Resource, Rlimit, Signal, getppid, set_parent_process_death_signal, setrlimit, setsid,
};
use rustix::thread::{
    clear_ambient_capability_set, set_no_new_privs, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};

/// What a program starts with.
#[derive(Debug, Clone, Default)]
pub struct Confinement {
    /// Whom it runs as; `None` for whoever we are.
    pub user: Option<Ids>,
    /// It and what it starts can gain no rights, as by sudo.
    pub no_new_privs: bool,
    /// How many processes its user may have.
    pub processes: Option<u64>,
    /// How many files it may have open.
    pub files: Option<u64>,
    /// How much memory each of its processes may take, in bytes.
    pub memory: Option<u64>,
}

/// A user, as the kernel knows one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ids {
    /// The user's id.
    pub user: u32,
    /// The first group's.
    pub group: u32,
    /// Those of all groups.
    pub groups: Vec<u32>,
}

/// Lets `command` start in a session of its own and confined like this; it dies with the thread
/// that starts it. Files of ours that are open beyond the first three are closed.
#[expect(unsafe_code, reason = "what happens between fork and exec has no safe form")]
pub fn confine(command: &mut Command, how: Confinement) -> &mut Command {
    let groups: Option<Vec<Gid>> =
        how.user.as_ref().map(|ids| ids.groups.iter().map(|id| Gid::from_raw(*id)).collect());
    let parent = rustix::process::getpid();
    let prepare = move || Ok(prepare(&how, groups.as_deref(), parent)?);
    // SAFETY: between fork and exec only what is safe in a signal handler may be done. `prepare`
    // makes system calls on values that were made before, and takes no lock and no memory. The
    // agent's tests/runner shows each of its steps on real processes.
    unsafe { command.pre_exec(prepare) }
}

fn prepare(how: &Confinement, groups: Option<&[Gid]>, parent: Pid) -> rustix::io::Result<()> {
    setsid()?;
    let limits = [
        (Resource::Nproc, how.processes),
        (Resource::Nofile, how.files),
        (Resource::As, how.memory),
        (Resource::Core, Some(0)),
    ];
    for (resource, most) in limits {
        let Some(most) = most else { continue };
        // A limit that is lower already stays.
        let maximum =
            rustix::process::getrlimit(resource).maximum.map_or(most, |now| now.min(most));
        setrlimit(resource, Rlimit { current: Some(maximum), maximum: Some(maximum) })?;
    }
    // Not known to kernels before 4.3, which have no such rights to pass on.
    let _ = clear_ambient_capability_set();
    if let (Some(ids), Some(groups)) = (&how.user, groups) {
        let (user, group) = (Uid::from_raw(ids.user), Gid::from_raw(ids.group));
        set_thread_groups(groups)?;
        set_thread_res_gid(group, group, group)?;
        set_thread_res_uid(user, user, user)?;
    }
    if how.no_new_privs {
        set_no_new_privs(true)?;
    }
    // After the change of the user, which takes it away.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if getppid() != Some(parent) {
        // It died before that was asked for.
        return Err(rustix::io::Errno::SRCH);
    }
    close_from(3);
    Ok(())
}

/// Closes at the exec whatever somebody who started us left open.
#[expect(unsafe_code, reason = "no crate of ours wraps it")]
fn close_from(first: u32) {
    // SAFETY: it marks descriptors, closes none, and is a system call alone. A kernel before 5.11
    // does not know it; what we open ourselves closes at an exec anyway.
    unsafe {
        libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC);
    }
}

/// A command that begins `program` with nothing in its environment.
///
/// # Errors
/// When the working folder is none.
pub fn bare(program: &std::path::Path, folder: &std::path::Path) -> io::Result<Command> {
    if !folder.is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, "the working folder is missing"));
    }
    let mut command = Command::new(program);
    command.env_clear().current_dir(folder);
    Ok(command)
}
