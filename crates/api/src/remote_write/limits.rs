//! What one request may bring. Together they bound the memory that reading one takes to some
//! 200 MB, whatever its bytes are.

/// The largest body as it comes, packed, in bytes.
pub const MAX_PACKED: usize = 8 << 20;
/// The largest body unpacked, in bytes.
pub const MAX_UNPACKED: usize = 64 << 20;
/// Series in a request.
pub const MAX_SERIES: usize = 100_000;
/// Samples in a request.
pub const MAX_SAMPLES: usize = 1_000_000;
/// Labels of all series of a request together.
pub const MAX_ALL_LABELS: usize = 1_000_000;
/// Texts in the table of symbols of a request of version 2.0.
pub const MAX_SYMBOLS: usize = 1_000_000;
/// Metrics of which one request says what they mean; further ones are left out.
pub const MAX_FACTS: usize = 10_000;

/// Labels of one series.
pub const MAX_LABELS: usize = 64;
/// The name of a label, in bytes.
pub const MAX_LABEL_NAME: usize = 256;
/// The value of a label, in bytes: a metric's name as well.
pub const MAX_LABEL_VALUE: usize = 2048;
/// Names and values of all labels of one series, in bytes. Whoever stores series keeps them in
/// memory to find them.
pub const MAX_SERIES_TEXT: usize = 8192;

/// What a metric means, in bytes; a longer text is cut.
pub const MAX_HELP: usize = 1024;
/// What it is measured in, in bytes; a longer text is cut.
pub const MAX_UNIT: usize = 64;
