use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use watchfire_api::fallback::{Exchange, Told};
use watchfire_identity::random_hex;
use watchfire_runtime::net::Net;
use watchfire_runtime::{Clock, Shutdown};
use watchfire_wire::Fallback;

use super::desk::{Desk, Work};
use super::judge::Evidence;
use super::letter::{Facts, Letter};
use super::teller::{Sent, Teller};
use super::{ask, boxes};
use crate::identity::Enrolment;

/// How often it looks.
const LOOK: Duration = Duration::from_secs(1);
/// One that looks so late stood still with its whole machine, and what it did not hear then is
/// no evidence.
const FROZEN: Duration = Duration::from_secs(10);
/// The name of an outage, in bytes.
const OUTAGE_BYTES: usize = 16;

/// Looks after the hub, asks others, and tells.
#[derive(Debug)]
pub(crate) struct Watcher {
    pub(crate) desk: Arc<Desk>,
    pub(crate) clock: Clock,
    pub(crate) net: Net,
    pub(crate) me: watch::Receiver<Option<Arc<Enrolment>>>,
    pub(crate) shutdown: Shutdown,
}

impl Watcher {
    /// Works until the agent ends.
    pub(crate) async fn run(self) {
        let mut last = self.clock.now();
        self.desk.sight.blind_until(last);
        // One that told it, and does not know whether it arrived.
        let mut unsure: Option<Teller> = None;
        loop {
            tokio::select! {
                biased;
                () = self.shutdown.requested() => return,
                () = self.clock.sleep(LOOK) => {}
            }
            let now = self.clock.now();
            if now.since(last) >= FROZEN {
                self.desk.sight.blind_until(now);
            }
            last = now;
            tokio::select! {
                biased;
                () = self.shutdown.requested() => return,
                told = self.work(self.desk.step(now), &mut unsure) => {
                    // Only telling may take longer than a freeze.
                    last = if told { self.clock.now() } else { last };
                }
            }
        }
    }

    async fn work(&self, work: Work, unsure: &mut Option<Teller>) -> bool {
        match work {
            Work::Rest => self.tell_again(unsure).await,
            Work::Ask(fallback, exchange) => {
                self.ask_all(&fallback, &exchange).await;
                false
            }
            Work::Tell { fallback, evidence, parts } => {
                *unsure = self.tell(&fallback, &evidence, &parts).await;
                true
            }
        }
    }

    /// Tries once more where it is not known whether it arrived, if that is due.
    async fn tell_again(&self, unsure: &mut Option<Teller>) -> bool {
        let now = self.clock.now();
        let Some(teller) = unsure else { return false };
        if !self.desk.is_told(now) {
            *unsure = None;
            return false;
        }
        if !teller.is_due(now) {
            return false;
        }
        if teller.again(&self.clock).await {
            *unsure = None;
        }
        true
    }

    async fn ask_all(&self, fallback: &Fallback, exchange: &Exchange) {
        let Some(me) = self.me.borrow().clone() else { return };
        let own = me.id.to_string();
        let others = fallback.members.iter().enumerate().filter(|(_, member)| member.id != own);
        let asks = others.map(|(place, member)| {
            let me = &me;
            async move {
                let way = (&self.clock, &self.net);
                if let Some(said) = ask::ask(member, exchange, &me.client, way).await {
                    self.desk.heard(place, &said, self.clock.now());
                }
            }
        });
        join_all(asks).await;
        self.desk.looked();
    }

    /// Tells it. Who told it, where it is not known whether it arrived.
    async fn tell(
        &self,
        fallback: &Fallback,
        evidence: &Evidence,
        parts: &[Option<[u8; 32]>],
    ) -> Option<Teller> {
        let agreeing = &evidence.agreeing;
        let opened = boxes::open(fallback, agreeing, parts)
            .ok_or_else(|| "whom to tell cannot be opened".to_owned())
            .and_then(|whom| self.desk.messenger.open(&whom.channels, &whom.allow));
        let post = match opened {
            Ok(post) => post,
            Err(why) => {
                tracing::error!(why, "the hub is gone, and nobody can be told: another agent may");
                self.desk.failed(self.clock.now());
                return None;
            }
        };
        let (begun, (gone_for, left)) = (self.clock.now(), self.desk.gone_for(self.clock.now()));
        let named = |place: &usize| fallback.members.get(*place).map(|one| one.server.as_str());
        let names: Vec<&str> = agreeing.iter().filter_map(named).collect();
        let hearing: Vec<&str> = evidence.hearing.iter().filter_map(named).collect();
        let others: Vec<usize> = (0..fallback.members.len())
            .filter(|one| !agreeing.contains(one) && !evidence.hearing.contains(one))
            .collect();
        let unheard: Vec<&str> = others.iter().filter_map(named).collect();
        let own = self.me.borrow().as_ref().map(|me| me.id.to_string()).unwrap_or_default();
        let by = fallback.members.iter().find(|member| member.id == own);
        let letter = Letter::new(Facts {
            hub: &fallback.hub,
            gone_for,
            left,
            agreeing: &names,
            hearing: &hearing,
            unheard: &unheard,
            by: by.map_or("", |member| member.server.as_str()),
        });
        tracing::error!(agents = ?names, "the hub is gone: the fallback is told");
        let mut teller = Teller::new(post, letter);
        let sent = teller.tell(&self.clock).await;
        match sent {
            Sent::Taken => tracing::warn!("the fallback was told that the hub is gone"),
            Sent::Unclear => tracing::error!(
                "the fallback was told that the hub is gone, and did not say clearly that it \
                 took it"
            ),
            Sent::Not => {
                tracing::error!(
                    "the fallback cannot be told that the hub is gone: another agent tries"
                );
                self.desk.failed(self.clock.now());
                return None;
            }
        }
        let now = self.clock.now();
        let gone_ms = i64::try_from(gone_for.as_millis()).unwrap_or(i64::MAX);
        self.desk.told(Told {
            outage: random_hex(OUTAGE_BYTES),
            by: own,
            agreed: u32::try_from(agreeing.len()).unwrap_or(u32::MAX),
            since_unix_ms: begun.unix_ms.saturating_sub(gone_ms),
            told_unix_ms: now.unix_ms,
        });
        (sent == Sent::Unclear).then_some(teller)
    }
}
