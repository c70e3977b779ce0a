use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use watchfire_api::fallback::{Exchange, Told, Whom};
use watchfire_identity::random_hex;
use watchfire_runtime::net::Net;
use watchfire_runtime::{Clock, Shutdown};
use watchfire_wire::Fallback;

use super::desk::{Desk, Work};
use super::letter::{Facts, Letter};
use super::{ask, boxes};
use crate::identity::Enrolment;

/// How often it looks.
const LOOK: Duration = Duration::from_secs(1);
/// One that looks so late stood still with its whole machine, and what it did not hear then is
/// no evidence.
const FROZEN: Duration = Duration::from_secs(10);
/// How long one channel may take.
const CHANNEL_TIME: Duration = Duration::from_secs(30);
/// How long all channels may take, and the pause before they are tried again. Others wait for
/// two minutes for one that is telling.
const TELL_TIME: Duration = Duration::from_secs(90);
const TELL_AGAIN: Duration = Duration::from_secs(5);
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
                told = self.work(self.desk.step(now)) => {
                    // Only telling may take longer than a freeze.
                    last = if told { self.clock.now() } else { last };
                }
            }
        }
    }

    async fn work(&self, work: Work) -> bool {
        match work {
            Work::Rest => false,
            Work::Ask(fallback, exchange) => {
                self.ask_all(&fallback, &exchange).await;
                false
            }
            Work::Tell { fallback, agreeing, parts } => {
                self.tell(&fallback, &agreeing, &parts).await;
                true
            }
        }
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
    }

    async fn tell(&self, fallback: &Fallback, agreeing: &[usize], parts: &[Option<[u8; 32]>]) {
        let Some(whom) = boxes::open(fallback, agreeing, parts) else {
            tracing::error!(
                "the hub is gone, and whom to tell cannot be opened: another agent may"
            );
            return self.desk.failed(self.clock.now());
        };
        let (begun, (gone_for, left)) = (self.clock.now(), self.desk.gone_for(self.clock.now()));
        let named = |place: &usize| fallback.members.get(*place).map(|one| one.server.as_str());
        let names: Vec<&str> = agreeing.iter().filter_map(named).collect();
        let own = self.me.borrow().as_ref().map(|me| me.id.to_string()).unwrap_or_default();
        let by = fallback.members.iter().find(|member| member.id == own);
        let letter = Letter::new(Facts {
            hub: &fallback.hub,
            gone_for,
            left,
            agreeing: &names,
            members: fallback.members.len(),
            by: by.map_or("", |member| member.server.as_str()),
        });
        tracing::error!(agents = ?names, "the hub is gone: the fallback is told");
        let sent = self.clock.within(TELL_TIME, self.send(&whom, &letter)).await;
        if sent.is_none() {
            tracing::error!(
                "the fallback cannot be told that the hub is gone: another agent tries"
            );
            return self.desk.failed(self.clock.now());
        }
        tracing::warn!("the fallback was told that the hub is gone");
        let now = self.clock.now();
        let gone_ms = i64::try_from(gone_for.as_millis()).unwrap_or(i64::MAX);
        self.desk.told(Told {
            outage: random_hex(OUTAGE_BYTES),
            by: own,
            agreed: u32::try_from(agreeing.len()).unwrap_or(u32::MAX),
            since_unix_ms: begun.unix_ms.saturating_sub(gone_ms),
            told_unix_ms: now.unix_ms,
        });
    }

    /// Tries one channel after the other until one takes it.
    async fn send(&self, whom: &Whom, letter: &Letter) {
        loop {
            for (place, channel) in whom.channels.iter().enumerate() {
                let sending = self.desk.messenger.send(channel, &whom.allow, letter);
                match self.clock.within(CHANNEL_TIME, sending).await {
                    Some(Ok(())) => return,
                    Some(Err(why)) => tracing::warn!(place, why, "a fallback does not take it"),
                    None => tracing::warn!(place, "a fallback does not answer"),
                }
            }
            self.clock.sleep(TELL_AGAIN).await;
        }
    }
}
