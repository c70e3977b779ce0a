mod golden;
mod properties;
mod reader;

use watchfire_model::{Metric, MetricKind, Moment, Schema, SeriesKey, Tick};

use super::{Format, Readings, Rendered, Renderer};

/// A schema, what is told of its metrics, and a tick.
#[derive(Debug, Clone, Default)]
struct Machine {
    schema: Schema,
    metrics: Vec<Metric>,
    tick: Tick,
}

impl Machine {
    fn new(generation: u64) -> Self {
        let tick = Tick { generation, at: Moment::default(), values: Vec::new() };
        Self { schema: Schema::new(generation), metrics: Vec::new(), tick }
    }

    fn metric(&mut self, name: &str, kind: MetricKind, help: &str) {
        self.metrics.push(Metric { name: name.into(), help: help.into(), kind });
    }

    fn put(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.schema.push(SeriesKey::new(name, labels.iter().copied()).unwrap());
        self.tick.values.push(value);
    }

    fn readings(&self) -> Readings<'_> {
        Readings { schema: &self.schema, metrics: &self.metrics, tick: &self.tick }
    }

    fn render(&self, renderer: &mut Renderer, format: Format) -> (String, Rendered) {
        let mut out = Vec::new();
        let rendered = renderer.render(&self.readings(), format, &mut out);
        (String::from_utf8(out).unwrap(), rendered)
    }

    fn text(&self, format: Format) -> String {
        self.render(&mut Renderer::default(), format).0
    }
}
