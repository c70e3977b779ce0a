use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use watchfire_identity::certificate::needs_renewal;
use watchfire_runtime::tls::{TlsClient, TlsServer};
use watchfire_runtime::{Clock, Shutdown, task};

use super::{HubIdentity, IdentityError};

/// How often the end of the hub's own certificate is looked at. It is renewed a
/// month before, so that a disk that is full for days does no harm.
const LOOK: Duration = Duration::from_secs(3600);

/// The hub's certificate in use, at the listener and where the hub dials. It
/// renews itself.
#[derive(Debug)]
pub(crate) struct HubTls {
    identity: Arc<HubIdentity>,
    names: Vec<String>,
    server: TlsServer,
    client: RwLock<TlsClient>,
    not_after: AtomicI64,
}

impl HubTls {
    /// Makes the hub's certificate for these public names. It blocks.
    ///
    /// # Errors
    /// [`IdentityError`] when it cannot be kept or used.
    pub(crate) fn new(
        identity: Arc<HubIdentity>,
        names: Vec<String>,
        clock: &Clock,
    ) -> Result<Self, IdentityError> {
        let (credentials, not_after) = identity.certify(&names, clock.now())?;
        let server = TlsServer::new(&credentials)?;
        let client = RwLock::new(TlsClient::new(&credentials)?);
        Ok(Self { identity, names, server, client, not_after: AtomicI64::new(not_after) })
    }

    /// The listening side; a renewal reaches every clone of it.
    pub(crate) fn server(&self) -> TlsServer {
        self.server.clone()
    }

    /// The dialling side as of now. Ask anew for each dial.
    pub(crate) fn client(&self) -> TlsClient {
        self.client.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Renews the certificate whenever it is due, until the end is asked for.
    pub(crate) async fn keep(self: Arc<Self>, clock: Clock, shutdown: Shutdown) {
        loop {
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                () = clock.sleep(LOOK) => {}
            }
            let (tls, now) = (self.clone(), clock.clone());
            match task::blocking("renew", move || tls.renew_if_due(&now)).await {
                Ok(Ok(true)) => tracing::info!("the hub's own certificate was renewed"),
                Ok(Ok(false)) | Err(_) => {}
                Ok(Err(error)) => {
                    tracing::error!(%error, "the hub's own certificate cannot be renewed yet");
                }
            }
        }
    }

    /// True when it was due and is done. It blocks.
    fn renew_if_due(&self, clock: &Clock) -> Result<bool, IdentityError> {
        let now = clock.now();
        if !needs_renewal(self.not_after.load(Ordering::Relaxed), now) {
            return Ok(false);
        }
        let (credentials, not_after) = self.identity.certify(&self.names, now)?;
        let client = TlsClient::new(&credentials)?;
        self.server.renew(&credentials)?;
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = client;
        self.not_after.store(not_after, Ordering::Relaxed);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use watchfire_identity::certificate::CERTIFICATE_LIVES;

    use super::*;
    use crate::testing::manual_clock;

    #[test]
    fn it_renews_itself_before_its_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let (clock, hand) = manual_clock();
        let identity = Arc::new(HubIdentity::open(folder.path(), 0, clock.now()).expect("is made"));
        let tls = HubTls::new(identity, vec!["hub.test".to_owned()], &clock).expect("is made");
        let kept = || std::fs::read(folder.path().join("identity/hub.pem")).expect("is kept");
        let (first, end) = (kept(), tls.not_after.load(Ordering::Relaxed));
        assert!(!tls.renew_if_due(&clock).expect("it works"));
        assert_eq!(kept(), first, "it is not due");
        hand.advance(CERTIFICATE_LIVES - Duration::from_secs(29 * 86_400));
        assert!(tls.renew_if_due(&clock).expect("it works"));
        assert_ne!(kept(), first);
        assert!(tls.not_after.load(Ordering::Relaxed) > end);
        assert!(!tls.renew_if_due(&clock).expect("it works"), "once is enough");
    }
}
