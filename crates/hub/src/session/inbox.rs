use std::time::Duration;

use watchfire_model::{Moment, Sight};
use watchfire_runtime::socket::{Socket, SocketError};
use watchfire_wire::{Message, StreamDecoder};

use super::Shared;
use crate::dial::{FRAMES_PER_SECOND, Failed, Pace, TooFast};

/// Bytes a second that are read of one agent that nothing was asked of. An honest
/// one sends a few hundred.
const LIVE_BYTES: u64 = 128 << 10;
/// The same while it answers a request for old records.
const BACKFILL_BYTES: u64 = 2 << 20;
/// Bytes that may come at once.
const BURST_BYTES: u64 = 4 << 20;

/// The frames of one stream, as fast as one agent may be read.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    pace: Pace,
    volume: Volume,
    decoder: StreamDecoder,
    /// Larger answers are on their way, which the hub asked for.
    pub(super) asked: bool,
}

/// How many bytes are read. What is too much waits in the socket: it costs the
/// agent that sends it its time, and nobody else's.
#[derive(Debug, Default)]
struct Volume {
    /// When all that was read would be read at the steady pace.
    even: Duration,
}

/// A stream that is over, and whether it was wrong bytes that ended it.
#[derive(Debug)]
pub(super) struct Over {
    pub(super) failed: Failed,
    pub(super) wrong: bool,
}

impl Over {
    pub(super) fn wrong(why: impl Into<String>) -> Self {
        Self { failed: Failed::new(Sight::NotAnAgent, why), wrong: true }
    }

    pub(super) fn closed(why: impl Into<String>) -> Self {
        Self { failed: Failed::new(Sight::StreamClosed, why), wrong: false }
    }
}

impl Inbox {
    /// The next message that this version knows. It may be given up; nothing is
    /// lost then.
    pub(super) async fn next(
        &mut self,
        socket: &mut Socket,
        shared: &Shared,
    ) -> Result<Message, Over> {
        loop {
            self.keep_pace(shared).await?;
            let frame = socket.recv().await.map_err(|error| match error {
                SocketError::Protocol(why) => Over::wrong(why),
                SocketError::Text => Over::wrong(error.to_string()),
                other => Over::closed(other.to_string()),
            })?;
            let now = shared.clock.now();
            self.pace.read(now);
            self.volume.read(frame.len(), self.rate(), now);
            match self.decoder.decode(&frame) {
                Ok(Some(message)) => return Ok(message),
                Ok(None) => {}
                Err(error) => return Err(Over::wrong(error.to_string())),
            }
        }
    }

    fn rate(&self) -> u64 {
        if self.asked { BACKFILL_BYTES } else { LIVE_BYTES }
    }

    async fn keep_pace(&mut self, shared: &Shared) -> Result<(), Over> {
        let now = shared.clock.now();
        let wait = self.pace.wait(now).map_err(|TooFast| {
            Over::closed(format!("the agent sends more than {FRAMES_PER_SECOND} frames a second"))
        })?;
        let wait = wait.max(self.volume.wait(self.rate(), now));
        if wait.is_zero() {
            return Ok(());
        }
        if let Some(held_up) = shared.held_up.note(now).filter(|_| !self.asked) {
            tracing::warn!(held_up, "an agent sends more than it may; it is read no faster");
        }
        shared.clock.sleep(wait).await;
        Ok(())
    }
}

impl Volume {
    fn wait(&self, rate: u64, now: Moment) -> Duration {
        self.even.saturating_sub(now.monotonic).saturating_sub(time_of(BURST_BYTES, rate))
    }

    fn read(&mut self, bytes: usize, rate: u64, now: Moment) {
        self.even = self.even.max(now.monotonic) + time_of(bytes as u64, rate);
    }
}

fn time_of(bytes: u64, rate: u64) -> Duration {
    Duration::from_micros(bytes.saturating_mul(1_000_000) / rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many bytes are read in `time` of a stream that is never empty.
    fn flood(rate: u64, time: Duration, frame: usize) -> u64 {
        let (mut volume, start) = (Volume::default(), Moment::default());
        let (mut now, mut read) = (start, 0);
        while now.since(start) <= time {
            let wait = volume.wait(rate, now);
            if wait.is_zero() {
                volume.read(frame, rate, now);
                read += frame as u64;
            }
            now = now.after(wait);
        }
        read
    }

    #[test]
    fn a_flood_is_read_at_the_steady_pace() {
        let minute = Duration::from_secs(60);
        let read = flood(LIVE_BYTES, minute, 1 << 20);
        let most = BURST_BYTES + 60 * LIVE_BYTES + (2 << 20);
        assert!((BURST_BYTES..=most).contains(&read), "{read}");
    }
}
