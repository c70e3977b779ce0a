use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use watchfire_api::past::{RangeReply, RangeSeries};
use watchfire_model::{
    FoundSeries, Hint, MatchOp, Matcher, NAME_LABEL, Selection, SeriesSource, SourceError,
};
use watchfire_promql::parse_selector;

use super::super::AppState;
use super::super::asker::Asker;
use super::super::reply::Refusal;
use super::thin::{Thinned, thin};
use super::{bad, span};

/// The time that is shown when the caller does not say.
const USUAL_SPAN: Duration = Duration::from_secs(3600);
/// Buckets when the caller does not say, and at most.
const USUAL_POINTS: i64 = 500;
const MAX_POINTS: i64 = 2000;
/// Selectors of one question.
const MAX_SELECTORS: usize = 16;
/// Series of one selector.
const MAX_SERIES: usize = 200;
/// Samples that are read for one selector.
const MAX_SAMPLES: usize = 4_000_000;
/// Values of an answer, over all series: about 4 MB of JSON.
const MAX_VALUES: usize = 150_000;
/// The label that names the server.
const INSTANCE: &str = "instance";

const HINT: &str = "use series=SELECTOR (several times if you like), from=MOMENT, to=MOMENT and \
    points=NUMBER, as in series=node_load1&from=-6h&points=500";

/// What `GET /api/servers/{name}/range` is asked.
#[derive(Debug)]
struct Question {
    selectors: Vec<Vec<Matcher>>,
    from_ms: i64,
    to_ms: i64,
    bucket_ms: i64,
}

