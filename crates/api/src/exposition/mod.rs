//! A tick as text that Prometheus reads: its text format 0.0.4 and
//! OpenMetrics 1.0, shared by agent and hub.
//!
//! A [`Renderer`] turns schema, metadata and tick into bytes, a [`Compressor`]
//! makes them small, [`negotiate`] and [`encoding`] read from a request what the
//! other side would like to have.
//!
//! # What holds
//!
//! * Each metric has one `HELP` and one `TYPE`, and all its series stand
//!   together below them, sorted; so the text depends on what there is, not on
//!   the order in which it was met. A metric without a value is not mentioned.
//! * Numbers are written as Go's shortest `'g'` writes them (`1.0251e+09`, `NaN`,
//!   `+Inf`), so that a reader gets the very same bits.
//! * There are no timestamps: the time of a sample is that of the scrape.
//! * Once the series are known, a rendering formats numbers and copies text. It
//!   allocates nothing but what the output grows.

mod accept;
mod compress;
mod escape;
mod format;
mod head;
mod layout;
mod number;
mod renderer;

pub use accept::{encoding, negotiate};
pub use compress::{Compressor, Encoding};
pub use format::Format;
pub use number::write_number;
pub use renderer::{MAX_EXPOSITION_BYTES, Readings, Rendered, Renderer};

#[cfg(test)]
mod tests;
