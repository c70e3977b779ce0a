//! Requests as senders write them, by another writer than the reader's, and as nobody should.

use proptest::prelude::*;
use prost::Message;
use watchfire_model::{ABSENT, LabelSet, is_absent};

use super::limits::{MAX_ALL_LABELS, MAX_SAMPLES, MAX_SERIES, MAX_SYMBOLS};
use super::message::{
    Label, Metadata2, MetricMetadata, Request, Sample, TimeSeries, TimeSeries2, WriteRequest,
};
use super::*;

/// Nothing later is taken.
const LATEST: i64 = 1_800_000_000_000;

type Series<'a> = (&'a [(&'a str, &'a str)], &'a [(i64, f64)]);

fn samples(all: &[(i64, f64)]) -> Vec<Sample> {
    all.iter().map(|&(at_ms, value)| Sample { value, at_ms }).collect()
}

fn v1(all: &[Series<'_>]) -> WriteRequest {
    let label = |&(name, value): &(&str, &str)| Label { name: name.into(), value: value.into() };
    let series = |(labels, points): &Series<'_>| TimeSeries {
        labels: labels.iter().map(label).collect(),
        samples: samples(points),
        ..TimeSeries::default()
    };
    WriteRequest { series: all.iter().map(series).collect(), metadata: Vec::new() }
}

