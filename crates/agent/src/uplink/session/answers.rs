//! What a hub asked for and gets later: old records and probes.

use std::collections::VecDeque;
use std::future::pending;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use watchfire_model::Moment;
use watchfire_runtime::Clock;
use watchfire_runtime::task;
use watchfire_wire::{self as wire, Message};

use crate::uplink::backfill::{Answer, FRAMES_PER_SECOND, Next};
use crate::uplink::feed::Feed;

/// Requests that may wait; an honest hub has one at a time.
const MAX_WAITING: usize = 4;

/// The most bytes of answers in a second. A hub reads them no faster than 2 MiB: what
/// is more would wait in the sockets, before the live records, and would still be
/// read as a sign of life when the agent is long gone.
const BYTES_PER_SECOND: u64 = 3 << 19;

/// The requests for old records of one stream, answered one after the other.
pub(super) struct Backfills {
    feed: Feed,
    folder: PathBuf,
    clock: Clock,
    waiting: VecDeque<wire::Backfill>,
    reading: Option<Pin<Box<dyn Future<Output = Read> + Send>>>,
    /// When the next frame may go out.
    next: Moment,
}

/// What came of reading: an answer that goes on, and what is to be sent.
type Read = (Option<Answer>, Message);

impl Backfills {
    pub(super) fn new(feed: Feed, folder: PathBuf, clock: Clock) -> Self {
        let next = clock.now();
        Self { feed, folder, clock, waiting: VecDeque::new(), reading: None, next }
    }

    /// Takes a request; false when too many wait.
    pub(super) fn ask(&mut self, ask: wire::Backfill) -> bool {
        let room = self.waiting.len() < MAX_WAITING;
        if room {
            self.waiting.push_back(ask);
            self.begin();
        }
        room
    }

    /// The next frame, when it may go out. It may be cancelled; nothing is lost.
    pub(super) async fn next(&mut self) -> Message {
        let Some(reading) = &mut self.reading else { return pending().await };
        let (answer, message) = reading.await;
        self.reading = None;
        let now = self.clock.now();
        self.next = self.next.max(now).after(pause_after(&message));
        match answer {
            Some(answer) => self.go_on(answer),
            None => self.begin(),
        }
        message
    }

    fn begin(&mut self) {
        if self.reading.is_some() {
            return;
        }
        let Some(ask) = self.waiting.pop_front() else { return };
        let (feed, folder) = (self.feed.clone(), self.folder.clone());
        self.read(ask.request, move || match Answer::begin(ask, &feed, &folder) {
            Ok(answer) => step(answer),
            Err(error) => {
                tracing::warn!(%error, "the recorder cannot be read for the hub");
                (None, end(ask.request, true))
            }
        });
    }

    fn go_on(&mut self, answer: Answer) {
        self.read(answer.request(), move || step(answer));
    }

    fn read(&mut self, request: u64, work: impl FnOnce() -> Read + Send + 'static) {
        let (clock, at) = (self.clock.clone(), self.next);
        self.reading = Some(Box::pin(async move {
            let read = task::blocking("read for the hub", work).await;
            clock.sleep_until(at).await;
            // A panic was told already.
            read.unwrap_or_else(|_panicked| (None, end(request, true)))
        }));
    }
}

/// How long the frame behind this one has to wait.
fn pause_after(message: &Message) -> Duration {
    let bytes = match message {
        Message::Records(records) => records.records.iter().map(|one| one.bytes.len()).sum(),
        _ => 0,
    };
    let of_bytes = Duration::from_micros(bytes as u64 * 1_000_000 / BYTES_PER_SECOND);
    of_bytes.max(Duration::from_secs(1) / FRAMES_PER_SECOND)
}

fn step(mut answer: Answer) -> Read {
    match answer.next() {
        Next::Frame(records) => (Some(answer), Message::Records(records)),
        Next::End(end) => (None, Message::BackfillEnd(end)),
    }
}

fn end(request: u64, missing: bool) -> Message {
    Message::BackfillEnd(wire::BackfillEnd { request, missing })
}

#[cfg(test)]
mod tests {
    use watchfire_wire::{Record, Records};

    use super::*;

    #[test]
    fn a_second_has_few_frames_and_not_too_many_bytes() {
        let frame = |bytes: usize| {
            let record = Record { bytes: vec![0; bytes], ..Record::default() };
            Message::Records(Records { records: vec![record], ..Records::default() })
        };
        assert_eq!(pause_after(&frame(100)), Duration::from_millis(50));
        assert_eq!(pause_after(&end(1, false)), Duration::from_millis(50));
        assert_eq!(pause_after(&frame(3 << 19)), Duration::from_secs(1));
        assert!(pause_after(&frame(256 << 10)) > Duration::from_millis(160));
    }
}
