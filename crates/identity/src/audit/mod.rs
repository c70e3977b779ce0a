//! The audit: lines of JSON of which each holds the hash of the one before.
//!
//! Whoever changes, adds or takes away a line in the middle breaks the chain at that place. Who
//! takes away the last lines, or writes all of them anew, is found out by a [`Head`] that was
//! kept elsewhere: `watchfire audit head` prints one.

mod line;
mod verify;

pub use line::{AuditEntry, AuditLine, Head, HeadError, MAX_AUDIT_LINE_BYTES, TRIMMED};
pub use verify::{AuditFault, AuditVerifier};
