//! How a server's agent becomes one of the hub's: it shows the secret of a
//! token that was made for it, and the hub gives its key a certificate.

mod labels;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use watchfire_api::enrol::{EnrolReply, EnrolRequest};
use watchfire_identity::certificate::{AgentId, CertificateError, Issued};
use watchfire_identity::enrol::EnrolToken;
use watchfire_identity::limit::{Admission, LoginLimiter};
use watchfire_model::{Labels, Moment, ServerName, ServerNameError, TimelineEntry, TimelineKind};
use watchfire_runtime::{Clock, task};
use watchfire_store::{Batch, Redeemed, Store, StoreError, StoredAgent, StoredEnrolToken};
use watchfire_wire::Version;

use crate::agents::Agents;
use crate::identity::HubIdentity;
pub(crate) use labels::{LabelsError, checked as checked_labels};

/// Enrolments that are worked on at a time; further ones are told to come again.
const MAX_WORKING: usize = 64;

/// Gives certificates to agents.
pub(crate) struct Enrolment {
    identity: Arc<HubIdentity>,
    store: Store,
    agents: Arc<Agents>,
    limiter: Mutex<LoginLimiter>,
    working: Arc<Semaphore>,
    counters: EnrolCounters,
    clock: Clock,
}

/// What came of the requests since the start. The log tells each with its count.
#[derive(Debug, Default)]
struct EnrolCounters {
    enrolled: AtomicU64,
    refused: AtomicU64,
    /// Turned away unlooked at: too many from one address, or at one time.
    limited: AtomicU64,
    /// Tokens that came from a second agent.
    misused: AtomicU64,
}

fn count(counter: &AtomicU64) -> u64 {
    counter.fetch_add(1, Ordering::Relaxed) + 1
}

/// Why an agent gets no certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnrolError {
    /// Too many tries.
    #[error("too many tries; wait a moment")]
    Limited(Duration),
    /// The name is none.
    #[error("{0}")]
    Name(#[from] ServerNameError),
    /// The labels cannot be taken.
    #[error("{0}")]
    Labels(#[from] LabelsError),
    /// The request for the certificate is wrong.
    #[error("{0}")]
    Request(#[from] CertificateError),
    /// The hub never made such a token.
    #[error("the hub knows no such token")]
    Unknown,
    /// The token came too late.
    #[error("the token has expired")]
    Expired,
    /// The token was used up.
    #[error("the token was used already")]
    Used,
    /// Another agent has the name.
    #[error(
        "another agent has the name {0:?}: choose another with --name, or remove that one with \
         `watchfire server remove {0}` at the hub"
    )]
    NameTaken(String),
    /// The hub logs in at that server by password.
    #[error(
        "hub.toml has a login for the server {0:?}: make a token for it with \
         `watchfire hub token --name {0}`, or take the login out"
    )]
    HasLogin(String),
    /// The agent was removed.
    #[error("this server was removed at the hub: join again with a new token")]
    Removed,
    /// The store failed.
    #[error("{0}")]
    Store(StoreError),
    /// The work was broken off.
    #[error("{0}")]
    Failed(#[from] task::TaskFailed),
}

/// A request whose content holds.
struct Asked {
    digest: [u8; 32],
    /// What the agent wants its server to be called.
    name: ServerName,
    labels: Labels,
    issued: Issued,
    now: Moment,
}

/// What the store made of it.
enum Judged {
    Enrolled { name: String },
    Refused(EnrolError),
    Misused { by: String },
}

impl Enrolment {
    pub(crate) fn new(
        identity: Arc<HubIdentity>,
        store: Store,
        agents: Arc<Agents>,
        clock: Clock,
    ) -> Self {
        Self {
            identity,
            store,
            agents,
            limiter: Mutex::new(LoginLimiter::new()),
            working: Arc::new(Semaphore::new(MAX_WORKING)),
            counters: EnrolCounters::default(),
            clock,
        }
    }

