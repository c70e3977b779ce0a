use serde::Deserialize;
use watchfire_runtime::config::{Problems, Source, Spanned, size};

use crate::recorder::{DEFAULT_CAP_BYTES, RecorderOptions};

/// What the agent keeps on disk of the last hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordConfig {
    /// False when it keeps nothing.
    pub enabled: bool,
    /// What the files together never exceed, in bytes.
    pub cap_bytes: u64,
}

impl Default for RecordConfig {
    fn default() -> Self {
        Self { enabled: true, cap_bytes: DEFAULT_CAP_BYTES }
    }
}

/// `[record]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileRecord {
    enabled: Option<bool>,
    max_size: Option<Spanned<String>>,
}

impl FileRecord {
    pub(super) fn read(self, source: &Source, problems: &mut Problems) -> RecordConfig {
        let mut config = RecordConfig::default();
        if let Some(enabled) = self.enabled {
            config.enabled = enabled;
        }
        if let Some(value) = self.max_size.map(|value| source.locate(value))
            && let Some(bytes) = problems.take(size(&value))
        {
            match RecorderOptions::with_cap(bytes) {
                Ok(_) => config.cap_bytes = bytes,
                Err(error) => problems.push(
                    value
                        .problem(error.to_string())
                        .hint("64MiB is the default; to keep nothing, write enabled = false"),
                ),
            }
        }
        config
    }
}
