//! What a hub asked for and gets later: old records and probes.

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

/// The most bytes of answers in a second. A hub reads them no faster than 2 MiB: what
/// is more would wait in the sockets, before the live records, and would still be
/// read as a sign of life when the agent is long gone.
const BYTES_PER_SECOND: u64 = 3 << 19;

/// The old records that the hub of one stream asked for. It waits for one answer at a
/// time, so that with a new request it has given the one before up: what is left of
/// that would only stand in the way of the live records.
pub(super) struct Backfills {
    feed: Feed,
    folder: PathBuf,
    clock: Clock,
    reading: Option<Pin<Box<dyn Future<Output = Read> + Send>>>,
    /// The newest request that came meanwhile: a disk that is being read cannot be
    /// told to stop.
    instead: Option<wire::Backfill>,
    /// When the next frame may go out.
    next: Moment,
}

/// What came of reading: an answer that goes on, and what is to be sent.
type Read = (Option<Answer>, Message);

impl Backfills {
    pub(super) fn new(feed: Feed, folder: PathBuf, clock: Clock) -> Self {
        let next = clock.now();
        Self { feed, folder, clock, reading: None, instead: None, next }
    }

    /// Takes a request; true when it takes the place of one that was not answered yet.
    pub(super) fn ask(&mut self, ask: wire::Backfill) -> bool {
        let replaces = self.reading.is_some();
        if replaces {
            self.instead = Some(ask);
        } else {
            self.begin(ask);
        }
        replaces
    }

    /// The next frame, when it may go out. It may be cancelled; nothing is lost.
    pub(super) async fn next(&mut self) -> Message {
        loop {
            let Some(reading) = &mut self.reading else { return pending().await };
            let (answer, message) = reading.await;
            self.reading = None;
            // What was read for nothing took its time as well.
            let now = self.clock.now();
            self.next = self.next.max(now).after(pause_after(&message));
            if let Some(ask) = self.instead.take() {
                self.begin(ask);
                continue;
            }
            if let Some(answer) = answer {
                self.go_on(answer);
            }
            return message;
        }
    }

    fn begin(&mut self, ask: wire::Backfill) {
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
