use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use watchfire_model::Moment;
use watchfire_wire::pulse::{Pulse, PulseFlags, RoundTrip, join};

use super::Datagram;
use super::session::{PulseSession, micros};

/// The usual time between two pulses.
const USUAL: Duration = Duration::from_millis(500);
/// The time between two when no echo has come for [`NO_ECHO`].
const HASTY: Duration = Duration::from_millis(250);
/// Without an echo for this long, more pulses are sent.
const NO_ECHO: Duration = Duration::from_secs(2);
/// How many leave at once as the hub's own probe of a quiet server.
const BURST: u32 = 4;

/// Who is sent a pulse, and when.
#[derive(Debug, Default)]
pub(super) struct Sending {
    queue: BinaryHeap<Reverse<(Moment, u64)>>,
    sessions: HashMap<u64, Sender>,
    /// The newest session of each server: in a cut of the whole fleet all are asked
    /// for at once, and looking through all sessions for each would take minutes.
    of_server: HashMap<usize, u64>,
    next: u64,
}

#[derive(Debug)]
struct Sender {
    session: Weak<PulseSession>,
    index: usize,
    to: SocketAddr,
    began: Moment,
    counter: u64,
    hurried: u32,
}

impl Sending {
    pub(super) fn add(&mut self, now: Moment, session: &Arc<PulseSession>) {
        let Some(to) = session.to else { return };
        let number = self.next;
        self.next += 1;
        let index = session.index;
        self.of_server.insert(index, number);
        let session = Arc::downgrade(session);
        let sender = Sender { session, index, to, began: now, counter: 0, hurried: 0 };
        self.sessions.insert(number, sender);
        self.queue.push(Reverse((now, number)));
    }

    /// Sends more than one to this server the next time.
    pub(super) fn hurry(&mut self, index: usize, now: Moment) {
        let number = self.of_server.get(&index).copied();
        let sender = number.and_then(|number| Some((number, self.sessions.get_mut(&number)?)));
        // One that is in a hurry already has its burst to come: a second entry for
        // it would find none left, count as a regular one, and stay for ever.
        if let Some((number, sender)) = sender.filter(|(_, sender)| sender.hurried == 0) {
            sender.hurried = BURST;
            // It is in the queue twice then; the earlier entry moves the later one.
            self.queue.push(Reverse((now, number)));
        }
    }

    pub(super) fn due(&mut self, now: Moment) -> Vec<(SocketAddr, Datagram)> {
        let mut datagrams = Vec::new();
        while let Some(Reverse((due, number))) = self.queue.peek().copied() {
            if due.monotonic > now.monotonic {
                break;
            }
            self.queue.pop();
            let Some(sender) = self.sessions.get_mut(&number) else { continue };
            let session = sender.session.upgrade();
            // Of two streams to an agent the newer one has its pulses.
            let newest = self.of_server.get(&sender.index) == Some(&number);
            let Some(session) = session.filter(|session| newest || !session.is_orphan()) else {
                self.forget(number);
                continue;
            };
            let burst = std::mem::take(&mut sender.hurried);
            for _ in 0..burst.max(1) {
                datagrams.push((sender.to, sender.pulse(&session, now)));
            }
            if burst == 0 {
                let last = session.quality.last().unwrap_or(sender.began);
                let pause = if now.since(last) >= NO_ECHO { HASTY } else { USUAL };
                self.queue.push(Reverse((now.after(pause), number)));
            }
        }
        datagrams
    }

    fn forget(&mut self, number: u64) {
        if let Some(sender) = self.sessions.remove(&number)
            && self.of_server.get(&sender.index) == Some(&number)
        {
            self.of_server.remove(&sender.index);
        }
    }
}

impl Sender {
    fn pulse(&mut self, session: &PulseSession, now: Moment) -> Datagram {
        self.counter += 1;
        session.quality.sent(self.counter, now);
        let pulse = Pulse {
            session: session.id,
            counter: self.counter,
            flags: if session.is_orphan() { PulseFlags::ORPHAN } else { PulseFlags::default() },
            sent_us: micros(now),
            round: RoundTrip::default(),
        };
        let body = pulse.encode();
        join(&body, &session.key.tag(&body))
    }
}
