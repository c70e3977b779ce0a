//! Which of the kernel's texts are events. The texts are those of its sources
//! from 4.19 to 6.18.

use watchfire_model::EventKind;

/// The kind of event that a text of the kernel tells of, if any. Kills for
/// want of memory are read elsewhere.
pub(super) fn recognise(text: &str) -> Option<EventKind> {
    // First what begins with the name of a program, which can be anything.
    if is_segfault(text) {
        return Some(EventKind::Segfault);
    }
    RULES.iter().find(|(_, holds)| holds(text)).map(|(kind, _)| *kind)
}

type Rule = (EventKind, fn(&str) -> bool);

/// The first that holds counts.
const RULES: &[Rule] = &[
    (EventKind::HardwareError, is_hardware_error),
    (EventKind::ReadOnly, is_read_only),
    (EventKind::FilesystemError, is_filesystem_error),
    (EventKind::DiskError, is_disk_error),
    (EventKind::RaidFailure, |text| text.starts_with("md") && text.contains("Disk failure on ")),
    (EventKind::HungTask, |text| text.starts_with("INFO: task ") && text.contains(" blocked ")),
    (EventKind::SoftLockup, |text| text.contains("BUG: soft lockup - CPU#")),
    (EventKind::HardLockup, |text| text.contains("atchdog detected hard LOCKUP")),
    (EventKind::RcuStall, is_rcu_stall),
    (EventKind::KernelBug, is_kernel_bug),
    (EventKind::ThermalThrottle, is_thermal),
    (EventKind::NicReset, is_nic_reset),
    (EventKind::LinkDown, |text| is_link(text, &["link is down", "link down"])),
    (EventKind::LinkUp, |text| is_link(text, &["link is up", "link up"])),
];

fn has(text: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| text.contains(part))
}

fn is_segfault(text: &str) -> bool {
    let user_fault = ["]: segfault at ", "] general protection ", "] trap invalid opcode "];
    has(text, &user_fault) && text.contains(" ip") && !text.contains("[#")
}

fn is_hardware_error(text: &str) -> bool {
    // `EDAC MC0: 1 CE memory read error on …`; the driver's greeting has no number.
    let edac = text.strip_prefix("EDAC MC").and_then(|rest| rest.split_once(": "));
    let is_report = |rest: &str| has(rest, &[" CE ", " UE "]);
    text.contains("[Hardware Error]")
        || edac.is_some_and(|(_, rest)| {
            rest.starts_with(|c: char| c.is_ascii_digit()) && is_report(rest)
        })
        || (text.contains("AER: ")
            && has(text, &["Uncorrected", "Uncorrectable", "Corrected error"]))
}

fn is_read_only(text: &str) -> bool {
    let of_filesystem = has(text, &["EXT4-fs", "EXT3-fs", "EXT2-fs", "BTRFS", "FAT-fs", "F2FS-fs"]);
    of_filesystem
        && has(
            text,
            &[
                "Remounting filesystem read-only",
                "Filesystem has been set read-only",
                "forced readonly",
            ],
        )
}

fn is_filesystem_error(text: &str) -> bool {
    const STARTS: [&str; 9] = [
        "EXT4-fs error ",
        "EXT4-fs critical",
        "EXT3-fs error ",
        "EXT2-fs error ",
        "BTRFS error ",
        "BTRFS critical ",
        "BTRFS: error ",
        "FAT-fs error ",
        "Aborting journal on device ",
    ];
    let xfs = text.starts_with("XFS (")
        && has(
            text,
            &[
                "Corruption ",
                "corruption ",
                "metadata I/O error",
                "force_shutdown",
                "hutting down filesystem",
            ],
        );
    STARTS.iter().any(|start| text.starts_with(start))
        || xfs
        || (text.starts_with("FAT-fs (") && text.contains("): error"))
        || (text.starts_with("BTRFS warning ") && text.contains("csum failed"))
        || (text.starts_with("JBD2: ") && text.contains("IO error"))
}

fn is_disk_error(text: &str) -> bool {
    let failed =
        has(text, &["I/O error, dev ", "critical medium error, dev ", "Buffer I/O error on dev"]);
    let nvme = text.starts_with("nvme ") && text.contains("I/O ") && text.contains(" timeout");
    let ata = text.starts_with("ata") && text.contains(": failed command: ");
    // A floppy that is not there is an error on many virtual machines.
    (failed && !has(text, &["dev fd0", "device fd0"])) || nvme || ata
}

fn is_rcu_stall(text: &str) -> bool {
    (text.starts_with("rcu:") || text.starts_with("INFO: rcu_"))
        && has(text, &["detected stall", "self-detected stall", "detected expedited stall"])
}

/// An oops has its number in it: `Oops: 0002 [#1] PREEMPT SMP`.
fn is_kernel_bug(text: &str) -> bool {
    let numbered = text.split_once(" [#").is_some_and(|(_, rest)| {
        rest.starts_with(|c: char| c.is_ascii_digit()) && rest.contains(']')
    });
    numbered || text.starts_with("BUG: Bad page ")
}

fn is_thermal(text: &str) -> bool {
    has(text, &["temperature above threshold, cpu clock throttled", "critical temperature reached"])
}

fn is_nic_reset(text: &str) -> bool {
    text.starts_with("NETDEV WATCHDOG: ")
        || has(text, &["Reset adapter", "Hardware Unit Hang", "transmit queue timed out"])
}

