use std::time::Duration;

use watchfire_model::Moment;

/// Frames a second that are read of one hub. An honest one sends some few.
const FRAMES_PER_SECOND: u32 = 32;
/// Frames that may come at once.
const BURST: u32 = 2 * FRAMES_PER_SECOND;

/// How fast a hub is read. What is too much stays in the socket, where it holds
/// up the hub and not the agent.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When all that was read would be read at the steady pace.
    even: Duration,
}

impl Pace {
    /// When the next frame may be read.
    pub(super) fn next(&self, now: Moment) -> Moment {
        let ahead = self.even.saturating_sub(now.monotonic);
        now.after(ahead.saturating_sub(one() * (BURST - 1)))
    }

    /// A frame was read.
    pub(super) fn read(&mut self, now: Moment) {
        self.even = self.even.max(now.monotonic) + one();
    }
}

fn one() -> Duration {
    Duration::from_secs(1) / FRAMES_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_read_at_the_pace() {
        let start = Moment::default().after(Duration::from_secs(9));
        let (mut pace, mut now, mut frames) = (Pace::default(), start, 0);
        loop {
            now = pace.next(now);
            if now.since(start) > Duration::from_secs(10) {
                break;
            }
            pace.read(now);
            frames += 1;
        }
        assert_eq!(frames, 10 * FRAMES_PER_SECOND + BURST);
        let quiet = now.after(Duration::from_secs(60));
        assert_eq!(pace.next(quiet), quiet);
    }
}
