//! A hub with an operator who signs with a key of their own, all in a temporary folder.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::Deserialize;
use tempfile::TempDir;
use watchfire_api::hub::ServerList;
use watchfire_api::runs::{OutputRow, RunRow};
use watchfire_testkit::ask::Ask;
use watchfire_testkit::ports;
use watchfire_testkit::process::{Program, Running};

use crate::cage::Cage;

pub(crate) const PATIENCE: Duration = Duration::from_secs(180);
pub(crate) const PASSWORD: &str = "only-for-this-run";
const USER: &str = "ada";

pub(crate) struct House {
    pub(crate) address: SocketAddr,
    pub(crate) hub: Running,
    /// Of [`PASSWORD`].
    pub(crate) hash: String,
    binary: PathBuf,
    folder: TempDir,
    cookie: String,
}

/// What `watchfire run --json` prints, and how long it took.
#[derive(Deserialize)]
pub(crate) struct Ran {
    pub(crate) run: RunRow,
    pub(crate) outputs: Vec<OutputRow>,
    #[serde(skip)]
    pub(crate) took: Duration,
}

impl House {
    /// Starts the hub in this group, and logs the operator in.
    pub(crate) fn start(binary: &Path, cage: &Cage) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        // Whoever runs a command has to be able to get here.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
        let program = Program::new(binary).arg("passwd").input(format!("{PASSWORD}\n"));
        let (ended, hash, words) = program.run(PATIENCE);
        ensure!(ended.success(), "`watchfire passwd` failed: {words}");
        let hash = hash.trim().to_owned();
        let address = SocketAddr::from(([127, 0, 0, 1], ports::free()));
        // Rounds of rules would fall into some commands' figures and not into others'.
        let config = format!(
            "listen = \"{address}\"\ndata = \"hub\"\nbuiltin_rules = false\n\n[[user]]\nname = \"{USER}\"\n\
             role = \"operator\"\nservers = [\"*\"]\npassword_hash = \"{hash}\"\n"
        );
        let path = folder.path().join("hub.toml");
        std::fs::write(&path, config)?;
        let hub = cage.program(binary).args(["hub", "--config"]).arg(&path).called("hub");
        let hub = hub.env("WATCHFIRE_LOG", "error").folder(folder.path()).start();
        hub.wait_for_line("http://", PATIENCE);
        let (binary, cookie) = (binary.to_owned(), String::new());
        let mut house = Self { address, hub, hash, binary, folder, cookie };
        house.log_in()?;
        house.make_key()?;
        Ok(house)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The public key, as OpenSSH writes it.
    pub(crate) fn public_key(&self) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(self.folder().join("key.pub"))?.trim().to_owned())
    }

    /// A line of `allowed_signers` for the operator's key.
    pub(crate) fn signer(&self) -> anyhow::Result<String> {
        Ok(format!("{USER} {}\n", self.public_key()?))
    }

    /// A token for one server.
    pub(crate) fn token(&self, name: &str) -> anyhow::Result<String> {
        let config = self.folder().join("hub.toml");
        let program = Program::new(&self.binary).args(["hub", "token", "--config"]).arg(config);
        let (ended, line, words) = program.args(["--name", name]).run(PATIENCE);
        ensure!(ended.success(), "`watchfire hub token` failed: {words}");
        let token = line.split_whitespace().nth(3).context("there is no token in the line")?;
        Ok(token.to_owned())
    }

    /// Waits until so many servers are up and say what may be run on them.
    pub(crate) fn wait_until_up(&self, servers: usize) -> anyhow::Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let answer = self.read("/api/servers")?;
            let list: ServerList = serde_json::from_slice(&answer)?;
            let up = list.servers.iter().filter(|row| row.presence == "up").count();
            let answer = self.read("/api/runbooks")?;
            let books: watchfire_api::runs::RunbookList = serde_json::from_slice(&answer)?;
            if up >= servers && books.policies.len() >= servers {
                return Ok(());
            }
            ensure!(
                Instant::now() < until,
                "after {PATIENCE:?} {up} of {servers} servers are up, {} take commands",
                books.policies.len()
            );
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// `watchfire run --json WORDS…` in this group, as the operator would; signed unless they say
    /// otherwise.
    pub(crate) fn run(
        &self,
        cage: &Cage,
        words: &[String],
        is_signed: bool,
    ) -> anyhow::Result<Ran> {
        let mut program = cage.program(&self.binary).args(["run", "--json"]);
        program = if is_signed {
            program.arg("--sign-with").arg(self.folder().join("key"))
        } else {
            program.arg("--unsigned")
        };
        let program = program.env("XDG_CONFIG_HOME", self.folder().join("person"));
        let began = Instant::now();
        let (ended, output, said) = program.args(words.iter().map(String::as_str)).run(PATIENCE);
        let took = began.elapsed();
        ensure!(ended.success(), "`watchfire run` ended with {ended}: {said}\n{output}");
        let ran: Ran = serde_json::from_str(&output).context("`watchfire run` printed no JSON")?;
        Ok(Ran { took, ..ran })
    }

    fn log_in(&mut self) -> anyhow::Result<()> {
        let hub = format!("http://{}", self.address);
        let program = Program::new(&self.binary).args(["login", &hub, "--user", USER]);
        let program = program.env("XDG_CONFIG_HOME", self.folder().join("person"));
        let (ended, _, words) = program.input(format!("{PASSWORD}\n")).run(PATIENCE);
        ensure!(ended.success(), "`watchfire login` failed: {words}");
        let body = serde_json::json!({ "username": USER, "password": PASSWORD }).to_string();
        let answer = Ask::post_json("/api/login", &body).send(self.address, PATIENCE)?;
        let cookie = answer.header("set-cookie").and_then(|cookie| cookie.split(';').next());
        cookie
            .with_context(|| format!("the login failed: {}", answer.text()))?
            .clone_into(&mut self.cookie);
        Ok(())
    }

    fn make_key(&self) -> anyhow::Result<()> {
        let program = Program::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]);
        let (ended, _, words) = program.arg(self.folder().join("key")).run(PATIENCE);
        ensure!(ended.success(), "ssh-keygen made no key: {words}");
        Ok(())
    }

    fn read(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let answer = Ask::get(path).header("Cookie", &self.cookie).send(self.address, PATIENCE)?;
        ensure!(answer.status == 200, "{path} was answered {}: {}", answer.status, answer.text());
        Ok(answer.body)
    }
}