fn v2(all: &[Series<'_>]) -> Request {
    let mut request = Request { symbols: vec![String::new()], series: Vec::new() };
    for (labels, points) in all {
        let mut labels_refs = Vec::new();
        for text in labels.iter().flat_map(|(name, value)| [name, value]) {
            let known = request.symbols.iter().position(|symbol| symbol == text);
            let place = known.unwrap_or(request.symbols.len());
            if known.is_none() {
                request.symbols.push((*text).to_owned());
            }
            labels_refs.push(u32::try_from(place).expect("few symbols"));
        }
        let series =
            TimeSeries2 { labels_refs, samples: samples(points), ..TimeSeries2::default() };
        request.series.push(series);
    }
    request
}

fn both(all: &[Series<'_>]) -> [Result<Received, RequestError>; 2] {
    [
        read(Protocol::V1, &v1(all).encode_to_vec(), LATEST),
        read(Protocol::V2, &v2(all).encode_to_vec(), LATEST),
    ]
}

#[test]
fn series_come_as_they_were_sent() {
    let weird = f64::from_bits(0x7ff8_0000_dead_beef);
    let points = [(5000, 1.5), (0, -2.5), (4000, ABSENT), (LATEST, weird), (4000, f64::INFINITY)];
    let up: Series<'_> = (&[("__name__", "up"), ("job", "x"), ("instance", "a:1")], &points);
    let unsorted: Series<'_> = (&[("z", "1"), ("__name__", "größe.x"), ("a", "")], &[(1, 2.0)]);
    for received in both(&[up, unsorted, up]) {
        let received = received.expect("a good request");
        assert_eq!((received.samples(), received.series.len()), (11, 3));
        assert!(received.refused.is_none());
        let [first, second, third] = &received.series[..] else { panic!("three") };
        assert_eq!(first.labels, LabelSet::of(up.0));
        assert_eq!(second.labels, LabelSet::of(&[("__name__", "größe.x"), ("z", "1")]));
        let bits = |all: &[(i64, f64)]| -> Vec<(i64, u64)> {
            all.iter().map(|(at, value)| (*at, value.to_bits())).collect()
        };
        assert_eq!(bits(&first.samples), bits(&points));
        assert_eq!(bits(&third.samples), bits(&points));
        assert!(is_absent(first.samples[2].1));
    }
}

#[test]
fn an_empty_request_is_one() {
    for protocol in [Protocol::V1, Protocol::V2] {
        assert_eq!(read(protocol, &[], LATEST), Ok(Received::default()));
    }
}

#[test]
fn what_is_wrong_is_left_out_and_the_rest_is_taken() {
    let good: Series<'_> = (&[("__name__", "up")], &[(1, 1.0), (2, 2.0)]);
    let nameless: Series<'_> = (&[("job", "x")], &[(1, 1.0), (2, 2.0), (3, 3.0)]);
    let twice: Series<'_> = (&[("__name__", "up"), ("a", "1"), ("a", "1")], &[(1, 1.0)]);
    for received in both(&[nameless, good, twice]) {
        let received = received.expect("some of it is good");
        assert_eq!(received.series.len(), 1);
        assert_eq!((received.refused.series, received.refused.samples), (2, 4));
        let why = received.refused.why.expect("it is said");
        assert!(why.contains("no metric's name"), "{why}");
    }
    let times = [(-1, 1.0), (i64::MIN, 1.0), (7, 1.0), (LATEST + 1, 1.0), (i64::MAX, 1.0)];
    for received in both(&[(&[("__name__", "up")], &times)]) {
        let received = received.expect("some of it is good");
        assert_eq!(received.series[0].samples, [(7, 1.0)]);
        assert_eq!((received.refused.series, received.refused.samples), (0, 4));
        let why = received.refused.why.expect("it is said");
        assert!(why.contains("\"up\" is before 1970: -1"), "{why}");
    }
    for received in both(&[(&[("__name__", "up")], &[(9_000_000_000_000_000_000, 1.0)])]) {
        let received = received.expect("there is nothing in it");
        assert_eq!(received.series, []);
        let why = received.refused.why.expect("it is said");
        assert!(why.contains("in the future: 9000000000000000000"), "{why}");
    }
}

#[test]
fn a_symbol_that_is_not_there_is_no_label() {
    let good: Series<'_> = (&[("__name__", "up")], &[(1, 1.0)]);
    for (refs, why) in [
        (vec![1, 2, 1, 3], "symbol 3, and there are 3"),
        (vec![u32::MAX, 2], "symbol 4294967295, and there are 3"),
        (vec![1, 2, 1], "has no value"),
    ] {
        let mut request = v2(&[good, good]);
        request.series[0].labels_refs = refs;
        let received = read(Protocol::V2, &request.encode_to_vec(), LATEST).expect("half is good");
        assert_eq!((received.series.len(), received.refused.series), (1, 1));
        let told = received.refused.why.expect("it is said");
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn facts_histograms_and_exemplars_are_counted() {
    let mut one = v1(&[(&[("__name__", "h")], &[])]);
    one.series[0].histograms = vec![vec![0x08, 1], vec![]];
    one.series[0].exemplars = vec![vec![1, 2, 3]];
    one.metadata = vec![MetricMetadata {
        kind: 1,
        metric_family_name: "requests_total".into(),
        help: "how many".into(),
        unit: "requests".into(),
    }];
    let mut two = v2(&[(&[("__name__", "requests_total")], &[])]);
    two.symbols.extend(["how many".to_owned(), "requests".to_owned()]);
    two.series[0].metadata = Some(Metadata2 { kind: 1, help_ref: 3, unit_ref: 4 });
    two.series[0].histograms = vec![vec![0x08, 1], vec![]];
    two.series[0].exemplars = vec![vec![1, 2, 3]];
    for (protocol, body) in
        [(Protocol::V1, one.encode_to_vec()), (Protocol::V2, two.encode_to_vec())]
    {
        let received = read(protocol, &body, LATEST).expect("a good request");
        assert_eq!((received.histograms, received.exemplars, received.series.len()), (2, 1, 0));
        assert!(received.refused.is_none());
        let [facts] = &received.facts[..] else { panic!("{:?}", received.facts) };
        let told = (&*facts.name, &*facts.kind, &*facts.help, &*facts.unit);
        assert_eq!(told, ("requests_total", "counter", "how many", "requests"));
    }
}

#[test]
fn a_request_under_the_name_of_the_other_is_refused() {
    let all: [Series<'_>; 1] = [(&[("__name__", "up")], &[(1, 1.0)])];
    for (protocol, body) in
        [(Protocol::V2, v1(&all).encode_to_vec()), (Protocol::V1, v2(&all).encode_to_vec())]
    {
        let error = read(protocol, &body, LATEST).expect_err("it is the other");
        assert!(matches!(error, RequestError::Malformed(_)), "{error}");
    }
}

/// A field of message kind with nothing in it: two bytes, of which a careless reader makes a
/// hundred.
fn empties(number: u8, count: usize) -> Vec<u8> {
    [number << 3 | 2, 0].repeat(count)
}

fn within(number: u8, message: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    prost::encoding::encode_varint(message.len() as u64, &mut field);
    field.extend_from_slice(message);
    field
}

#[test]
fn small_bytes_that_want_much_memory_are_refused() {
    let refs = |count: usize| within(1, &vec![0; count]);
    let table = within(4, b"");
    for (protocol, body, what) in [
        (Protocol::V1, empties(1, MAX_SERIES + 1), "series"),
        (Protocol::V1, within(1, &empties(1, MAX_ALL_LABELS + 1)), "labels"),
        (Protocol::V1, within(1, &empties(2, MAX_SAMPLES + 1)), "samples"),
        (Protocol::V1, within(1, &empties(2, 600_000)).repeat(2), "samples"),
        (Protocol::V2, empties(4, MAX_SYMBOLS + 1), "symbols"),
        (Protocol::V2, empties(5, MAX_SERIES + 1), "series"),
        (Protocol::V2, within(5, &empties(2, MAX_SAMPLES + 1)), "samples"),
        (
            Protocol::V2,
            [table.clone(), within(5, &refs(2 * MAX_ALL_LABELS + 2))].concat(),
            "labels",
        ),
        (Protocol::V2, within(5, &refs(2 * MAX_ALL_LABELS + 2)), "labels"),
    ] {
        let error = read(protocol, &body, LATEST).expect_err(what);
        assert!(
            matches!(error, RequestError::TooMuch { what: told, .. } if told == what),
            "{error}"
        );
    }
    let most = read(Protocol::V1, &within(1, &empties(2, MAX_SAMPLES)), LATEST);
    assert_eq!(most.expect("as many as may be").refused.samples, MAX_SAMPLES);
}

fn bytes_near_a_request() -> impl Strategy<Value = Vec<u8>> {
    let all: Series<'_> = (&[("__name__", "up"), ("job", "x")], &[(1, 1.0), (2, 2.0)]);
    let bodies = [v1(&[all, all]).encode_to_vec(), v2(&[all, all]).encode_to_vec()];
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (prop::sample::select(bodies.to_vec()), changes, any::<prop::sample::Index>()).prop_map(
        |(mut body, changes, cut)| {
            changes.into_iter().for_each(|(at, byte)| *at.get_mut(&mut body) = byte);
            body.truncate(cut.index(body.len() + 1));
            body
        },
    )
}

/// Labels and samples of a series.
type Owned = (Vec<(String, String)>, Vec<(i64, f64)>);

fn any_series() -> impl Strategy<Value = Vec<Owned>> {
    let label = ("[a-d]{0,2}", ".{0,3}");
    let labels = prop::collection::vec(label, 0..5);
    let times = prop_oneof![-5..5_i64, LATEST - 5..LATEST + 5, any::<i64>()];
    let value = any::<u64>().prop_map(f64::from_bits);
    let points = prop::collection::vec((times, value), 0..5);
    prop::collection::vec((labels, points, any::<bool>()), 0..6).prop_map(|all| {
        let named = |(mut labels, points, has_name): (Vec<(String, String)>, _, bool)| {
            if has_name {
                labels.push(("__name__".to_owned(), "m".to_owned()));
            }
            (labels, points)
        };
        all.into_iter().map(named).collect()
    })
}

proptest! {
    #[test]
    fn any_bytes_are_an_answer(
        noise in prop::collection::vec(any::<u8>(), 0..200),
        near in bytes_near_a_request(),
    ) {
        for body in [noise, near] {
            for protocol in [Protocol::V1, Protocol::V2] {
                let _ = read(protocol, &body, LATEST);
            }
            let _ = unpack(&body);
        }
    }

    /// Both protocols say the same of the same series, and nothing is lost without being counted.
    #[test]
    fn both_protocols_agree(all in any_series()) {
        let labels: Vec<Vec<(&str, &str)>> = all
            .iter()
            .map(|(labels, _)| labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect())
            .collect();
        let series: Vec<Series<'_>> =
            labels.iter().zip(&all).map(|(labels, (_, points))| (&labels[..], &points[..])).collect();
        let [one, other] = both(&series);
        let (one, other) = (one.expect("protobuf"), other.expect("protobuf"));
        prop_assert_eq!(format!("{one:?}"), format!("{other:?}"));
        let sent: usize = all.iter().map(|(_, points)| points.len()).sum();
        prop_assert_eq!(one.samples() + one.refused.samples, sent);
        for series in &one.series {
            prop_assert_eq!(series.labels.name(), "m");
            prop_assert!(series.samples.iter().all(|(at, _)| (0..=LATEST).contains(at)));
        }
    }
}
