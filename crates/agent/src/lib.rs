//! The agent role: reads this machine, answers over HTTP, and streams to a hub.
//!
//! Bind first, run later:
//!
//! ```no_run
//! # async fn start() -> Result<(), Box<dyn std::error::Error>> {
//! use watchfire_agent::{Agent, AgentConfig};
//! use watchfire_runtime::{Clock, Shutdown, config::Overrides};
//!
//! let config = AgentConfig::load(None, &Overrides::none())?;
//! let agent = Agent::bind(config, Clock::system()).await?;
//! println!("http://{}", agent.local_addr());
//! let (shutdown, _handle) = Shutdown::on_signals()?;
//! agent.run(shutdown).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What holds
//!
//! * Two samplers read the machine, one once a second and one every five
//!   seconds; all requests and streams share what they read, and the recorder
//!   keeps it on disk below a hard cap.
//! * On a starved machine the agent does less instead of more.
//! * A sign of life does not wait for a sampler: a hanging disk makes a server
//!   slow, not silent.
//! * Whatever a stranger sends is bounded: connections, header, body, time,
//!   login tries, password work, streams.
//! * Tokens and passwords are never logged, and neither are names that no user has.

mod agent;
mod boot;
mod config;
mod counters;
mod data;
mod distress;
mod error;
mod fallback;
mod history;
mod http;
mod identity;
mod metrics_once;
mod once;
pub mod policy;
mod private;
pub mod recorder;
pub mod runner;
mod sampler;
pub mod sandbox;
mod server;
mod uplink;

pub use agent::Agent;
pub use config::{AgentConfig, CollectConfig, MetricsConfig, RecordConfig, RunConfig, User};
pub use counters::Counters;
pub use data::prepare_data;
pub use error::AgentError;
pub use fallback::{Letter, Messenger, NotSent, Post, Sending};
pub use history::{Found, History, RecordedEvent, RecordedEvents};
pub use identity::{
    DEFAULT_HUB_PORT, INVITE_LIVES, Invitation, JoinError, JoinRequest, Joined, invite, join,
    parse_hub,
};
pub use metrics_once::{MetricsOnce, MetricsOnceError, metrics_once};
pub use once::{processes_now, status_now};
pub use watchfire_collect::{ProcessDetail, Root};
