//! The cells of a column: only those that changed, each after how many did not.

use super::columns::Field;
use super::rows::{Cell, Row};
use super::texts::Known;
use crate::error::CodecError;
use crate::tick::Unit;
use crate::varint::{Input, put, put_signed, put_size};

/// The first number of a cell that is not known. That of any other cell is at least 1.
const NONE: u64 = 0;
/// That of a float of which eight bytes follow; with a unit's code added, that of one of
/// which a number follows. The unit with code 0 is not used so.
const PATTERN: u64 = 1;

/// Writes what `rows` have in `column` other than `before`; rows stand side by side.
pub(crate) fn put_column<'a>(
    out: &mut Vec<u8>,
    field: &Field,
    column: usize,
    pairs: impl Iterator<Item = (&'a Row, &'a Row)>,
) {
    let mut skipped = 0;
    for (before, row) in pairs {
        let (before, cell) = (before.cell(column), row.cell(column));
        if before == cell {
            skipped += 1;
            continue;
        }
        put_size(out, skipped);
        skipped = 0;
        match (cell, field) {
            (None, _) => put(out, NONE),
            (Some(cell), Field::Whole(..)) => {
                let step = cell.wrapping_sub(before.unwrap_or(0)) as i64;
                put(out, u128::from(zigzag(step)) + 1);
            }
            (Some(cell), Field::Float(..)) => put_float(out, before, f64::from_bits(cell)),
            (Some(cell), Field::Text(..)) => put(out, u128::from(cell) + 1),
        }
    }
}

/// Reads a column into `rows`, which hold what was before.
pub(crate) fn read_column(
    input: &mut Input<'_>,
    field: &Field,
    column: usize,
    rows: &mut [Row],
    texts: &Known,
) -> Result<(), CodecError> {
    let mut at = 0_usize;
    while !input.is_empty() {
        at = at.saturating_add(input.count("a cell", rows.len(), 0)?);
        let row = rows.get_mut(at).ok_or(CodecError::Malformed("a cell of no row"))?;
        let before = row.cell(column);
        let code = input.wide("a cell")?;
        row.set(column, read_cell(input, field, before, code, texts)?);
        at += 1;
    }
    Ok(())
}

fn read_cell(
    input: &mut Input<'_>,
    field: &Field,
    before: Cell,
    code: u128,
    texts: &Known,
) -> Result<Cell, CodecError> {
    let Some(code) = code.checked_sub(1) else { return Ok(None) };
    let code = u64::try_from(code).map_err(|_| CodecError::Malformed("a cell is too large"))?;
    let cell = match field {
        Field::Whole(..) => before.unwrap_or(0).wrapping_add(unzigzag(code) as u64),
        Field::Float(..) => read_float(input, before, code)?,
        Field::Text(..) if code < texts.len() as u64 => code,
        Field::Text(..) => return Err(CodecError::Malformed("a text that did not come")),
    };
    Ok(Some(cell))
}

fn put_float(out: &mut Vec<u8>, before: Cell, value: f64) {
    let unit = Unit::WIDEST.widened(value);
    match unit.count(value).filter(|_| unit.code() != 0) {
        Some(count) => {
            put(out, PATTERN + u64::from(unit.code()));
            put_signed(out, i128::from(count) - i128::from(count_before(unit, before)));
        }
        None => {
            put(out, PATTERN);
            out.extend_from_slice(&value.to_bits().to_le_bytes());
        }
    }
}

/// `code` is that of the unit.
fn read_float(input: &mut Input<'_>, before: Cell, code: u64) -> Result<u64, CodecError> {
    if code == 0 {
        let bytes = input.bytes(8, "a cell")?;
        return Ok(u64::from_le_bytes(bytes.try_into().expect("eight bytes were taken")));
    }
    let code = u8::try_from(code).map_err(|_| CodecError::Malformed("a unit is none"))?;
    let unit = Unit::from_code(code);
    let step = input.wide_signed("a cell")?;
    let count = step
        .checked_add(i128::from(count_before(unit, before)))
        .and_then(|count| i64::try_from(count).ok())
        .ok_or(CodecError::Malformed("a number is too large"))?;
    Ok(unit.value(count).to_bits())
}

fn count_before(unit: Unit, before: Cell) -> i64 {
    before.and_then(|before| unit.count(f64::from_bits(before))).unwrap_or(0)
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}
