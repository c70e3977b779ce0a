use std::sync::Arc;

use watchfire_identity::certificate::{Fingerprint, certificate_der};
use watchfire_runtime::task;

use super::folder::{Given, HubFile};
use super::invite;
use super::running::Identity;
use crate::error::AgentError;

/// How far an adoption has come.
#[derive(Debug)]
pub(crate) enum Adoption {
    /// The secret is right: this is to be signed.
    Request(String),
    /// The agent has a hub now, and the invitation is over.
    Done,
}

/// Why an adoption does not go on.
#[derive(Debug)]
pub(crate) enum AdoptionRefused {
    /// There is no such invitation (any more).
    NotInvited,
    /// What was sent cannot be taken.
    Bad(String),
    /// The agent itself cannot.
    Failed(String),
}

/// What a hub gives in the second step.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) certificate_pem: String,
    pub(crate) ca_pem: String,
    /// The fingerprint that the hub says to have.
    pub(crate) hub_id: Option<String>,
    pub(crate) name: String,
}

impl Identity {
    /// Takes a step of an adoption: the first without an offer, the second with one.
    pub(crate) async fn adopt(
        self: &Arc<Self>,
        secret: String,
        offer: Option<Offer>,
    ) -> Result<Adoption, AdoptionRefused> {
        let me = Arc::clone(self);
        let step = move || me.step(&secret, offer);
        let done = task::blocking("take a step of an adoption", step).await;
        done.unwrap_or_else(|error| Err(AdoptionRefused::Failed(error.to_string())))
    }

    fn step(&self, secret: &str, offer: Option<Offer>) -> Result<Adoption, AdoptionRefused> {
        // One at a time, so that an invitation is taken once.
        let _alone = self.alone();
        let locked = self.folder.lock()?;
        if !invite::opens(&self.folder, &locked, secret, self.clock().now())? {
            return Err(AdoptionRefused::NotInvited);
        }
        let Some(offer) = offer else { return Ok(Adoption::Request(self.signing_request())) };
        let bad = |error: AgentError| match error {
            AgentError::Identity { why, .. } => AdoptionRefused::Bad(why),
            other => other.into(),
        };
        let given = offer.given()?;
        let enrolled = self.check(given.clone()).map_err(bad)?;
        // The invitation goes first: should the rest fail, another one is needed,
        // and none can be used twice.
        locked.remove_invite()?;
        locked.keep(&given)?;
        self.publish(Some(enrolled), self.folder.stamp())?;
        Ok(Adoption::Done)
    }
}

impl Offer {
    fn given(self) -> Result<Given, AdoptionRefused> {
        let ca = certificate_der(&self.ca_pem);
        let ca = ca.map_err(|error| AdoptionRefused::Bad(error.to_string()))?;
        let hub_id = Fingerprint::of(&ca).to_string();
        if self.hub_id.is_some_and(|said| said != hub_id) {
            let words = "hub_id is not the fingerprint of the CA's certificate";
            return Err(AdoptionRefused::Bad(words.to_owned()));
        }
        let hub = HubFile { hub: None, name: self.name, hub_id };
        Ok(Given { certificate_pem: self.certificate_pem, ca_pem: self.ca_pem, hub })
    }
}

impl From<AgentError> for AdoptionRefused {
    fn from(error: AgentError) -> Self {
        Self::Failed(error.to_string())
    }
}
