//! The rows of the design's table "Agent".

mod table;
mod ticks;
mod whole;
mod windows;

use std::io::Write;
use std::time::Instant;

use clap::ValueEnum;

use crate::field::Field;
use crate::{Arguments, page};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Row {
    /// CPU for node_exporter's default families
    Ticks,
    /// CPU of the whole agent
    Whole,
    /// The process table of a large machine
    Table,
    /// Memory
    Memory,
    /// How long `GET /metrics` takes
    Metrics,
    /// Bytes of the recorder
    Bytes,
}

impl Row {
    pub(crate) const ALL: [Self; 6] =
        [Self::Ticks, Self::Whole, Self::Table, Self::Memory, Self::Metrics, Self::Bytes];
}

/// Measures what was chosen, and prints each part as soon as it is known: a
/// long run that fails has not been for nothing.
pub(crate) fn measure(field: &Field, arguments: &Arguments) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut left_out = Vec::new();
    let chosen = |row| arguments.only.contains(&row);
    say(&page::head(arguments))?;
    if chosen(Row::Ticks) {
        say(&ticks::measure(field, arguments, &mut left_out)?)?;
    }
    if [Row::Whole, Row::Memory, Row::Metrics, Row::Bytes].into_iter().any(chosen) {
        whole::measure(field, arguments, &mut left_out)?;
    }
    if chosen(Row::Table) {
        table::measure(field, arguments, &mut left_out)?;
    }
    left_out.iter().try_for_each(|line| say(&format!("\n{line}\n")))?;
    say(&page::end(began.elapsed()))
}

/// Prints a part of the page.
fn say(text: &str) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    output.write_all(text.as_bytes())?;
    Ok(output.flush()?)
}
