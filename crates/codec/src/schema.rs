//! Series keys: each as what it does not share with the key before it.

use watchfire_model::{Schema, SeriesKey};

use crate::checksum::Sum;
use crate::error::CodecError;
use crate::frame::RawFrame;
use crate::limits::{MAX_KEYS, MAX_LABEL_BYTES, MAX_LABELS, MAX_NAME_BYTES, MAX_SCHEMA_BYTES};
use crate::varint::{Input, put, put_size};

mod text;

use text::{Former, Parts};

/// A payload is closed when it is larger than this and keys are left.
const FULL_BYTES: usize = 256 << 10;
/// Heap that a key or a label takes beside its text, roughly; counts towards [`MAX_SCHEMA_BYTES`].
const BESIDE_BYTES: usize = 32;

/// What a writer gives to keys as they are; the rest is for those that stand for others.
const FOR_KEYS: usize = MAX_SCHEMA_BYTES - 128 * MAX_KEYS;

/// The schema as far as a stream told it.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) generation: u64,
    pub(crate) keys: usize,
    /// Over generation and keys, however they were cut into frames.
    pub(crate) sum: Sum,
    bytes: usize,
}

impl Known {
    pub(crate) fn new(generation: u64) -> Self {
        let sum = Sum::START.over([&generation.to_le_bytes(), &[]]);
        Self { generation, keys: 0, sum, bytes: 0 }
    }

    /// What a frame that goes on, or else starts, is seeded with.
    pub(crate) fn seed(&self, starts: bool) -> Sum {
        if starts { Sum::START } else { self.sum }
    }

    /// Writes the payload of one frame with keys from `self.keys` on. Says how many could not be
    /// written as they are.
    pub(crate) fn put(&mut self, schema: &Schema, out: &mut Vec<u8>) -> u32 {
        put(out, self.generation);
        put_size(out, self.keys);
        let mut former = Former::default();
        let end = schema.len().min(MAX_KEYS);
        let mut replaced = 0;
        while self.keys < end && out.len() < FULL_BYTES {
            let key = &schema.keys()[self.keys];
            let fits = fits(key) && self.bytes + weight(key) <= FOR_KEYS;
            if fits {
                self.take(key, &mut former, out);
            } else {
                let number = self.keys.to_string();
                let instead = SeriesKey::new(text::LEFT_OUT, [("number", number.as_str())]);
                let instead = instead.expect("the names follow the rules");
                self.take(&instead, &mut former, out);
                replaced += 1;
            }
        }
        replaced
    }

    fn take(&mut self, key: &SeriesKey, former: &mut Former, out: &mut Vec<u8>) {
        former.put(Parts::of(key), out);
        self.count(key);
    }

    /// Takes a key as told.
    pub(crate) fn count(&mut self, key: &SeriesKey) {
        self.keys += 1;
        self.bytes += weight(key);
        self.sum = self.sum.over([key.name().as_bytes(), &[0]]);
        for (name, value) in key.labels() {
            self.sum = self.sum.over([name.as_bytes(), &[1]]).over([value.as_bytes(), &[2]]);
        }
    }

    /// Begins to read the payload of a frame, whose checksum is right, up to its keys.
    pub(crate) fn begin<'a>(&mut self, frame: RawFrame<'a>) -> Result<Input<'a>, CodecError> {
        let mut input = Input::new(frame.payload);
        let generation = input.number("the generation")?;
        let from: u64 = input.number("the place of the keys")?;
        CodecError::limit("keys of a schema", from, MAX_KEYS)?;
        if frame.starts_chain {
            *self = Self::new(generation);
        }
        if (generation, from) != (self.generation, self.keys as u64) {
            return Err(CodecError::Malformed("keys that do not follow those before"));
        }
        Ok(input)
    }

    /// Reads the keys behind what [`Known::begin`] read, and hands on each. A
    /// half-read schema is none.
    pub(crate) fn read(
        &mut self,
        mut input: Input<'_>,
        mut each: impl FnMut(SeriesKey),
    ) -> Result<(), CodecError> {
        // The first key of a frame shares nothing.
        let mut former = Former::default();
        while !input.is_empty() {
            CodecError::limit("keys of a schema", self.keys as u64 + 1, MAX_KEYS)?;
            let key = former.read(&mut input)?;
            let bytes = self.bytes + weight(&key);
            CodecError::limit("bytes of a schema", bytes as u64, MAX_SCHEMA_BYTES)?;
            self.count(&key);
            each(key);
        }
        Ok(())
    }
}

fn weight(key: &SeriesKey) -> usize {
    let labels = key.labels().map(|(name, value)| name.len() + value.len() + BESIDE_BYTES);
    BESIDE_BYTES + key.name().len() + labels.sum::<usize>()
}

fn fits(key: &SeriesKey) -> bool {
    key.name().len() <= MAX_NAME_BYTES
        && key.labels().len() <= MAX_LABELS
        && key
            .labels()
            .all(|(name, value)| name.len() <= MAX_NAME_BYTES && value.len() <= MAX_LABEL_BYTES)
}
