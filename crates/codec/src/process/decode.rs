use watchfire_model::{ProcessRow, ProcessTable};

use super::cells::read_column;
use super::columns::{ALL, Field};
use super::link::TableLink;
use super::order::{read_order, usual};
use super::rows::{Process, Row, Turnover, turn};
use super::sections::{COME, GONE, ORDER, Sections, TEXTS, TOTAL};
use super::texts::Known;
use crate::error::CodecError;
use crate::frame::RawFrame;
use crate::limits::{MAX_ROWS, MAX_TABLE_TEXT_BYTES};
use crate::varint::Input;

/// Reads process tables.
#[derive(Debug, Default)]
pub(crate) struct ProcessDecoder {
    link: TableLink,
    rows: Vec<Row>,
    texts: Known,
    pub(crate) table: ProcessTable,
}

impl ProcessDecoder {
    /// The chain is broken; only a key table can be read next.
    pub(crate) fn forget(&mut self) {
        self.link.forget();
    }

    /// Reads the frame into `self.table`.
    pub(crate) fn read(&mut self, frame: RawFrame<'_>) -> Result<(), CodecError> {
        let (at, mut input) = self.link.follow(frame)?;
        if frame.starts_chain {
            self.rows.clear();
            self.texts = Known::default();
        }
        self.table.at = at;
        self.read_content(&mut input).inspect_err(|_| self.link.forget())
    }

    fn read_content(&mut self, input: &mut Input<'_>) -> Result<(), CodecError> {
        let sections = Sections::read(input)?;
        self.read_rows(&sections)?;
        self.table.total = sections.get(TOTAL).number("the count of processes")?;
        self.fill_table(&sections)
    }

    fn read_rows(&mut self, sections: &Sections<'_>) -> Result<(), CodecError> {
        self.texts.read(&mut sections.get(TEXTS))?;
        let gone = read_gone(&mut sections.get(GONE), self.rows.len())?;
        let come = read_come(&mut sections.get(COME))?;
        let count = self.rows.len() - gone.len() + come.len();
        CodecError::limit("rows", count as u64, MAX_ROWS)?;
        self.rows = turn(std::mem::take(&mut self.rows), &Turnover { gone, come });
        for (number, column) in ALL.iter().enumerate() {
            let mut input = sections.get(column.tag);
            read_column(&mut input, &column.field, number, &mut self.rows, &self.texts)?;
        }
        Ok(())
    }

    fn fill_table(&mut self, sections: &Sections<'_>) -> Result<(), CodecError> {
        CodecError::limit("bytes of text in a table", self.text_bytes(), MAX_TABLE_TEXT_BYTES)?;
        let order = match read_order(&mut sections.get(ORDER), self.rows.len())? {
            Some(order) => order,
            None => usual(self.rows.len(), |at| cpu_percent(&self.rows[at])),
        };
        self.table.processes.resize_with(self.rows.len(), ProcessRow::default);
        for (at, row) in order.into_iter().zip(&mut self.table.processes) {
            fill_row(row, &self.rows[at as usize], &self.texts);
        }
        Ok(())
    }

    /// Texts that rows share count for each of them.
    fn text_bytes(&self) -> u64 {
        let texts = || ALL.iter().enumerate().filter(|(_, c)| matches!(c.field, Field::Text(..)));
        let length = |row: &Row, column| {
            row.cell(column).and_then(|number| self.texts.get(number)).map_or(0, str::len)
        };
        let of_row = |row| texts().map(|(column, _)| length(row, column)).sum::<usize>();
        self.rows.iter().map(of_row).sum::<usize>() as u64
    }
}

fn fill_row(row: &mut ProcessRow, state: &Row, texts: &Known) {
    (row.pid, row.start_time_ms) = state.process;
    for (number, column) in ALL.iter().enumerate() {
        let cell = state.cell(number);
        match column.field {
            Field::Whole(_, set) => set(row, cell),
            Field::Float(_, set) => set(row, cell.map(f64::from_bits)),
            Field::Text(_, set) => set(row, cell.and_then(|number| texts.get(number))),
        }
    }
}

/// The order of a table depends on it.
fn cpu_percent(state: &Row) -> Option<f64> {
    let column = ALL.iter().position(|column| column.tag == super::columns::CPU_PERCENT)?;
    state.cell(column).map(f64::from_bits)
}

fn read_gone(input: &mut Input<'_>, rows: usize) -> Result<Vec<usize>, CodecError> {
    let mut gone = Vec::new();
    let mut next = 0_usize;
    while !input.is_empty() {
        let at = next + input.count("a row that is gone", rows, 0)?;
        if at >= rows {
            return Err(CodecError::Malformed("a row is gone that was not there"));
        }
        gone.push(at);
        next = at + 1;
    }
    Ok(gone)
}

fn read_come(input: &mut Input<'_>) -> Result<Vec<Process>, CodecError> {
    let wrong = || CodecError::Malformed("a process that cannot be");
    let mut come: Vec<Process> = Vec::new();
    let mut former: Process = (0, 0);
    while !input.is_empty() {
        CodecError::limit("rows", come.len() as u64 + 1, MAX_ROWS)?;
        let more: u32 = input.number("a new process")?;
        let later = input.wide_signed("a new process")?;
        let pid = former.0.checked_add(more).ok_or_else(wrong)?;
        let start = later.checked_add(former.1.into()).and_then(|at| i64::try_from(at).ok());
        let process = (pid, start.ok_or_else(wrong)?);
        if process < former && !come.is_empty() {
            return Err(wrong());
        }
        come.push(process);
        former = process;
    }
    Ok(come)
}
