//! The HTTP contract of agent and hub: what their JSON looks like, shared by
//! the servers and by whoever asks them, and what both say to a scraper.
//!
//! Keys are snake_case, units are in the names, moments are milliseconds since
//! 1970 (`…_unix_ms`), and what is not known is `null`.

pub mod agent;
pub mod audit;
pub mod channels;
pub mod enrol;
pub mod exposition;
pub mod fallback;
pub mod hub;
pub mod past;
pub mod rehearsal;
pub mod remote_write;
pub mod route;
pub mod rule_files;
pub mod runs;
pub mod sessions;
pub mod silences;
pub mod tokens;
pub mod totp;
pub mod users;
pub mod when;
