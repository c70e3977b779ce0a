use watchfire_wire::{self as wire, RunPolicy};

use super::{NOBODY, Policy};

/// What a policy allows, a line each, for a person.
#[must_use]
pub fn words(policy: &Policy, as_root: bool) -> Vec<String> {
    let level = policy.level.as_str();
    let what = match policy.level {
        RunPolicy::Off => return vec![format!("policy {level}: nobody runs anything here")],
        RunPolicy::Runbooks => "the runbooks below, by whom the hub lets",
        RunPolicy::Signed => "what is signed by somebody of allowed_signers",
        RunPolicy::Open => {
            "ANY command, by whom the hub lets: whoever breaks into the hub runs commands here"
        }
    };
    let limits = &policy.limits;
    let own = if as_root { NOBODY } else { "the runner's own" };
    let user = limits.user.as_deref().unwrap_or(own);
    let mut lines = vec![format!("policy {level}: {what}")];
    let or = if limits.users.is_empty() { "" } else { ", or if asked for: " };
    lines.push(format!("runs as the user {user}{or}{}", limits.users.join(", ")));
    lines.push(format!(
        "at most {} at once, {} s (asked for: {} s), {} bytes of output, {} processes, {} files",
        limits.at_once,
        limits.timeout.as_secs(),
        limits.longest_timeout.as_secs(),
        limits.output,
        limits.processes,
        limits.files,
    ));
    for (name, runbook) in &policy.runbooks {
        let user = runbook.user.as_deref().unwrap_or(user);
        let mut line = format!("runbook {name} as {user}: {:?}", runbook.argv);
        if runbook.shell {
            line.push_str(", in a shell");
        }
        if runbook.may_gain_rights {
            line.push_str(", may gain rights");
        }
        if runbook.signed {
            line.push_str(", only signed");
        }
        lines.push(line);
    }
    lines
}

impl Policy {
    /// What is told to the hub.
    pub(crate) fn offers(&self) -> wire::Runbooks {
        let runbooks = self.runbooks.iter().filter(|_| self.level != RunPolicy::Off);
        let list = runbooks.map(|(name, runbook)| {
            let params = runbook.params.iter().map(|(name, param)| wire::RunbookParam {
                name: name.clone(),
                kind: param.kind.word().to_owned(),
                hint: param.kind.hint(),
            });
            wire::Runbook {
                name: name.clone(),
                description: runbook.description.clone(),
                params: params.collect(),
                confirm: runbook.confirm,
            }
        });
        wire::Runbooks { policy: self.level, list: list.collect() }
    }
}
