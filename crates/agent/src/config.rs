mod collect;
mod metrics;
mod record;
mod transport;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use watchfire_collect::Root;
use watchfire_identity::Scope;
use watchfire_identity::password::PasswordHash;
use watchfire_model::{Labels, ServerName};
use watchfire_runtime::config::{
    Located, Overrides, Problem, Problems, Source, Spanned, closest, duration, socket_address,
};
use watchfire_runtime::http::Plain;

use self::collect::FileCollect;
use self::metrics::FileMetrics;
use self::record::FileRecord;
use self::transport::{plain, the_hub};
use crate::policy::USUAL_POLICY;

pub use self::collect::CollectConfig;
pub use self::metrics::MetricsConfig;
pub use self::record::RecordConfig;

/// Where an agent listens when its config does not say.
pub(crate) const USUAL_PORT: u16 = 5000;
const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), USUAL_PORT);
const DEFAULT_DATA: &str = "/var/lib/watchfire-agent";
const DEFAULT_TOKEN_LIVES: Duration = Duration::from_secs(30 * 60);
const SHORTEST_TOKEN_LIFE: Duration = Duration::from_secs(60);
const LONGEST_TOKEN_LIFE: Duration = Duration::from_secs(24 * 3600);
/// What a user may do when the config does not say.
const DEFAULT_SCOPES: [Scope; 2] = [Scope::Read, Scope::Stream];
/// The longest user name, in bytes.
const MAX_USER_BYTES: usize = 128;
/// Where the service manager listens for a runner that it starts.
const USUAL_RUNNER_SOCKET: &str = "/run/watchfire-runner.sock";

/// Everything that an agent is told.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// The server's name; the machine's host name when there is none.
    pub name: Option<ServerName>,
    /// Where to listen.
    pub listen: SocketAddr,
    /// From where plain HTTP is answered; TLS is from everywhere.
    pub plain: Plain,
    /// Where the agent dials its hub, `host:port`; where it is `None`, what
    /// `watchfire join` was told.
    pub hub: Option<String>,
    /// The folder for the agent's identity, the token key and the users that
    /// it makes itself.
    pub data: PathBuf,
    /// The server's labels.
    pub labels: Labels,
    /// Who may log in. When it is empty, the users in the data folder may.
    pub users: Vec<User>,
    /// Names besides the usual ones by which this machine is called, for the
    /// check of the `Host` header.
    pub hosts: Vec<String>,
    /// How long a token is valid.
    pub token_lives: Duration,
    /// What is kept on disk.
    pub record: RecordConfig,
    /// Who gets the metrics.
    pub metrics: MetricsConfig,
    /// What may be run, and by whom.
    pub run: RunConfig,
    /// What is read of the machine.
    pub collect: CollectConfig,
    /// Where it is read: this machine, or a recorded folder.
    pub root: Root,
}

/// Somebody who may log in to the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The hash of the password.
    pub password_hash: PasswordHash,
    /// What a login opens.
    pub scopes: Vec<Scope>,
}

/// Where what may be run is written, and who runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunConfig {
    /// The policy file.
    pub policy_file: PathBuf,
    /// Where a runner listens that the service manager starts.
    pub runner_socket: PathBuf,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self { policy_file: USUAL_POLICY.into(), runner_socket: USUAL_RUNNER_SOCKET.into() }
    }
}

/// `agent.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Option<Spanned<String>>,
    listen: Option<Spanned<String>>,
    data: Option<Spanned<String>>,
    tls: Option<Spanned<String>>,
    plain: Option<Spanned<String>>,
    hub: Option<Spanned<String>>,
    token_lives: Option<Spanned<String>>,
    #[serde(default)]
    labels: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    hosts: Vec<Spanned<String>>,
    #[serde(default)]
    user: Vec<FileUser>,
    #[serde(default)]
    run: FileRun,
    #[serde(default)]
    record: FileRecord,
    #[serde(default)]
    collect: FileCollect,
    #[serde(default)]
    metrics: FileMetrics,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileUser {
    name: Spanned<String>,
    password_hash: Spanned<String>,
    scopes: Option<Vec<Spanned<String>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRun {
    /// Where it stood once.
    policy: Option<Spanned<String>>,
    policy_file: Option<Spanned<String>>,
    runner_socket: Option<Spanned<String>>,
}

/// The users file in the data folder, which the agent writes itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UsersFile {
    user: Vec<FileUser>,
}

