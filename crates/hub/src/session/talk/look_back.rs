//! What is told once a server is back from trouble.

use std::time::Duration;

use watchfire_model::Moment;

use super::Talk;
use crate::aftermath::Aftermath;

/// How long a return waits for what the agent recorded meanwhile.
const AFTERMATH_LIMIT: Duration = Duration::from_secs(180);

impl Talk {
    /// After a return from trouble: tells what happened meanwhile, once what the
    /// agent recorded is here.
    pub(super) fn look_back(&mut self, now: Moment) {
        if let Some(returned) = self.shared.fleet.take_return(self.peer.index) {
            self.returned = Some(returned);
            self.fill.wish();
            return;
        }
        let Some(returned) = self.returned else { return };
        let Some(greeted) = &self.greeted else { return };
        let is_whole = greeted.ring.is_none() || self.fill.complete().is_some();
        if !is_whole && now.since(returned.back) < AFTERMATH_LIMIT {
            return;
        }
        self.returned = None;
        let lived_on = returned.last_sign.is_some_and(|sign| self.began <= sign);
        let since_hello = returned.back.since(greeted.at);
        let aftermath = Aftermath {
            server: self.shared.fleet.config(self.peer.index).server.name.clone(),
            key: self.server_key(),
            back: returned.back,
            rebooted: if lived_on { Some(false) } else { greeted.rebooted },
            uptime: greeted.uptime_ms.map(|ms| Duration::from_millis(ms) + since_hello),
            reboot_reason: greeted.reboot_reason.clone(),
            last_words: greeted.last_words.clone(),
            skew_ms: greeted.skew_ms,
        };
        self.shared.corrections.tell(aftermath);
    }
}
