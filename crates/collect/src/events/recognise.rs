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
    // Also begins with the name of a program, and is no event.
    if text.contains(": page allocation failure: ") {
        return None;
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

/// What the kernel says about a fault of a program, by the shape of all after
/// the program's name, which can be anything and hold any of it:
///
/// * `NAME[PID]: segfault at ADDRESS ip ADDRESS sp ADDRESS error NUMBER…`
/// * `traps: NAME[PID] WHAT ip:ADDRESS sp:ADDRESS error:NUMBER…`
fn is_segfault(text: &str) -> bool {
    const FAULT: &str = "]: segfault at ";
    // The name of the program and that of its file can hold these words too.
    text.match_indices(FAULT)
        .any(|(at, _)| ends_with_pid(&text[..at]) && is_fault_end(&text[at + FAULT.len()..]))
        || is_trap(text)
}

fn is_fault_end(rest: &str) -> bool {
    let mut words = rest.split_ascii_whitespace();
    let mut is_address = || words.next().is_some_and(|word| word == "(null)" || is_hex(word));
    if !is_address() {
        return false;
    }
    let mut pair = |name| {
        words.next() == Some(name)
            && words.next().is_some_and(|word| word == "(null)" || is_hex(word))
    };
    pair("ip") && pair("sp") && pair("error")
}

fn is_trap(text: &str) -> bool {
    const IP: &str = " ip:";
    let Some(text) = text.strip_prefix("traps: ") else { return false };
    text.match_indices(IP).any(|(at, _)| {
        let mut words = text[at + IP.len()..].split(' ');
        let address = words.next().is_some_and(is_hex);
        let mut value =
            |name| words.next().and_then(|word| word.strip_prefix(name)).is_some_and(is_hex);
        let named = text[..at].match_indices("] ").any(|(end, _)| ends_with_pid(&text[..end]));
        named && address && value("sp:") && value("error:")
    })
}

/// True for `NAME[PID`.
fn ends_with_pid(before: &str) -> bool {
    before.rsplit_once('[').is_some_and(|(_, pid)| is_number(pid))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_hardware_error(text: &str) -> bool {
    // `EDAC MC0: 1 CE memory read error on …`; the driver's greeting has no number.
    let edac = text.strip_prefix("EDAC MC").and_then(|rest| rest.split_once(": "));
    let is_report = |rest: &str| has(rest, &[" CE ", " UE "]);
    has_hardware_prefix(text)
        || edac.is_some_and(|(_, rest)| {
            rest.starts_with(|c: char| c.is_ascii_digit()) && is_report(rest)
        })
        || is_aer(text)
}

/// `[Hardware Error]` stands at the begin, behind the number of the firmware's
/// report (`{1}`), or behind the short name of a part of the kernel (`mce: `).
fn has_hardware_prefix(text: &str) -> bool {
    let Some((before, _)) = text.split_once("[Hardware Error]") else { return false };
    let report = before.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let part = before.strip_suffix(": ");
    let is_part = |part: &str| {
        part.len() <= 16 && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    before.is_empty() || report.is_some_and(is_number) || part.is_some_and(is_part)
}

/// `DRIVER 0000:00:1c.0: AER: …`, or without the device.
fn is_aer(text: &str) -> bool {
    let Some((before, rest)) = text.split_once("AER: ") else { return false };
    let mut words = before.split_ascii_whitespace();
    let device = match (words.next(), words.next(), words.next()) {
        (None, ..) => true,
        (Some(_), Some(device), None) => {
            device.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte))
        }
        _ => false,
    };
    device && has(rest, &["Uncorrected", "Uncorrectable", "Corrected error"])
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

/// Of these all but the journal's name their device at once, which the name of
/// a program before a text of another kind does not.
fn is_filesystem_error(text: &str) -> bool {
    const STARTS: [&str; 10] = [
        "EXT4-fs error (device ",
        "EXT4-fs critical (device ",
        "EXT4-fs: error (device ",
        "EXT3-fs error (device ",
        "EXT2-fs error (device ",
        "BTRFS error (device ",
        "BTRFS critical (device ",
        "BTRFS: error (device ",
        "FAT-fs error (device ",
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
    let request = has(text, &["I/O error, dev ", "critical medium error, dev "]);
    // The words before the place fit the name of a program.
    let failed =
        (request && text.contains(", sector ")) || text.contains("Buffer I/O error on dev");
    let nvme = text.starts_with("nvme ") && text.contains("I/O ") && text.contains(" timeout");
    let ata = text.starts_with("ata") && text.contains(": failed command: ");
    // A floppy that is not there is an error on many virtual machines.
    (failed && !has(text, &["dev fd0", "device fd0"])) || nvme || ata
}

fn is_rcu_stall(text: &str) -> bool {
    (text.starts_with("rcu:") || text.starts_with("INFO: rcu_"))
        && has(text, &["detected stall", "self-detected stall", "detected expedited stall"])
}

/// An oops has its number in it: `Oops: 0002 [#1] PREEMPT SMP`. How it begins
/// is the architecture's (x86, arm, riscv, powerpc, s390) or the trap's name.
fn is_kernel_bug(text: &str) -> bool {
    const STARTS: [&str; 20] = [
        "Oops: ",
        "Oops - ",
        "Oops [#",
        "Internal error: ",
        "general protection fault",
        "kernel BUG at ",
        "Kernel BUG at ",
        "Kernel BUG [#",
        "invalid opcode: ",
        "divide error: ",
        "stack segment: ",
        "double fault: ",
        "int3: ",
        "page fault: ",
        "bounds: ",
        "alignment check: ",
        "illegal operation: ",
        "addressing exception: ",
        "specification exception: ",
        "protection exception: ",
    ];
    let numbered = text.split_once(" [#").and_then(|(_, rest)| rest.split_once(']'));
    let ends = |rest: &str| rest.is_empty() || rest.starts_with(' ');
    let is_oops = numbered.is_some_and(|(number, rest)| is_number(number) && ends(rest))
        && STARTS.iter().any(|start| text.starts_with(start));
    is_oops || text.starts_with("BUG: Bad page ")
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
            ("Oops [#1]", KernelBug),
            ("Kernel BUG [#3]", KernelBug),
            ("invalid opcode: 0000 [#1] SMP NOPTI", KernelBug),
            ("[Hardware Error]: Corrected error, no action required.", HardwareError),
            ("AER: Corrected error received: 0000:00:1c.0", HardwareError),
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
        for name in [
            "EXT4-fs error ",
            "I/O error, dev ",
            "x [#1]",
            "x [#1][1]",
            "Oops: [#1]",
            "[Hardware Error",
            "]: segfault at ",
            "AER: Corrected ",
            "x ip:",
        ] {
            for text in [
                format!("{name}[1]: segfault at 0 ip 7f sp 7f error 4 in {name}[7f+1]"),
                format!("{name}[1]: segfault at 0 ip (null) sp 00007f error 14"),
                "x[1]: segfault at 0 ip 7f sp 7f error 4 in [Hardware Error][7f+1]".to_owned(),
                format!(
                    "traps: {name}[1] general protection fault ip:7f sp:7f error:0 in {name}[7f+1]"
                ),
                format!("traps: {name}[1] trap invalid opcode ip:7f sp:7f error:0"),
            ] {
                assert_eq!(recognise(&text), Some(EventKind::Segfault), "{text}");
            }
            for text in [
                format!("{name}: page allocation failure: order:0, mode:0x0"),
                format!("{name}[1]: bad frame in setup_rt_frame: 0 ip:7f sp:7f"),
                format!("process '{name}' started with executable stack"),
            ] {
                assert_eq!(recognise(&text), None, "{text}");
            }
            let text = format!("INFO: task {name}:7 blocked for more than 120 seconds.");
            assert_eq!(recognise(&text), Some(EventKind::HungTask), "{text}");
            let text =
                format!("EXT4-fs error (device sda1): x:1: inode #2: comm {name}: deleted inode");
            assert_eq!(recognise(&text), Some(EventKind::FilesystemError), "{text}");
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
            "x[1]: segfault at home",
            "something [#1]",
            "my disk said [Hardware Error]",
            "",
        ] {
            assert_eq!(recognise(text), None, "{text}");
        }
    }
}
