//! From columns to the bytes of a block.

use watchfire_model::is_absent;

use super::column_id::ColumnId;
use super::dense::PCO_FORMAT;
use super::directory::{self, Entry, Place, SUM};
use super::group::{self, Written};
use super::head::{Head, Kind, piece_sum};
use super::limits::{GROUP, MAX_GROUP};
use super::numbers::{self, Form, Taste};
use super::relatives::{self, Relative};
use super::unit::Unit;
use super::{Columns, MAX_BLOCK_BYTES, MAX_COLUMNS, MAX_TICKS, SealError, absence};

/// How a block is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealOptions {
    /// Where the checksums begin: a number that the reader must give again, so
    /// that the block of one server is not read as that of another.
    pub tag: u32,
    /// pco's level of compression, 0 to 12.
    pub level: u8,
    /// How many bytes in a thousand ticks a column may be larger than by pco, so
    /// that it is read some four times as fast.
    pub for_speed: u8,
    /// Whether columns may be told by another one.
    pub relatives: bool,
}

impl Default for SealOptions {
    /// What was measured best: `FORMAT.md` has the figures.
    fn default() -> Self {
        Self { tag: 0, level: 8, for_speed: 100, relatives: true }
    }
}

impl SealOptions {
    /// For a block that is soon merged into another one: a third larger, for less than half of
    /// the work, and read faster.
    #[must_use]
    pub fn soon_merged() -> Self {
        Self { level: 4, for_speed: u8::MAX, relatives: false, ..Self::default() }
    }
}

/// Seals the ticks of one server.
///
/// # Errors
/// [`SealError`] says what is wrong with the columns. Nothing else fails.
pub fn seal(columns: &Columns, options: &SealOptions) -> Result<Vec<u8>, SealError> {
    let all = columns.series.iter().map(|(key, values)| (ColumnId::of_key(*key), &values[..]));
    seal_columns(&columns.timestamps, all.collect(), (Kind::Ticks, 0), options)
}

/// Seals columns of any kind, with the width of their windows.
pub(super) fn seal_columns(
    timestamps: &[i64],
    mut columns: Vec<(ColumnId, &[f64])>,
    (kind, width_ms): (Kind, u32),
    options: &SealOptions,
) -> Result<Vec<u8>, SealError> {
    columns.sort_by_key(|&(id, _)| id);
    check(timestamps, &columns, kind)?;
    let prepared: Vec<Prepared> = columns.iter().map(|(_, values)| prepare(values)).collect();
    let relatives = if options.relatives { find(&prepared) } else { vec![None; prepared.len()] };
    let plan = place(&relatives);
    let taste = Taste { level: options.level.into(), spare: options.for_speed.into() };
    let mut pieces = vec![written_timestamps(timestamps, taste)?];
    pieces.extend(written_groups(&prepared, &plan, taste)?);
    let entry = |(number, &(id, _)): (usize, &(ColumnId, &[f64]))| Entry {
        id,
        moved: plan.places[number].moved.then_some(plan.places[number].at),
    };
    let entries: Vec<Entry> = columns.iter().enumerate().map(entry).collect();
    let sizes: Vec<usize> = pieces.iter().map(|piece| piece.len() + SUM).collect();
    let directory = directory::write(&sizes, &entries);
    let head = Head {
        kind,
        ticks: timestamps.len(),
        columns: columns.len(),
        first_ms: timestamps[0],
        last_ms: timestamps[timestamps.len() - 1],
        width_ms,
        pco: PCO_FORMAT,
        groups: plan.groups.len(),
        directory: directory.len(),
    };
    assemble(&head, options.tag, &directory, &pieces)
}

fn assemble(
    head: &Head,
    tag: u32,
    directory: &[u8],
    pieces: &[Vec<u8>],
) -> Result<Vec<u8>, SealError> {
    let mut out = head.write(tag, directory);
    let sum = out[Head::BYTES - 4..Head::BYTES].try_into().map_or(0, u32::from_le_bytes);
    for (number, piece) in pieces.iter().enumerate() {
        out.extend_from_slice(&piece_sum(sum, number as u32, piece).to_le_bytes());
        out.extend_from_slice(piece);
    }
    if out.len() > MAX_BLOCK_BYTES { Err(SealError::Bytes(out.len())) } else { Ok(out) }
}

fn check(timestamps: &[i64], columns: &[(ColumnId, &[f64])], kind: Kind) -> Result<(), SealError> {
    if timestamps.is_empty() || timestamps.len() > MAX_TICKS {
        return Err(SealError::Ticks(timestamps.len()));
    }
    if let Some(at) = timestamps.windows(2).position(|pair| pair[0] >= pair[1]) {
        return Err(SealError::Order(at + 1));
    }
    if columns.len() > MAX_COLUMNS {
        return Err(SealError::Columns(columns.len()));
    }
    if let Some((_, values)) = columns.iter().find(|(_, v)| v.len() != timestamps.len()) {
        return Err(SealError::Length { found: values.len(), ticks: timestamps.len() });
    }
    match columns.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => {
            let key = if kind == Kind::Tier { pair[0].0.key_of_field() } else { pair[0].0.key() };
            Err(SealError::Twice(key.unwrap_or_default()))
        }
        None => Ok(()),
    }
}

