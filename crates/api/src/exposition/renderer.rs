use watchfire_model::{Metric, Schema, Tick};

use super::Format;
use super::layout::Layout;
use super::number::write_number;

/// The most bytes of one exposition, before compression. A thousand series
/// take about 100 KB.
pub const MAX_EXPOSITION_BYTES: usize = 4 << 20;

/// What is rendered.
#[derive(Debug, Clone, Copy)]
pub struct Readings<'a> {
    /// The series.
    pub schema: &'a Schema,
    /// What is told of their metrics. A metric that is missing here has no help
    /// and no known type.
    pub metrics: &'a [Metric],
    /// The values.
    pub tick: &'a Tick,
}

/// What became of a rendering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rendered {
    /// Series that were written.
    pub series: usize,
    /// Series whose metric there was no room for below the limit.
    pub left_out: usize,
}

/// Writes expositions of one server. What does not change between two ticks is
/// made once for a schema and kept.
#[derive(Debug)]
pub struct Renderer {
    limit: usize,
    known: Option<Known>,
    layout: Layout,
}

/// By what a schema is known again: within a generation it only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    generation: u64,
    series: usize,
    metrics: usize,
}

impl Default for Renderer {
    fn default() -> Self {
        Self::new(MAX_EXPOSITION_BYTES)
    }
}

impl Renderer {
    /// A renderer whose expositions have at most `limit` bytes. Where that is
    /// not enough, whole metrics are left out, so that what is there is valid.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, known: None, layout: Layout::default() }
    }

    /// Forgets the schema. To be called when the next one may have the same
    /// generation and length as the last and other keys all the same, as after
    /// a restart of what makes them.
    pub fn forget(&mut self) {
        self.known = None;
    }

    /// Appends an exposition to `out`. A tick of another generation than the
    /// schema has none of its values.
    ///
    /// OpenMetrics knows no count that is below zero or not a number, so there
    /// the series of counters with such values are absent.
    pub fn render(
        &mut self,
        readings: &Readings<'_>,
        format: Format,
        out: &mut Vec<u8>,
    ) -> Rendered {
        self.learn(readings, format);
        let limit = self.limit.saturating_sub(format.end().len());
        let (mut rendered, begin) = (Rendered::default(), out.len());
        if readings.tick.generation == readings.schema.generation() {
            for place in 0..self.layout.families() {
                let before = out.len();
                let series = self.family(place, readings.tick, format, out);
                if out.len() - begin > limit {
                    out.truncate(before);
                    rendered.left_out += series;
                } else {
                    rendered.series += series;
                }
            }
        }
        out.extend_from_slice(format.end());
        rendered
    }

    fn learn(&mut self, readings: &Readings<'_>, format: Format) {
        let Readings { schema, metrics, .. } = readings;
        let (generation, series) = (schema.generation(), schema.len());
        let known = Some(Known { generation, series, metrics: metrics.len() });
        if self.known != known {
            self.layout = Layout::new(schema);
            self.known = known;
        }
        self.layout.complete(schema, metrics, format);
    }

    /// Appends one family, and returns how many of its series have a value.
    fn family(&self, place: usize, tick: &Tick, format: Format, out: &mut Vec<u8>) -> usize {
        let Some(family) = self.layout.family(place, format) else { return 0 };
        let mut series = 0;
        for line in family.lines {
            let (number, text) = self.layout.line(line);
            let Some(value) = tick.value(number) else { continue };
            if family.strict && (value.is_nan() || value < 0.0) {
                continue;
            }
            if series == 0 {
                out.extend_from_slice(family.head);
            }
            series += 1;
            out.extend_from_slice(text);
            write_number(value, out);
            out.push(b'\n');
        }
        series
    }
}
