//! `GET /metrics`: how the hub itself does, for Prometheus and its kin.
//!
//! It is about all servers together, so it is told to those alone who see all of them; for
//! everybody else there is nothing.

mod rules;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use watchfire_api::exposition::{Format, Readings, Renderer, negotiate};
use watchfire_model::{Metric, MetricKind, Schema, SeriesKey, Tick};

use super::AppState;
use super::asker::Asker;
use super::reply::Refusal;
use crate::alerts::AlertCounts;
use crate::outgoing::Figures;

/// What is told of each store that the history is handed over to.
const OF_HAND_OVERS: [Told<Figures>; 6] = [
    Told {
        name: "watchfire_remote_write_samples_sent_total",
        help: "Samples that the store took.",
        kind: MetricKind::Counter,
        value: |figures| figures.counted.sent as f64,
    },
    Told {
        name: "watchfire_remote_write_samples_refused_total",
        help: "Samples that the store will never take: they are left out there.",
        kind: MetricKind::Counter,
        value: |figures| figures.counted.refused as f64,
    },
    Told {
        name: "watchfire_remote_write_failed_tries_total",
        help: "Requests that were not taken and are sent again.",
        kind: MetricKind::Counter,
        value: |figures| figures.counted.retries as f64,
    },
    Told {
        name: "watchfire_remote_write_unsent_seconds_total",
        help: "Time of servers whose ticks the disk's cap took before they were handed over.",
        kind: MetricKind::Counter,
        value: |figures| figures.counted.taken_ms as f64 / 1000.0,
    },
    Told {
        name: "watchfire_remote_write_lag_seconds",
        help: "From the oldest moment that waits to the newest, of the server farthest behind.",
        kind: MetricKind::Gauge,
        value: |figures| figures.lag_ms as f64 / 1000.0,
    },
    Told {
        name: "watchfire_remote_write_servers_waiting",
        help: "Servers of which something waits to be handed over.",
        kind: MetricKind::Gauge,
        value: |figures| figures.servers as f64,
    },
];

/// What is told of alerts.
const OF_ALERTS: [Told<AlertCounts>; 5] = [
    Told {
        name: "watchfire_alerts_firing",
        help: "Alerts that fire.",
        kind: MetricKind::Gauge,
        value: |counts| counts.firing as f64,
    },
    Told {
        name: "watchfire_alert_news_untold",
        help: "What users are still to be told of alerts, muted or not, one for each user and alert.",
        kind: MetricKind::Gauge,
        value: |counts| counts.untold as f64,
    },
    Told {
        name: "watchfire_alert_letters_total",
        help: "Letters about alerts that were written into the outbox.",
        kind: MetricKind::Counter,
        value: |counts| counts.letters as f64,
    },
    Told {
        name: "watchfire_alerts_left_out_total",
        help: "Alerts that were not taken: there were too many, or they were too large.",
        kind: MetricKind::Counter,
        value: |counts| counts.left_out as f64,
    },
    Told {
        name: "watchfire_alerts_not_stored_total",
        help: "Changes of alerts that could not be stored in any way.",
        kind: MetricKind::Counter,
        value: |counts| counts.not_stored as f64,
    },
];

/// A metric, and where its value is.
struct Told<T> {
    name: &'static str,
    help: &'static str,
    kind: MetricKind,
    value: fn(&T) -> f64,
}

/// Answers a scrape.
pub(super) async fn metrics(
    State(app): State<AppState>,
    asker: Asker,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let mut text = Text::default();
    if asker.account.scope.is_everything() {
        text.add_hand_overs(&app.parts.hand_overs.figures().await.map_err(Refusal::fault)?);
        text.add_alerts(&app.parts.alerts.counts());
        rules::add(&mut text, &app.parts.rules);
    }
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let format = negotiate(accept);
    let kind = [(header::CONTENT_TYPE, format.content_type())];
    Ok((kind, text.exposition(format)).into_response())
}

/// What is told, metric by metric.
struct Text {
    schema: Schema,
    tick: Tick,
    metrics: Vec<Metric>,
}

impl Default for Text {
    fn default() -> Self {
        let tick = Tick { generation: 1, ..Tick::default() };
        Self { schema: Schema::new(1), tick, metrics: Vec::new() }
    }
}

impl Text {
    fn add_hand_overs(&mut self, hand_overs: &[Figures]) {
        for told in &OF_HAND_OVERS {
            let rows = hand_overs.iter().map(|one| ([("url", one.url.as_str())], one));
            self.add(told, rows);
        }
    }

    fn add_alerts(&mut self, counts: &AlertCounts) {
        for told in &OF_ALERTS {
            self.add(told, [([], counts)].into_iter());
        }
    }

    /// A metric, and its value for each row.
    fn add<'a, T: 'a, const N: usize>(
        &mut self,
        told: &Told<T>,
        rows: impl Iterator<Item = ([(&'a str, &'a str); N], &'a T)>,
    ) {
        for (labels, row) in rows {
            let key = SeriesKey::new(told.name, labels);
            self.schema.push(key.expect("the names are ours, and good"));
            self.tick.values.push((told.value)(row));
        }
        let (name, help) = (told.name.into(), told.help.into());
        self.metrics.push(Metric { name, help, kind: told.kind });
    }

    fn exposition(&self, format: Format) -> Vec<u8> {
        let mut text = Vec::new();
        let Self { schema, tick, metrics } = self;
        Renderer::default().render(&Readings { schema, metrics, tick }, format, &mut text);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outgoing::Counted;

    #[test]
    fn each_store_has_its_figures() {
        let figures = |url: &str, sent: u64| Figures {
            url: url.to_owned(),
            lag_ms: 2500,
            servers: 3,
            counted: Counted { sent, refused: 1, retries: 2, taken_ms: 61_000 },
        };
        let both = [figures("https://one.test/w", 10), figures("https://two.test/w", 20)];
        let mut told = Text::default();
        told.add_hand_overs(&both);
        let text = String::from_utf8(told.exposition(Format::Text)).expect("text");
        for line in [
            "# TYPE watchfire_remote_write_samples_sent_total counter",
            "watchfire_remote_write_samples_sent_total{url=\"https://one.test/w\"} 10",
            "watchfire_remote_write_samples_sent_total{url=\"https://two.test/w\"} 20",
            "watchfire_remote_write_samples_refused_total{url=\"https://one.test/w\"} 1",
            "watchfire_remote_write_failed_tries_total{url=\"https://one.test/w\"} 2",
            "watchfire_remote_write_unsent_seconds_total{url=\"https://one.test/w\"} 61",
            "# TYPE watchfire_remote_write_lag_seconds gauge",
            "watchfire_remote_write_lag_seconds{url=\"https://two.test/w\"} 2.5",
            "watchfire_remote_write_servers_waiting{url=\"https://two.test/w\"} 3",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} is not in {text}");
        }
        assert!(Text::default().exposition(Format::Text).is_empty());
    }

    #[test]
    fn alerts_have_their_figures() {
        let counts = AlertCounts { firing: 3, untold: 2, letters: 9, left_out: 1, not_stored: 4 };
        let mut told = Text::default();
        told.add_alerts(&counts);
        let text = String::from_utf8(told.exposition(Format::Text)).expect("text");
        for line in [
            "# TYPE watchfire_alerts_firing gauge",
            "watchfire_alerts_firing 3",
            "watchfire_alert_news_untold 2",
            "watchfire_alert_letters_total 9",
            "watchfire_alerts_left_out_total 1",
            "watchfire_alerts_not_stored_total 4",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} is not in {text}");
        }
    }
}
