use std::sync::Arc;
use std::time::Duration;

use watchfire_model::Moment;
use watchfire_runtime::task;
use watchfire_wire::{Message, Renew, Renewed};

use super::{Begun, End, Session};

/// How often it is asked whether the certificate wants to be renewed.
const RENEWAL_PERIOD: Duration = Duration::from_secs(3600);

impl Session {
    /// Asks for a renewed certificate when it is time, on a stream that proves
    /// who this agent is.
    pub(super) async fn renew(&mut self, now: Moment) -> Result<(), End> {
        if now.monotonic < self.next_renewal.monotonic {
            return Ok(());
        }
        self.next_renewal = now.after(RENEWAL_PERIOD);
        let proven = self.greeted && !matches!(self.begun, Begun::Token { .. });
        let Some(identity) = self.up.identity.as_ref().filter(|_| proven) else { return Ok(()) };
        let enrolled = identity.enrolled().borrow().clone();
        if !enrolled.is_some_and(|enrolled| enrolled.needs_renewal(now)) {
            return Ok(());
        }
        self.renewal_asked = true;
        let csr_pem = identity.signing_request();
        self.line.send(&Message::Renew(Renew { csr_pem })).await
    }

    pub(super) fn take_renewed(&mut self, renewed: Renewed) {
        self.renewal_asked = false;
        let Some(identity) = self.up.identity.clone() else { return };
        let counters = Arc::clone(&self.up.counters);
        let keep = async move {
            let keep = move || identity.take_renewed(&renewed.certificate_pem);
            match task::blocking("keep a certificate", keep).await {
                Ok(Ok(())) => {
                    tracing::info!("the certificate was renewed");
                    counters.renewed.add(1);
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, "a renewed certificate is not taken");
                    counters.renewals_failed.add(1);
                }
                // A panic was told already.
                Err(_) => counters.renewals_failed.add(1),
            }
        };
        task::spawn("renewal", keep).detach();
    }
}
