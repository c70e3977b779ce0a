//! Records <-> the bytes that hold them: first what is to be said of each, then
//! their contents one after the other. `PROTOCOL.md` has the fields in a table.

use prost::encoding::{decode_varint, encode_varint, encoded_len_varint};

use crate::convert::{bounded_unix_ms, sane_unix_ms};
use crate::limits::{MAX_RECORD_BYTES, MAX_RECORDS};
use crate::shape::malformed;
use crate::{Record, RecordKind, Records, WireError};

/// In the first number, beside the count: the records go on from the last live one.
const GOES_ON: u64 = 1;
/// In the first byte of a record: its kind, or 0 when a byte with it follows.
const KIND: u8 = 0b0000_0011;
/// The sequence is not the next one; what is left out follows.
const SKIPS: u8 = 0b0000_0100;
/// The monotonic clock went otherwise than the wall clock; the difference follows.
const SKEWED: u8 = 0b0000_1000;
/// That difference is in nanoseconds, not in milliseconds.
const NANOS: u8 = 0b0001_0000;
/// Bits without a meaning yet.
const UNUSED: u8 = 0b1110_0000;

const NANOS_A_MS: i64 = 1_000_000;

/// What a record is a difference to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Base {
    sequence: u64,
    monotonic_ns: u64,
    unix_ms: i64,
}

impl Base {
    /// For the first record of a message that stands alone.
    pub(crate) fn after(previous: u64) -> Self {
        Self { sequence: previous, ..Self::default() }
    }

    /// For the record that comes after this one.
    pub(crate) fn of(record: &Record) -> Self {
        let unix_ms = bounded_unix_ms(record.unix_ms);
        Self { sequence: record.sequence, monotonic_ns: record.monotonic_ns, unix_ms }
    }

    pub(crate) fn sequence(self) -> u64 {
        self.sequence
    }

    /// Goes with records that go on from this one, so that a frame that was
    /// lost or came twice is noticed.
    fn check(self) -> u8 {
        self.sequence.to_le_bytes()[0]
    }
}

/// The bytes; differences to `live`, when that is the record before the first.
pub(crate) fn pack(records: &Records, live: Option<Base>) -> Result<Vec<u8>, WireError> {
    let list = &records.records;
    if list.len() > MAX_RECORDS {
        return Err(WireError::TooMany { what: "records", most: MAX_RECORDS });
    }
    let goes_on = live.filter(|base| base.sequence == records.previous && records.request == 0);
    let mut bytes = Vec::new();
    encode_varint((list.len() as u64) << 1 | u64::from(goes_on.is_some()), &mut bytes);
    let mut base = goes_on.unwrap_or(Base::after(records.previous));
    match goes_on {
        Some(base) => bytes.push(base.check()),
        None => encode_varint(records.previous, &mut bytes),
    }
    for (place, record) in list.iter().enumerate() {
        put_head(record, base, &mut bytes)?;
        if place + 1 < list.len() {
            encode_varint(record.bytes.len() as u64, &mut bytes);
        }
        base = Base::of(record);
    }
    list.iter().for_each(|record| bytes.extend_from_slice(&record.bytes));
    Ok(bytes)
}

/// So many bytes a record takes at the most, with its length, after `base`.
pub(crate) fn packed_len(record: &Record, base: Base) -> Result<usize, WireError> {
    let mut head = Vec::new();
    put_head(record, base, &mut head)?;
    let content = record.bytes.len();
    Ok(head.len() + encoded_len_varint(content as u64) + content)
}

fn put_head(record: &Record, base: Base, bytes: &mut Vec<u8>) -> Result<(), WireError> {
    if record.bytes.len() > MAX_RECORD_BYTES {
        return Err(WireError::TooLong { what: "record", most: MAX_RECORD_BYTES });
    }
    let step = record.sequence.checked_sub(base.sequence).and_then(|step| step.checked_sub(1));
    let skipped = step.ok_or(WireError::BadValue { what: "sequence of a record" })?;
    let later_ms = bounded_unix_ms(record.unix_ms) - base.unix_ms;
    let later_ns = record.monotonic_ns.wrapping_sub(base.monotonic_ns).cast_signed();
    let skew_ns = later_ns.wrapping_sub(later_ms.wrapping_mul(NANOS_A_MS));
    let (skew, unit) =
        if skew_ns % NANOS_A_MS == 0 { (skew_ns / NANOS_A_MS, 0) } else { (skew_ns, NANOS) };
    let kind = record.kind.number();
    let mut first = unit;
    first |= if kind <= KIND { kind } else { 0 };
    first |= if skipped > 0 { SKIPS } else { 0 };
    first |= if skew != 0 { SKEWED } else { 0 };
    bytes.push(first);
    if first & KIND == 0 {
        bytes.push(kind);
    }
    if skipped > 0 {
        encode_varint(skipped, bytes);
    }
    encode_varint(zigzag(later_ms), bytes);
    if skew != 0 {
        encode_varint(zigzag(skew), bytes);
    }
    Ok(())
}

