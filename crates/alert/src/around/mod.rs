//! What the hub knows of the time around some news: the last minute as small pictures, the
//! processes an hour before, and what the kernel told.

mod curve;
mod picture;
mod png;
mod spark;

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde::Serialize;
use watchfire_model::{Moment, ProcessTable};

use crate::view::{self, Process, Row};
use crate::{clean, human};

pub use curve::{Curve, CurveKind, curves};

/// How many lines of what changed a letter has; the latest ones.
const MAX_CHANGES: usize = 8;
/// The most that the pictures of a letter may take together, in bytes of the letter.
const MAX_PICTURES: usize = 64 * 1024;

/// The time around some news of one server.
#[derive(Debug, Clone, Default)]
pub struct Around {
    /// The last minute before the news.
    pub curves: Vec<Curve>,
    /// When the curves end, in Unix milliseconds by the server's clock.
    pub until_ms: i64,
    /// The last process table.
    pub processes: Option<Arc<ProcessTable>>,
    /// The one of an hour before.
    pub hour_ago: Option<Arc<ProcessTable>>,
    /// What the server told of the last hour, oldest first.
    pub changes: Vec<Change>,
}

/// Something that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// When, in Unix milliseconds.
    pub at_ms: i64,
    /// What, in words from outside.
    pub text: String,
}

/// What a template shows of it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct AroundView {
    minute_title: String,
    minute: Vec<CurveView>,
    changes: Vec<Row>,
}

/// One curve in words, as a line of text and as a picture.
#[derive(Debug, Serialize)]
struct CurveView {
    label: &'static str,
    /// As wide as all labels, for a text.
    padded: String,
    spark: String,
    words: String,
    /// A picture within the letter; empty for none.
    picture: String,
}

impl AroundView {
    pub(crate) fn of(around: Option<&Around>, zone: &TimeZone) -> Self {
        let Some(around) = around else { return Self::default() };
        let mut room = MAX_PICTURES;
        let minute: Vec<CurveView> =
            around.curves.iter().filter_map(|curve| CurveView::of(curve, &mut room)).collect();
        let until = Moment { unix_ms: around.until_ms, ..Moment::default() };
        let hidden = around.changes.len().saturating_sub(MAX_CHANGES);
        let change = |change: &Change| {
            let at = Moment { unix_ms: change.at_ms, ..Moment::default() };
            Row {
                label: human::time_of_day(at, zone),
                value: clean(&change.text, view::MAX_SENTENCE),
            }
        };
        Self {
            minute_title: format!("The last minute, up to {}", human::time_of_day(until, zone)),
            minute,
            changes: around.changes[hidden..].iter().map(change).collect(),
        }
    }

    /// All of it as lines.
    pub(crate) fn plain(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.minute.is_empty() {
            lines.push(self.minute_title.clone());
        }
        lines.extend(self.minute.iter().map(|curve| format!("{}: {}", curve.label, curve.words)));
        lines.extend(self.changes.iter().map(|row| format!("{}: {}", row.label, row.value)));
        lines
    }
}

impl CurveView {
    fn of(curve: &Curve, room: &mut usize) -> Option<Self> {
        let words = curve.words()?;
        let picture = picture::source(curve).filter(|picture| picture.len() <= *room);
        *room -= picture.as_ref().map_or(0, String::len);
        let label = curve.kind.label();
        Some(Self {
            label,
            padded: format!("{label:<CHARS$}", CHARS = CurveKind::LONGEST_LABEL),
            spark: spark::line(curve),
            words,
            picture: picture.unwrap_or_default(),
        })
    }
}

/// Says of each process what it used an hour before, where that table is there.
pub(crate) fn compare(processes: &mut [Process], around: Option<&Around>) {
    let Some(before) = around.and_then(|around| around.hour_ago.as_deref()) else { return };
    for process in processes {
        let then = before.processes.iter().find(|row| {
            row.pid == process.pid && row.start_time_ms.abs_diff(process.start_time_ms) < 2000
        });
        process.then = match then {
            Some(row) => {
                let cpu = row.cpu_percent.map_or_else(|| "–".to_owned(), human::percent);
                let memory = human::bytes(row.rss_bytes);
                match cpu == process.cpu && memory == process.memory {
                    true => "the same an hour ago".to_owned(),
                    false => format!("an hour ago {cpu} cpu, {memory}"),
                }
            }
            // Not every process of a busy server is in the table.
            None if process.start_time_ms > before.at.unix_ms => "not there an hour ago".to_owned(),
            None => String::new(),
        };
    }
}

#[cfg(test)]
mod tests;
