use std::ops::Range;

use watchfire_model::SeriesKey;
use watchfire_store::block::Columns;

use crate::questions::PIECES;
use crate::recording::Recording;

const HOUR_MS: i64 = 3_600_000;

/// When the fleet told, and how many seconds of the recording each server has.
pub(super) struct Span {
    pub(super) begin_ms: i64,
    pub(super) seconds: usize,
}

impl Span {
    /// So long ago that everything that is due later is due now: blocks are cut at the hours of
    /// the clock, and windows are made of six of them.
    pub(super) fn before(now_ms: i64, seconds: usize) -> Self {
        let begin_ms = (now_ms - 8 * HOUR_MS) / (6 * HOUR_MS) * 6 * HOUR_MS;
        Self { begin_ms, seconds }
    }

    pub(super) fn end_ms(&self) -> i64 {
        self.begin_ms + self.seconds as i64 * 1000
    }
}

/// The recording as of several machines.
pub(super) struct Pieces {
    keys: Vec<SeriesKey>,
    columns: Vec<Columns>,
}

impl Pieces {
    pub(super) fn of(recording: &Recording) -> Self {
        let (all, whole) = (recording.select(|_| true), 0..recording.len());
        let piece = |piece: usize| recording.cut(&all, whole.clone(), 1, piece as u64 + 1);
        Self {
            keys: (0..recording.names.len()).map(|number| recording.key(number)).collect(),
            columns: (0..PIECES).map(piece).collect(),
        }
    }

    fn seconds(&self) -> usize {
        self.columns[0].timestamps.len()
    }
}

/// Servers that are varied from one recording: each has a stretch of it that begins elsewhere,
/// of one of several pieces whose counters begin elsewhere, at their own decimals.
pub(super) struct Fleet<'a> {
    pub(super) servers: usize,
    pub(super) span: &'a Span,
    pieces: &'a Pieces,
    /// Whether a series is one of the fleet's, by its number.
    wanted: Vec<bool>,
    step: usize,
    /// How far into the recording a stretch may begin.
    room: usize,
}

/// Some ticks of one server.
pub(super) struct Told {
    pub(super) timestamps: Vec<i64>,
    pub(super) series: Vec<(SeriesKey, Vec<f64>)>,
}

impl<'a> Fleet<'a> {
    /// Every `step`-th tick, of these series.
    pub(super) fn new(
        pieces: &'a Pieces,
        series: &[usize],
        step: usize,
        servers: usize,
        span: &'a Span,
    ) -> Self {
        let mut wanted = vec![false; pieces.keys.len()];
        series.iter().for_each(|&number| wanted[number] = true);
        let room = pieces.seconds() - span.seconds;
        Self { servers, span, pieces, wanted, step, room }
    }

    /// How many ticks each server has.
    pub(super) fn ticks(&self) -> usize {
        self.span.seconds / self.step
    }

    /// What a server told in these ticks.
    pub(super) fn told(&self, server: usize, ticks: Range<usize>) -> Told {
        let piece = &self.pieces.columns[server % PIECES];
        let first = server * 7919 % (self.room + 1);
        let shift = self.span.begin_ms - piece.timestamps[first];
        let at = |tick: usize| first + tick * self.step;
        let values = |all: &[f64]| ticks.clone().map(|tick| all[at(tick)]).collect();
        let series = piece.series.iter().filter(|(number, _)| self.wanted[*number as usize]);
        let keyed = series.map(|(number, all)| (&self.pieces.keys[*number as usize], all));
        Told {
            timestamps: ticks.clone().map(|tick| piece.timestamps[at(tick)] + shift).collect(),
            series: keyed.map(|(key, all)| (key.clone(), values(all))).collect(),
        }
    }
}

pub(super) fn name(server: usize) -> String {
    format!("server-{server}")
}