/// The records, whatever the bytes are: nothing is allocated that is not there.
pub(crate) fn unpack(request: u64, bytes: &[u8], live: Option<Base>) -> Result<Records, WireError> {
    let mut input = Input(bytes);
    let lead = input.number()?;
    let count = usize::try_from(lead >> 1).unwrap_or(usize::MAX);
    if count > MAX_RECORDS {
        return Err(WireError::TooMany { what: "records", most: MAX_RECORDS });
    }
    let mut base = if lead & GOES_ON == 0 {
        Base::after(input.number()?)
    } else {
        let check = input.byte()?;
        let expected = live.filter(|base| request == 0 && base.check() == check);
        expected.ok_or(WireError::OutOfStep)?
    };
    let previous = base.sequence;
    let mut records = Vec::with_capacity(count.min(input.0.len()));
    let mut lengths = Vec::with_capacity(records.capacity());
    for place in 0..count {
        let record = take_head(&mut input, base)?;
        if place + 1 < count {
            lengths.push(usize::try_from(input.number()?).unwrap_or(usize::MAX));
        }
        base = Base::of(&record);
        records.push(record);
    }
    let whole = fill(&mut records, &lengths, input.0)?;
    if whole { Ok(Records { request, previous, records }) } else { Err(too_early()) }
}

/// Gives each record its content, the last one what is left. False when
/// something is missing or left over.
fn fill(records: &mut [Record], lengths: &[usize], mut rest: &[u8]) -> Result<bool, WireError> {
    let Some((last, others)) = records.split_last_mut() else { return Ok(rest.is_empty()) };
    for (record, length) in others.iter_mut().zip(lengths) {
        let Some((content, after)) = rest.split_at_checked(*length) else { return Ok(false) };
        record.bytes = content_of(content)?;
        rest = after;
    }
    last.bytes = content_of(rest)?;
    Ok(true)
}

fn content_of(content: &[u8]) -> Result<Vec<u8>, WireError> {
    if content.len() > MAX_RECORD_BYTES {
        return Err(WireError::TooLong { what: "record", most: MAX_RECORD_BYTES });
    }
    Ok(content.to_vec())
}

fn take_head(input: &mut Input<'_>, base: Base) -> Result<Record, WireError> {
    let first = input.byte()?;
    if first & UNUSED != 0 {
        return Err(WireError::BadValue { what: "first byte of a record" });
    }
    let kind = match first & KIND {
        0 => input.byte()?,
        known => known,
    };
    let skipped = if first & SKIPS == 0 { 0 } else { input.number()? };
    let sequence = base.sequence.checked_add(skipped).and_then(|before| before.checked_add(1));
    let sequence = sequence.ok_or(WireError::BadValue { what: "sequence of a record" })?;
    let later_ms = unzigzag(input.number()?);
    let unix_ms = sane_unix_ms(base.unix_ms.saturating_add(later_ms), "wall clock")?;
    let skew = if first & SKEWED == 0 { 0 } else { unzigzag(input.number()?) };
    let unit = if first & NANOS == 0 { NANOS_A_MS } else { 1 };
    let skew_ns = skew.checked_mul(unit);
    let skew_ns = skew_ns.ok_or(WireError::BadValue { what: "monotonic clock of a record" })?;
    let later_ns = later_ms.wrapping_mul(NANOS_A_MS).wrapping_add(skew_ns);
    Ok(Record {
        sequence,
        kind: RecordKind::from_number(kind),
        monotonic_ns: base.monotonic_ns.wrapping_add(later_ns.cast_unsigned()),
        unix_ms,
        bytes: Vec::new(),
    })
}

/// What is not read yet.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> Result<u8, WireError> {
        let (byte, rest) = self.0.split_first().ok_or_else(too_early)?;
        self.0 = rest;
        Ok(*byte)
    }

    fn number(&mut self) -> Result<u64, WireError> {
        decode_varint(&mut self.0).map_err(malformed)
    }
}

fn too_early() -> WireError {
    WireError::Malformed { why: "the records do not fill what holds them".to_owned() }
}

/// A number near zero, of either sign, as a small one without.
fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

#[cfg(test)]
mod tests;
