use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use watchfire_identity::certificate::{AgentId, MachineKey};
use watchfire_model::Moment;
use watchfire_runtime::tls::{Credentials, TlsServer};
use watchfire_runtime::{Clock, Secret, task};

use super::Enrolment;
use super::folder::{Folder, Given, HubFile, Stamp, holds};
use crate::error::AgentError;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// How old the certificate that the agent signs itself may become: half its life.
const SELF_SIGNED_AGE: Duration = Duration::from_secs(12 * 3600);

/// The identity of a running agent: what is on disk, followed.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(super) folder: Folder,
    key: Arc<MachineKey>,
    clock: Clock,
    server: TlsServer,
    /// The hub's address of the config, which goes before the one of the files.
    hub: Option<String>,
    enrolled: watch::Sender<Option<Arc<Enrolment>>>,
    seen: Mutex<Seen>,
    /// One at a time changes the files or reads them anew.
    turn: Mutex<()>,
}

#[derive(Debug)]
struct Seen {
    stamp: Stamp,
    signed_itself: Moment,
}

impl Identity {
    /// Reads the identity, and makes a key where there is none. It blocks.
    pub(crate) fn open(
        data: &std::path::Path,
        hub: Option<String>,
        clock: Clock,
    ) -> Result<Arc<Self>, AgentError> {
        let folder = Folder::open(data)?;
        let key = Arc::new(folder.key()?);
        let (stamp, now) = (folder.stamp(), clock.now());
        let enrolled = folder.enrolled(&key)?.map(|enrolled| with_hub(enrolled, hub.as_ref()));
        let credentials = match &enrolled {
            Some(enrolled) => enrolled.credentials.clone(),
            None => self_signed(&key, now),
        };
        let server = TlsServer::new(&credentials)
            .map_err(|error| AgentError::identity(PathBuf::from(data), error))?;
        if let Some(enrolled) = &enrolled {
            tell(enrolled, now);
        }
        let (enrolled, _) = watch::channel(enrolled.map(Arc::new));
        let seen = Mutex::new(Seen { stamp, signed_itself: now });
        Ok(Arc::new(Self {
            folder,
            key,
            clock,
            server,
            hub,
            enrolled,
            seen,
            turn: Mutex::default(),
        }))
    }

    /// Who this agent is.
    pub(crate) fn id(&self) -> AgentId {
        self.key.id()
    }

    /// What this agent is to a hub, and what becomes of it: another value with
    /// each enrolment and renewal, `None` as long as there is no hub.
    pub(crate) fn enrolled(&self) -> watch::Receiver<Option<Arc<Enrolment>>> {
        self.enrolled.subscribe()
    }

    /// TLS for the listener. It follows by itself.
    pub(crate) fn server(&self) -> TlsServer {
        self.server.clone()
    }

    /// The key itself, for what only this agent is to open.
    pub(crate) fn key_pem(&self) -> Secret {
        Secret::new(self.key.pem().as_str())
    }

    /// A request for a certificate of this key, for the hub to sign.
    pub(crate) fn signing_request(&self) -> String {
        self.key.signing_request()
    }

    /// Takes the certificate that the hub gave in the place of one that ends
    /// soon. It blocks.
    ///
    /// # Errors
    /// [`AgentError`] when it is not of this key and this hub, does not hold
    /// now, or cannot be kept. The old one stays then.
    pub(crate) fn take_renewed(&self, certificate_pem: &str) -> Result<(), AgentError> {
        let _alone = self.alone();
        let wrong = |why: &str| AgentError::identity("certificate.pem", why);
        let old = self.enrolled.borrow().clone().ok_or_else(|| wrong("this agent has no hub"))?;
        let given = Given {
            certificate_pem: certificate_pem.to_owned(),
            ca_pem: old.credentials.ca_pem.clone(),
            hub: HubFile {
                hub: old.hub.clone(),
                name: old.name.clone(),
                hub_id: old.hub_id.clone(),
            },
        };
        let enrolled = self.check(given.clone())?;
        let folder = self.folder.lock()?;
        if self.folder.stamp() != self.seen().stamp {
            return Err(wrong("another enrolment came between"));
        }
        folder.keep_certificate(&given.certificate_pem)?;
        self.publish(Some(enrolled), self.folder.stamp())
    }

