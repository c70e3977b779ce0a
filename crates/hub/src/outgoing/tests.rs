mod figures;
mod lanes;

use std::sync::Arc;

use watchfire_api::remote_write::{Protocol, read as read_request, unpack};
use watchfire_model::{ABSENT, FoundSeries, LabelSet, Samples, Scope};
use watchfire_notify::Timeouts;
use watchfire_runtime::net::Resolver;
use watchfire_store::{History, Outgoing};
use watchfire_testkit::http::{Answer, Stub};

use super::destination::{Counted, Counts};
use super::lane::is_due;
use super::piece::Piece;
use super::request::requests;
use super::send::Sender;
use super::*;
use crate::config::{Service, ServiceLogin};
use crate::testing::{manual_clock, moment};

/// A stretch of the server `a`, as the store tells it.
fn stretch(from_ms: i64, to_ms: i64) -> Outgoing {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(folder.path(), 1 << 30).expect("a good history");
    history.hand_over_to(&["x".to_owned()]).expect("written");
    let chunk = watchfire_store::Chunk {
        server: "name:a".to_owned(),
        ring: [1; 16],
        previous: 0,
        first: 1,
        last: 1,
        from_ms,
        to_ms,
        starts_chain: true,
        bytes: vec![7; 10],
    };
    history.append(&[chunk]).expect("stored");
    history.outgoing("x", 1, |_| true).expect("readable").remove(0)
}

fn series(name: &str, times: &[i64], values: &[f64]) -> FoundSeries {
    let labels = LabelSet::of(&[("__name__", name), ("instance", "a")]);
    FoundSeries { labels, samples: Samples::new(times.into(), values.to_vec().into()) }
}

fn piece(from_ms: i64, to_ms: i64, series: Vec<FoundSeries>) -> Piece {
    Piece { of: stretch(from_ms, to_ms), to_ms, series }
}

fn target(url: &str) -> Service {
    let login = Some(ServiceLogin::Bearer(watchfire_runtime::Secret::new("hunter2")));
    Service { url: url.to_owned(), login }
}

/// A store that is to get what is of the servers in `scope`.
fn remote_write(stub: &Stub, scope: Scope) -> RemoteWrite {
    RemoteWrite { service: target(&stub.base()), scope }
}

fn sender(stub: &Stub, clock: &Clock) -> Sender {
    let timeouts = Timeouts { connect: WHOLE, verb: WHOLE, whole: WHOLE };
    let resolver = Resolver::system(Duration::ZERO, clock.clone());
    Sender::new(&target(&stub.base()), timeouts, resolver).expect("a good service")
}

#[test]
fn a_request_has_the_samples_of_the_stretch_and_the_end_of_a_series_once() {
    let times = [1000, 2000, 3000, 4000, 5000];
    let one = series("m", &times, &[1.0, 2.0, ABSENT, ABSENT, 5.0]);
    let other = series("late", &times, &[ABSENT, ABSENT, ABSENT, 4.0, 5.0]);
    let gone = series("gone", &times, &[ABSENT; 5]);
    let pieces = [piece(2000, 4000, vec![one, other, gone])];
    let all: Vec<_> = requests(&pieces).collect();
    let [request] = &all[..] else { panic!("one request") };
    let body = unpack(&request.body).expect("snappy");
    let received = read_request(Protocol::V1, &body, i64::MAX).expect("protobuf");
    assert_eq!((request.samples, received.samples()), (3, 3));
    let [one, other] = &received.series[..] else { panic!("two series") };
    assert_eq!(one.labels, LabelSet::of(&[("__name__", "m"), ("instance", "a")]));
    let bits = |samples: &[(i64, f64)]| -> Vec<_> {
        samples.iter().map(|(at, value)| (*at, value.to_bits())).collect()
    };
    assert_eq!(bits(&one.samples), bits(&[(2000, 2.0), (3000, ABSENT)]));
    assert_eq!(other.samples, [(4000, 4.0)]);
}

#[test]
fn many_samples_are_several_requests() {
    let times: Arc<[i64]> = (0..3000).collect();
    let values: Arc<Vec<f64>> = Arc::new((0..3000).map(f64::from).collect());
    let one = |number: usize| FoundSeries {
        labels: LabelSet::of(&[("__name__", &format!("m{number}"))]),
        samples: Samples::new(times.clone(), values.clone()),
    };
    let pieces = [piece(0, 2999, (0..9).map(one).collect())];
    let all: Vec<u64> = requests(&pieces).map(|request| request.samples).collect();
    assert_eq!(all, [12_000, 12_000, 3000]);
}

#[test]
fn what_is_young_waits_and_what_is_of_tomorrow_does_not() {
    let now = moment(20_000);
    let due = |from: i64| is_due(&stretch(from, from), now);
    let now = now.unix_ms;
    assert_eq!([due(now - 60_000), due(now - 5000), due(now + 1)], [true; 3]);
    assert_eq!([due(now - 4999), due(now)], [false; 2]);
}

#[tokio::test]
async fn a_request_is_sent_until_it_is_taken() {
    let (clock, hand) = manual_clock();
    let stub = Stub::start();
    let busy = Answer::reply(429, "slow down").with_header("Retry-After", "60");
    stub.next([Answer::Drop, Answer::reply(503, "full"), Answer::reply(401, "who?"), busy]);
    let pieces = [piece(0, 0, vec![series("m", &[0], &[1.0])])];
    let request = requests(&pieces).next().expect("one");
    let (sender, counts) = (sender(&stub, &clock), Counts::default());
    let sending = sender.send(&request, &clock, &counts);
    let waiting = async {
        while stub.requests().len() < 5 {
            hand.advance(Duration::from_secs(1));
            tokio::task::yield_now().await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        () = sending => {}
        () = waiting => {}
    }
    assert_eq!(counts.now(), Counted { sent: 1, retries: 4, ..Counted::default() });
    let last = stub.requests().pop().expect("five");
    assert_eq!((last.method.as_str(), &last.body), ("POST", &request.body));
    let header = |name: &str| last.header(name).map(str::to_owned);
    assert_eq!(header("content-encoding").as_deref(), Some("snappy"));
    assert_eq!(header("authorization").as_deref(), Some("Bearer hunter2"));
    assert_eq!(header("x-prometheus-remote-write-version").as_deref(), Some("0.1.0"));
}

#[tokio::test]
async fn what_is_refused_for_good_is_counted_and_left() {
    let (clock, _hand) = manual_clock();
    let stub = Stub::start();
    stub.next([Answer::reply(400, "out of order sample"), Answer::reply(204, "")]);
    let pieces = [piece(0, 0, vec![series("m", &[0], &[1.0])])];
    let (sender, counts) = (sender(&stub, &clock), Counts::default());
    for _ in 0..2 {
        let request = requests(&pieces).next().expect("one");
        sender.send(&request, &clock, &counts).await;
    }
    assert_eq!(counts.now(), Counted { sent: 1, refused: 1, ..Counted::default() });
}
