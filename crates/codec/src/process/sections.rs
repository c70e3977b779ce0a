//! A payload as tagged parts. Unknown tags are skipped, so a later version can add parts.

use super::columns::COLUMNS;
use crate::error::CodecError;
use crate::varint::{Input, put, put_size};

/// New texts.
pub(crate) const TEXTS: u8 = 1;
/// Rows of the table before that are gone.
pub(crate) const GONE: u8 = 2;
/// Processes that were not there.
pub(crate) const COME: u8 = 3;
/// The order of the rows, when it is not the usual one.
pub(crate) const ORDER: u8 = 4;
/// How many processes there are in all.
pub(crate) const TOTAL: u8 = 5;

/// Appends a part, unless it is empty.
pub(crate) fn put_section(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    if !bytes.is_empty() {
        put(out, tag);
        put_size(out, bytes.len());
        out.extend_from_slice(bytes);
    }
}

/// The parts of a payload.
#[derive(Debug)]
pub(crate) struct Sections<'a> {
    known: Vec<(u8, &'a [u8])>,
}

impl<'a> Sections<'a> {
    pub(crate) fn read(input: &mut Input<'a>) -> Result<Self, CodecError> {
        let mut known: Vec<(u8, &[u8])> = Vec::with_capacity(COLUMNS);
        let mut former = 0;
        while !input.is_empty() {
            let tag: u64 = input.number("a part")?;
            if tag <= former {
                return Err(CodecError::Malformed("parts are not in their order"));
            }
            former = tag;
            let size = input.number("a part")?;
            let bytes = input.bytes(size, "a part")?;
            if let Ok(tag) = u8::try_from(tag) {
                known.push((tag, bytes));
            }
        }
        Ok(Self { known })
    }

    /// The part with this tag; empty when it did not come.
    pub(crate) fn get(&self, tag: u8) -> Input<'a> {
        let found = self.known.binary_search_by_key(&tag, |part| part.0);
        Input::new(found.map_or(&[], |at| self.known[at].1))
    }
}
