//! Records as they are made, and what became of them.

use std::collections::VecDeque;
use std::sync::Arc;

use watchfire_wire::{Message, Records, RecordsBuilder};

use crate::uplink::UplinkCounters;
use crate::uplink::feed::{Fed, Follower, Taken};

/// The most bytes of one live frame, unless one record is larger.
const FRAME_BYTES: usize = 512 << 10;
/// Records that a hub may leave unacknowledged and still be counted one by one:
/// an hour of them.
const MAX_UNACKNOWLEDGED: usize = 4096;

/// The live side of a stream.
pub(super) struct Live {
    pub(super) follower: Follower,
    counters: Arc<UplinkCounters>,
    /// The sequences that were sent and that the hub has not on its disk yet.
    unacknowledged: VecDeque<u64>,
}

/// The feed is about another ring now.
pub(super) struct OtherRing;

impl Live {
    pub(super) fn new(follower: Follower, counters: Arc<UplinkCounters>) -> Self {
        Self { follower, counters, unacknowledged: VecDeque::new() }
    }

    /// What is new, as messages.
    pub(super) fn take(&mut self) -> Result<Vec<Message>, OtherRing> {
        match self.follower.take() {
            Taken::Nothing => Ok(Vec::new()),
            Taken::OtherRing => Err(OtherRing),
            Taken::Records(records) => Ok(self.messages(&records)),
        }
    }

    fn messages(&mut self, records: &[Arc<Fed>]) -> Vec<Message> {
        let previous = records.first().map_or(0, |first| first.previous);
        let mut builder = RecordsBuilder::new(0, previous, FRAME_BYTES);
        let mut full = Vec::new();
        for record in records {
            match builder.push(record.to_wire()) {
                Ok(some) => full.extend(some),
                Err(error) => {
                    tracing::debug!(%error, "a record fits no frame");
                    self.counters.too_large.add(1);
                }
            }
        }
        full.extend(builder.finish());
        full.iter().for_each(|records| self.note(records));
        full.into_iter().map(Message::Records).collect()
    }

    fn note(&mut self, records: &Records) {
        self.counters.live_records.add(records.records.len() as u64);
        self.counters.unacknowledged.add(records.records.len() as u64);
        self.unacknowledged.extend(records.records.iter().map(|record| record.sequence));
        let too_many = self.unacknowledged.len().saturating_sub(MAX_UNACKNOWLEDGED);
        self.forget(too_many);
    }

    /// The hub has everything up to this sequence on its disk.
    pub(super) fn acknowledged(&mut self, up_to: u64) {
        let count = self.unacknowledged.partition_point(|sequence| *sequence <= up_to);
        self.counters.acknowledged.add(count as u64);
        self.unacknowledged.iter().take(count).for_each(|one| self.counters.durable.tell(*one));
        self.forget(count);
    }

    fn forget(&mut self, count: usize) {
        self.unacknowledged.drain(..count);
        self.counters.unacknowledged.take(count as u64);
    }
}

impl Drop for Live {
    /// The hub asks for them later.
    fn drop(&mut self) {
        self.forget(self.unacknowledged.len());
    }
}
