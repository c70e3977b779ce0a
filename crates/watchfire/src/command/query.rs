mod table;

use std::time::Duration;

use anyhow::bail;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use watchfire_runtime::Clock;
use watchfire_runtime::config::{Located, Place, duration};

use super::block_on;
use super::past::local;
use crate::hub_client::{Answer, Hub, Question, encoded, seconds};
use crate::{screen, when};
use table::{Many, One};

/// How many rows a range has where no step is named.
const USUAL_STEPS: i64 = 60;

#[derive(clap::Args)]
#[command(
    after_help = "  watchfire query 'topk(5, sum by (instance) (rate(node_cpu_seconds_total[1m])))'\n  \
    watchfire query node_load1 --from -6h --step 10m\n\nThe language is that of Prometheus 3. Log \
    in first: watchfire login HUB"
)]
pub(super) struct Query {
    /// The question
    #[arg(value_name = "PROMQL")]
    text: String,
    /// The moment [default: now]: 03:12, "yesterday 14:00", -1h30m, or RFC 3339
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, conflicts_with = "from")]
    at: Option<String>,
    /// Ask for every step from this time on
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// Up to this time [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, requires = "from")]
    to: Option<String>,
    /// The step, as in 15s or 5m [default: what makes 60 rows]
    #[arg(long, value_name = "DURATION", requires = "from")]
    step: Option<String>,
    /// The hub, as it was named to `watchfire login` [default: that of the last login]
    #[arg(long, value_name = "HUB")]
    hub: Option<String>,
    /// Print the hub's JSON, which is Prometheus'
    #[arg(long)]
    json: bool,
}

/// What the hub answers; the shape is Prometheus'.
#[derive(Deserialize)]
struct Reply {
    data: Option<Data>,
    error: Option<String>,
    #[serde(rename = "errorType")]
    kind: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Vector(Vec<One>),
    Matrix(Vec<Many>),
    Scalar(table::Point),
    String(table::Point),
}

impl Query {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let clock = Clock::system();
        let now = Timestamp::from_millisecond(clock.now().unix_ms)?;
        let target = self.target(now)?;
        let hub = Hub::known(self.hub.as_deref(), &clock)?;
        let answer = block_on(hub.send(&Question::get(&target)))?;
        let reply = understood(&hub, &answer)?;
        for words in reply.warnings.iter().chain(&reply.infos) {
            eprintln!("warning: {}", screen::line(words));
        }
        if self.json {
            return screen::print_json(&hub.read::<serde_json::Value>(&answer)?);
        }
        let Some(data) = reply.data else { bail!("{} gave no answer", hub.address()) };
        if data.is_empty() {
            eprintln!("No series fits.");
        }
        screen::print(&text(&data))
    }

    /// The path of the question, with its query.
    fn target(&self, now: Timestamp) -> anyhow::Result<String> {
        let zone = TimeZone::system();
        let read = |text: &str| when::past(text, now, &zone);
        let question = encoded(&self.text);
        let Some(from) = &self.from else {
            let at = self.at.as_deref().map_or(Ok(now.as_millisecond()), read)?;
            return Ok(format!("/api/v1/query?query={question}&time={}", seconds(at)));
        };
        let from = read(from)?;
        let to = self.to.as_deref().map_or(Ok(now.as_millisecond()), read)?;
        if from > to {
            bail!("--from is after --to\n  hint: name the earlier time with --from");
        }
        let step = match &self.step {
            Some(text) => step_of(text)?,
            None => usual_step(to - from),
        };
        Ok(format!(
            "/api/v1/query_range?query={question}&start={}&end={}&step={}",
            seconds(from),
            seconds(to),
            step.as_secs_f64()
        ))
    }
}

pub(super) fn step_of(text: &str) -> anyhow::Result<Duration> {
    let place = Place::Flag("--step".to_owned());
    let step = duration(&Located { value: text.to_owned(), place })?;
    if step.is_zero() {
        bail!("--step is zero\n  hint: name a length of time, as in 15s");
    }
    Ok(step)
}

