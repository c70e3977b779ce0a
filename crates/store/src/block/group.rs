//! Some sixty columns that are stored and checked together.

use std::ops::Range;

use super::absence::Runs;
use super::numbers::{self, Form};
use super::scratch::Scratch;
use super::unit::Unit;
use super::varint::{Input, put_signed, put_size};
use super::{BlockError, MAX_BLOCK_BYTES, limits};

const FORM: u8 = 0b0000_0111;
const RELATIVE: u8 = 0b0000_1000;
const ABSENCES: u8 = 0b0001_0000;
const ONES: u8 = 0b0010_0000;
const UNKNOWN: u8 = 0b1100_0000;

/// One column, ready to be written.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) form: Form,
    pub(super) unit: Unit,
    /// The slot of the column it is told by, and whether it goes the other way.
    pub(super) relative: Option<(u8, bool)>,
    /// The number of a constant.
    pub(super) constant: i64,
    /// The runs of absences, if there are any.
    pub(super) absences: Vec<u8>,
    pub(super) body: Vec<u8>,
}

/// Writes a group: how many columns, the head of each, and then their bodies.
pub(super) fn write(columns: &[Written], out: &mut Vec<u8>) {
    put_size(out, columns.len());
    for column in columns {
        let flag = |flag: u8, set: bool| if set { flag } else { 0 };
        let absences = !column.absences.is_empty();
        out.push(
            column.form as u8
                | flag(RELATIVE, column.relative.is_some())
                | flag(ABSENCES, absences)
                | flag(ONES, column.unit == Unit::ONES),
        );
        if column.unit != Unit::ONES {
            out.push(column.unit.code());
        }
        if let Some((slot, opposite)) = column.relative {
            put_size(out, usize::from(slot) << 1 | usize::from(opposite));
        }
        if column.form == Form::Constant {
            put_signed(out, column.constant);
        }
        if column.form != Form::Constant || absences {
            put_size(out, column.absences.len() + column.body.len());
        }
    }
    for column in columns {
        out.extend_from_slice(&column.absences);
        out.extend_from_slice(&column.body);
    }
}

/// One column, as its head tells it.
#[derive(Debug, Clone, Copy)]
struct Slot<'a> {
    form: Form,
    unit: Unit,
    relative: Option<(u8, bool)>,
    constant: i64,
    absences: Option<Runs<'a>>,
    body: Input<'a>,
}

/// A group whose checksum was right: columns by slot.
#[derive(Debug, Clone)]
pub struct Group<'a> {
    ticks: usize,
    pco: [u8; 2],
    slots: Vec<Slot<'a>>,
    /// The numbers of the column that was last needed to tell another one.
    base: Vec<i64>,
    /// The slot of that column.
    kept: Option<usize>,
}

impl<'a> Group<'a> {
    /// Takes apart what [`write`] wrote.
    pub(super) fn parse(bytes: &'a [u8], ticks: usize, pco: [u8; 2]) -> Result<Self, BlockError> {
        let mut input = Input::new(bytes, "a group");
        let count = input.size(limits::MAX_GROUP)?;
        let mut slots = Vec::with_capacity(count);
        let mut sizes = [0; limits::MAX_GROUP];
        for size in &mut sizes[..count] {
            let (slot, bytes) = head(&mut input, slots.len())?;
            slots.push(slot);
            *size = bytes;
        }
        for (slot, size) in slots.iter_mut().zip(sizes) {
            let mut body = Input::new(input.bytes(size)?, "a column");
            if slot.absences.is_some() {
                slot.absences = Some(Runs::take(&mut body, ticks)?);
            }
            slot.body = body;
        }
        Ok(Self { ticks, pco, slots, base: Vec::new(), kept: None })
    }

    /// Reads the column in `slot`: its values at the ticks of `range`, into `out`.
    /// Where it has none they are [`ABSENT`](watchfire_model::ABSENT).
    ///
    /// # Errors
    /// [`BlockError::Malformed`] or [`BlockError::Truncated`], of bytes that no
    /// Watchfire wrote, when the slot is not there, or the range is not within the ticks.
    pub fn read(
        &mut self,
        slot: usize,
        range: Range<usize>,
        scratch: &mut Scratch,
        out: &mut Vec<f64>,
    ) -> Result<(), BlockError> {
        out.clear();
        let known = *self.slots.get(slot).ok_or(BlockError::Malformed("a slot that is nowhere"))?;
        if range.start > range.end || range.end > self.ticks {
            return Err(BlockError::Malformed("ticks that are nowhere"));
        }
        if known.relative.is_some() {
            self.numbers(slot, scratch)?;
            known.unit.values(&scratch.numbers[range.clone()], out);
        } else if known.form == Form::Constant {
            out.resize(range.len(), known.unit.value(known.constant));
        } else {
            let how = (self.pco, self.ticks);
            let wanted = (known.unit, range.clone());
            numbers::read_values(known.form, known.body, how, wanted, scratch, out)?;
        }
        known.absences.map_or(Ok(()), |runs| runs.apply(range.start, out))
    }