/// A column as numbers.
struct Prepared {
    unit: Unit,
    absences: Vec<u8>,
    /// One number when all are the same, else one for each tick.
    numbers: Vec<i64>,
}

fn prepare(values: &[f64]) -> Prepared {
    let first = values[0].to_bits();
    if values.iter().all(|value| value.to_bits() == first) && !is_absent(values[0]) {
        let mut numbers = Vec::new();
        let unit = Unit::find(&values[..1], &mut numbers);
        return Prepared { unit, absences: Vec::new(), numbers };
    }
    if !values.iter().any(|&value| is_absent(value)) {
        let mut numbers = Vec::with_capacity(values.len());
        let unit = Unit::find(values, &mut numbers);
        return Prepared { unit, absences: Vec::new(), numbers };
    }
    let (mut absences, mut filled) = (Vec::new(), Vec::new());
    absence::write(values, &mut absences);
    if absence::fill(values, &mut filled) {
        return Prepared { absences, ..prepare(&filled) };
    }
    Prepared { unit: Unit::ONES, absences, numbers: vec![0] }
}

/// A column that is told by itself.
pub(super) fn alone(values: &[f64], taste: Taste) -> Result<Written, SealError> {
    let Prepared { unit, absences, numbers } = prepare(values);
    let mut body = Vec::new();
    let form = match numbers[..] {
        [_] => Form::Constant,
        _ => numbers::write(&numbers, taste, &mut body)?,
    };
    Ok(Written { form, unit, relative: None, constant: numbers[0], absences, body })
}

/// Relatives among the columns that vary.
fn find(prepared: &[Prepared]) -> Vec<Option<Relative>> {
    let varying: Vec<usize> =
        (0..prepared.len()).filter(|&number| prepared[number].numbers.len() > 1).collect();
    let numbers: Vec<&[i64]> =
        varying.iter().map(|&number| &prepared[number].numbers[..]).collect();
    let mut relatives = vec![None; prepared.len()];
    for (place, relative) in relatives::find(&numbers).into_iter().enumerate() {
        let named = |of: Relative| Relative { base: varying[of.base], ..of };
        relatives[varying[place]] = relative.map(named);
    }
    relatives
}

/// Where a column goes.
#[derive(Clone, Copy)]
struct Placed {
    at: Place,
    moved: bool,
    relative: Option<Relative>,
}

struct Plan {
    places: Vec<Placed>,
    /// The columns of each group, by slot.
    groups: Vec<Vec<usize>>,
}

/// Puts each column into the group of its section, or into that of its relative,
/// so that every group can be read without another.
fn place(relatives: &[Option<Relative>]) -> Plan {
    let mut groups: Vec<Vec<usize>> = vec![Vec::new(); relatives.len().div_ceil(GROUP)];
    let mut places: Vec<Placed> = Vec::with_capacity(relatives.len());
    for (number, &relative) in relatives.iter().enumerate() {
        let home = number / GROUP;
        let near = relative.map(|relative| places[relative.base].at.group);
        let room = |group: usize| groups[group].len() < MAX_GROUP;
        let group = near.filter(|&group| group == home || room(group));
        let relative = relative.filter(|_| group.is_some());
        let group = group.unwrap_or(home);
        let at = Place { group, slot: groups[group].len() };
        groups[group].push(number);
        places.push(Placed { at, moved: group != home, relative });
    }
    Plan { places, groups }
}

fn written_timestamps(timestamps: &[i64], taste: Taste) -> Result<Vec<u8>, SealError> {
    // Every read needs them, and they are one column among hundreds.
    let taste = Taste { spare: 2000, ..taste };
    let mut body = Vec::new();
    let form = numbers::write(timestamps, taste, &mut body)?;
    let mut out = vec![form as u8];
    out.append(&mut body);
    Ok(out)
}

fn written_groups(
    prepared: &[Prepared],
    plan: &Plan,
    taste: Taste,
) -> Result<Vec<Vec<u8>>, SealError> {
    let group = |columns: &Vec<usize>| {
        let mut left = Vec::new();
        let mut written = Vec::with_capacity(columns.len());
        for &number in columns {
            written.push(written_column(prepared, plan, number, taste, &mut left)?);
        }
        let mut out = Vec::new();
        group::write(&written, &mut out);
        Ok(out)
    };
    plan.groups.iter().map(group).collect()
}

fn written_column(
    prepared: &[Prepared],
    plan: &Plan,
    number: usize,
    taste: Taste,
    left: &mut Vec<i64>,
) -> Result<Written, SealError> {
    let column = &prepared[number];
    let mut numbers = &column.numbers;
    let mut relative = None;
    if let Some(Relative { base, opposite }) = plan.places[number].relative {
        relatives::left(numbers, &prepared[base].numbers, opposite, left);
        numbers = left;
        relative = Some((plan.places[base].at.slot as u8, opposite));
    }
    let mut body = Vec::new();
    let form = match numbers[..] {
        [_] => Form::Constant,
        _ => numbers::write(numbers, taste, &mut body)?,
    };
    let constant = numbers[0];
    let absences = column.absences.clone();
    Ok(Written { form, unit: column.unit, relative, constant, absences, body })
}
