//! How much one frame may hold.
//!
//! Above a limit, [`encode`](crate::encode) cuts and [`decode`](crate::decode)
//! refuses. The limits of a status are such that the largest one fits a frame;
//! a process table is cut to the frame as well.

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

/// The longest server name, in bytes: that of a DNS name.
pub const MAX_SERVER_BYTES: usize = 253;
/// The longest name of a device, a label or a user, and the longest id or version, in bytes.
pub const MAX_NAME_BYTES: usize = 128;
/// The longest source of a filesystem, and the longest text about a host, in bytes.
pub const MAX_TEXT_BYTES: usize = 512;
/// The longest mount point, label value or command line, in bytes.
pub const MAX_PATH_BYTES: usize = 1024;
