//! How much one template may do.

/// The longest template, in bytes.
pub const MAX_TEMPLATE_BYTES: usize = 64 * 1024;

/// How deep blocks and parentheses of a template may nest.
pub const MAX_NESTING: usize = 64;

/// How much the expansion of one template may do. A template that needs more is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Steps: one for each part of the template each time it is worked out, and more for what
    /// handles long texts, many samples or large patterns.
    pub steps: u64,
    /// Bytes of the text, and of each text on the way to it.
    pub output_bytes: usize,
    /// How deep blocks, parentheses and templates that call templates may be nested in all. A level
    /// takes some kilobytes of the stack.
    pub depth: usize,
    /// How many queries may be asked.
    pub queries: usize,
    /// How many samples the answer to one query may have.
    pub samples: usize,
    /// Bytes of memory of one compiled pattern.
    pub pattern_bytes: usize,
}

impl Default for Limits {
    /// Far more than the rule files of this world need, and used up in some thirty milliseconds.
    fn default() -> Self {
        Self {
            steps: 100_000,
            output_bytes: 64 * 1024,
            depth: 128,
            queries: 16,
            samples: 10_000,
            pattern_bytes: 128 * 1024,
        }
    }
}
