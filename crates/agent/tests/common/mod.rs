//! An agent on a loopback port, its time held by hand, its machine a recorded one.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use watchfire_agent::{Agent, AgentConfig, AgentError, Counters, User};
use watchfire_collect::Root;
use watchfire_identity::Scope;
use watchfire_identity::limit::HOLD;
use watchfire_identity::password::{self, PasswordHash};
use watchfire_identity::token::TokenKey;
use watchfire_model::Moment;
use watchfire_runtime::task::{self, Task};
use watchfire_runtime::{Clock, ManualClock, Shutdown, ShutdownHandle};

/// The password of every user here.
pub(crate) const PASSWORD: &str = "correct-horse";
/// When the tests happen, in milliseconds since 1970.
pub(crate) const START_MS: i64 = 1_800_000_000_000;

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) clock: Clock,
    pub(crate) hand: ManualClock,
    pub(crate) end: ShutdownHandle,
    pub(crate) counters: Arc<Counters>,
    pub(crate) task: Task<Result<(), AgentError>>,
    folder: TempDir,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// The hash of [`PASSWORD`].
pub(crate) fn hash() -> PasswordHash {
    static HASH: OnceLock<PasswordHash> = OnceLock::new();
    HASH.get_or_init(|| password::hash(PASSWORD).expect("hashes")).clone()
}

pub(crate) fn user(name: &str, scopes: &[Scope]) -> User {
    User { name: name.to_owned(), password_hash: hash(), scopes: scopes.to_vec() }
}

fn recorded(reading: u8) -> PathBuf {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../collect/testdata/recorded/two-core-vm");
    PathBuf::from(format!("{data}/{reading}"))
}

/// An agent with the users `ada` (read, stream), `reader` (read), `runner` (run).
pub(crate) async fn start() -> Running {
    start_with(|config| {
        config.users = vec![
            user("ada", &[Scope::Read, Scope::Stream]),
            user("reader", &[Scope::Read]),
            user("runner", &[Scope::Run]),
        ];
    })
    .await
}

pub(crate) async fn start_with(change: impl FnOnce(&mut AgentConfig)) -> Running {
    start_at(Moment { monotonic: Duration::from_secs(1000), unix_ms: START_MS }, change).await
}

/// One whose time begins now, as TLS checks certificates by the machine's clock.
pub(crate) async fn start_today(change: impl FnOnce(&mut AgentConfig)) -> Running {
    start_at(Clock::system().now(), change).await
}

async fn start_at(start: Moment, change: impl FnOnce(&mut AgentConfig)) -> Running {
    let folder = tempfile::tempdir().expect("a folder");
    symlink(recorded(0), folder.path().join("root")).expect("a link");
    let mut config = AgentConfig::new(folder.path().join("data"));
    config.listen.set_port(0);
    config.root = Root::recorded(folder.path().join("root"));
    // A ring is some megabytes, and has tests of its own.
    config.record.enabled = false;
    change(&mut config);
    let (clock, hand) = Clock::manual(start);
    let agent = Agent::bind(config, clock.clone()).await.expect("it binds");
    let (shutdown, end) = Shutdown::new();
    let running = Running {
        address: agent.local_addr(),
        clock,
        hand,
        end,
        counters: agent.counters(),
        task: task::spawn("agent", agent.run(shutdown)),
        folder,
    };
    // Once it answers, its samplers have begun, and time may go on.
    assert_eq!(running.get("/healthz").await.status, 200);
    running
}

impl Running {
    /// Sends the text as it is and takes what comes until the connection ends.
    pub(crate) async fn raw(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.expect("it listens");
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        Answer {
            status: status.expect("a status"),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }

    pub(crate) async fn ask(
        &self,
        method: &str,
        target: &str,
        headers: &str,
        body: &str,
    ) -> Answer {
        let length = body.len();
        self.raw(&format!(
            "{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Length: {length}\r\n{headers}\r\n{body}"
        ))
        .await
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, "", "").await
    }

    /// Does `asking`, and lets time go on by a second whenever an answer is held back.
    pub(crate) async fn held<F: Future>(&self, asking: F) -> F::Output {
        let mut seen = self.counters.logins_limited();
        let mut asking = std::pin::pin!(asking);
        loop {
            tokio::select! {
                biased;
                done = &mut asking => return done,
                () = tokio::task::yield_now() => {}
            }
            let limited = self.counters.logins_limited();
            if limited > seen {
                seen = limited;
                self.hand.advance(HOLD);
            }
        }
    }

    pub(crate) async fn get_with(&self, target: &str, token: &str) -> Answer {
        self.ask("GET", target, &format!("Authorization: Bearer {token}\r\n"), "").await
    }

    pub(crate) async fn log_in(&self, user: &str, password: &str) -> Answer {
        self.ask("GET", "/login", &basic(user, password), "").await
    }

    /// The token of a user, got by login.
    pub(crate) async fn token(&self, user: &str) -> String {
        let answer = self.log_in(user, PASSWORD).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["token"].as_str().expect("a token").to_owned()
    }

    /// The key that the agent signs with, as the owner of its data folder has it.
    pub(crate) fn key(&self) -> TokenKey {
        let bytes = std::fs::read(self.data().join("token.key")).expect("a key");
        TokenKey::from_bytes(bytes.try_into().expect("32 bytes"))
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// From now on the machine looks as it did five seconds later.
    pub(crate) fn let_the_machine_go_on(&self) {
        let fresh = self.folder.path().join("fresh");
        symlink(recorded(1), &fresh).expect("a link");
        std::fs::rename(fresh, self.folder.path().join("root")).expect("the link is ours");
    }
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The words of `{"message": …}`.
    pub(crate) fn message(&self) -> String {
        self.json()["message"].as_str().expect("a message").to_owned()
    }
}

pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{user}:{password}")))
}
