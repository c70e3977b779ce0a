//! Who did what on the hub: `/api/audit`.

use serde::{Deserialize, Serialize};

/// `GET /api/audit?after=N&limit=M`: lines of the audit after the number N, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditPage {
    /// The lines, byte for byte as they were written: their hashes are over these bytes.
    pub lines: Vec<String>,
    /// The number of the newest line.
    pub newest: u64,
}
