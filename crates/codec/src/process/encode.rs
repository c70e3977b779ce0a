use watchfire_model::{Moment, ProcessRow, ProcessTable};

use super::cells::put_column;
use super::columns::{ALL, Field};
use super::order::put_order;
use super::rows::{Process, Row, Turnover, turn, turnover};
use super::sections::{COME, GONE, ORDER, TEXTS, TOTAL, put_section};
use super::texts::{Full, Told, cut};
use crate::Encoded;
use crate::checksum::Sum;
use crate::clock::put_moment;
use crate::frame::{self, FrameKind};
use crate::limits::{MAX_CHAIN_TABLES, MAX_ROWS, MAX_TABLE_TEXT_BYTES};
use crate::varint::{put, put_signed, put_size};

/// Writes the process tables of one server, each once and in order. The stream
/// can be cut before any key table.
#[derive(Debug, Default)]
pub struct ProcessEncoder {
    before: Option<Before>,
    /// The rows of the table before, sorted by process.
    rows: Vec<Row>,
    texts: Told,
    payload: Vec<u8>,
    section: Vec<u8>,
}

/// The table before, in the same chain.
#[derive(Debug, Clone, Copy)]
struct Before {
    at: Moment,
    sum: Sum,
    /// Tables of the chain so far.
    tables: u32,
}

impl ProcessEncoder {
    /// A stream that begins with a key table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a frame with `table` to `out`.
    ///
    /// Rows at the end are left out, and counted in [`Encoded::left_out`], when
    /// the table is above [`MAX_ROWS`], above
    /// [`MAX_TABLE_TEXT_BYTES`] or does not fit a frame. Longer texts than
    /// [`MAX_TEXT_BYTES`](crate::limits::MAX_TEXT_BYTES) are cut.
    pub fn encode(&mut self, table: &ProcessTable, out: &mut Vec<u8>) -> Encoded {
        let mut count = fitting_rows(&table.processes);
        if self.before.is_some_and(|before| before.tables >= MAX_CHAIN_TABLES) {
            self.restart();
        }
        let mut key = self.before.is_none();
        while self.write(table, count).is_err() || self.payload.len() > frame::max_payload() {
            // A chain that is full of texts begins anew; a table that is too large for a frame is cut.
            count = if key { count / 4 * 3 } else { count };
            self.restart();
            key = true;
        }
        let seed = self.before.map_or(Sum::START, |before| before.sum);
        let sum = frame::put(out, FrameKind::Processes, key, seed, &self.payload);
        let tables = self.before.map_or(0, |before| before.tables) + 1;
        self.before = Some(Before { at: table.at, sum, tables });
        let left_out = table.processes.len() - count;
        Encoded { key, schema: false, left_out: u32::try_from(left_out).unwrap_or(u32::MAX) }
    }

    /// The next table is a key table, for a reader that does not know those
    /// before: a new segment, a new connection.
    pub fn restart(&mut self) {
        self.before = None;
        self.rows.clear();
        self.texts.clear();
    }

    /// Makes the payload for the first `count` rows, and takes them into account.
    fn write(&mut self, table: &ProcessTable, count: usize) -> Result<(), Full> {
        self.payload.clear();
        put_moment(&mut self.payload, table.at, self.before.map(|before| before.at));
        let rows = &table.processes[..count];
        let mut places: Vec<u32> = (0..count as u32).collect();
        places.sort_by_key(|&place| process(&rows[place as usize]));
        let sorted: Vec<&ProcessRow> = places.iter().map(|&at| &rows[at as usize]).collect();

        let turnover = turnover(&self.rows, sorted.iter().map(|row| process(row)));
        let before = turn(std::mem::take(&mut self.rows), &turnover);
        self.section.clear();
        let mut now = before.clone();
        for (state, row) in now.iter_mut().zip(&sorted) {
            fill(state, row, &mut self.texts, &mut self.section)?;
        }
        put_section(&mut self.payload, TEXTS, &self.section);
        self.write_turnover(&turnover);
        self.write_order(&places, &sorted);
        self.section.clear();
        put(&mut self.section, table.total);
        put_section(&mut self.payload, TOTAL, &self.section);
        for (number, column) in ALL.iter().enumerate() {
            self.section.clear();
            put_column(&mut self.section, &column.field, number, before.iter().zip(&now));
            put_section(&mut self.payload, column.tag, &self.section);
        }
        self.rows = now;
        Ok(())
    }

    /// Places as distances from the one before; processes as well.
    fn write_turnover(&mut self, turnover: &Turnover) {
        self.section.clear();
        let mut next = 0;
        for &at in &turnover.gone {
            put_size(&mut self.section, at - next);
            next = at + 1;
        }
        put_section(&mut self.payload, GONE, &self.section);
        self.section.clear();
        let mut former: Process = (0, 0);
        for &(pid, start) in &turnover.come {
            put(&mut self.section, pid - former.0);
            put_signed(&mut self.section, i128::from(start) - i128::from(former.1));
            former = (pid, start);
        }
        put_section(&mut self.payload, COME, &self.section);
    }

    /// `places` are those in the table of the rows sorted by process.
    fn write_order(&mut self, places: &[u32], sorted: &[&ProcessRow]) {
        let mut order = vec![0; places.len()];
        for (at, &place) in places.iter().enumerate() {
            order[place as usize] = at as u32;
        }
        self.section.clear();
        put_order(&mut self.section, &order, sorted);
        put_section(&mut self.payload, ORDER, &self.section);
    }
}

fn process(row: &ProcessRow) -> Process {
    (row.pid, row.start_time_ms)
}

/// Puts what `row` says into `state`; new texts are appended to `out`.
fn fill(
    state: &mut Row,
    row: &ProcessRow,
    texts: &mut Told,
    out: &mut Vec<u8>,
) -> Result<(), Full> {
    for (column, described) in ALL.iter().enumerate() {
        let cell = match described.field {
            Field::Whole(get, _) => get(row),
            Field::Float(get, _) => get(row).map(f64::to_bits),
            Field::Text(get, _) => {
                let likely = state.cell(column);
                get(row).map(|text| texts.number(text, likely, out)).transpose()?
            }
        };
        state.set(column, cell);
    }
    Ok(())
}

/// How many rows from the front are within the limits of a table.
fn fitting_rows(rows: &[ProcessRow]) -> usize {
    let mut left = MAX_TABLE_TEXT_BYTES;
    let within = rows.iter().take(MAX_ROWS).take_while(|row| {
        let texts = ALL.iter().filter_map(|column| match column.field {
            Field::Text(get, _) => get(row),
            _ => None,
        });
        let rest = left.checked_sub(texts.map(|text| cut(text).len()).sum());
        left = rest.unwrap_or(0);
        rest.is_some()
    });
    within.count()
}
