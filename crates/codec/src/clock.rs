//! The moments of frames: absolute in the first of a chain, afterwards as the
//! drift of one clock against the other.

use std::time::Duration;

use watchfire_model::Moment;

use crate::CodecError;
use crate::varint::{Input, put_signed};

const NANOS: i128 = 1_000_000_000;

/// Writes `at`. The wall clock comes first and alone, so that a frame's time can be seen without the frames before it.
pub(crate) fn put_moment(out: &mut Vec<u8>, at: Moment, before: Option<Moment>) {
    put_signed(out, at.unix_ms);
    put_signed(out, nanos(at.monotonic) - expected(at.unix_ms, before));
}

pub(crate) fn moment(input: &mut Input<'_>, before: Option<Moment>) -> Result<Moment, CodecError> {
    let unix_ms = unix_ms(input)?;
    let drift = input.wide_signed("the moment")?;
    let monotonic = drift
        .checked_add(expected(unix_ms, before))
        .and_then(duration)
        .ok_or(CodecError::Malformed("a moment that is none"))?;
    Ok(Moment { monotonic, unix_ms })
}

pub(crate) fn unix_ms(input: &mut Input<'_>) -> Result<i64, CodecError> {
    input.signed("the moment")
}

/// The monotonic clock, if both clocks went alike since `before`.
fn expected(unix_ms: i64, before: Option<Moment>) -> i128 {
    before.map_or(0, |before| {
        let passed = i128::from(unix_ms) - i128::from(before.unix_ms);
        nanos(before.monotonic) + passed * 1_000_000
    })
}

fn nanos(time: Duration) -> i128 {
    i128::from(time.as_secs()) * NANOS + i128::from(time.subsec_nanos())
}

fn duration(nanos: i128) -> Option<Duration> {
    let seconds = u64::try_from(nanos.div_euclid(NANOS)).ok()?;
    Some(Duration::new(seconds, nanos.rem_euclid(NANOS) as u32))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_moment() -> impl Strategy<Value = Moment> {
        (any::<u64>(), 0..1_000_000_000_u32, any::<i64>()).prop_map(|(seconds, nanos, unix_ms)| {
            Moment { monotonic: Duration::new(seconds, nanos), unix_ms }
        })
    }

    proptest! {
        #[test]
        fn moments_come_back(at in any_moment(), before in proptest::option::of(any_moment())) {
            let mut bytes = Vec::new();
            put_moment(&mut bytes, at, before);
            prop_assert_eq!(moment(&mut Input::new(&bytes), before), Ok(at));
        }
    }

    #[test]
    fn a_negative_uptime_is_refused() {
        let mut bytes = Vec::new();
        put_signed(&mut bytes, 5);
        put_signed(&mut bytes, -1);
        assert!(moment(&mut Input::new(&bytes), None).is_err());
    }
}
