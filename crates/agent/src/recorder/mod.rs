//! The recorder: the agent's ring on disk, so that nothing of the last hours
//! is forgotten, not by a kill and hardly by a power cut.
//!
//! [`Recorder`] writes, [`RecordReader`] reads, also from another process and
//! while the ring turns. `FORMAT.md` beside this file draws every byte.
//!
//! # What holds
//!
//! * The files never exceed the cap, not even while they rotate.
//! * A kill loses at most the last second, a power cut at most what was written
//!   since the last sync (10 s). Torn tails are cut, never fatal.
//! * Damage is skipped and counted; what is read was written like that.
//! * Every segment can be read alone: it begins with whole chains.
//! * A failing disk makes the recorder rest, not the agent. No clock is read
//!   here and nothing is started; only the disk can make a call wait.

mod counters;
mod error;
mod folder;
mod kind;
mod layout;
mod live;
mod mend;
mod moment;
mod options;
mod pause;
mod question;
mod reader;
mod reading;
mod readings;
mod records;
mod scan;
mod sequence;
mod sync;
mod writer;

pub use counters::RecorderCounters;
pub use error::RecorderError;
pub use kind::Kind;
pub use options::{DEFAULT_CAP_BYTES, MIN_CAP_BYTES, RecorderOptions};
pub use reader::{Losses, RecordReader, SegmentInfo, SegmentState};
pub use reading::{Content, Reading, starts_chain};
pub use readings::Readings;
pub use records::{Record, Records};
pub use sequence::Sequence;
pub use sync::{SyncDone, SyncJob};
pub use writer::Recorder;
