use watchfire_model::SeriesKey;

use crate::error::CodecError;
use crate::limits::{MAX_LABEL_BYTES, MAX_LABELS, MAX_NAME_BYTES};
use crate::varint::{Input, put_size};

/// The name that stands for a key that is above a limit.
pub(crate) const LEFT_OUT: &str = "watchfire_left_out";

/// The most bytes that a text shares with the one before it. It bounds how
/// much text a few bytes can make.
const MOST_SHARED: usize = 63;

/// A key as its texts: the name, then label names and values by turns.
pub(crate) struct Parts<'a> {
    key: &'a SeriesKey,
}

impl<'a> Parts<'a> {
    pub(crate) fn of(key: &'a SeriesKey) -> Self {
        Self { key }
    }

    fn texts(&self) -> impl Iterator<Item = &'a str> {
        let labels = self.key.labels().flat_map(|(name, value)| [name, value]);
        std::iter::once(self.key.name()).chain(labels)
    }
}

/// The texts of the key before in the same frame, each at its place.
#[derive(Debug, Default)]
pub(crate) struct Former {
    texts: Vec<Vec<u8>>,
}

impl Former {
    pub(crate) fn put(&mut self, parts: Parts<'_>, out: &mut Vec<u8>) {
        put_size(out, parts.key.labels().len());
        for (place, text) in parts.texts().enumerate() {
            let text = text.as_bytes();
            let former = self.at(place);
            let alike = former.iter().zip(text).take_while(|(a, b)| a == b).count();
            let shared = alike.min(MOST_SHARED);
            out.push(shared as u8);
            put_size(out, text.len() - shared);
            out.extend_from_slice(&text[shared..]);
            former.truncate(shared);
            former.extend_from_slice(&text[shared..]);
        }
    }

    pub(crate) fn read(&mut self, input: &mut Input<'_>) -> Result<SeriesKey, CodecError> {
        let labels = input.count("labels of a key", MAX_LABELS, 4)?;
        for place in 0..=2 * labels {
            let value = place > 0 && place % 2 == 0;
            self.read_text(place, input, if value { MAX_LABEL_BYTES } else { MAX_NAME_BYTES })?;
        }
        let name = self.text(0)?;
        let pairs: Result<Vec<_>, CodecError> = (0..labels)
            .map(|label| Ok((self.text(2 * label + 1)?, self.text(2 * label + 2)?)))
            .collect();
        SeriesKey::new(name, pairs?).map_err(|_| CodecError::Malformed("a series key is none"))
    }

    fn read_text(
        &mut self,
        place: usize,
        input: &mut Input<'_>,
        limit: usize,
    ) -> Result<(), CodecError> {
        let shared = usize::from(input.byte("a series key")?);
        let own: u64 = input.number("a series key")?;
        let length = own.saturating_add(shared as u64);
        let own = CodecError::limit("bytes of a name or label", length, limit)? - shared;
        let former = self.at(place);
        if shared > former.len().min(MOST_SHARED) {
            return Err(CodecError::Malformed("a series key shares what is not there"));
        }
        former.truncate(shared);
        former.extend_from_slice(input.bytes(own, "a series key")?);
        Ok(())
    }

    fn text(&self, place: usize) -> Result<&str, CodecError> {
        std::str::from_utf8(&self.texts[place])
            .map_err(|_| CodecError::Malformed("a series key is no text"))
    }

    fn at(&mut self, place: usize) -> &mut Vec<u8> {
        if self.texts.len() <= place {
            self.texts.resize_with(place + 1, Vec::new);
        }
        &mut self.texts[place]
    }
}
