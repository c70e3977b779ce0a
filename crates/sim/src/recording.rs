//! The recorded ticks that every simulated server replays.

#[cfg(test)]
mod make;
mod role;

use std::sync::{Arc, LazyLock};

use watchfire_codec::{Decoder, Frame};
use watchfire_model::Schema;

pub(crate) use self::role::{CpuMode, Growth, Role};

/// Frames of `watchfire-codec`, one tick a second; `recording/make.rs` made
/// them from a real machine.
const BYTES: &[u8] = include_bytes!("recording/recording.bin");

/// Ticks of one machine, and what each of its series is.
///
/// It is replayed in a circle: the last tick stands for the first one of the
/// next round. Counters go on from round to round.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) schema: Schema,
    roles: Vec<Role>,
    /// The values, tick after tick.
    values: Vec<f64>,
    /// Ticks of one round.
    round: u64,
}

impl Recording {
    /// The one that is built in. It is decoded once.
    pub(crate) fn embedded() -> Arc<Self> {
        static EMBEDDED: LazyLock<Arc<Recording>> =
            LazyLock::new(|| Arc::new(Recording::read(BYTES)));
        Arc::clone(&EMBEDDED)
    }

    fn read(mut bytes: &[u8]) -> Self {
        let mut decoder = Decoder::new();
        let mut values = Vec::new();
        let mut ticks = 0;
        while let Some(frame) = decoder.next(&mut bytes).expect("it was made by the encoder") {
            if let Frame::Tick(tick) = frame {
                values.extend_from_slice(&tick.values);
                ticks += 1;
            }
        }
        let schema = decoder.schema().clone();
        let (first, last) = (&values[..schema.len()], &values[values.len() - schema.len()..]);
        let column = |number: usize| values.iter().skip(number).step_by(schema.len()).copied();
        let roles = schema
            .keys()
            .iter()
            .enumerate()
            .map(|(number, key)| Role::of(key, || column(number), first[number], last[number]));
        Self { roles: roles.collect(), schema, round: ticks - 1, values }
    }

    /// How many series there are.
    pub(crate) fn len(&self) -> usize {
        self.roles.len()
    }

    /// Ticks of one round.
    pub(crate) fn round(&self) -> u64 {
        self.round
    }

    /// What each series is.
    pub(crate) fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// The values at a step of the endless replay.
    pub(crate) fn at(&self, step: u64) -> &[f64] {
        let place = usize::try_from(step % self.round).unwrap_or_default() * self.len();
        &self.values[place..place + self.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_a_usual_server() {
        let recording = Recording::embedded();
        assert!(recording.len() >= 500, "{} series", recording.len());
        assert!(recording.round() >= 120, "{} ticks", recording.round());
        assert!(BYTES.len() < 100 << 10, "{} bytes", BYTES.len());
        let bits = |step| recording.at(step).iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(recording.round()), bits(0));
        assert_ne!(bits(1), bits(0));
    }

    #[test]
    fn it_tells_nothing_of_where_it_was_made() {
        for key in Recording::embedded().schema.keys() {
            let known = |path: &str| path == "/" || path == "/srv";
            assert!(key.label("mountpoint").is_none_or(known), "{key}");
            assert!(key.label("nodename").is_none_or(|name| name == "recorded"), "{key}");
            assert_ne!(key.name(), "watchfire_boot_info");
        }
    }
}