    /// Enrols the agent that sent `request` from the address `from`. When this
    /// returns, the agent is stored and in the fleet.
    ///
    /// # Errors
    /// [`EnrolError`] in words for whoever sits at the agent.
    pub(crate) async fn enrol(
        self: &Arc<Self>,
        from: IpAddr,
        request: EnrolRequest,
    ) -> Result<EnrolReply, EnrolError> {
        let place = self.working.clone().try_acquire_owned();
        let place = place.map_err(|_| self.limited(Duration::from_secs(1)))?;
        // The same token again and again counts for itself; many tokens count for
        // the address, so that a rack behind one gateway can enrol at once.
        let who = watchfire_identity::certificate::Fingerprint::of(request.secret.as_bytes());
        let who = who.to_string();
        let admission = self.limiter().admit(self.clock.now(), from, &who, false);
        if let Admission::Quiet(wait) | Admission::Refused(wait) = admission {
            return Err(self.limited(wait));
        }
        let enrolment = self.clone();
        let work = move || {
            let done = enrolment.work(request);
            drop(place);
            done
        };
        let done = task::blocking("enrol", work).await.map_err(EnrolError::from);
        let done = done.and_then(|done| done);
        self.limiter().settle(self.clock.now(), from, &who, admission, done.is_ok());
        match &done {
            Ok(enrolled) => {
                let count = count(&self.counters.enrolled);
                let (server, agent) = (&enrolled.name, &enrolled.id);
                tracing::info!(%server, %agent, %from, count, "a server enrolled");
            }
            Err(why) => {
                let count = count(&self.counters.refused);
                tracing::warn!(%why, %from, count, "an enrolment was refused");
            }
        }
        done
    }

    /// Gives an agent of the hub a new certificate for the key that it has. It
    /// blocks.
    ///
    /// # Errors
    /// [`EnrolError::Request`] for a request of another key as well, and
    /// [`EnrolError::Removed`] for an agent that is not one of the hub's any more.
    pub(crate) fn renew(
        &self,
        id: AgentId,
        csr_pem: &str,
        now: Moment,
    ) -> Result<String, EnrolError> {
        let issued = self.identity.issue_agent(csr_pem, now)?;
        if issued.id != id {
            return Err(CertificateError::OtherKey { named: id, is: issued.id }.into());
        }
        let stored = self.store.write(|batch| {
            let agent = batch.agent(&id.to_string())?;
            let Some(mut agent) = agent.filter(|agent| agent.removed_unix_ms.is_none()) else {
                return Ok(false);
            };
            agent.certificate_not_after = issued.not_after;
            batch.put_agent(&agent).map(|()| true)
        });
        match stored.map_err(EnrolError::Store)? {
            true => Ok(issued.certificate_pem),
            false => Err(EnrolError::Removed),
        }
    }

    /// Whether an agent may speak this version of the protocol.
    ///
    /// # Errors
    /// In words, for one that is older than what the agent spoke before.
    pub(crate) fn admits(&self, id: AgentId, version: Version) -> Result<(), String> {
        self.agents.speaks(id, version).map_err(|before| {
            format!(
                "it speaks version {version} of the protocol, and spoke {before} before: if it was \
                 meant to go back, run `watchfire server allow-older` with its name at the hub"
            )
        })
    }

    fn limited(&self, wait: Duration) -> EnrolError {
        let count = count(&self.counters.limited);
        tracing::debug!(count, "an enrolment was turned away");
        EnrolError::Limited(wait)
    }

    /// Good and bad tokens take the same way up to the store's answer: what is
    /// wrong with the request is told first, and the certificate is made before
    /// the token is looked up.
    fn work(&self, request: EnrolRequest) -> Result<EnrolReply, EnrolError> {
        let now = self.clock.now();
        let asked = Asked {
            digest: EnrolToken::digest_of(&request.secret),
            name: ServerName::new(&request.name)?,
            labels: checked_labels(&request.labels)?,
            issued: self.identity.issue_agent(&request.csr, now)?,
            now,
        };
        let judged = self.store.write(|batch| self.judge(batch, &asked));
        let name = match judged {
            Ok(Judged::Enrolled { name }) => name,
            Ok(Judged::Refused(why)) => return Err(why),
            Ok(Judged::Misused { by }) => {
                self.tell_misuse(&asked, &by);
                return Err(EnrolError::Used);
            }
            Err(StoreError::NameTaken { name, .. }) => return Err(EnrolError::NameTaken(name)),
            Err(error) => return Err(EnrolError::Store(error)),
        };
        // It is durable, so the next look would find it as well.
        if let Err(error) = self.agents.take_in() {
            tracing::warn!(%error, server = name, "an agent that enrolled is not in the fleet yet");
        }
        let (id, certificate) = (asked.issued.id.to_string(), asked.issued.certificate_pem);
        Ok(EnrolReply { certificate, ca: self.identity.ca_pem().to_owned(), id, name })
    }

