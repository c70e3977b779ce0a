use watchfire_runtime::config::{Spanned, size};
use watchfire_store::MIN_CAP_BYTES;

use super::Checker;

/// What the history may take when nothing is said.
const DEFAULT_DISK: &str = "2GiB";

impl Checker<'_> {
    /// What the history may take of the disk, in bytes.
    pub(super) fn disk(&mut self, value: Option<Spanned<String>>) -> Option<u64> {
        let value = self.setting("disk", value, DEFAULT_DISK);
        let bytes = self.noted(size(&value))?;
        if bytes >= MIN_CAP_BYTES {
            return Some(bytes);
        }
        let problem = value.problem(format!("{:?} is too little for a history", value.value));
        self.problems.push(problem.hint("write at least 16MiB; 2GiB is the default"));
        None
    }
}
