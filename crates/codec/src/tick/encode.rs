use watchfire_model::{Moment, Schema, Tick, is_absent};

use super::chain::Chain;
use super::unit::Unit;
use crate::Encoded;
use crate::checksum::Sum;
use crate::clock::put_moment;
use crate::coder::{Scratch, Writer};
use crate::frame::{self, FrameKind};
use crate::limits::{MAX_CHAIN_TICKS, MAX_KEYS};
use crate::schema::Known;
use crate::varint::{put, put_signed, put_size};

/// Writes the ticks of one server, each once and in order, as one stream of
/// frames. The stream can be cut before any key tick, and read from there on by
/// whoever knows the schema.
#[derive(Debug, Default)]
pub struct TickEncoder {
    /// What the stream has told of the schema; `None` before the first tick and after a restart.
    known: Option<Known>,
    /// The schema of the last tick, as far as it takes to know it again.
    told: Told,
    before: Option<Before>,
    chain: Chain,
    /// The values of the tick before.
    values: Vec<f64>,
    /// The unit with which each series should begin: the one that would have served all its values in the chain before.
    units: Vec<Unit>,
    /// The same for the chain after this one.
    next_units: Vec<Unit>,
    payload: Vec<u8>,
    scratch: Scratch,
}

/// A schema that was told. A sampler that was started anew can have the
/// generation and the count of another one, and other keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Told {
    keys: usize,
    digest: u64,
}

/// The tick before, in the same chain.
#[derive(Debug, Clone, Copy)]
struct Before {
    at: Moment,
    sum: Sum,
    /// Ticks of the chain so far.
    ticks: u32,
}

impl TickEncoder {
    /// A stream that begins with the whole schema.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the frames of `tick` to `out`: first a schema frame for keys
    /// that the reader does not have yet, then the tick, as a key tick or as
    /// a difference. When `schema` does not begin with the keys of the call
    /// before, the whole schema and a key tick are written.
    ///
    /// Values that have no key in `schema` are left out, and so are those above
    /// [`MAX_KEYS`](crate::limits::MAX_KEYS); a tick of another generation than
    /// `schema` is left out whole, for nobody could say what its values are. A
    /// key whose texts are above a limit is written as
    /// `watchfire_left_out{number="…"}`. [`Encoded::left_out`] counts them all.
    pub fn encode(&mut self, schema: &Schema, tick: &Tick, out: &mut Vec<u8>) -> Encoded {
        let mut encoded = Encoded::default();
        if tick.generation != schema.generation() {
            encoded.left_out = size(tick.values.len());
            return encoded;
        }
        self.encode_schema(schema, out, &mut encoded);
        let count = tick.values.len().min(schema.len()).min(MAX_KEYS);
        encoded.left_out += size(tick.values.len() - count);
        if self.before.is_some_and(|before| before.ticks >= MAX_CHAIN_TICKS) {
            self.restart_chain();
        }
        encoded.key = self.before.is_none();
        if encoded.key {
            self.chain.begin();
            self.values.clear();
            std::mem::swap(&mut self.units, &mut self.next_units);
            self.next_units.clear();
        }
        self.learn_units(&tick.values[..count]);
        self.encode_tick(tick, count, out);
        encoded
    }

    /// The next tick is a key tick, for a reader that knows the schema and not
    /// the ticks before.
    pub fn restart_chain(&mut self) {
        self.before = None;
    }

    /// The next tick brings the whole schema and is a key tick, for a reader
    /// that knows nothing: a new segment, a new connection.
    pub fn restart(&mut self) {
        self.known = None;
        self.restart_chain();
    }

