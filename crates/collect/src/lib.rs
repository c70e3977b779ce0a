//! `/proc` and `/sys` -> [`watchfire_model::Status`] and
//! [`watchfire_model::ProcessTable`], under a root path.
//!
//! A [`StatusSampler`] runs the visible list of collectors (`collectors::all`),
//! one collector a file. A [`ProcessSampler`] walks the process directories.
//! Both read below a [`Root`]: the live machine, or a folder that
//! `xtask record-root` wrote, which gives the same answer every time.
//!
//! # What holds
//!
//! * No clock is read: `now` is an argument. Rates are over the interval
//!   between two `now`s on the monotonic clock.
//! * A recorded root is closed: nothing of the live machine shows through.
//!   What files cannot tell (space of a filesystem, architecture, clock ticks,
//!   page size, owners) stands in `recorded/` or in files of the root.
//! * Nothing panics on bad content. What could not be read has its default
//!   value and a [`Fault`] that names the file and the reason.
//! * A rate is `None` on the first reading and when its counter went back.
//!   It is never negative.
//! * No call waits for another machine: network and user-space filesystems are
//!   listed as stale and never asked, because one dead file server would stop
//!   the signs of life of a healthy server.
//! * Arguments that look like secrets are masked here, before anything else
//!   can see, store or send them. `/proc/PID/environ` is never opened.
//! * Memory is bounded: a file of at most [`MAX_FILE_BYTES`], at most
//!   [`MAX_DEVICES`] rows of a kind (the rest is dropped and counted in a
//!   fault), at most [`MAX_PROCESSES`] processes (the rest is counted in
//!   `ProcessTable::total`), a command line of at most [`MAX_COMMAND_BYTES`].
//!
//! # What is absent
//!
//! No async runtime, thread or write to disk. No socket but those that ask the
//! machine itself. No unsafe code but the one call of `adjtimex`. No cgroup
//! version 1: on such a host the limits of a container are not seen.

mod collectors;
mod container;
mod ending;
mod error;
mod events;
mod folder;
mod journal;
mod mask;
mod processes;
mod rate;
mod record;
mod recorded;
mod root;
mod sampler;
mod series;
mod source;
mod text;
mod users;

pub use collectors::{CONTAINERS_PATH, FailedUnit, SYSTEMD_PATH, container_table, systemd_table};
pub use collectors::{MAX_DEVICES, TIMEX_PATH};
pub use container::{ContainerRef, identify as identify_container};
pub use ending::machine_is_ending;
pub use error::{CollectError, Fault};
pub use events::{
    BOOT_REASON, EventSampler, KMSG_PATH, LastBoot, MAX_EVENT_BYTES, MAX_EVENTS, Panic,
    RebootReason, ThisBoot, kernel_log, reboot_reason,
};
pub use journal::{
    MAX_JOURNAL_LINE_BYTES, MAX_JOURNAL_LINES, journal_lines, journal_lines_of, unit_failed,
};
pub use mask::{MASK, mask_arguments};
pub use processes::{
    DetailError, MAX_COMMAND_BYTES, MAX_PROCESSES, MAX_ROW_AGE_TABLES, MAX_TEXT_AGE_TABLES,
    ProcessDetail, ProcessOptions, ProcessSampler, ProcessSummary,
};
pub use record::{RecordedPath, Rewrite, machine_facts, recorded_paths, statfs_table, timex_text};
pub use recorded::{FACTS_PATH, STATFS_PATH};
pub use root::Root;
pub use sampler::{OwnSample, Stopwatch, TickSampler};
pub use series::{Family, MAX_SERIES};
pub use source::MAX_FILE_BYTES;
