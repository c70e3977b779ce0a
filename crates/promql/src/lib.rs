//! PromQL: text to values over any [`SeriesSource`](watchfire_model::SeriesSource).
//!
//! ```
//! use watchfire_promql::{Features, Limits, Query, Value, memory::MemorySource};
//!
//! let mut source = MemorySource::default();
//! source.add(&[("__name__", "up"), ("instance", "web-1")], &[(60_000, 1.0), (120_000, 0.0)]);
//! let query = Query::parse("sum(up) == bool 0", Features::default()).expect("valid");
//! let answer = query.instant(&source, 120_000, &Limits::default(), &|| false).expect("answered");
//! let Value::Vector(samples) = answer.value else { panic!("a vector") };
//! assert_eq!(samples[0].value, 1.0);
//! ```
//!
//! The language is that of Prometheus 3: ranges and the lookback do not hold their first moment,
//! names may be any UTF-8, durations are numbers. Nothing here reads a clock, waits or starts
//! anything: the caller says when the time for an answer is over.
//!
//! Not as there: native histograms are not kept, and functions of them say so, as does `info()`; a
//! date of NaN or of infinity is NaN; `limit_ratio` picks by a hash of its own; equals in `topk` and
//! `limitk` go by their labels; of several errors in one question another one may be told.
//!
//! An expression is evaluated for all steps at once: `parse` makes a tree whose types fit, `eval`
//! turns each node into columns with one value a step, series after series, so that label sets
//! are built once a series and windows only ever move forward.

mod answer;
mod apart;
mod ast;
mod error;
mod eval;
mod functions;
mod kahan;
mod limits;
pub mod memory;
mod parse;
mod print;
mod query;

pub use answer::{Answer, Sample, Series, Value, value_text};
pub use ast::ValueType;
pub use error::QueryError;
pub use limits::Limits;
pub use parse::{
    Features, MAX_DEPTH, MAX_TEXT_BYTES, ParseError, duration_ms, duration_text, parse_selector,
};
pub use query::Query;