    fn encode_schema(&mut self, schema: &Schema, out: &mut Vec<u8>, encoded: &mut Encoded) {
        let end = schema.len().min(MAX_KEYS);
        let told = Told { keys: schema.len(), digest: schema.digest() };
        let before = std::mem::replace(&mut self.told, told);
        let grows = |known: &Known| {
            known.generation == schema.generation()
                && (told == before || schema.digest_of_first(before.keys) == Some(before.digest))
        };
        let whole = !self.known.as_ref().is_some_and(grows);
        if whole {
            self.restart_chain();
            self.known = None;
        }
        let known = self.known.get_or_insert_with(|| Known::new(schema.generation()));
        // A schema without keys is written as well: it tells the generation.
        while known.keys < end || (whole && !encoded.schema) {
            self.payload.clear();
            let starts = whole && !encoded.schema;
            let seed = known.seed(starts);
            encoded.left_out += known.put(schema, &mut self.payload);
            frame::put(out, FrameKind::Schema, starts, seed, &self.payload);
            encoded.schema = true;
        }
    }

    /// Sees which units would serve the values, for the next chain.
    fn learn_units(&mut self, values: &[f64]) {
        let count = values.len();
        self.units.resize(self.units.len().max(count), Unit::WIDEST);
        self.next_units.resize(self.next_units.len().max(count), Unit::WIDEST);
        for (number, (value, unit)) in values.iter().zip(&mut self.next_units).enumerate() {
            let rests = self.values.get(number).is_some_and(|old| old.to_bits() == value.to_bits());
            if !rests && !is_absent(*value) {
                *unit = unit.widened(*value);
            }
        }
    }

    fn encode_tick(&mut self, tick: &Tick, count: usize, out: &mut Vec<u8>) {
        let known = self.known.as_ref().expect("the schema was just written");
        let payload = &mut self.payload;
        payload.clear();
        put_moment(payload, tick.at, self.before.map(|before| before.at));
        if self.before.is_none() {
            put(payload, known.generation);
            put_size(payload, known.keys);
            payload.extend_from_slice(&known.sum.0.to_le_bytes());
        }
        put_signed(payload, count as i128 - self.values.len() as i128);
        let (units, values) = (&self.units, &tick.values);
        let mut writer = Writer::new(payload, &mut self.scratch);
        let wanted = |number: usize, unit: Unit| match values[number] {
            absent if is_absent(absent) => unit,
            value if unit == Unit::WIDEST => units[number].widened(value),
            value => unit.widened(value),
        };
        self.chain.code(&mut writer, &mut self.values, count, |number| values[number], wanted);
        writer.finish();
        let seed = self.before.map_or(Sum::START, |before| before.sum.with(known.sum));
        let sum = frame::put(out, FrameKind::Tick, self.before.is_none(), seed, payload);
        let ticks = self.before.map_or(0, |before| before.ticks) + 1;
        self.before = Some(Before { at: tick.at, sum, ticks });
    }
}

fn size(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use watchfire_model::SeriesKey;

    use super::*;

    #[test]
    fn the_steady_state_needs_no_more_memory() {
        let mut schema = Schema::new(1);
        for number in 0..500 {
            let number = number.to_string();
            schema.push(SeriesKey::new("a", [("n", number.as_str())]).unwrap());
        }
        let (mut encoder, mut out) = (TickEncoder::new(), Vec::new());
        let mut room = Vec::new();
        for second in 0..400_u32 {
            let value = |n: u32| f64::from(second.wrapping_mul(n) % 1000 * n) / 100.0;
            let at = Moment { unix_ms: second.into(), ..Moment::default() };
            let tick = Tick { at, generation: 1, values: (0..500).map(value).collect() };
            out.clear();
            encoder.encode(&schema, &tick, &mut out);
            let vectors = [encoder.values.capacity(), encoder.payload.capacity()];
            let units = [encoder.units.capacity(), encoder.next_units.capacity()];
            let deeper = [encoder.chain.room(), encoder.scratch.room()];
            room.push([vectors, units, deeper]);
        }
        let warm = 2 * MAX_CHAIN_TICKS as usize;
        assert!(room[warm..].iter().all(|later| *later == room[warm]));
    }
}
