//! The renewal of an agent's certificate.

use std::time::Duration;

use watchfire_runtime::task;

use super::{Done, Talk};

/// How often an agent may ask for a certificate.
const RENEW_PAUSE: Duration = Duration::from_secs(60);

impl Talk {
    pub(super) fn renew(&mut self, csr_pem: String) {
        let now = self.now();
        let may = self.renewed.is_none_or(|at| now.since(at) >= RENEW_PAUSE);
        let has_authority = self.shared.renewal.get().is_some();
        let (Some(agent), true, true) = (self.peer.agent, may, has_authority) else {
            return self.strange("a wish for a certificate");
        };
        self.renewed = Some(now);
        let shared = self.shared.clone();
        self.work.begin("renew", async move {
            let renew = move || match shared.renewal.get() {
                Some(renewal) => renewal.renew(agent, &csr_pem, now),
                None => Err("there is no authority".to_owned()),
            };
            let renewed = task::blocking("renew", renew).await;
            Done::Renewed(renewed.unwrap_or_else(|panicked| Err(panicked.to_string())))
        });
    }
}
