use std::time::Duration;

use watchfire_model::Moment;

/// Frames a second that are read of one agent. An honest one sends three or four.
pub(crate) const FRAMES_PER_SECOND: u32 = 64;
/// Frames that may come at once, after a quiet time or a freeze of either side.
const BURST: u32 = FRAMES_PER_SECOND;
/// How long an agent may send more than is read before its stream is given up.
/// What waits in the stream's buffers are signs of a life that may be over: a
/// flood must not make a dead server look alive for longer than this.
const MAX_BEHIND: Duration = Duration::from_secs(5);

/// How fast one stream is read. What is too much stays in the socket, where it
/// holds up the agent that sent it and nobody else.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// When all that was read would be read at the steady pace, on the
    /// monotonic clock.
    even: Duration,
    /// Since when every frame had to wait.
    behind: Option<Moment>,
}

/// The agent sent too much for too long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooFast;

impl Pace {
    /// How long to wait before the next frame is read.
    pub(crate) fn wait(&mut self, now: Moment) -> Result<Duration, TooFast> {
        let ahead = self.even.saturating_sub(now.monotonic);
        let wait = ahead.saturating_sub(one() * (BURST - 1));
        if wait.is_zero() {
            self.behind = None;
            return Ok(wait);
        }
        let since = *self.behind.get_or_insert(now);
        if now.since(since) >= MAX_BEHIND { Err(TooFast) } else { Ok(wait) }
    }

    /// A frame was read.
    pub(crate) fn read(&mut self, now: Moment) {
        self.even = self.even.max(now.monotonic) + one();
    }
}

fn one() -> Duration {
    Duration::from_secs(1) / FRAMES_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a stream that is never empty for `time`, and says how many frames.
    fn flood(pace: &mut Pace, mut now: Moment, time: Duration) -> Result<u32, TooFast> {
        let end = now.after(time);
        let mut frames = 0;
        loop {
            now = now.after(pace.wait(now)?);
            if now.monotonic > end.monotonic {
                return Ok(frames);
            }
            pace.read(now);
            frames += 1;
        }
    }

    #[test]
    fn a_flood_is_read_at_the_pace_and_given_up_after_a_while() {
        let start = Moment::default().after(Duration::from_secs(1000));
        let second = Duration::from_secs(1);
        assert_eq!(flood(&mut Pace::default(), start, Duration::ZERO), Ok(64));
        assert_eq!(flood(&mut Pace::default(), start, second), Ok(128));
        assert_eq!(flood(&mut Pace::default(), start, 4 * second), Ok(320));
        assert_eq!(flood(&mut Pace::default(), start, 6 * second), Err(TooFast));
    }

    #[test]
    fn bursts_with_pauses_between_them_are_never_too_much() {
        let mut pace = Pace::default();
        for second in (0..60).step_by(3) {
            let now = Moment::default().after(Duration::from_secs(second));
            assert_eq!(flood(&mut pace, now, Duration::from_secs(1)), Ok(128), "{second}");
        }
    }

    #[test]
    fn a_steady_stream_below_the_pace_never_waits() {
        let mut pace = Pace::default();
        for frame in 0..10_000 {
            let now = Moment::default().after(Duration::from_millis(frame * 16));
            assert_eq!(pace.wait(now), Ok(Duration::ZERO), "{frame}");
            pace.read(now);
        }
    }
}
