//! Who is told of what, when and how: severities, ways, quiet times, silences, maintenance,
//! and who comes next when nobody takes care of it.

mod escalation;
mod hours;
mod maintenance;
mod recipient;
mod silence;
mod ways;

pub use escalation::{Escalation, Stage, due_stages};
pub use hours::{Hours, HoursError};
pub use maintenance::{Maintenance, Window};
pub use recipient::Recipient;
pub use silence::{Silence, SilenceError, SilenceState, WIDE_SHARE, WIDEST_MS};
pub use ways::{Awake, News, Telling, Way};
