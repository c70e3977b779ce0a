use watchfire_model::{Moment, Tick};

use super::chain::Chain;
use crate::checksum::Sum;
use crate::clock;
use crate::coder::Reader;
use crate::error::CodecError;
use crate::frame::RawFrame;
use crate::limits::MAX_KEYS;
use crate::schema::Known;
use crate::varint::Input;

/// Reads ticks.
#[derive(Debug, Default)]
pub(crate) struct TickDecoder {
    chain: Chain,
    before: Option<(Moment, Sum)>,
    pub(crate) tick: Tick,
}

impl TickDecoder {
    /// The chain is broken; only a key tick can be read next.
    pub(crate) fn forget(&mut self) {
        self.before = None;
    }

    /// Reads the frame into `self.tick`.
    pub(crate) fn read(&mut self, frame: RawFrame<'_>, known: &Known) -> Result<(), CodecError> {
        let before = self.before.take();
        let (seed, before) = match (frame.starts_chain, before) {
            (true, _) => (Sum::START, None),
            (false, Some((at, sum))) => (sum.with(known.sum), Some(at)),
            (false, None) => return Err(CodecError::ChainBroken),
        };
        let sum = frame.check(seed)?;
        let mut input = Input::new(frame.payload);
        self.tick.at = clock::moment(&mut input, before)?;
        if before.is_none() {
            check_schema(&mut input, known)?;
            self.tick.generation = known.generation;
            self.tick.values.clear();
            self.chain.begin();
        }
        let count = self.count(&mut input, known)?;
        let mut reader = Reader::new(input.rest());
        self.chain.code(&mut reader, &mut self.tick.values, count, |_| 0.0, |_, unit| unit);
        if reader.overrun() {
            return Err(CodecError::Truncated { what: "the values" });
        }
        self.before = Some((self.tick.at, sum));
        Ok(())
    }

    fn count(&self, input: &mut Input<'_>, known: &Known) -> Result<usize, CodecError> {
        let more: i64 = input.signed("the count of values")?;
        let count = (self.tick.values.len() as i64).checked_add(more);
        let count = count.and_then(|count| u64::try_from(count).ok());
        let count = count.ok_or(CodecError::Malformed("a negative count of values"))?;
        let count = CodecError::limit("values", count, MAX_KEYS)?;
        if count > known.keys {
            return Err(unknown(known.generation, count, known));
        }
        Ok(count)
    }
}

fn check_schema(input: &mut Input<'_>, known: &Known) -> Result<(), CodecError> {
    let generation = input.number("the generation")?;
    let keys: u64 = input.number("the count of keys")?;
    let keys = CodecError::limit("keys of a schema", keys, MAX_KEYS)?;
    let sum = input.bytes(4, "the sum of the schema")?;
    let same = (generation, keys) == (known.generation, known.keys);
    if same && sum == known.sum.0.to_le_bytes() {
        return Ok(());
    }
    Err(unknown(generation, keys, known))
}

fn unknown(generation: u64, keys: usize, known: &Known) -> CodecError {
    CodecError::UnknownSchema {
        generation,
        keys,
        known_generation: known.generation,
        known_keys: known.keys,
    }
}
