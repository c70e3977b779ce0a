//! What an operator does to the hub's data beside the running hub: tokens, and
//! which servers belong to it. The running hub sees it within a second.

mod error;

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use watchfire_identity::SystemRandomness;
use watchfire_identity::certificate::Fingerprint;
use watchfire_identity::enrol::{EnrolToken, InviteCode};
use watchfire_model::{Labels, ServerName};
use watchfire_runtime::Clock;
use watchfire_store::{Store, StoreError, StoredAgent};

use crate::adopt::Adoption;
use crate::enrolment::checked_labels;
use crate::hub::kept_join_address;
use crate::identity::{HubIdentity, IdentityError};
pub use error::AdminError;

/// The longest time for which a token may be good.
pub const LONGEST_TOKEN: Duration = Duration::from_secs(7 * 24 * 3600);

/// The database's file, by which a data folder is known.
const DATABASE: &str = "watchfire.db";

/// The data of a hub, for an operator.
#[derive(Debug)]
pub struct Admin {
    store: Store,
    identity: Arc<HubIdentity>,
    clock: Clock,
}

/// What a token is to be good for.
#[derive(Debug, Clone)]
pub struct TokenWish {
    /// The one server that may use it; any server if there is none.
    pub name: Option<String>,
    /// The labels that the server gets.
    pub labels: BTreeMap<String, String>,
    /// For how long.
    pub valid: Duration,
}

/// A token that was made. It is shown once and not kept.
#[derive(Debug)]
pub struct MadeToken {
    /// The token.
    pub token: EnrolToken,
    /// Its end, in milliseconds since 1970.
    pub expires_unix_ms: i64,
    /// The fingerprint of the hub's own public key, for programs that pin it.
    pub hub_key: Fingerprint,
}

/// A server whose agent enrolled.
#[derive(Debug, Clone)]
pub struct EnrolledServer {
    /// Its name.
    pub name: String,
    /// Its agent's id.
    pub agent: String,
    /// Its labels.
    pub labels: Labels,
    /// Where the hub dials it; `None` where its agent dials the hub.
    pub address: Option<String>,
    /// When it enrolled, in milliseconds since 1970.
    pub enrolled_unix_ms: i64,
    /// When its certificate ends, in milliseconds since 1970.
    pub certificate_not_after_unix_ms: i64,
    /// True when its token came again from another agent.
    pub token_misused: bool,
}

impl Admin {
    /// Opens the data in the folder `data`, in which a hub was started before.
    ///
    /// # Errors
    /// [`AdminError`] says what stands in the way and what to do.
    pub fn open(data: &Path, clock: Clock) -> Result<Self, AdminError> {
        let database = data.join(DATABASE);
        let found = std::fs::metadata(&database);
        let found = found.map_err(|_| AdminError::NoHub { data: data.to_owned() })?;
        // Files that root made would lock the hub out of its own data.
        let (owner, me) = (found.uid(), rustix::process::geteuid().as_raw());
        if owner != me {
            return Err(IdentityError::Foreign { path: database, owner, me }.into());
        }
        let store = Store::open(data)?;
        let enrolled = store.agents()?.iter().filter(|agent| is_present(agent)).count();
        let identity = Arc::new(HubIdentity::open_beside(data, enrolled, clock.now())?);
        Ok(Self { store, identity, clock })
    }

    /// The fingerprint of the hub's authority, by which its agents know it.
    #[must_use]
    pub fn hub_id(&self) -> Fingerprint {
        self.identity.fingerprint()
    }

    /// Where agents find the hub (`host:port`), as it said at its last start.
    ///
    /// # Errors
    /// [`AdminError::Store`] when the store cannot be read.
    pub fn join_address(&self) -> Result<Option<String>, AdminError> {
        Ok(kept_join_address(&self.store)?)
    }

    /// Makes a token for one enrolment.
    ///
    /// # Errors
    /// [`AdminError`] when the wish cannot be met, or not be stored.
    pub fn token(&self, wish: &TokenWish) -> Result<MadeToken, AdminError> {
        let name = wish.name.as_deref().map(ServerName::new).transpose()?;
        let labels = checked_labels(&wish.labels)?;
        if wish.valid.is_zero() || wish.valid > LONGEST_TOKEN {
            return Err(AdminError::Valid);
        }
        let token = EnrolToken::new(self.identity.fingerprint(), &mut SystemRandomness);
        let now = self.clock.now().unix_ms;
        let valid_ms = i64::try_from(wish.valid.as_millis()).unwrap_or(i64::MAX);
        let expires_unix_ms = now.saturating_add(valid_ms);
        let name = name.as_ref().map(ServerName::as_str);
        self.store.write(|batch| {
            batch.put_enrol_token(&token.digest(), name, now, expires_unix_ms)?;
            batch.set_enrol_token_labels(&token.digest(), &labels)
        })?;
        Ok(MadeToken { token, expires_unix_ms, hub_key: self.identity.key_fingerprint() })
    }

