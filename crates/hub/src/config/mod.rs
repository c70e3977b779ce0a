//! `hub.toml`: servers and users in one place, as in the first system.

mod check;
mod fallback;
mod file;
mod heartbeat;
mod messages;
mod rules;
mod service;
mod show;
mod warn;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;
use watchfire_alert::told::{Awake, Escalation, Maintenance, Way};
use watchfire_identity::Role;
use watchfire_identity::certificate::AgentId;
use watchfire_identity::password::PasswordHash;
use watchfire_model::{Channel, Scope, Server};
use watchfire_notify::{Allowed, MailSettings};
use watchfire_runtime::Secret;
use watchfire_runtime::config::{Outside, Overrides, Problem, Problems, Source};
use watchfire_runtime::http::Plain;
use watchfire_runtime::net::Network;

use crate::courier::Budget;
use crate::self_test::WeekTime;

pub use fallback::Fallback;
pub use heartbeat::Heartbeat;
pub use messages::Messages;
pub use rules::RuleFiles;
pub(crate) use rules::{Locked, MADE, MAX_GROUPS};
pub use service::{RemoteWrite, Service, ServiceLogin};
pub use show::show;
pub(crate) use warn::{is_loopback, is_loopback_url};

/// The keys that environment and flags may set.
pub const OVERRIDABLE: [&str; 4] = ["listen", "data", "down_after", "public_url"];

/// Everything that the hub is told before it starts.
#[derive(Debug, Clone)]
pub struct HubConfig {
    /// Where the page and the API are served.
    pub listen: SocketAddr,
    /// The folder of the database.
    pub data: PathBuf,
    /// What the history may take of the disk, in bytes.
    pub disk: u64,
    /// How long a server may be silent before it is called down.
    pub down_after: Duration,
    /// What links in mails begin with, without a slash at the end.
    pub public_url: String,
    /// From where page and API answer without TLS; over TLS they always do.
    pub plain: Plain,
    /// Whether commands that nobody signed are run only for who showed a second factor a short
    /// while ago.
    pub unsigned_runs_need_proof: bool,
    /// The proxies before the page: what they say of whom they speak for is
    /// believed.
    pub trusted_proxies: Vec<Network>,
    /// The watched servers, in the file's order.
    pub servers: Vec<WatchedServer>,
    /// Those that push samples, in the file's order.
    pub senders: Vec<Sender>,
    /// When nobody is told of some servers.
    pub maintenance: Vec<Maintenance>,
    /// The users, in the file's order.
    pub users: Vec<User>,
    /// How mails leave; `None` when they cannot.
    pub mail: Option<MailSettings>,
    /// Where channels may lead besides the public internet.
    pub allowed: Allowed,
    /// How much may go by each channel.
    pub budget: Budget,
    /// Who gets a copy of what agents tell.
    pub remote_writes: Vec<RemoteWrite>,
    /// Who answers questions about the history instead of this hub.
    pub read_from: Option<Service>,
    /// Letters in the operator's own words.
    pub messages: Messages,
    /// Whom the hub tells that it lives.
    pub heartbeat: Option<Heartbeat>,
    /// The rules that are evaluated.
    pub rules: RuleFiles,
    /// Whom the agents tell when the hub is gone.
    pub fallback: Option<Fallback>,
    /// What is allowed and probably not meant.
    pub warnings: Vec<Problem>,
}

/// A server and how the hub reaches it.
#[derive(Debug, Clone)]
pub struct WatchedServer {
    /// Its name and labels.
    pub server: Server,
    /// `host:port` of its agent, which the hub dials; `None` where the agent
    /// dials the hub.
    pub address: Option<String>,
    /// The agent's user for the hub, where the hub logs in with a password over
    /// plain HTTP. `None` where both prove themselves with certificates.
    pub login: Option<Login>,
    /// The agent that enrolled for it; its certificate is how the hub knows it.
    pub agent: Option<AgentId>,
}

/// Something that is no agent and pushes samples: a server of its own kind.
#[derive(Debug, Clone)]
pub struct Sender {
    /// Its name and labels, by which users' scopes hold for its series. They are not put on them.
    pub server: Server,
    /// What it shows to prove itself.
    pub token: Secret,
}

/// The login of the hub at an agent.
#[derive(Debug, Clone)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// A person who sees servers and is told about them.
#[derive(Debug, Clone)]
pub struct User {
    /// The name, for login and in records.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// The password's hash; without one the user cannot log in.
    pub password: Option<PasswordHash>,
    /// The servers that the user sees and is told about.
    pub scope: Scope,
    /// The ways to reach the user, preferred first.
    pub channels: Vec<Channel>,
    /// Other channels for some news; the first one that fits decides.
    pub ways: Vec<Way>,
    /// Who is told when nobody looks after what the user was told of.
    pub escalation: Escalation,
    /// When the user can be told of anything.
    pub awake: Awake,
    /// When the daily report leaves, in minutes since the user's midnight.
    pub report: Option<u16>,
    /// When each channel of the user is tested.
    pub self_test: Option<WeekTime>,
    /// The user's time zone.
    pub time_zone: TimeZone,
}

impl User {
    /// An administrator of the whole fleet who is told on the terminal.
    #[must_use]
    pub fn administrator(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            role: Role::Admin,
            password: None,
            scope: Scope::everything(),
            channels: vec![Channel::new(crate::terminal::URL)],
            ways: Vec::new(),
            escalation: Escalation::default(),
            awake: Awake::default(),
            report: None,
            self_test: None,
            time_zone: TimeZone::system(),
        }
    }
}

impl User {
    /// Whether there is any way to reach the user.
    #[must_use]
    pub fn has_channel(&self) -> bool {
        !self.channels.is_empty() || self.ways.iter().any(|way| !way.channels.is_empty())
    }
}

impl HubConfig {
    /// Every channel that the file names.
    pub(crate) fn channels(&self) -> impl Iterator<Item = &Channel> {
        self.users.iter().flat_map(|user| {
            let of_ways = user.ways.iter().flat_map(|way| &way.channels);
            let of_stages = user.escalation.stages.iter().flat_map(|stage| &stage.channels);
            user.channels.iter().chain(of_ways).chain(of_stages)
        })
    }

    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// Every mistake that was found, with its place and a hint.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Self, Problems> {
        let source = Source::read(path)?;
        let outside = <dyn Outside>::machine(source.folder());
        Self::from_source(&source, overrides, &outside)
    }

    /// Checks a source that was read already.
    ///
    /// # Errors
    /// As [`HubConfig::load`].
    pub fn from_source(
        source: &Source,
        overrides: &Overrides,
        outside: &dyn Outside,
    ) -> Result<Self, Problems> {
        let file = source.parse::<file::HubFile>()?;
        check::Checker::new(source, overrides, outside).check(file)
    }
}
