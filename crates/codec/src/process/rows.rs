//! The rows of the table before, as both ends of a chain know them: sorted by
//! process, texts as numbers.

use super::columns::COLUMNS;

/// A cell; `None` where the field is not known. Floats are bit patterns, texts
/// their numbers.
pub(crate) type Cell = Option<u64>;

/// What identifies a process.
pub(crate) type Process = (u32, i64);

/// A row with everything that a table says of it.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) process: Process,
    /// A bit for each column: set where the cell is not known.
    unknown: u64,
    cells: [u64; COLUMNS],
}

const _: () = assert!(COLUMNS <= 64, "a bit for each column");

impl Row {
    /// A process that was not there before: zeros and empty texts.
    pub(crate) fn new(process: Process) -> Self {
        Self { process, unknown: 0, cells: [0; COLUMNS] }
    }

    pub(crate) fn cell(&self, column: usize) -> Cell {
        (self.unknown >> column & 1 == 0).then_some(self.cells[column])
    }

    pub(crate) fn set(&mut self, column: usize, cell: Cell) {
        self.unknown &= !(1 << column);
        self.unknown |= u64::from(cell.is_none()) << column;
        self.cells[column] = cell.unwrap_or(0);
    }
}

/// How the processes of one table come from those of the one before.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Turnover {
    /// Places in the table before, rising.
    pub(crate) gone: Vec<usize>,
    /// Sorted.
    pub(crate) come: Vec<Process>,
}

/// Compares two sorted lists of processes. The same process may be in a list
/// more than once, as far as this crate is concerned.
pub(crate) fn turnover(before: &[Row], now: impl Iterator<Item = Process>) -> Turnover {
    let mut turnover = Turnover::default();
    let mut at = 0;
    for process in now {
        while before.get(at).is_some_and(|row| row.process < process) {
            turnover.gone.push(at);
            at += 1;
        }
        if before.get(at).is_some_and(|row| row.process == process) {
            at += 1;
        } else {
            turnover.come.push(process);
        }
    }
    turnover.gone.extend(at..before.len());
    turnover
}

/// Carries out a turnover; `gone` is rising and within `rows`, `come` sorted.
pub(crate) fn turn(rows: Vec<Row>, turnover: &Turnover) -> Vec<Row> {
    let mut gone = turnover.gone.iter().peekable();
    let stay = rows.into_iter().enumerate();
    let mut stay = stay
        .filter(|(at, _)| gone.next_if(|&gone| gone == at).is_none())
        .map(|(_, row)| row)
        .peekable();
    let mut turned = Vec::new();
    for &process in &turnover.come {
        while let Some(row) = stay.next_if(|row| row.process <= process) {
            turned.push(row);
        }
        turned.push(Row::new(process));
    }
    turned.extend(stay);
    turned
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn processes() -> impl Strategy<Value = Vec<Process>> {
        prop::collection::vec((0..6_u32, 0..3_i64), 0..12).prop_map(|mut list| {
            list.sort_unstable();
            list
        })
    }

    proptest! {
        #[test]
        fn a_turnover_leads_from_one_table_to_the_next(before in processes(), now in processes()) {
            let rows: Vec<Row> = before.iter().map(|process| Row::new(*process)).collect();
            let turnover = turnover(&rows, now.iter().copied());
            let turned = turn(rows, &turnover);
            prop_assert_eq!(turned.iter().map(|row| row.process).collect::<Vec<_>>(), now.clone());
            prop_assert!(turnover.come.len() <= now.len());
            if before == now {
                prop_assert_eq!(turnover, Turnover::default());
            }
        }
    }
}
