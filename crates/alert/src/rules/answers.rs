//! The answers to one question at many moments, asked for in large pieces.

use std::vec;

use watchfire_promql::{Query, Sample, Series, Value};

use super::evaluate::{Asked, Scene};

/// How many moments are asked about at once.
const PIECE: i64 = 1_000;

/// Moments in Unix milliseconds, evenly apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// The first moment.
    pub from_ms: i64,
    /// No moment is later.
    pub until_ms: i64,
    /// How far they are apart; more than nothing.
    pub step_ms: i64,
}

impl Stage {
    /// Each moment, in order.
    pub(super) fn moments(self) -> impl Iterator<Item = i64> {
        let next = move |at: &i64| at.checked_add(self.step_ms).filter(|at| *at <= self.until_ms);
        std::iter::successors(Some(self.from_ms).filter(|at| *at <= self.until_ms), next)
    }

    /// The same moments, that much earlier.
    pub(super) fn earlier(self, by_ms: i64) -> Self {
        let earlier = |ms: i64| ms.saturating_sub(by_ms);
        Self { from_ms: earlier(self.from_ms), until_ms: earlier(self.until_ms), ..self }
    }
}

/// Answers moment by moment.
pub(super) struct Answers<'a> {
    query: &'a Query,
    stage: Stage,
    scene: &'a Scene<'a>,
    piece: Piece,
    /// The last moment of the piece.
    until_ms: i64,
    /// Something that the piece asks for could not be read.
    incomplete: bool,
    parts: u32,
}

/// The answers to some moments.
enum Piece {
    /// What is left of each series.
    Columns(Vec<Column>),
    /// They cannot be had together, so each moment is asked about by itself.
    OneByOne,
}

struct Column {
    labels: watchfire_model::LabelSet,
    left: std::iter::Peekable<std::iter::Zip<vec::IntoIter<i64>, vec::IntoIter<f64>>>,
}

impl<'a> Answers<'a> {
    pub(super) fn of(query: &'a Query, stage: Stage, scene: &'a Scene<'a>) -> Self {
        let (piece, until_ms) = (Piece::OneByOne, i64::MIN);
        Self { query, stage, scene, piece, until_ms, incomplete: false, parts: 1 }
    }

    /// The answer at a moment of the stage, later than the one before.
    pub(super) fn at(&mut self, at_ms: i64) -> Result<Asked, String> {
        if at_ms > self.until_ms {
            self.ask(at_ms);
        }
        match &mut self.piece {
            Piece::Columns(columns) => {
                let samples = columns.iter_mut().filter_map(|column| column.at(at_ms)).collect();
                Ok(Asked { samples, incomplete: self.incomplete })
            }
            Piece::OneByOne => self.scene.ask(self.query, at_ms, &mut self.parts),
        }
    }

    fn ask(&mut self, from_ms: i64) {
        let Stage { step_ms, until_ms, .. } = self.stage;
        self.until_ms = from_ms.saturating_add(step_ms.saturating_mul(PIECE - 1)).min(until_ms);
        let range = (from_ms, self.until_ms, step_ms);
        let Scene { source, limits, out_of_time, .. } = *self.scene;
        // An error at one moment is one of the whole range.
        let answer = (!knows_the_range(self.query))
            .then(|| self.query.range(source, range, &limits, out_of_time))
            .and_then(Result::ok);
        self.incomplete = answer.as_ref().is_some_and(|answer| answer.incomplete);
        self.piece = match answer.map(|answer| answer.value) {
            Some(Value::Matrix(series)) => {
                Piece::Columns(series.into_iter().map(Column::of).collect())
            }
            _ => Piece::OneByOne,
        };
    }
}

/// True when the answer at one moment depends on which moments are asked about with it. A label
/// that only looks so makes it slower.
fn knows_the_range(query: &Query) -> bool {
    let text = query.to_string();
    text.contains("@ start()") || text.contains("@ end()")
}

impl Column {
    fn of(series: Series) -> Self {
        let left = series.times.into_iter().zip(series.values).peekable();
        Self { labels: series.labels, left }
    }

    fn at(&mut self, at_ms: i64) -> Option<Sample> {
        while self.left.next_if(|(time, _)| *time < at_ms).is_some() {}
        let (_, value) = self.left.next_if(|(time, _)| *time == at_ms)?;
        Some(Sample { labels: self.labels.clone(), at_ms, value })
    }
}
