use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What its supervisor is told of a command: all is decided by then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) run: u64,
    pub(super) id: String,
    pub(super) argv: Vec<String>,
    pub(super) user: String,
    pub(super) home: PathBuf,
    /// User, group, groups; where the runner may become another user.
    pub(super) ids: Option<(u32, u32, Vec<u32>)>,
    pub(super) folder: PathBuf,
    pub(super) timeout_ms: u64,
    pub(super) output: u64,
    pub(super) processes: u64,
    pub(super) files: u64,
    pub(super) memory: Option<u64>,
    pub(super) no_new_privs: bool,
    /// The cgroup of its own that it is to move into.
    pub(super) cgroup: Option<PathBuf>,
    /// How many bytes of input follow.
    pub(super) stdin: u64,
}
