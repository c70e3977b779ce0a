//! Everything the hub keeps on disk, in two SQLite files: `watchfire.db`
//! ([`Store`]) and `history.db` ([`History`]). `FORMAT.md` beside this crate draws
//! their tables.
//!
//! This is the only crate that links SQLite. It is synchronous, starts no
//! thread and reads no clock; the hub calls it from blocking tasks and passes
//! every moment in.
//!
//! What it promises, and how:
//!
//! * What [`Store::write`] said `Ok` to is on the disk: one transaction, WAL,
//!   `synchronous=FULL`. What it said `Err` to left nothing that a reader sees.
//! * After an error of the disk itself, the writer's connection is not trusted
//!   any more: it is closed, and the next write opens another.
//! * Readers have connections of their own and never wait for the writer.
//! * Two processes may have the store open at the same time, for example the
//!   hub and a report from the command line. The history is the hub's alone.
//! * Every chunk, block and run of the history carries checksums: a bad one is a
//!   marked gap, never wrong bytes or a wrong number. A damaged `history.db` is set aside by itself.
//! * A damaged file is an error with a plain sentence. It is never a panic, and
//!   [`set_aside`] makes room for a fresh one.
//!
//! Channel URLs may hold secrets, and none is kept: a mark stands in its place, from
//! which the URL is found in the config. The folder is made for its owner alone
//! (0700), and so are the files (0600), and deleted rows are overwritten.

mod agents;
mod alerts;
mod api_tokens;
mod audit;
mod backup;
mod batch;
pub mod block;
mod channels;
mod connection;
mod connections;
mod doctor;
mod enrol;
mod error;
mod escalations;
mod findings;
mod folder;
mod held;
mod history;
mod incidents;
mod lanes;
mod leaving;
mod migrations;
mod outbox;
mod prune;
mod reserve;
mod row;
mod rule_files;
mod rule_state;
mod runs;
mod secrets;
mod silences;
mod store;
mod timeline;
mod totp;
mod tries;
mod turn;
mod users;

pub use agents::{MAX_AGENTS, MAX_REMOVED_AGENTS, StoredAgent};
pub use alerts::{AlertNews, AlertRow, AlertTold, MAX_ALERTS_SHOWN, StoredAlert};
pub use api_tokens::{MAX_API_TOKENS, MAX_API_TOKENS_OF_USER, StoredApiToken};
pub use audit::{MAX_AUDIT_PAGE, MAX_AUDIT_ROWS, audit_in};
pub use backup::{backup_history, backup_store};
pub use batch::Batch;
pub use doctor::{examine_history, examine_store};
pub use enrol::{MAX_ENROL_TOKENS, Redeemed, StoredEnrolToken};
pub use error::StoreError;
pub use escalations::{Families, FirstTold, StageDone};
pub use findings::Findings;
pub use folder::set_aside;
pub use held::Teller;
pub use history::{
    Appended, BadChunk, Chunk, ChunkRow, Dropped, Gap, History, HistoryCounters, HistoryError,
    Keys, LeftOut, MAX_CHUNK_BYTES, MAX_EVENT_BYTES, MAX_INTERVALS, MAX_KEYS, MAX_LEAD_IN,
    MAX_OUTGOING, MAX_PUSHED_FACTS, MAX_PUSHED_LABEL_BYTES, MAX_PUSHED_MEMORY,
    MAX_PUSHED_MEMORY_IN_ALL, MAX_PUSHED_SERIES, MAX_PUSHED_SERIES_IN_ALL, MAX_READ_BYTES,
    MAX_RINGS, MAX_RUN_PIDS, MAX_SENDERS, MAX_SERVER_EVENTS, MAX_SERVER_KEY_BYTES, MAX_TARGETS,
    MIN_CAP_BYTES, OnPicked, OnPushed, OnPushedSeries, OnSamples, OnWindows, Outgoing, Pick,
    Picked, Push, Pushed, PushedId, PushedSamples, PushedSpan, Reach, Run, Sealable, Sealed,
    SealedEvents, Sealing, StoredChunk, StoredEvent, Stretch, Told, Verified, Waiting,
};
pub use incidents::{IncidentFilter, MAX_FAMILY, MAX_PAGE, NewIncidentRow};
pub use lanes::{LaneAbout, LaneKey, MAX_LANES, PendingLane};
pub use leaving::StoredLeaving;
pub use outbox::{About, NewNotification, Thread};
pub use prune::Pruned;
pub use reserve::RESERVE_BYTES;
pub use rule_files::{MAX_RULE_FILE_BYTES, MAX_RULE_FILES, StoredRuleFile};
pub use rule_state::{MAX_RULE_STATE_BYTES, MAX_RULE_STATES, StoredRuleState};
pub use runs::{MAX_RUN_OUTPUT, MAX_RUNS, StoredPiece, StoredRun, StoredTarget};
pub use silences::{MAX_SILENCES, SILENCE_KEPT_MS, StoredSilence};
pub use store::Store;
pub use timeline::MAX_TIMELINE;
pub use totp::StoredTotp;
pub use tries::{DeliveryId, LastTry, MAX_TRIES_KEPT, Sent};
pub use users::{MAX_USERS, StoredUser};
