//! Config layers: defaults < file < `WATCHFIRE_*` environment < flags.
//!
//! Every value remembers its [`Place`], so that each mistake is told with file,
//! line, what is wrong and a hint, and all mistakes are told together where
//! that is possible.

mod expand;
mod layers;
mod pattern;
mod problem;
mod size;
mod source;
mod suggest;
mod values;

pub use expand::{Machine, Outside, expand, expand_with};
pub use layers::Overrides;
pub use pattern::files_like;
pub use problem::{Place, Problem, Problems};
pub use size::size;
pub use source::{Located, Source};
pub use suggest::closest;
pub use toml::Spanned;
pub use values::{duration, socket_address, time_of_day};
