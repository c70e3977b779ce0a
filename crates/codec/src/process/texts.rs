//! The texts of a chain, each of which is written once. Number 0 is the empty text.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::CodecError;
use crate::limits::{MAX_CHAIN_TEXT_BYTES, MAX_CHAIN_TEXTS, MAX_TEXT_BYTES};
use crate::varint::{Input, put_size};

/// What a writer knows.
#[derive(Debug, Default)]
pub(crate) struct Told {
    numbers: HashMap<Arc<str>, u32>,
    /// By number, from 1 on.
    texts: Vec<Arc<str>>,
    bytes: usize,
}

/// The chain has no room for another text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Told {
    pub(crate) fn clear(&mut self) {
        self.numbers.clear();
        self.texts.clear();
        self.bytes = 0;
    }

    /// The number of a text; a new one is appended to `out`. `likely` is the
    /// number that it probably has: to compare is faster than to look up.
    pub(crate) fn number(
        &mut self,
        text: &str,
        likely: Option<u64>,
        out: &mut Vec<u8>,
    ) -> Result<u64, Full> {
        let text = cut(text);
        if text.is_empty() {
            return Ok(0);
        }
        let place = likely.and_then(|likely| usize::try_from(likely).ok()?.checked_sub(1));
        if let Some((known, likely)) = place.and_then(|at| self.texts.get(at)).zip(likely)
            && **known == *text
        {
            return Ok(likely);
        }
        if let Some(&number) = self.numbers.get(text) {
            return Ok(number.into());
        }
        self.tell(text, out)
    }

    fn tell(&mut self, text: &str, out: &mut Vec<u8>) -> Result<u64, Full> {
        let number = self.texts.len() + 1;
        if self.bytes + text.len() > MAX_CHAIN_TEXT_BYTES || number > MAX_CHAIN_TEXTS {
            return Err(Full);
        }
        put_size(out, text.len());
        out.extend_from_slice(text.as_bytes());
        self.bytes += text.len();
        let text: Arc<str> = text.into();
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, number as u32);
        Ok(number as u64)
    }
}

/// As much of `text` as may be written.
pub(crate) fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]
}

/// What a reader knows.
#[derive(Debug)]
pub(crate) struct Known {
    texts: Vec<Box<str>>,
    bytes: usize,
}

impl Default for Known {
    fn default() -> Self {
        Self { texts: vec![Box::from("")], bytes: 0 }
    }
}

impl Known {
    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(crate) fn get(&self, number: u64) -> Option<&str> {
        usize::try_from(number).ok().and_then(|number| self.texts.get(number)).map(|text| &**text)
    }

    /// Reads what [`Told::number`] appended.
    pub(crate) fn read(&mut self, input: &mut Input<'_>) -> Result<(), CodecError> {
        while !input.is_empty() {
            let length = input.count("bytes of a text", MAX_TEXT_BYTES, 1)?;
            let text = std::str::from_utf8(input.bytes(length, "a text")?);
            let text = text.map_err(|_| CodecError::Malformed("a text is none"))?;
            self.bytes += length;
            CodecError::limit("bytes of texts", self.bytes as u64, MAX_CHAIN_TEXT_BYTES)?;
            CodecError::limit("texts", self.texts.len() as u64, MAX_CHAIN_TEXTS)?;
            self.texts.push(text.into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_once_and_is_cut_between_letters() {
        let (mut told, mut out) = (Told::default(), Vec::new());
        let long = "ä".repeat(MAX_TEXT_BYTES);
        assert_eq!(told.number("", None, &mut out), Ok(0));
        assert_eq!(told.number("sshd", None, &mut out), Ok(1));
        assert_eq!(told.number(&long, None, &mut out), Ok(2));
        assert_eq!(told.number("sshd", Some(1), &mut out), Ok(1));
        assert_eq!(told.number("sshd", Some(2), &mut out), Ok(1));
        let mut known = Known::default();
        known.read(&mut Input::new(&out)).unwrap();
        assert_eq!((known.get(0), known.get(1), known.len()), (Some(""), Some("sshd"), 3));
        assert_eq!(known.get(2).map(str::len), Some(MAX_TEXT_BYTES));
    }

    #[test]
    fn a_chain_has_room_for_so_much() {
        let (mut told, mut out) = (Told::default(), Vec::new());
        let full =
            (0..).find(|n| told.number(&format!("{n:04000}"), Some(*n), &mut out) == Err(Full));
        assert_eq!(full, Some(MAX_CHAIN_TEXT_BYTES as u64 / 4000));
        assert_eq!(Known::default().read(&mut Input::new(&out)), Ok(()));
        put_size(&mut out, MAX_TEXT_BYTES);
        out.extend_from_slice(&[b'a'; MAX_TEXT_BYTES]);
        assert!(Known::default().read(&mut Input::new(&out)).is_err());
    }
}
