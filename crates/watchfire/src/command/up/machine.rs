use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use watchfire_agent::{AgentConfig, JoinError, JoinRequest, join};
use watchfire_hub::{Admin, TokenWish, WatchedServer};
use watchfire_identity::certificate::AgentId;
use watchfire_identity::enrol::EnrolToken;
use watchfire_model::{Labels, ServerName};
use watchfire_runtime::Clock;
use watchfire_runtime::backoff::Backoff;

use crate::command::agent::host_name;

/// What this machine is called where its own name is taken or none.
const OTHER_NAME: &str = "this-machine";
/// How many further names are tried.
const MOST_NAMES: usize = 100;
/// How long the token of this machine is good. It is used at once, if the hub is not too busy.
const TOKEN_VALID: Duration = Duration::from_secs(300);

/// The pause before the second try to join, and the longest one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// This machine as one of the hub's servers.
#[derive(Debug)]
pub(super) struct Machine {
    /// What the hub calls it; `None` where an administrator removed it.
    pub(super) name: Option<ServerName>,
    /// What it joins with; `None` where it belongs to the hub already, or was removed.
    token: Option<EnrolToken>,
}

impl Machine {
    /// Finds this machine in the data of the hub, or makes a token for it. `agent` is
    /// the agent's id and the fingerprint of the hub that it belongs to. It blocks.
    pub(super) fn look(
        hub_data: &Path,
        configured: &[WatchedServer],
        (id, hub_id): &(AgentId, Option<String>),
    ) -> anyhow::Result<Self> {
        let admin = Admin::open(hub_data, Clock::system())?;
        if admin.is_removed(&id.to_string())? {
            return Ok(Self { name: None, token: None });
        }
        let enrolled = admin.servers()?;
        let own = enrolled.iter().find(|server| server.agent == id.to_string());
        let name = match own {
            Some(server) => ServerName::new(&server.name)?,
            None => {
                let enrolled = enrolled.iter().map(|server| server.name.as_str());
                let configured = configured.iter().map(|one| one.server.name.as_str());
                free_name(&host_name(), &enrolled.chain(configured).collect())?
            }
        };
        if own.is_some() && *hub_id == Some(admin.hub_id().to_string()) {
            return Ok(Self { name: Some(name), token: None });
        }
        let wish =
            TokenWish { name: Some(name.to_string()), labels: BTreeMap::new(), valid: TOKEN_VALID };
        let token = Some(admin.token(&wish)?.token);
        Ok(Self { name: Some(name), token })
    }

    /// Lets the hub, which has to serve, take the agent of this config in. One that
    /// belongs to it already stays as it is. While the hub cannot be asked or is too
    /// busy, it tries again for as long as the token is good.
    pub(super) async fn join(self, agent: AgentConfig, clock: &Clock) -> anyhow::Result<()> {
        let (Some(token), Some(name)) = (self.token, self.name) else { return Ok(()) };
        let hub = agent.hub.context("the hub's address is not known")?;
        let until = clock.now().after(TOKEN_VALID);
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            let request = JoinRequest {
                data: agent.data.clone(),
                hub: hub.clone(),
                token: token.clone(),
                name: name.clone(),
                labels: Labels::new(),
            };
            let Err(error) = join(request, clock).await else { return Ok(()) };
            let next = clock.now().after(backoff.next_pause());
            if !may_pass(&error) || next.monotonic >= until.monotonic {
                return Err(error.into());
            }
            tracing::warn!("this machine is not watched yet, and joins again soon: {error}");
            clock.sleep_until(next).await;
        }
    }
}

/// Whether the same try may go well a little later.
fn may_pass(error: &JoinError) -> bool {
    match error {
        JoinError::NotReached { .. } | JoinError::Silent { .. } | JoinError::Busy { .. } => true,
        JoinError::Refused { status, .. } => *status >= 500,
        _ => false,
    }
}

/// The host's name, or another one that nobody has.
fn free_name(host: &str, taken: &HashSet<&str>) -> anyhow::Result<ServerName> {
    let others = (2..MOST_NAMES).map(|number| format!("{OTHER_NAME}-{number}"));
    let all = [host.to_owned(), OTHER_NAME.to_owned()].into_iter().chain(others);
    let mut free = all.filter(|name| !taken.contains(name.as_str()));
    free.find_map(|name| ServerName::new(&name).ok()).with_context(|| {
        format!("{host:?} and all names like {OTHER_NAME} are taken: remove some of the servers")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_taken_or_none_gives_way() {
        let name = |host, taken: &[&str]| {
            let taken = taken.iter().copied().collect();
            free_name(host, &taken).expect("one is free").to_string()
        };
        assert_eq!(name("web-1", &[]), "web-1");
        assert_eq!(name("web-1", &["web-1"]), "this-machine");
        assert_eq!(name("", &["this-machine", "this-machine-2"]), "this-machine-3");
    }
}
