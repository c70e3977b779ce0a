//! `GET /metrics`: how the hub itself does, for Prometheus and its kin.
//!
//! It is about all servers together, so it is told to those alone who see all of them; for
//! everybody else there is nothing.

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

impl<T> Told<T> {
    fn metric(&self) -> Metric {
        Metric { name: self.name.into(), help: self.help.into(), kind: self.kind }
    }
}

/// Answers a scrape.
pub(super) async fn metrics(
    State(app): State<AppState>,
    asker: Asker,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let (hand_overs, alerts) = if asker.account.scope.is_everything() {
        let hand_overs = app.parts.hand_overs.figures().await.map_err(Refusal::fault)?;
        (hand_overs, Some(app.parts.alerts.counts()))
    } else {
        (Vec::new(), None)
    };
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let format = negotiate(accept);
    let kind = [(header::CONTENT_TYPE, format.content_type())];
    Ok((kind, exposition(&hand_overs, alerts.as_ref(), format)).into_response())
}

fn exposition(hand_overs: &[Figures], alerts: Option<&AlertCounts>, format: Format) -> Vec<u8> {
    let mut schema = Schema::new(1);
    let mut tick = Tick { generation: 1, ..Tick::default() };
    for told in &OF_HAND_OVERS {
        for one in hand_overs {
            let key = SeriesKey::new(told.name, [("url", one.url.as_str())]);
            schema.push(key.expect("the names are ours, and good"));
            tick.values.push((told.value)(one));
        }
    }
    for (told, counts) in OF_ALERTS.iter().flat_map(|told| alerts.map(|counts| (told, counts))) {
        schema.push(SeriesKey::new(told.name, []).expect("the names are ours, and good"));
        tick.values.push((told.value)(counts));
    }
    let metrics = OF_HAND_OVERS.iter().map(Told::metric);
    let metrics: Vec<Metric> = metrics.chain(OF_ALERTS.iter().map(Told::metric)).collect();
    let mut text = Vec::new();
    let readings = Readings { schema: &schema, metrics: &metrics, tick: &tick };
    Renderer::default().render(&readings, format, &mut text);
    text
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
        let text = String::from_utf8(exposition(&both, None, Format::Text)).expect("text");
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
        assert!(exposition(&[], None, Format::Text).is_empty());
    }

    #[test]
    fn alerts_have_their_figures() {
        let counts = AlertCounts { firing: 3, untold: 2, letters: 9, left_out: 1, not_stored: 4 };
        let text = exposition(&[], Some(&counts), Format::Text);
        let text = String::from_utf8(text).expect("text");
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
