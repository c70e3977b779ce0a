use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter_all_threads,
};

/// What the collecting part never does, and whoever broke into it would: start programs, look into
/// or take over other processes, change the machine. They fail as if the user had no right to.
///
/// It lists what is forbidden and not what is allowed: a library may make other calls tomorrow, and
/// a watcher that dies of that watches nothing.
const FORBIDDEN: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_io_uring_setup,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_kexec_file_load,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
];

/// From now on no thread of this process makes these calls.
pub(super) fn restrict() -> Result<(), String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| words(&error))?;
    // Its flags lie in memory, where no filter can look. Libraries then ask in the old way.
    let unknown = filter([(libc::SYS_clone3, Vec::new())].into(), libc::ENOSYS, arch)?;
    let mut rules: BTreeMap<_, _> = FORBIDDEN.iter().map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_clone, vec![no_thread().map_err(|error| words(&error))?]);
    let forbidden = filter(rules, libc::EPERM, arch)?;
    for program in [unknown, forbidden] {
        apply_filter_all_threads(&program).map_err(|error| words(&error))?;
    }
    Ok(())
}

fn filter(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    error: i32,
    arch: TargetArch,
) -> Result<BpfProgram, String> {
    let no = SeccompAction::Errno(error.cast_unsigned());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, no, arch);
    filter.and_then(BpfProgram::try_from).map_err(|error| error.to_string())
}

/// A clone that makes a process and no thread.
fn no_thread() -> Result<SeccompRule, seccompiler::BackendError> {
    let thread = u64::from(libc::CLONE_THREAD.cast_unsigned());
    let flags =
        SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(thread), 0)?;
    SeccompRule::new(vec![flags])
}