    /// Reads the values of the column in `slot` at some `ticks` alone, which rise,
    /// and says whether the column is sure to have a value at every tick and never to
    /// fall. For who asks how far a counter rose: values at the ends of windows are
    /// enough then, and most of the work on the others is saved.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_at(
        &mut self,
        slot: usize,
        ticks: &[usize],
        scratch: &mut Scratch,
        out: &mut Vec<f64>,
    ) -> Result<bool, BlockError> {
        out.clear();
        let known = *self.slots.get(slot).ok_or(BlockError::Malformed("a slot that is nowhere"))?;
        let rise = ticks.windows(2).all(|pair| pair[0] <= pair[1]);
        if !rise || ticks.last().is_some_and(|&last| last >= self.ticks) {
            return Err(BlockError::Malformed("ticks that are nowhere"));
        }
        let mut rises;
        if known.form == Form::Constant && known.relative.is_none() {
            let value = known.unit.value(known.constant);
            rises = !value.is_nan();
            out.resize(ticks.len(), value);
        } else {
            self.numbers(slot, scratch)?;
            let known_to = known.relative.is_none() && scratch.rise;
            rises = (known_to || numbers::never_fall(&scratch.numbers))
                && known.unit.are_numbers(&scratch.numbers);
            scratch.few.clear();
            scratch.few.extend(ticks.iter().map(|&tick| scratch.numbers[tick]));
            known.unit.values(&scratch.few, out);
        }
        if let Some(runs) = known.absences {
            runs.apply_at(ticks, out)?;
            rises = false;
        }
        Ok(rises)
    }

    /// Reads the numbers of a column, from the one that is told by itself on.
    fn numbers(&mut self, slot: usize, scratch: &mut Scratch) -> Result<(), BlockError> {
        let Some((base, opposite)) = self.slots[slot].relative else {
            return self.own(slot, scratch);
        };
        let base = usize::from(base);
        if self.kept != Some(base) {
            self.kept = None;
            self.numbers(base, scratch)?;
            std::mem::swap(&mut scratch.numbers, &mut self.base);
            self.kept = Some(base);
        }
        let told = self.slots[slot];
        if told.form == Form::Constant {
            scratch.numbers.clear();
            scratch.numbers.extend(self.base.iter().map(|&base| {
                let base = if opposite { base.wrapping_neg() } else { base };
                told.constant.wrapping_add(base)
            }));
            return Ok(());
        }
        self.own(slot, scratch)?;
        for (number, base) in scratch.numbers.iter_mut().zip(&self.base) {
            let base = if opposite { base.wrapping_neg() } else { *base };
            *number = number.wrapping_add(base);
        }
        Ok(())
    }

    /// Reads the numbers that are told of the column itself.
    fn own(&self, slot: usize, scratch: &mut Scratch) -> Result<(), BlockError> {
        let Slot { form, constant, body, .. } = self.slots[slot];
        if form == Form::Constant {
            scratch.numbers.clear();
            scratch.numbers.resize(self.ticks, constant);
            scratch.rise = true;
            return Ok(());
        }
        let how = (self.pco, self.ticks);
        scratch.rise = numbers::read(form, body, how, &mut scratch.dense, &mut scratch.numbers)?;
        Ok(())
    }
}

/// Reads the head of a column, and how many bytes its body has.
fn head<'a>(input: &mut Input<'a>, slot: usize) -> Result<(Slot<'a>, usize), BlockError> {
    let tag = input.byte()?;
    let form = Form::from_code(tag & FORM).filter(|_| tag & UNKNOWN == 0);
    let form = form.ok_or(BlockError::Malformed("a column of an unknown form"))?;
    let unit = if tag & ONES != 0 { Some(Unit::ONES) } else { Unit::from_code(input.byte()?) };
    let unit = unit.ok_or(BlockError::Malformed("an unknown unit"))?;
    let mut relative = None;
    if tag & RELATIVE != 0 {
        let code = input.size(2 * limits::MAX_GROUP)?;
        // Only earlier ones: so no column is told by itself.
        if code >> 1 >= slot {
            return Err(BlockError::Malformed("a relative that comes later"));
        }
        relative = Some(((code >> 1) as u8, code & 1 == 1));
    }
    let constant = if form == Form::Constant { input.signed()? } else { 0 };
    let nothing = Input::new(&[], "a column");
    let absences = (tag & ABSENCES != 0).then_some(Runs::NONE);
    let bytes = if form != Form::Constant || absences.is_some() {
        input.size(MAX_BLOCK_BYTES)?
    } else {
        0
    };
    Ok((Slot { form, unit, relative, constant, absences, body: nothing }, bytes))
}