impl AgentConfig {
    /// The settings that environment and flags can override.
    pub const KEYS: [&'static str; 7] =
        ["name", "listen", "data", "hub", "plain", "tls", "token_lives"];

    /// The defaults, with state in `data`.
    #[must_use]
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            name: None,
            listen: DEFAULT_LISTEN,
            plain: Plain::Loopback,
            hub: None,
            data: data.into(),
            labels: Labels::new(),
            users: Vec::new(),
            hosts: Vec::new(),
            token_lives: DEFAULT_TOKEN_LIVES,
            record: RecordConfig::default(),
            run: RunConfig::default(),
            collect: CollectConfig::default(),
            metrics: MetricsConfig::default(),
            root: Root::live(),
        }
    }

    /// Reads `agent.toml`, or only defaults and `overrides` without a path.
    ///
    /// # Errors
    /// Every mistake with its place and a hint.
    pub fn load(path: Option<&Path>, overrides: &Overrides) -> Result<Self, Problems> {
        match path {
            Some(path) => Self::from_source(&Source::read(path)?, overrides),
            None => Self::from_source(&Source::from_text(Path::new(""), ""), overrides),
        }
    }

    /// Reads the text of an `agent.toml`.
    ///
    /// # Errors
    /// Every mistake with its place and a hint.
    pub fn from_source(source: &Source, overrides: &Overrides) -> Result<Self, Problems> {
        let file: File = source.parse()?;
        let reader = Reader { source, overrides };
        let mut problems = Problems::new();
        let mut config = Self::new(DEFAULT_DATA);
        config.name = reader.name(file.name, &mut problems);
        if let Some(listen) = reader.listen(file.listen, &mut problems) {
            config.listen = listen;
        }
        let (old, new) = (reader.pick("tls", file.tls), reader.pick("plain", file.plain));
        config.plain = plain(old, new, &mut problems);
        config.hub = reader.pick("hub", file.hub).and_then(|hub| the_hub(&hub, &mut problems));
        if let Some(data) = reader.data(file.data, &mut problems) {
            config.data = data;
        }
        if let Some(lives) = reader.token_lives(file.token_lives, &mut problems) {
            config.token_lives = lives;
        }
        config.labels = reader.labels(file.labels, &mut problems);
        config.hosts = reader.hosts(file.hosts, &mut problems);
        config.users = users(source, file.user, &mut problems);
        config.run = reader.run(file.run, &mut problems);
        config.record = file.record.read(source, &mut problems);
        config.collect = file.collect.read(source, &mut problems);
        config.metrics = file.metrics.read();
        problems.into_result(Some(config))
    }
}

/// Reads a users file.
///
/// # Errors
/// Every mistake with its place and a hint.
pub(crate) fn read_users(source: &Source) -> Result<Vec<User>, Problems> {
    let file: UsersFile = source.parse()?;
    let mut problems = Problems::new();
    let users = users(source, file.user, &mut problems);
    problems.into_result(Some(users))
}

struct Reader<'a> {
    source: &'a Source,
    overrides: &'a Overrides,
}

