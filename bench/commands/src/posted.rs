//! `POST /run` at the agent: what is added to starting a process.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use watchfire_testkit::ask::Ask;
use watchfire_testkit::ports;

use crate::cage::Cage;
use crate::house::{House, PASSWORD, PATIENCE};
use crate::table::spread_ms;

const POLICY: &str = "policy = \"open\"\n\n[limits]\nuser = \"root\"\n";
const PROGRAM: &str = "/bin/true";

pub(crate) fn measure(binary: &Path, posts: usize) -> anyhow::Result<String> {
    eprintln!("post: {posts} commands");
    let cage = Cage::new("post")?;
    let house = House::start(binary, &cage)?;
    let address = SocketAddr::from(([127, 0, 0, 1], ports::free()));
    let folder = house.folder().display();
    std::fs::write(house.folder().join("policy.toml"), POLICY)?;
    let config = format!(
        "listen = \"{address}\"\ndata = \"{folder}/agent\"\n\n[run]\npolicy_file = \"{folder}/policy.toml\"\n\
         runner_socket = \"/nowhere/runner.sock\"\n\n[[user]]\nname = \"ada\"\n\
         password_hash = \"{}\"\nscopes = [\"run\"]\n",
        house.hash
    );
    let path = house.folder().join("agent.toml");
    std::fs::write(&path, config)?;
    let program = cage.program(binary).args(["agent", "--config"]).arg(path).called("agent");
    let agent = program.env("WATCHFIRE_LOG", "error").start();
    agent.wait_for_line("http", PATIENCE);
    let body = json!({ "username": "ada", "password": PASSWORD }).to_string();
    let answer = Ask::post_json("/login", &body).send(address, PATIENCE)?;
    let said: Value = serde_json::from_slice(&answer.body)?;
    let token = said["token"].as_str().context("the agent's login failed")?;
    let token = format!("Bearer {token}");

    let ask = |asked: &Value, status: u16| {
        let ask = Ask::post_json("/run", &asked.to_string()).header("Authorization", &token);
        let began = Instant::now();
        let answer = ask.send(address, PATIENCE)?;
        let took = began.elapsed().as_secs_f64();
        ensure!(
            answer.status == status,
            "{asked} was answered {}: {}",
            answer.status,
            answer.text()
        );
        Ok(took)
    };
    let runs = json!({ "argv": [PROGRAM] });
    for _ in 0..10 {
        ask(&runs, 200)?;
    }
    let (mut plain, mut http, mut refused, mut ran) = (vec![], vec![], vec![], vec![]);
    for _ in 0..posts {
        let began = Instant::now();
        let mut command = Command::new(PROGRAM);
        let ended = command.stdin(Stdio::null()).output().context("/bin/true does not start")?;
        plain.push(began.elapsed().as_secs_f64());
        ensure!(ended.status.success(), "/bin/true failed");
        http.push(ask(&json!({}), 422)?);
        refused.push(ask(&json!({ "runbook": "none" }), 403)?);
        ran.push(ask(&runs, 200)?);
    }
    let mut text = format!(
        "#### `POST /run` of `{PROGRAM}`, {posts} times, a new connection each\n\n\
         | what | p50, ms | p99, ms | max, ms |\n|---|--:|--:|--:|\n"
    );
    for (what, values) in [
        ("a child of this program: fork, exec, its output, wait", &plain),
        ("a question without a meaning (422): HTTP and the token alone", &http),
        ("a runbook that is not there (403): and the way to the runner", &refused),
        ("the command (200): policy, audit on disk, process, its end", &ran),
    ] {
        let _ = writeln!(text, "| {what} | {} |", spread_ms(values));
    }
    Ok(text)
}
