//! How much one frame may hold.
//!
//! Above a limit, [`encode`](crate::encode) cuts and [`decode`](crate::decode)
//! refuses. The limits of a status are such that the largest one fits a frame;
//! a process table is cut to the frame as well. A number out of its bounds is
//! moved to the nearest bound on the way out. Where cutting would lose data or
//! change what is meant (records, addresses, certificates), `encode` refuses.

/// The largest frame, in bytes.
pub const MAX_FRAME_BYTES: usize = 1 << 20;

/// The most filesystems in a status.
pub const MAX_FILESYSTEMS: usize = 256;
/// The most block devices in a status.
pub const MAX_DISKS: usize = 512;
/// The most network devices in a status.
pub const MAX_NETWORKS: usize = 512;
/// The most cores in a status.
pub const MAX_CORES: usize = 1024;
/// The most processes in a process table; its `total` tells how many there are.
pub const MAX_PROCESSES: usize = 4096;
/// The most labels in a hello.
pub const MAX_LABELS: usize = 64;

/// The most records in one message of them.
pub const MAX_RECORDS: usize = 256;
/// The longest content of a record, in bytes: as much as fits a frame, so that
/// the largest frame of the codec does.
pub const MAX_RECORD_BYTES: usize = MAX_FRAME_BYTES - 4096;
/// The longest certificate or signing request in PEM, in bytes.
pub const MAX_PEM_BYTES: usize = 16 << 10;
/// The longest address of a probe, in bytes: an IPv6 address with its scope and port.
pub const MAX_ADDRESS_BYTES: usize = 64;
/// The length of an agent's id in a probe, in bytes: hex digits.
pub const AGENT_ID_BYTES: usize = 40;
/// The length of a ring's id, in bytes.
pub const RING_BYTES: usize = 16;
/// The longest time that a probe can tell of, in milliseconds.
pub const MAX_PROBE_MS: u32 = 60_000;

/// The most members of a fallback. With nine of them each holds a box for 28 sets of three.
pub const MAX_FALLBACK_MEMBERS: usize = 9;
/// The most boxes in a fallback.
pub const MAX_FALLBACK_BOXES: usize = 28;
/// The length of a part of a fallback's key, in bytes.
pub const FALLBACK_PART_BYTES: usize = 32;
/// The longest box, in bytes: a key of 32 and what sealing adds.
pub const MAX_FALLBACK_BOX_BYTES: usize = 96;
/// The longest sealed content of a fallback, in bytes.
pub const MAX_FALLBACK_BYTES: usize = 16 << 10;
/// The longest time that a hub may be gone before the fallback is told, in seconds: a day.
pub const MAX_FALLBACK_S: u32 = 86_400;

/// The longest envelope of a command, in bytes.
pub const MAX_ENVELOPE_BYTES: usize = 256 << 10;
/// The most signatures of a command.
pub const MAX_SIGNATURES: usize = 8;
/// The longest signature in armour, in bytes: that of a long RSA key has some 3 KiB.
pub const MAX_SIGNATURE_BYTES: usize = 8 << 10;
/// The most hashes that show a target's place among 65,536.
pub const MAX_PROOF_HASHES: usize = 16;
/// The longest standard input of a command, in bytes.
pub const MAX_STDIN_BYTES: usize = 512 << 10;
/// The most arguments of a command, its program included.
pub const MAX_ARGS: usize = 4096;
/// The longest arguments of a command together, in bytes.
pub const MAX_ARGV_BYTES: usize = 128 << 10;
/// The longest piece of a command's output, in bytes.
pub const MAX_OUTPUT_CHUNK: usize = 32 << 10;
/// The most runbooks of a server.
pub const MAX_RUNBOOKS: usize = 128;
/// The most parameters of a runbook.
pub const MAX_PARAMS: usize = 16;

/// The longest server name, in bytes: that of a DNS name.
pub const MAX_SERVER_BYTES: usize = 253;
/// The longest name of a device, a label or a user, and the longest id or version, in bytes.
pub const MAX_NAME_BYTES: usize = 128;
/// The longest source of a filesystem, and the longest text about a host or its
/// last start, in bytes.
pub const MAX_TEXT_BYTES: usize = 512;
/// The longest mount point, label value or command line, in bytes.
pub const MAX_PATH_BYTES: usize = 1024;

/// The largest share, in percent.
pub const MAX_SHARE_PERCENT: f64 = 100.0;
/// A share may come in so much larger, for rounding, and is taken as the largest.
pub const SHARE_TOLERANCE_PERCENT: f64 = 1.0;
/// The most cores of a machine, as far as a host's facts and a process' cpu go.
pub const MAX_MACHINE_CORES: u32 = 4096;
/// The most cpu that a process uses, in percent of one core.
pub const MAX_PROCESS_PERCENT: f64 = 100.0 * MAX_MACHINE_CORES as f64;
/// The largest limit on the cores that a container may use.
pub const MAX_LIMIT_CORES: f64 = 1e6;
/// The largest load average.
pub const MAX_LOAD: f64 = 1e6;
/// The largest rate, of bytes or of anything else in a second.
pub const MAX_RATE: f64 = 1e15;
/// The largest process id, and the most processes and threads of a machine:
/// the kernel's `PID_MAX_LIMIT` (include/linux/threads.h).
pub const MAX_PIDS: u32 = 1 << 22;
/// The earliest wall clock, in milliseconds since 1970: a day before 1970. A
/// machine without a clock begins in 1970, and its processes a moment earlier.
pub const MIN_UNIX_MS: i64 = -86_400_000;
/// The latest wall clock, in milliseconds since 1970: the year 2200 begins.
pub const MAX_UNIX_MS: i64 = 7_258_118_400_000;
/// The longest uptime: a hundred years, in nanoseconds.
pub const MAX_UPTIME_NS: u64 = 36_525 * 86_400 * 1_000_000_000;