/// Whole seconds that make some sixty rows of `span_ms`.
fn usual_step(span_ms: i64) -> Duration {
    let seconds = (span_ms / 1000).div_euclid(USUAL_STEPS).max(1);
    Duration::from_secs(seconds.unsigned_abs())
}

/// The reply; a hub's no is an error in its words.
fn understood(hub: &Hub, answer: &Answer) -> anyhow::Result<Reply> {
    let Ok(reply) = serde_json::from_slice::<Reply>(&answer.body) else {
        bail!("{}", hub.words(answer));
    };
    match (&reply.error, answer.status) {
        (Some(error), _) => {
            let kind = reply.kind.as_deref().unwrap_or("error");
            bail!("{}: {}", screen::line(kind), screen::line(error))
        }
        (None, 200) => Ok(reply),
        _ => bail!("{}", hub.words(answer)),
    }
}

impl Data {
    fn is_empty(&self) -> bool {
        match self {
            Self::Vector(series) => series.is_empty(),
            Self::Matrix(series) => series.is_empty(),
            Self::Scalar(_) | Self::String(_) => false,
        }
    }
}

fn text(data: &Data) -> String {
    match data {
        Data::Vector(series) => table::vector(series),
        Data::Matrix(series) => table::matrix(series, local),
        Data::Scalar((_, value)) | Data::String((_, value)) => format!("{value}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(from: Option<&str>, to: Option<&str>, step: Option<&str>) -> Query {
        let own = |text: Option<&str>| text.map(str::to_owned);
        let (from, to, step) = (own(from), own(to), own(step));
        Query { text: "up == 1".to_owned(), at: None, from, to, step, hub: None, json: false }
    }

    fn target(query: &Query) -> anyhow::Result<String> {
        query.target("2023-11-14T22:13:20Z".parse().expect("a time"))
    }

    #[test]
    fn questions_become_addresses() {
        let asked = |query: &Query| target(query).expect("a good question");
        let instant = "/api/v1/query?query=up%20%3D%3D%201&time=1700000000.000";
        assert_eq!(asked(&query(None, None, None)), instant);
        let range = "/api/v1/query_range?query=up%20%3D%3D%201";
        let expected = format!("{range}&start=1699996400.000&end=1700000000.000&step=60");
        assert_eq!(asked(&query(Some("-1h"), None, None)), expected);
        let expected = format!("{range}&start=1699996400.000&end=1699999940.000&step=0.5");
        assert_eq!(asked(&query(Some("-1h"), Some("-1m"), Some("500ms"))), expected);
        let expected = format!("{range}&start=1699999990.000&end=1700000000.000&step=1");
        assert_eq!(asked(&query(Some("-10s"), None, None)), expected);
    }

    #[test]
    fn what_cannot_be_asked_is_told() {
        for (bad, words) in [
            (query(Some("-1h"), Some("-2h"), None), "--from is after --to"),
            (query(Some("noon"), None, None), "is no time"),
            (query(Some("-1h"), None, Some("soon")), "--step"),
            (query(Some("-1h"), None, Some("0s")), "--step"),
        ] {
            let error = format!("{:#}", target(&bad).expect_err(words));
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn prometheus_shapes_are_understood() {
        for (json, shown) in [
            (r#"{"resultType":"scalar","result":[1700000000,"1.5"]}"#, "1.5\n"),
            (r#"{"resultType":"string","result":[1700000000.25,"word"]}"#, "word\n"),
            (
                r#"{"resultType":"vector","result":[{"metric":{"__name__":"up","instance":"a"},"value":[1700000000,"1"]}]}"#,
                "metric  instance  value\nup      a         1\n",
            ),
        ] {
            let data: Data = serde_json::from_str(json).expect(json);
            assert_eq!(text(&data), shown);
        }
    }
}