/// `GET /api/servers/{name}/range?series=SELECTOR&from=&to=&points=`: series for curves,
/// thinned so that the least and the greatest value of each bucket stay.
pub(in crate::http) async fn range(
    State(app): State<AppState>,
    asker: Asker,
    Path(name): Path<String>,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Json<RangeReply>, Refusal> {
    let index = app.server_in(&asker.account.scope, &name)?;
    let Query(pairs) = query.map_err(|error| bad(format!("{}: {HINT}", error.body_text())))?;
    let server = app.parts.fleet.config(index).server.name.clone();
    let now_ms = app.parts.clock.now().unix_ms;
    let question = Question::read(&pairs, server.as_str(), now_ms)?;
    let scope = asker.account.scope.clone();
    let name = server.to_string();
    let sources = app.parts.sources.clone();
    let answer = app.parts.past.ask(move |_, over| question.answer(name, &*sources(&scope), over));
    Ok(Json(answer.await?))
}

impl Question {
    fn read(pairs: &[(String, String)], server: &str, now_ms: i64) -> Result<Self, Refusal> {
        let (mut texts, mut from, mut to, mut points) = (Vec::new(), None, None, None);
        for (key, value) in pairs {
            let once = match key.as_str() {
                "series" => {
                    texts.push(value.as_str());
                    continue;
                }
                "from" => &mut from,
                "to" => &mut to,
                "points" => &mut points,
                other => return Err(bad(format!("{other:?} is not known here: {HINT}"))),
            };
            if once.replace(value.as_str()).is_some() {
                return Err(bad(format!("{key} comes twice: {HINT}")));
            }
        }
        if texts.is_empty() || texts.len() > MAX_SELECTORS {
            return Err(bad(format!("name 1 to {MAX_SELECTORS} series: {HINT}")));
        }
        let selectors =
            texts.into_iter().map(|text| selector(text, server)).collect::<Result<_, _>>()?;
        let (from_ms, to_ms) = span(from, to, USUAL_SPAN, now_ms)?;
        let points = points.map_or(Ok(USUAL_POINTS), |text| {
            let number = text.parse().ok().filter(|points| (1..=MAX_POINTS).contains(points));
            number.ok_or_else(|| bad(format!("points is a number from 1 to {MAX_POINTS}: {HINT}")))
        })?;
        let bucket_ms = to_ms.saturating_sub(from_ms).div_euclid(points).saturating_add(1);
        Ok(Self { selectors, from_ms, to_ms, bucket_ms })
    }

    fn answer(
        &self,
        server: String,
        source: &dyn SeriesSource,
        out_of_time: &dyn Fn() -> bool,
    ) -> Result<RangeReply, SourceError> {
        let (mut series, mut warnings, mut values) = (Vec::new(), Vec::new(), 0);
        for matchers in &self.selectors {
            let found = source.select(&Selection {
                matchers,
                after_ms: self.from_ms.saturating_sub(1),
                until_ms: self.to_ms,
                // Both ends of each bucket are kept, so all that lies in it is needed.
                hint: Hint { step_ms: self.bucket_ms, range_ms: self.bucket_ms, ..Hint::default() },
                max_series: MAX_SERIES,
                max_samples: MAX_SAMPLES,
                out_of_time,
            })?;
            warnings.extend(found.warnings);
            for one in found.items {
                if out_of_time() {
                    return Err(SourceError::OutOfTime);
                }
                let shown = self.thinned(&one);
                values += shown.values.len();
                if values > MAX_VALUES {
                    return Err(SourceError::TooManySamples { limit: MAX_VALUES });
                }
                series.push(shown);
            }
        }
        series.retain(|one| one.samples > 0);
        series.sort_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
        series.dedup_by(|a, b| (&a.name, &a.labels) == (&b.name, &b.labels));
        warnings.sort();
        warnings.dedup();
        Ok(RangeReply {
            server,
            from_unix_ms: self.from_ms,
            to_unix_ms: self.to_ms,
            bucket_ms: self.bucket_ms,
            series,
            warnings,
        })
    }

    fn thinned(&self, found: &FoundSeries) -> RangeSeries {
        let FoundSeries { labels, samples } = found;
        let own = |label: &str| matches!(label, NAME_LABEL | INSTANCE);
        let others = labels.iter().filter(|(label, _)| !own(label));
        let Thinned { samples, times, values, gaps } =
            thin(samples.times(), samples.values(), (self.from_ms, self.to_ms), self.bucket_ms);
        RangeSeries {
            name: labels.name().to_owned(),
            labels: others.map(|(label, value)| (label.to_owned(), value.to_owned())).collect(),
            samples,
            times_unix_ms: times,
            values,
            gaps,
        }
    }
}

/// The matchers of a selector, on this server alone.
fn selector(text: &str, server: &str) -> Result<Vec<Matcher>, Refusal> {
    let mut matchers = parse_selector(text)
        .map_err(|error| bad(format!("series={text:?} is no selector: {error}\n{HINT}")))?;
    let instance = Matcher::new(INSTANCE, MatchOp::Equal, server).map_err(Refusal::fault)?;
    matchers.push(instance);
    Ok(matchers)
}

#[cfg(test)]
mod tests {
    use watchfire_promql::memory::MemorySource;

    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    /// `load` of web-1 once a second over ten minutes, with an outage of two in the middle,
    /// and of another server.
    fn source() -> MemorySource {
        let mut source = MemorySource::default();
        let outage = NOW - 360_000..NOW - 240_000;
        let times = (0..600).map(|n| NOW - 599_000 + n * 1000).filter(|at| !outage.contains(at));
        let samples: Vec<(i64, f64)> = times.map(|at| (at, (at % 97_000) as f64)).collect();
        let labels = [("__name__", "load"), ("instance", "web-1"), ("role", "web")];
        source.add(&labels, &samples);
        source.add(&[("__name__", "load"), ("instance", "web-2")], &samples);
        source.add(&[("__name__", "one"), ("instance", "web-1")], &[(NOW, 1.0)]);
        source
    }

    fn question(query: &[(&str, &str)]) -> Result<Question, Refusal> {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let pairs: Vec<_> = query.iter().map(own).collect();
        Question::read(&pairs, "web-1", NOW)
    }

    fn answer(query: &[(&str, &str)]) -> RangeReply {
        let question = question(query).expect("a good question");
        question.answer("web-1".to_owned(), &source(), &|| false).expect("an answer")
    }

    #[test]
    fn series_of_the_server_alone_are_thinned_with_their_gaps() {
        let reply =
            answer(&[("series", "load"), ("series", "one"), ("from", "-10m"), ("points", "20")]);
        let names: Vec<_> = reply.series.iter().map(|one| one.name.as_str()).collect();
        assert_eq!((names, reply.warnings), (vec!["load", "one"], vec![]));
        let load = &reply.series[0];
        assert_eq!(
            load.labels.iter().collect::<Vec<_>>(),
            [(&"role".to_owned(), &"web".to_owned())]
        );
        assert_eq!(load.samples, 480);
        assert!((20..=42).contains(&load.values.len()), "{}", load.values.len());
        let gap =
            |from_unix_ms, to_unix_ms| watchfire_api::past::GapRow { from_unix_ms, to_unix_ms };
        assert_eq!(load.gaps, [gap(NOW - 361_000, NOW - 240_000)]);
        assert_eq!(load.values.iter().flatten().copied().fold(0.0, f64::max), 96_000.0);
    }

    #[test]
    fn a_matcher_for_another_server_finds_nothing() {
        let selectors = [r#"load{instance="web-2"}"#, r#"{instance=~"web-.*",role=""}"#];
        for selector in selectors {
            let series = answer(&[("series", selector)]).series;
            assert!(series.iter().all(|one| one.name == "one"), "{selector}: {series:?}");
        }
    }

    #[test]
    fn one_series_of_two_selectors_is_shown_once() {
        let reply = answer(&[("series", "load"), ("series", r#"{__name__=~"lo.*"}"#)]);
        assert_eq!(reply.series.len(), 1);
    }

    #[test]
    fn what_would_be_too_large_is_refused() {
        let question = question(&[("series", "load")]).expect("a good question");
        let over = question.answer("web-1".to_owned(), &source(), &|| true);
        assert_eq!(over.expect_err("no time"), SourceError::OutOfTime);
        let mut many = MemorySource::default();
        for cpu in 0..=MAX_SERIES {
            let cpu = cpu.to_string();
            many.add(&[("__name__", "load"), ("instance", "web-1"), ("cpu", &cpu)], &[(NOW, 1.0)]);
        }
        let error = question.answer("web-1".to_owned(), &many, &|| false);
        assert_eq!(error.expect_err("too many"), SourceError::TooManySeries { limit: MAX_SERIES });
    }
}