impl Reader<'_> {
    /// The value of `key` from the highest layer that has one.
    fn pick(&self, key: &str, file: Option<Spanned<String>>) -> Option<Located<String>> {
        self.overrides.pick(key, file.map(|value| self.source.locate(value)))
    }

    fn name(&self, file: Option<Spanned<String>>, problems: &mut Problems) -> Option<ServerName> {
        let name = self.pick("name", file)?;
        problems.take(ServerName::new(&name.value).map_err(|error| {
            name.problem(error.to_string()).hint("leave it out to use the machine's host name")
        }))
    }

    fn listen(&self, file: Option<Spanned<String>>, problems: &mut Problems) -> Option<SocketAddr> {
        problems.take(socket_address(&self.pick("listen", file)?))
    }

    fn data(&self, file: Option<Spanned<String>>, problems: &mut Problems) -> Option<PathBuf> {
        let from_file = file.map(|value| {
            let data = self.source.locate(value);
            // An empty path stays one, to be refused below, whatever folder it stands in.
            let folder = self.source.folder().join(&data.value);
            if data.value.is_empty() { data } else { data.with(folder.display().to_string()) }
        });
        let data = self.overrides.pick("data", from_file)?;
        if data.value.is_empty() {
            problems.push(data.problem("the data folder has no name").hint("name a folder"));
            return None;
        }
        Some(PathBuf::from(data.value))
    }

    fn token_lives(
        &self,
        file: Option<Spanned<String>>,
        problems: &mut Problems,
    ) -> Option<Duration> {
        let value = self.pick("token_lives", file)?;
        let lives = problems.take(duration(&value))?;
        if !(SHORTEST_TOKEN_LIFE..=LONGEST_TOKEN_LIFE).contains(&lives) {
            let what = format!("a token cannot be valid for {:?}", value.value);
            problems.push(value.problem(what).hint("choose from 1m to 24h; 30m is the default"));
        }
        Some(lives)
    }

    fn labels(&self, file: BTreeMap<String, Spanned<String>>, problems: &mut Problems) -> Labels {
        let mut labels = Labels::new();
        for (name, value) in file {
            let value = self.source.locate(value);
            if let Err(error) = labels.insert(&name, &value.value) {
                problems.push(value.problem(error.to_string()).hint("role = \"web\", for example"));
            }
        }
        labels
    }

    fn hosts(&self, file: Vec<Spanned<String>>, problems: &mut Problems) -> Vec<String> {
        let mut hosts = Vec::new();
        for host in file {
            let host = self.source.locate(host);
            if crate::http::is_host_name(&host.value) {
                hosts.push(host.value);
            } else {
                problems.push(
                    host.problem(format!("{:?} is no host name", host.value))
                        .hint("write the name alone, without scheme and port: web-1.example.org"),
                );
            }
        }
        hosts
    }

    fn run(&self, file: FileRun, problems: &mut Problems) -> RunConfig {
        if let Some(policy) = file.policy.map(|policy| self.source.locate(policy)) {
            let what = "the policy does not stand here, but in a file of root's own";
            let hint = format!("write it into {USUAL_POLICY}, or name another with policy_file");
            problems.push(policy.problem(what).hint(hint));
        }
        let mut path = |key: &str, file: Option<Spanned<String>>, usual: &str| {
            let Some(path) = self.pick(key, file) else { return PathBuf::from(usual) };
            if !path.value.starts_with('/') {
                let what = format!("{:?} is no absolute path", path.value);
                problems.push(path.problem(what).hint(usual));
            }
            PathBuf::from(path.value)
        };
        RunConfig {
            policy_file: path("run.policy_file", file.policy_file, USUAL_POLICY),
            runner_socket: path("run.runner_socket", file.runner_socket, USUAL_RUNNER_SOCKET),
        }
    }
}

fn users(source: &Source, file: Vec<FileUser>, problems: &mut Problems) -> Vec<User> {
    let mut users: Vec<User> = Vec::new();
    for user in file {
        let name = source.locate(user.name);
        if let Err(problem) = check_user_name(&name, &users) {
            problems.push(problem);
        }
        let hash = source.locate(user.password_hash);
        let hash = problems.take(PasswordHash::parse(&hash.value).map_err(|error| {
            hash.problem(error.to_string()).hint("paste what `watchfire passwd` prints")
        }));
        let scopes = user.scopes.map(|scopes| scopes.into_iter().map(|s| source.locate(s)));
        let scopes = match scopes {
            None => DEFAULT_SCOPES.to_vec(),
            Some(scopes) => scopes.filter_map(|s| problems.take(scope(&s))).collect(),
        };
        if let Some(password_hash) = hash {
            users.push(User { name: name.value, password_hash, scopes });
        }
    }
    users
}

fn check_user_name(name: &Located<String>, earlier: &[User]) -> Result<(), Problem> {
    let value = &name.value;
    let fits = |c: char| !c.is_control() && c != ':';
    if value.is_empty() || value.len() > MAX_USER_BYTES || !value.chars().all(fits) {
        return Err(name.problem(format!("{value:?} is no user name")).hint(format!(
            "use 1 to {MAX_USER_BYTES} bytes without colons and control characters"
        )));
    }
    if earlier.iter().any(|user| user.name == *value) {
        return Err(name
            .problem(format!("there are two users {value:?}"))
            .hint("remove or rename one of them"));
    }
    Ok(())
}

fn scope(word: &Located<String>) -> Result<Scope, Problem> {
    let read = Scope::OF_AGENTS.into_iter().find(|scope| scope.as_str() == word.value);
    read.ok_or_else(|| {
        let known = Scope::OF_AGENTS.map(Scope::as_str);
        let problem = word.problem(format!("{:?} is no scope of an agent", word.value));
        match closest(&word.value, &known) {
            Some(close) => problem.hint(format!("did you mean {close:?}?")),
            None => problem.hint("choose from read, stream, run and metrics"),
        }
    })
}

#[cfg(test)]
mod tests;
