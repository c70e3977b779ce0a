//! What a doctor says of an agent: its policy, its audit file, its sandbox.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;
use watchfire_agent::AgentConfig;
use watchfire_agent::policy::{Policy, words};
use watchfire_agent::runner::verify_audit;
use watchfire_agent::sandbox::{Sandbox, enter};
use watchfire_hub::{Checkup, Examination};

use super::super::agent::Place;
use super::super::beside::Beside;

/// Where the runner of a service keeps its audit file.
const SERVICE_AUDIT: &str = "/var/lib/watchfire-runner/audit.jsonl";

#[derive(clap::Args)]
pub(crate) struct SandboxProof {
    /// The folder that may be written to
    folder: PathBuf,
}

impl SandboxProof {
    /// One line for each layer and each proof: `ok` or `no`, a blank, and what.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        for (layer, holds) in enter(&self.folder).layers {
            match holds {
                Ok(()) => println!("ok {layer}"),
                Err(why) => println!("no {layer}: {why}"),
            }
        }
        for (what, holds) in Sandbox::prove(&self.folder) {
            println!("{} {what}", if holds { "ok" } else { "no" });
        }
        Ok(())
    }
}

pub(super) fn look(beside: &Beside) -> anyhow::Result<Checkup> {
    let (config, data) = beside.of_agent();
    let config = Place::new(config, data).config()?;
    Ok(Checkup { parts: vec![policy(&config)?, audit(&config), sandbox()?] })
}

fn part(name: String) -> Examination {
    Examination { part: name, facts: Vec::new(), wrong: Vec::new(), notes: Vec::new() }
}

fn policy(config: &AgentConfig) -> anyhow::Result<Examination> {
    let me = std::fs::metadata("/proc/self").context("/proc cannot be read")?.uid();
    let mut found = part(format!("policy {}", config.run.policy_file.display()));
    // A service's runner is root, whoever looks.
    let as_root = me == 0 || config.run.runner_socket.exists();
    match Policy::read(&config.run.policy_file, me) {
        Ok(policy) => found.facts = words(&policy, as_root),
        Err(problems) => {
            found.wrong = problems.as_slice().iter().map(ToString::to_string).collect();
            found.notes.push("until that is mended nothing is run".to_owned());
        }
    }
    if !config.run.runner_socket.exists() {
        let socket = config.run.runner_socket.display();
        found.notes.push(format!("no {socket}: the agent runs commands as its own user only"));
    }
    Ok(found)
}

fn audit(config: &AgentConfig) -> Examination {
    let own = config.data.join("runner/audit.jsonl");
    let path = if config.run.runner_socket.exists() { Path::new(SERVICE_AUDIT) } else { &own };
    let mut found = part(format!("audit {}", path.display()));
    match path.try_exists() {
        Ok(true) => match verify_audit(path, None) {
            Ok(audit) => found.facts.push(format!("{} lines, head {}", audit.lines, audit.head)),
            Err(fault) => found.wrong.push(fault.to_string()),
        },
        Ok(false) => found.facts.push("nothing was asked for yet".to_owned()),
        Err(error) => found.notes.push(format!("cannot be looked at: {error}")),
    }
    found
}

/// Tried in a process of its own, for what it gives up is gone.
fn sandbox() -> anyhow::Result<Examination> {
    let mut found = part("sandbox".to_owned());
    let folder = std::env::temp_dir().join(format!("watchfire-sandbox-{}", std::process::id()));
    std::fs::create_dir(&folder).context("no folder can be made to try the sandbox in")?;
    let tried = Command::new("/proc/self/exe")
        .arg("sandbox-proof")
        .arg(&folder)
        .stderr(Stdio::inherit())
        .output();
    let _ = std::fs::remove_dir_all(&folder);
    let tried = tried.context("the sandbox cannot be tried")?;
    let said = String::from_utf8_lossy(&tried.stdout);
    for line in said.lines() {
        match line.strip_prefix("ok ") {
            Some(what) => found.facts.push(what.to_owned()),
            // A kernel without a layer is no fault of this machine's config.
            None => found.notes.push(format!("does not hold: {}", line.trim_start_matches("no "))),
        }
    }
    if said.is_empty() {
        found.wrong.push("it could not be tried".to_owned());
    }
    Ok(found)
}