    /// True for the id of an agent that an administrator removed, as long as the hub
    /// remembers it.
    ///
    /// # Errors
    /// [`AdminError::Store`] when the store cannot be read.
    pub fn is_removed(&self, agent: &str) -> Result<bool, AdminError> {
        Ok(self.store.agent(agent)?.is_some_and(|agent| !is_present(&agent)))
    }

    /// The servers whose agents enrolled, by name.
    ///
    /// # Errors
    /// [`AdminError::Store`] when the store cannot be read.
    pub fn servers(&self) -> Result<Vec<EnrolledServer>, AdminError> {
        let tokens = self.store.enrol_tokens()?;
        let misused = |id: &str| {
            let of = |used: &Option<(i64, String)>| used.as_ref().is_some_and(|(_, by)| by == id);
            tokens.iter().any(|token| token.misused.is_some() && of(&token.used))
        };
        let present = self.store.agents()?.into_iter().filter(is_present);
        Ok(present.map(|agent| shown(misused(&agent.id), agent)).collect())
    }

    /// Gives a server another name; its history stays its own.
    ///
    /// # Errors
    /// [`AdminError`] when there is no such server, or another one has the name.
    pub fn rename(&self, server: &str, name: &str) -> Result<(), AdminError> {
        let id = self.find(server)?.id;
        let name = ServerName::new(name)?;
        Ok(self.store.write(|batch| batch.rename_agent(&id, name.as_str()))?)
    }

    /// Lets the agent of a server speak an older version of the protocol than before,
    /// because it was put back to an older release.
    ///
    /// # Errors
    /// [`AdminError`] when there is no such server.
    pub fn allow_older(&self, server: &str) -> Result<(), AdminError> {
        let id = self.find(server)?.id;
        Ok(self.store.write(|batch| batch.set_agent_protocol(&id, None))?)
    }

    /// Removes a server: its agent's certificate is not accepted any more.
    ///
    /// # Errors
    /// [`AdminError`] when there is no such server.
    pub fn remove(&self, server: &str) -> Result<(), AdminError> {
        let (id, now) = (self.find(server)?.id, self.clock.now().unix_ms);
        Ok(self.store.write(|batch| batch.remove_agent(&id, now))?)
    }

    /// Takes in the agent at `address` (`host:port`) that made the invitation
    /// `code`, and gives its name. The running hub dials it from then on.
    ///
    /// # Errors
    /// [`AdminError`] says which side refused and why. Only when it is one of
    /// the store's does the agent believe that it belongs to the hub.
    pub async fn adopt(&self, address: &str, code: &InviteCode) -> Result<String, AdminError> {
        let adoption = Adoption { address, code, clock: &self.clock };
        let adoptable = adoption.begin().await?;
        let name = ServerName::new(&adoptable.name)?;
        let labels = checked_labels(&adoptable.labels)?;
        let now = self.clock.now();
        let issued = self.identity.issue_agent(&adoptable.csr, now)?;
        if issued.public_key != code.key {
            return Err(AdminError::OtherKey);
        }
        let agent = StoredAgent {
            id: issued.id.to_string(),
            name: name.to_string(),
            labels,
            address: Some(address.to_owned()),
            public_key_fingerprint: issued.public_key.to_string(),
            certificate_not_after: issued.not_after,
            enrolled_unix_ms: now.unix_ms,
            removed_unix_ms: None,
            last_protocol: None,
        };
        self.check_free(&agent)?;
        let hub_id = self.identity.fingerprint().to_string();
        let ca = self.identity.ca_pem().to_owned();
        adoption.end(issued.certificate_pem, ca, hub_id).await?;
        self.store.write(|batch| batch.put_agent(&agent)).map_err(AdminError::AfterAdoption)?;
        Ok(agent.name)
    }

    /// Says that the name is taken while the agent can still be told.
    fn check_free(&self, agent: &StoredAgent) -> Result<(), AdminError> {
        let taken = |other: &StoredAgent| {
            is_present(other) && other.name == agent.name && other.id != agent.id
        };
        match self.store.agents()?.into_iter().find(taken) {
            Some(other) => Err(StoreError::NameTaken { name: other.name, by: other.id }.into()),
            None => Ok(()),
        }
    }

    /// The agent with this name or, because names change, with this id.
    fn find(&self, server: &str) -> Result<StoredAgent, AdminError> {
        let agents = self.store.agents()?;
        let mut present = agents.into_iter().filter(is_present);
        let found = present.find(|agent| agent.name == server || agent.id == server);
        found.ok_or_else(|| AdminError::NoServer { name: server.to_owned() })
    }
}

fn is_present(agent: &StoredAgent) -> bool {
    agent.removed_unix_ms.is_none()
}

fn shown(token_misused: bool, agent: StoredAgent) -> EnrolledServer {
    EnrolledServer {
        name: agent.name,
        agent: agent.id,
        labels: agent.labels,
        address: agent.address,
        enrolled_unix_ms: agent.enrolled_unix_ms,
        certificate_not_after_unix_ms: agent.certificate_not_after,
        token_misused,
    }
}

#[cfg(test)]
mod tests;
