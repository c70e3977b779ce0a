//! How much of one server is stored: one agent must not fill the disk, or push the
//! history of all others out of it.

use std::collections::HashMap;
use std::time::Duration;

use watchfire_model::Moment;

/// Bytes a second that are stored of one server. An honest one makes some hundred,
/// and some ten thousand with five thousand processes.
pub(crate) const BYTES_PER_SECOND: u64 = 64 << 10;
/// Bytes that are stored at once, after a quiet time or an outage.
pub(crate) const BURST_BYTES: u64 = 32 << 20;

/// What of it old records leave alone.
const LEFT_FOR_LIVE: u64 = BURST_BYTES / 4;
/// How much is asked of an agent at once, in bytes. It is asked when half is left.
pub(crate) const ASKED_AT_ONCE: u64 = BURST_BYTES / 4;

/// The most series of one server. An honest one has some hundred; a tick of more is
/// shown, and not stored.
pub(crate) const MAX_SERIES: usize = 16_384;

/// What was stored of each server of late. A server that used up nothing is not in
/// here, so there are as many as told something in the last minutes.
#[derive(Debug, Default)]
pub(super) struct Quotas(HashMap<String, Duration>);

impl Quotas {
    /// Takes `bytes` of what the server has left; false when that is not enough. What
    /// is not `live` leaves room for what is: an agent that answers what it was asked
    /// must not find its live records refused.
    pub(super) fn take(&mut self, server: &str, bytes: usize, live: bool, now: Moment) -> bool {
        let Some(even) = self.0.get_mut(server) else {
            self.0.insert(server.to_owned(), now.monotonic + time_of(bytes as u64));
            return true;
        };
        let after = (*even).max(now.monotonic) + time_of(bytes as u64);
        let most = if live { BURST_BYTES } else { BURST_BYTES - LEFT_FOR_LIVE };
        let fits = after.saturating_sub(now.monotonic) <= time_of(most);
        if fits {
            *even = after;
        }
        fits
    }

    /// True when half of it is left: a time to ask the server for more.
    pub(super) fn has_room(&self, server: &str, now: Moment) -> bool {
        let even = self.0.get(server).copied().unwrap_or_default();
        even.saturating_sub(now.monotonic) <= time_of(BURST_BYTES / 2)
    }

    /// Forgets the servers that have all of it left.
    pub(super) fn settle(&mut self, now: Moment) {
        self.0.retain(|_, even| *even > now.monotonic);
    }
}

fn time_of(bytes: u64) -> Duration {
    Duration::from_micros(bytes.saturating_mul(1_000_000) / BYTES_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::default().after(Duration::from_secs(seconds))
    }

    #[test]
    fn a_flood_is_stored_at_the_steady_pace_and_the_others_do_not_feel_it() {
        let mut quotas = Quotas::default();
        let mut stored = 0;
        for second in 0..3600 {
            for _ in 0..10 {
                if quotas.take("evil", 64 << 10, true, at(second)) {
                    stored += 64 << 10;
                }
            }
            assert!(quotas.take("good", 16 << 10, true, at(second)), "second {second}");
        }
        let most = BURST_BYTES + 3600 * BYTES_PER_SECOND;
        assert!((most - (1 << 20)..=most).contains(&stored), "{stored}");
        assert!(!quotas.has_room("evil", at(3600)) && quotas.has_room("good", at(3600)));
        // It comes back with time, and is forgotten then.
        assert!(quotas.has_room("evil", at(3600 + 256)));
        quotas.settle(at(3600 + 513));
        assert!(quotas.0.is_empty());
    }

    #[test]
    fn old_records_leave_room_for_live_ones() {
        let mut quotas = Quotas::default();
        let mut old = 0;
        while quotas.take("a", 1 << 20, false, at(0)) {
            old += 1;
        }
        assert_eq!(old, (BURST_BYTES - LEFT_FOR_LIVE) >> 20);
        for _ in 0..LEFT_FOR_LIVE >> 20 {
            assert!(quotas.take("a", 1 << 20, true, at(0)));
        }
        assert!(!quotas.take("a", 1 << 20, true, at(0)));
        // What is asked for once half is left fits.
        assert!(quotas.has_room("a", at(256)));
        for _ in 0..ASKED_AT_ONCE >> 20 {
            assert!(quotas.take("a", 1 << 20, false, at(256)));
        }
    }
}