/// Drivers of network devices say it each in their own way; those of disks say
/// nearly the same.
fn is_link(text: &str, words: &[&str]) -> bool {
    let lower = text.to_ascii_lowercase();
    has(&lower, words) && !has(&lower, &["sata link", "ata link", "pcie link", "usb", "dp link"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_recognised() {
        use EventKind::*;
        for (text, kind) in [
            ("mce: [Hardware Error]: Machine check events logged", HardwareError),
            ("{1}[Hardware Error]: event severity: corrected", HardwareError),
            (
                "EDAC MC0: 1 CE memory read error on CPU_SrcID#0_MC#0 (channel:1 slot:0)",
                HardwareError,
            ),
            ("pcieport 0000:00:1c.0: AER: Corrected error received: 0000:01:00.0", HardwareError),
            (
                "I/O error, dev sda, sector 2048 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2",
                DiskError,
            ),
            ("blk_update_request: I/O error, dev sdb, sector 5", DiskError),
            ("Buffer I/O error on dev dm-0, logical block 1, async page read", DiskError),
            ("critical medium error, dev sda, sector 5 op 0x0:(READ)", DiskError),
            ("nvme nvme0: I/O 12 QID 3 timeout, aborting", DiskError),
            (
                "nvme nvme0: I/O tag 12 (100c) opcode 0x2 (Read) QID 3 timeout, aborting req_op:READ(0)",
                DiskError,
            ),
            ("ata1.00: failed command: READ FPDMA QUEUED", DiskError),
            (
                "EXT4-fs error (device sda1): ext4_lookup:1785: inode #2: comm ls: deleted inode",
                FilesystemError,
            ),
            ("EXT4-fs (sda1): Remounting filesystem read-only", ReadOnly),
            ("BTRFS info (device sdb1 state E): forced readonly", ReadOnly),
            ("BTRFS warning (device sdb): csum failed root 5 ino 257 off 0", FilesystemError),
            ("XFS (sdc1): Metadata corruption detected at xfs_agf_read_verify", FilesystemError),
            ("XFS (sdc1): log I/O error -5; Shutting down filesystem", FilesystemError),
            ("Aborting journal on device sda1-8.", FilesystemError),
            ("md/raid1:md0: Disk failure on sdb1, disabling device.", RaidFailure),
            ("INFO: task jbd2/sda1-8:311 blocked for more than 120 seconds.", HungTask),
            ("watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [x:5]", SoftLockup),
            ("NMI watchdog: Watchdog detected hard LOCKUP on cpu 3", HardLockup),
            ("rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:", RcuStall),
            ("rcu: INFO: rcu_sched self-detected stall on CPU", RcuStall),
            ("Oops: 0002 [#1] PREEMPT SMP NOPTI", KernelBug),
            (
                "general protection fault, probably for non-canonical address 0x1: 0000 [#1] SMP",
                KernelBug,
            ),
            ("Internal error: Oops: 96000004 [#2] SMP", KernelBug),
            ("web[123]: segfault at 0 ip 00007f sp 00007f error 4 in libc.so.6[7f+1]", Segfault),
            ("traps: web[123] general protection fault ip:7f sp:7f error:0", Segfault),
            ("traps: web[123] trap invalid opcode ip:7f sp:7f error:0 in x", Segfault),
            ("e1000e 0000:00:1f.6 eno1: NIC Link is Down", LinkDown),
            ("igb 0000:01:00.0 eth0: igb: eth0 NIC Link is Up 1000 Mbps Full Duplex", LinkUp),
            ("r8169 0000:02:00.0 enp2s0: Link is Up - 1Gbps/Full - flow control rx/tx", LinkUp),
            ("mlx5_core 0000:03:00.0 eth1: Link down", LinkDown),
            (
                "mce: CPU0: Core temperature above threshold, cpu clock throttled (total events = 1)",
                ThermalThrottle,
            ),
            ("NETDEV WATCHDOG: eth0 (e1000e): transmit queue 0 timed out", NicReset),
            ("e1000e 0000:00:19.0 eth0: Reset adapter unexpectedly", NicReset),
        ] {
            assert_eq!(recognise(text), Some(kind), "{text}");
        }
    }

    #[test]
    fn a_program_cannot_pretend_by_its_name() {
        for name in ["EXT4-fs error ", "I/O error, dev ", "x [#1]", "NETDEV WATCHDOG: "] {
            let text = format!("{name}[1]: segfault at 0 ip 7f sp 7f error 4");
            assert_ne!(recognise(&text), Some(EventKind::FilesystemError), "{text}");
            assert_ne!(recognise(&text), Some(EventKind::DiskError), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_events() {
        for text in [
            "EDAC MC: Ver: 3.0.0",
            "EDAC MC0: Giving out device to module i10nm_edac",
            "ata1: SATA link up 6.0 Gbps (SStatus 133 SControl 300)",
            "ata2: SATA link down (SStatus 0 SControl 300)",
            "EXT4-fs (sda1): mounted filesystem with ordered data mode",
            "I/O error, dev fd0, sector 0 op 0x0:(READ)",
            "IPv6: ADDRCONF(NETDEV_CHANGE): eth0: link becomes ready",
            "rcu: Hierarchical RCU implementation.",
            "XFS (sda1): Mounting V5 Filesystem",
            "mce: CPU0: Core temperature/speed normal (total events = 1)",
            "Command line: quiet",
            "",
        ] {
            assert_eq!(recognise(text), None, "{text}");
        }
    }
}
