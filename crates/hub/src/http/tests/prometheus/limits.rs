//! Costly and hostile questions: they end, they wait their turn, and they hold nobody up.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use watchfire_model::{
    Found, FoundSeries, LabelSet, Listing, MetricFacts, Selection, SeriesSource, SourceError,
};

use super::*;
use crate::testing::until;

/// A source that answers once it is let go, or gives up when it is told to.
#[derive(Clone, Default)]
struct Gate {
    entered: Arc<AtomicUsize>,
    left: Arc<AtomicUsize>,
    open: Arc<AtomicBool>,
}

impl Gate {
    fn sources(&self) -> Sources {
        let gate = self.clone();
        Arc::new(move |_| Box::new(gate.clone()))
    }

    /// Waits until so many questions are being evaluated or have been.
    async fn entered(&self, questions: usize) {
        until("a question is evaluated", || {
            (self.entered.load(Ordering::SeqCst) >= questions).then_some(())
        })
        .await;
    }

    async fn left(&self, questions: usize) {
        until("a question is given up", || {
            (self.left.load(Ordering::SeqCst) >= questions).then_some(())
        })
        .await;
    }
}

impl SeriesSource for Gate {
    fn select(&self, selection: &Selection<'_>) -> Result<Found<FoundSeries>, SourceError> {
        self.entered.fetch_add(1, Ordering::SeqCst);
        while !self.open.load(Ordering::SeqCst) {
            if (selection.out_of_time)() {
                self.left.fetch_add(1, Ordering::SeqCst);
                return Err(SourceError::OutOfTime);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(Found::all(Vec::new()))
    }

    fn series(&self, _: &Listing<'_>) -> Result<Found<LabelSet>, SourceError> {
        panic!("this source breaks")
    }

    fn label_names(&self, _: &Listing<'_>) -> Result<Found<String>, SourceError> {
        Err(SourceError::Unreadable("/var/lib/secret".to_owned()))
    }

    fn label_values(&self, _: &str, _: &Listing<'_>) -> Result<Found<String>, SourceError> {
        Ok(Found::all(Vec::new()))
    }

    fn metadata(&self, _: Option<&str>, _: usize) -> Result<Found<MetricFacts>, SourceError> {
        Ok(Found::all(Vec::new()))
    }
}

fn gated(gate: &Gate, limits: QuestionLimits) -> House {
    House::with(|parts| {
        parts.sources = gate.sources();
        parts.question_limits = limits;
    })
}

const UP: &str = "/api/v1/query?query=up";

#[tokio::test]
async fn a_question_ends_when_its_time_is_over() {
    let gate = Gate::default();
    let house = gated(&gate, QuestionLimits::default());
    let ann = house.log_in("ann").await;
    let limits = QuestionLimits::default();
    for (path, time) in
        [(UP, limits.time), ("/api/v1/query?query=up&timeout=1", Duration::from_secs(1))]
    {
        let before = gate.entered.load(Ordering::SeqCst);
        let (answer, ()) = tokio::join!(house.get(path, Some(&ann)), async {
            gate.entered(before + 1).await;
            assert_eq!(gate.left.load(Ordering::SeqCst), before, "not before its time");
            house.hand.advance(time);
        });
        let (status, kind, _) = error(&answer);
        assert_eq!((status, kind.as_str()), (503, "timeout"), "{path}");
    }
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_question() {
    let gate = Gate::default();
    let house = gated(&gate, QuestionLimits::default());
    let ann = house.log_in("ann").await;
    {
        let mut asking = std::pin::pin!(house.get(UP, Some(&ann)));
        assert!(asking.as_mut().now_or_never().is_none());
        gate.entered(1).await;
    }
    gate.left(1).await;
}

#[tokio::test]
async fn the_hubs_end_ends_questions() {
    let gate = Gate::default();
    let house = gated(&gate, QuestionLimits::default());
    let ann = house.log_in("ann").await;
    let (answer, ()) = tokio::join!(house.get(UP, Some(&ann)), async {
        gate.entered(1).await;
        house.end.request();
    });
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn questions_take_turns_and_the_rest_is_told_to_come_again() {
    let gate = Gate::default();
    let limits = QuestionLimits { at_a_time: 1, waiting: 2, ..QuestionLimits::default() };
    let patience = limits.patience;
    let house = gated(&gate, limits);
    let ann = house.log_in("ann").await;
    let mut first = std::pin::pin!(house.get(UP, Some(&ann)));
    assert!(first.as_mut().now_or_never().is_none());
    gate.entered(1).await;
    let mut impatient = std::pin::pin!(house.get(UP, Some(&ann)));
    assert!(impatient.as_mut().now_or_never().is_none());
    house.hand.advance(patience / 2);
    let mut second = std::pin::pin!(house.get(UP, Some(&ann)));
    assert!(second.as_mut().now_or_never().is_none());
    // There is no place left, and that is told at once.
    let third = house.get(UP, Some(&ann)).await;
    let (status, kind, _) = error(&third);
    assert_eq!((status, kind.as_str()), (503, "unavailable"));
    assert_eq!(third.header("retry-after"), "1");
    // What needs no turn is answered meanwhile.
    assert_eq!(house.get("/-/ready", None).await.status, StatusCode::OK);
    assert_eq!(house.get("/api/v1/targets", Some(&ann)).await.status, StatusCode::OK);
    house.hand.advance(patience / 2);
    assert_eq!(error(&impatient.await).1, "unavailable", "its patience is over");
    assert_eq!(gate.entered.load(Ordering::SeqCst), 1, "nobody came in beside the first");
    gate.open.store(true, Ordering::SeqCst);
    assert_eq!(first.await.status, StatusCode::OK);
    assert_eq!(second.await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_source_that_breaks_breaks_one_question() {
    let gate = Gate::default();
    let limits = QuestionLimits { at_a_time: 1, ..QuestionLimits::default() };
    let house = gated(&gate, limits);
    let ann = house.log_in("ann").await;
    for _ in 0..3 {
        let broken = house.get("/api/v1/series?match%5B%5D=up", Some(&ann)).await;
        assert_eq!(error(&broken).1, "internal");
        let unreadable = house.get("/api/v1/labels", Some(&ann)).await;
        assert_eq!(error(&unreadable).1, "internal");
        assert!(!unreadable.body.contains("secret"), "{}", unreadable.body);
    }
    assert_eq!(house.get("/api/v1/metadata", Some(&ann)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn samples_series_and_values_are_limited() {
    let asked = |limits: QuestionLimits, query: &'static str| async move {
        let house = House::with(|parts| parts.question_limits = limits);
        let root = house.log_in("root").await;
        let range =
            [("query", query), ("start", "1699999400"), ("end", "1700000000"), ("step", "1")];
        error(&house.ask("/api/v1/query_range", &range, &root).await)
    };
    let usual = QuestionLimits::default;
    for (limits, query, words) in [
        (QuestionLimits { samples: 1000, ..usual() }, "rate(up[5m])", "1000 samples"),
        (QuestionLimits { series: 1, ..usual() }, "up", "more than 1 series"),
        (QuestionLimits { values: 1000, ..usual() }, "up", "at most 1000 are sent"),
    ] {
        let (status, kind, got) = asked(limits, query).await;
        assert_eq!((status, kind.as_str()), (422, "execution"), "{got}");
        assert!(got.contains(words), "{got}");
    }
}

#[tokio::test]
async fn answers_that_nobody_takes_make_no_room_for_more() {
    let limits = QuestionLimits { unsent: 2048, ..QuestionLimits::default() };
    let house = House::with(|parts| parts.question_limits = limits);
    let ann = house.log_in("ann").await;
    let path = "/api/v1/query_range?query=1&start=0&end=1500&step=1";
    let mut request = asking(Method::GET, path, Some(&ann));
    request.extensions_mut().insert(peer(1));
    let untaken = house.app.clone().oneshot(request).await.expect("a router answers always");
    assert_eq!(untaken.status(), StatusCode::OK);
    let refused = house.get(path, Some(&ann)).await;
    assert_eq!(error(&refused).1, "unavailable");
    drop(untaken);
    assert_eq!(house.get(path, Some(&ann)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn hostile_questions_are_refused() {
    let house = House::new();
    let root = house.log_in("root").await;
    let nested = format!("{}1{}", "(".repeat(5000), ")".repeat(5000));
    let unary = "-".repeat(20_000) + "1";
    let subqueries = format!("up{}", "[1h:1s]".repeat(50));
    for query in [
        r#"{x=~"a{1000}{1000}{1000}"}"#,
        r#"{x=~"(((((((((a{10}){10}){10}){10}){10}){10}){10}){10}){10})"}"#,
        &nested,
        &unary,
        &subqueries,
        "max_over_time(max_over_time(up[100y:1ms])[100y:1ms])",
        "up\u{0}",
    ] {
        let answer = house.post("/api/v1/query", &[("query", query)], &root).await;
        let (status, _, words) = error(&answer);
        assert!(matches!(status, 400 | 422), "{status} {words}");
        assert!(words.len() < 100_000, "an error repeats little of the question");
    }
    // These would take a backtracking engine for ever.
    let slow = [("query", r#"up{instance=~"(a+)+$",instance=~"(a|a)*b|.*"}"#)];
    assert_eq!(house.post("/api/v1/query", &slow, &root).await.status, StatusCode::OK);
}

#[tokio::test]
async fn forms_are_limited_and_must_be_forms() {
    let house = House::new();
    let root = house.log_in("root").await;
    let large = posted("/api/v1/query", format!("query={}", "1".repeat(300 << 10)), &root);
    let large = house.send(large).await;
    assert_eq!(error(&large).0, 413, "{large:?}");
    let many = "match%5B%5D=up&".repeat(300);
    let many = house.send(posted("/api/v1/series", many, &root)).await;
    assert_eq!(error(&many).0, 400);
    let mut other = posted("/api/v1/query", r#"{"query":"up"}"#.to_owned(), &root);
    let kind = HeaderValue::from_static("application/json");
    other.headers_mut().insert(header::CONTENT_TYPE, kind);
    assert_eq!(error(&house.send(other).await).0, 415);
    let torn = house.send(posted("/api/v1/query", "query=%ff%zz&&=&%".to_owned(), &root)).await;
    assert_eq!(error(&torn).0, 400);
}