    /// Uses the token up and stores the agent, or neither of the two.
    fn judge(&self, batch: &Batch<'_>, asked: &Asked) -> Result<Judged, StoreError> {
        let id = asked.issued.id.to_string();
        let Some(token) = batch.enrol_token(&asked.digest)? else {
            return Ok(Judged::Refused(EnrolError::Unknown));
        };
        let name = match token.name.as_deref().map(ServerName::new) {
            Some(bound) => bound.map_err(|error| unreadable(&error))?,
            None if token.used.is_none() && self.agents.has_login(&asked.name) => {
                return Ok(Judged::Refused(EnrolError::HasLogin(asked.name.to_string())));
            }
            None => asked.name.clone(),
        };
        match batch.redeem(&asked.digest, &id, asked.now.unix_ms)? {
            Redeemed::Yes => {
                // The key is the same agent's: enrolling anew takes back nothing of what
                // it spoke, or a token would be a way around that.
                let last_protocol = batch.agent(&id)?.and_then(|known| known.last_protocol);
                let agent = stored(asked, &token, &name, id);
                batch.put_agent(&StoredAgent { last_protocol, ..agent })?;
                Ok(Judged::Enrolled { name: name.to_string() })
            }
            Redeemed::Unknown => Ok(Judged::Refused(EnrolError::Unknown)),
            Redeemed::Expired => Ok(Judged::Refused(EnrolError::Expired)),
            Redeemed::UsedBefore { by } if by == id => self.again(batch, asked, &token, &id),
            Redeemed::UsedBefore { by } => {
                note_misuse(batch, asked, &by)?;
                Ok(Judged::Misused { by })
            }
        }
    }

    /// The agent asks again with its token because the answer was lost on the way.
    fn again(
        &self,
        batch: &Batch<'_>,
        asked: &Asked,
        token: &StoredEnrolToken,
        id: &str,
    ) -> Result<Judged, StoreError> {
        let agent = batch.agent(id)?.filter(|agent| agent.removed_unix_ms.is_none());
        match agent {
            Some(mut agent) if asked.now.unix_ms < token.expires_unix_ms => {
                agent.certificate_not_after = asked.issued.not_after;
                batch.put_agent(&agent)?;
                Ok(Judged::Enrolled { name: agent.name })
            }
            _ => Ok(Judged::Refused(EnrolError::Used)),
        }
    }

    fn tell_misuse(&self, asked: &Asked, by: &str) {
        let misused = count(&self.counters.misused);
        tracing::error!(
            first = by, second = %asked.issued.id, second_name = %asked.name, misused,
            "an enrolment token was used by two agents: one of them is not who it was made for. \
             `watchfire server list` shows the first; remove it if you do not know it"
        );
    }

    fn limiter(&self) -> MutexGuard<'_, LoginLimiter> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unreadable(error: &ServerNameError) -> StoreError {
    StoreError::Unreadable { what: "server name", why: error.to_string() }
}

/// The token's name and labels stand above the agent's own: they decide who is told.
fn stored(asked: &Asked, token: &StoredEnrolToken, name: &ServerName, id: String) -> StoredAgent {
    let mut labels: BTreeMap<&str, &str> = asked.labels.iter().collect();
    labels.extend(token.labels.iter());
    let mut merged = Labels::new();
    for (name, value) in labels {
        // All of them were checked as labels.
        let _ = merged.insert(name, value);
    }
    StoredAgent {
        id,
        name: name.to_string(),
        labels: merged,
        address: None,
        public_key_fingerprint: asked.issued.public_key.to_string(),
        certificate_not_after: asked.issued.not_after,
        enrolled_unix_ms: asked.now.unix_ms,
        removed_unix_ms: None,
        last_protocol: None,
    }
}

/// Writes it into the open incident of the server whose agent came first, if
/// there is one: who looks into that should know.
fn note_misuse(batch: &Batch<'_>, asked: &Asked, by: &str) -> Result<(), StoreError> {
    let Some(first) = batch.agent(by)? else { return Ok(()) };
    let Ok(server) = ServerName::new(&first.name) else { return Ok(()) };
    let Some(incident) = batch.open_incident_of(&server)? else { return Ok(()) };
    let text = format!(
        "The token by which this server enrolled came again, from an agent that says it is {}.",
        watchfire_alert::other_server(asked.name.as_str())
    );
    batch.add_timeline(
        incident,
        &TimelineEntry { at: asked.now, kind: TimelineKind::Observed, text },
    )
}

#[cfg(test)]
impl Enrolment {
    /// How many enrolled, were refused, were turned away unlooked at, and came
    /// with a token of another.
    pub(crate) fn counts(&self) -> [u64; 4] {
        let EnrolCounters { enrolled, refused, limited, misused } = &self.counters;
        [enrolled, refused, limited, misused].map(|counter| counter.load(Ordering::Relaxed))
    }
}