    /// Refuses what nobody would believe: keeping it would cut the agent off.
    pub(super) fn check(&self, given: Given) -> Result<Enrolment, AgentError> {
        let enrolled = self.folder.read(&self.key, given)?;
        let Credentials { certificate_pem, ca_pem, .. } = &enrolled.credentials;
        if holds(certificate_pem, ca_pem, self.clock.now()) {
            return Ok(enrolled);
        }
        let why = "the CA did not sign it, or it does not hold now: compare this machine's clock \
                   with the hub's";
        Err(AgentError::identity("certificate.pem", why))
    }

    /// Follows the files until it is dropped.
    pub(crate) async fn follow(self: Arc<Self>) {
        loop {
            let me = Arc::clone(&self);
            match task::blocking("look at the identity", move || me.look()).await {
                Ok(Ok(())) => {}
                // The old one goes on; said once for each change.
                Ok(Err(error)) => tracing::warn!(%error, "the new identity is not taken"),
                Err(error) => tracing::debug!(%error, "the identity was not looked at"),
            }
            self.clock.sleep(LOOK).await;
        }
    }

    /// Takes what another process changed. It blocks.
    pub(super) fn look(&self) -> Result<(), AgentError> {
        let _alone = self.alone();
        let stamp = self.folder.stamp();
        let (same, age) = {
            let seen = self.seen();
            (seen.stamp == stamp, self.clock.now().since(seen.signed_itself))
        };
        if same {
            let bare = self.enrolled.borrow().is_none();
            if bare && age >= SELF_SIGNED_AGE { self.publish(None, stamp) } else { Ok(()) }
        } else {
            // Whatever comes of it is said once.
            self.seen().stamp = stamp;
            let enrolled = {
                let _whole = self.folder.lock()?;
                self.folder.enrolled(&self.key)?
            };
            self.publish(enrolled, stamp)
        }
    }

    /// Lets listener and uplink have it.
    pub(super) fn publish(
        &self,
        enrolled: Option<Enrolment>,
        stamp: Stamp,
    ) -> Result<(), AgentError> {
        let now = self.clock.now();
        let enrolled = enrolled.map(|enrolled| Arc::new(with_hub(enrolled, self.hub.as_ref())));
        let credentials = match &enrolled {
            Some(enrolled) => enrolled.credentials.clone(),
            None => self_signed(&self.key, now),
        };
        self.server
            .renew(&credentials)
            .map_err(|error| AgentError::identity("certificate.pem", error))?;
        *self.seen() = Seen { stamp, signed_itself: now };
        match &enrolled {
            Some(enrolled) => tell(enrolled, now),
            None => tracing::debug!("this agent has no hub"),
        }
        self.enrolled.send_replace(enrolled);
        Ok(())
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Waits for whoever changes or reads the files, and keeps others from it.
    pub(super) fn alone(&self) -> std::sync::MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn with_hub(enrolled: Enrolment, hub: Option<&String>) -> Enrolment {
    Enrolment { hub: hub.cloned().or_else(|| enrolled.hub.clone()), ..enrolled }
}

fn self_signed(key: &MachineKey, now: Moment) -> Credentials {
    Credentials {
        certificate_pem: key.self_signed(now),
        key_pem: Secret::new(key.pem().as_str()),
        ca_pem: String::new(),
    }
}

fn tell(enrolled: &Enrolment, now: Moment) {
    let Enrolment { id, name, hub, .. } = enrolled;
    let hub = hub.as_deref().unwrap_or("(it dials)");
    tracing::info!(%id, name, hub, "this agent is enrolled");
    if enrolled.has_ended(now) {
        tracing::error!(
            "the agent's certificate has ended, and the hub will not take it: compare this \
             machine's clock with the hub's, or enrol again with `watchfire join`"
        );
    }
}
