//! The clock that every process of this machine shares.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The time since boot by `CLOCK_MONOTONIC`, comparable with the `monotonic`
/// half of the product's moments.
#[must_use]
pub fn monotonic() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).expect("the clock counts up from boot");
    let nanos = u32::try_from(now.tv_nsec).expect("below one second");
    Duration::new(seconds, nanos)
}
