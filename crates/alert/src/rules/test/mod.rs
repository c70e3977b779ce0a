//! Prometheus' unit tests of rules: series that are made up, and what rules must make of them.
//!
//! As with `promtool test rules`, every group is evaluated every `evaluation_interval`, whatever
//! interval of its own it names, and an alert that is expected must fire: pending is not enough. Native
//! histograms are not kept, so a test that has one is refused.

mod file;
mod report;
mod run;
#[cfg(test)]
mod tests;

pub use file::TestFile;
pub use report::{Failure, Report, TestResult};
pub use run::run;
