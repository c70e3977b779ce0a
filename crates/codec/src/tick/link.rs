use watchfire_model::Moment;

use crate::checksum::Sum;
use crate::clock;
use crate::error::CodecError;
use crate::frame::RawFrame;
use crate::limits::MAX_KEYS;
use crate::schema::Known;
use crate::varint::Input;

/// What a reader knows of the tick before without its values: enough to tell
/// whether a frame follows it.
#[derive(Debug, Clone, Default)]
pub(crate) struct TickLink {
    before: Option<Before>,
}

#[derive(Debug, Clone, Copy)]
struct Before {
    at: Moment,
    sum: Sum,
    values: usize,
}

/// What a frame says before its values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TickHead<'a> {
    pub(crate) at: Moment,
    /// How many values there are.
    pub(crate) count: usize,
    /// The coded values.
    pub(crate) body: &'a [u8],
}

impl TickLink {
    /// The chain is broken; only a key tick can be read next.
    pub(crate) fn forget(&mut self) {
        self.before = None;
    }

    /// Checks that the frame is whole and follows the one before it. After an
    /// error the chain is forgotten.
    pub(crate) fn follow<'a>(
        &mut self,
        frame: RawFrame<'a>,
        known: &Known,
    ) -> Result<TickHead<'a>, CodecError> {
        let before = self.before.take();
        let (seed, before) = match (frame.starts_chain, before) {
            (true, _) => (Sum::START, None),
            (false, Some(before)) => (before.sum.with(known.sum), Some(before)),
            (false, None) => return Err(CodecError::ChainBroken),
        };
        let sum = frame.check(seed)?;
        let mut input = Input::new(frame.payload);
        let at = clock::moment(&mut input, before.map(|before| before.at))?;
        if before.is_none() {
            check_schema(&mut input, known)?;
        }
        let values = count(&mut input, before.map_or(0, |before| before.values), known)?;
        self.before = Some(Before { at, sum, values });
        Ok(TickHead { at, count: values, body: input.rest() })
    }
}

fn count(input: &mut Input<'_>, before: usize, known: &Known) -> Result<usize, CodecError> {
    let more: i64 = input.signed("the count of values")?;
    let count = (before as i64).checked_add(more);
    let count = count.and_then(|count| u64::try_from(count).ok());
    let count = count.ok_or(CodecError::Malformed("a negative count of values"))?;
    let count = CodecError::limit("values", count, MAX_KEYS)?;
    if count > known.keys {
        return Err(unknown(known.generation, count, known));
    }
    Ok(count)
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
