//! Remote write in: who may push what, and what is answered.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use watchfire_api::remote_write::limits::{MAX_PACKED, MAX_SAMPLES};
use watchfire_api::remote_write::message::{
    Label, MetricMetadata, Request as Request2, Sample, TimeSeries, TimeSeries2, WriteRequest,
};
use watchfire_api::remote_write::{Protocol, pack};
use watchfire_model::{Labels, Server};
use watchfire_runtime::Secret;
use watchfire_runtime::task::{self, Task};
use watchfire_store::History;

use super::*;
use crate::config::Sender;
use crate::pushed::{PushedSource, United};
use crate::testing::name;

use prost::Message as _;

const TOKEN_A: &str = "the-token-of-prom-a";
const TOKEN_B: &str = "the-token-of-prom-b";
const PATH: &str = "/api/v1/write";

/// A house with a sender of team a and one of team b.
struct Receiver {
    house: House,
    history: History,
    _folder: tempfile::TempDir,
    _writer: Task<()>,
    _end: ShutdownHandle,
}

fn sender(text: &str, team: &str, token: &str) -> Sender {
    let mut labels = Labels::new();
    labels.insert("team", team).expect("a good label");
    Sender { server: Server::new(name(text), labels), token: Secret::new(token) }
}

impl Receiver {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Parts)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let history = History::open(folder.path(), 1 << 30).expect("a good history");
        let (shutdown, end) = Shutdown::new();
        let mut writer = None;
        let kept = history.clone();
        let house = House::with(|parts| {
            change(parts);
            let historian = Historian::new(Some(kept.clone()), parts.clock.clone());
            parts.pushes = Pushes::new(historian, parts.clock.clone());
            writer = Some(task::spawn("pushes", parts.pushes.clone().run(shutdown)));
            let config = [sender("prom-a", "a", TOKEN_A), sender("prom-b", "b", TOKEN_B)];
            parts.senders = Senders::new(&config, parts.open_on_loopback);
            let (senders, fleet) = (parts.senders.clone(), parts.fleet.clone());
            parts.sources = Arc::new(move |scope| {
                let of = senders.of(scope);
                let pushed = PushedSource::new(Some(kept.clone()), fleet.clone(), of);
                Box::new(United(memory(scope), pushed))
            });
        });
        let writer = writer.expect("it was started");
        Self { house, history, _folder: folder, _writer: writer, _end: end }
    }

    /// Pushes as the sender of this token.
    async fn push(&self, token: &str, protocol: Protocol, body: &[u8]) -> Answer {
        let headers = [("authorization", format!("Bearer {token}"))];
        self.house.send(pushed(protocol, body, &headers)).await
    }

    async fn ask_as(&self, user: &str, query: &str, time: &str) -> String {
        let seat = self.house.log_in(user).await;
        let answer =
            self.house.ask("/api/v1/query", &[("query", query), ("time", time)], &seat).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        json(&answer)["data"]["result"].to_string()
    }
}

fn pushed(protocol: Protocol, body: &[u8], headers: &[(&str, String)]) -> Request<Body> {
    let packed = pack(body).expect("small");
    let mut request = Request::post(PATH)
        .header(header::CONTENT_TYPE, protocol.content_type())
        .header(header::CONTENT_ENCODING, "snappy");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    request.body(Body::from(packed)).expect("a good request")
}

fn series(labels: &[(&str, &str)], samples: &[(i64, f64)]) -> TimeSeries {
    let label = |&(name, value): &(&str, &str)| Label { name: name.into(), value: value.into() };
    TimeSeries {
        labels: labels.iter().map(label).collect(),
        samples: samples.iter().map(|&(at_ms, value)| Sample { value, at_ms }).collect(),
        ..TimeSeries::default()
    }
}

fn v1(series: Vec<TimeSeries>) -> Vec<u8> {
    WriteRequest { series, metadata: Vec::new() }.encode_to_vec()
}

fn written(answer: &Answer) -> (u16, &str, &str, &str) {
    let count = |what: &str| answer.header(&format!("x-prometheus-remote-write-{what}-written"));
    (answer.status.as_u16(), count("samples"), count("histograms"), count("exemplars"))
}

#[tokio::test]
async fn what_is_pushed_is_durable_counted_and_can_be_asked() {
    let receiver = Receiver::new();
    let up = |samples: &[(i64, f64)]| series(&[("__name__", "temperature"), ("job", "x")], samples);
    let old = v1(vec![up(&[(60_000, 2.0), (0, 1.0)]), up(&[(30_000, 1.5)])]);
    let answer = receiver.push(TOKEN_A, Protocol::V1, &old).await;
    assert_eq!(written(&answer), (204, "3", "0", "0"), "{answer:?}");
    assert_eq!(answer.body, "");
    // The same again, and another value in the place of one.
    let answer = receiver.push(TOKEN_A, Protocol::V1, &old).await;
    assert_eq!(written(&answer), (204, "3", "0", "0"));
    let answer = receiver.push(TOKEN_A, Protocol::V1, &v1(vec![up(&[(30_000, 7.0)])])).await;
    assert_eq!(written(&answer), (204, "1", "0", "0"));
    let found = receiver.ask_as("ann", "temperature[10m]", "61").await;
    let expected =
        r#"[{"metric":{"__name__":"temperature","job":"x"},"values":[[0,"1"],[30,"7"],[60,"2"]]}]"#;
    assert_eq!(found, expected);

    let symbols = ["", "__name__", "humidity", "how wet it is", "percent"].map(String::from);
    let two = TimeSeries2 {
        labels_refs: vec![1, 2],
        samples: vec![Sample { value: 40.0, at_ms: 1000 }],
        histograms: vec![vec![8, 1]],
        exemplars: vec![vec![]],
        metadata: Some(watchfire_api::remote_write::message::Metadata2 {
            kind: 2,
            help_ref: 3,
            unit_ref: 4,
        }),
    };
    let body = Request2 { symbols: symbols.to_vec(), series: vec![two] }.encode_to_vec();
    let answer = receiver.push(TOKEN_A, Protocol::V2, &body).await;
    assert_eq!(written(&answer), (204, "1", "0", "0"), "histograms and exemplars are not stored");
    assert!(receiver.ask_as("ann", "humidity", "2").await.contains("\"40\""));
    let ann = receiver.house.log_in("ann").await;
    let facts = receiver.house.ask("/api/v1/metadata", &[("metric", "humidity")], &ann).await;
    let expected = r#"{"humidity":[{"help":"how wet it is","type":"gauge","unit":"percent"}]}"#;
    assert_eq!(json(&facts)["data"].to_string(), expected);
}

#[tokio::test]
async fn a_stale_marker_ends_a_series() {
    let receiver = Receiver::new();
    let points = [(1000, 1.0), (2000, watchfire_model::ABSENT), (9000, 3.0)];
    let body = v1(vec![series(&[("__name__", "probe")], &points)]);
    let answer = receiver.push(TOKEN_A, Protocol::V1, &body).await;
    assert_eq!(written(&answer), (204, "3", "0", "0"));
    for (time, count) in [("1.5", 1), ("2", 0), ("8", 0), ("9", 1)] {
        let found = receiver.ask_as("root", "probe", time).await;
        assert_eq!(found.matches("probe").count(), count, "at {time}: {found}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_left_out_and_said_and_the_rest_is_stored() {
    let receiver = Receiver::new();
    let body = v1(vec![
        series(&[("__name__", "good")], &[(1000, 1.0), (-5, 1.0), (i64::MAX, 1.0)]),
        series(&[("job", "nameless")], &[(1000, 1.0)]),
    ]);
    let answer = receiver.push(TOKEN_A, Protocol::V1, &body).await;
    assert_eq!(written(&answer), (400, "1", "0", "0"));
    let expected = "1 samples are stored; left out were 1 series and 3 samples: a sample of \
                    \"good\" is before 1970: -5 ms since 1970\n";
    assert_eq!(answer.body, expected);
    assert!(receiver.ask_as("root", "good", "1").await.contains("\"1\""));
    let nothing = v1(vec![series(&[("job", "nameless")], &[(1000, 1.0)])]);
    let answer = receiver.push(TOKEN_A, Protocol::V1, &nothing).await;
    assert_eq!(written(&answer), (400, "0", "0", "0"));
    assert!(receiver.push(TOKEN_A, Protocol::V1, &[]).await.status == StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_little_ahead_of_the_clock_is_allowed_and_the_far_future_is_not() {
    let receiver = Receiver::new();
    let at = |ms: i64| v1(vec![series(&[("__name__", "ahead")], &[(ms, 1.0)])]);
    let two_days = NOW * 1000 + 2 * 86_400_000;
    for (ms, status) in [(two_days, 204), (two_days + 1, 400), (9_000_000_000_000_000_000, 400)] {
        let answer = receiver.push(TOKEN_A, Protocol::V1, &at(ms)).await;
        assert_eq!(answer.status, status, "{ms}: {answer:?}");
    }
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let receiver = Receiver::new();
    let good = v1(vec![series(&[("__name__", "m")], &[(1, 1.0)])]);
    let token = ("authorization", format!("Bearer {TOKEN_A}"));
    let send = async |change: &dyn Fn(&mut Request<Body>)| {
        let mut request = pushed(Protocol::V1, &good, std::slice::from_ref(&token));
        change(&mut request);
        receiver.house.send(request).await
    };
    let header = |name: &'static str, value: &'static str| {
        move |request: &mut Request<Body>| {
            request.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    };
    let body = |bytes: Vec<u8>| {
        move |request: &mut Request<Body>| *request.body_mut() = Body::from(bytes.clone())
    };
    assert_eq!(send(&|_| {}).await.status, 204);
    for kind in ["application/json", "text/plain", "application/x-protobuf;proto=x.Y"] {
        assert_eq!(send(&header("content-type", kind)).await.status, 415, "{kind}");
    }
    for encoding in ["gzip", "identity", "zstd"] {
        assert_eq!(send(&header("content-encoding", encoding)).await.status, 415, "{encoding}");
    }
    for bytes in [vec![], b"hello".to_vec(), good.clone(), pack(&[0xff; 20]).expect("small")] {
        let answer = send(&body(bytes.clone())).await;
        assert_eq!(answer.status, 400, "{bytes:?}: {answer:?}");
    }
    // Four bytes that claim four gigabytes, and some kilobytes that are some megabytes.
    let bomb = pack(&vec![0; (64 << 20) + 1]).expect("small");
    for bytes in [vec![0xff, 0xff, 0xff, 0xff, 0x0f], bomb] {
        assert_eq!(send(&body(bytes)).await.status, 413);
    }
    let many = [vec![0x12, 0]; 1].concat().repeat(MAX_SAMPLES + 1);
    let mut bytes = vec![0x0a];
    prost::encoding::encode_varint(many.len() as u64, &mut bytes);
    let answer = send(&body(pack(&[bytes, many].concat()).expect("small"))).await;
    assert_eq!(answer.status, 413, "{answer:?}");
    assert!(answer.body.contains("more than 1000000 samples"), "{}", answer.body);
    // A length that is only claimed is refused before the body is read.
    assert_eq!(send(&header("content-length", "8388609")).await.status, 413);
    assert_eq!(send(&body(vec![0; MAX_PACKED + 1])).await.status, 413);
}

#[tokio::test]
async fn only_a_senders_token_opens_it_and_opens_nothing_else() {
    let receiver = Receiver::new();
    let house = &receiver.house;
    let body = v1(vec![series(&[("__name__", "m")], &[(1, 1.0)])]);
    let basic =
        |name: &str, word: &str| format!("Basic {}", STANDARD.encode(format!("{name}:{word}")));
    let status = async |value: &str| {
        let headers = [("authorization", value.to_owned())];
        house.send(pushed(Protocol::V1, &body, &headers)).await.status.as_u16()
    };
    assert_eq!(status(&format!("bearer  {TOKEN_A}")).await, 204);
    assert_eq!(status(&basic("prom-a", TOKEN_A)).await, 204);
    let login = Request::get("/login").header(header::AUTHORIZATION, basic("root", PASSWORD));
    let login = house.send(login.body(Body::empty()).expect("a good request")).await;
    let of_root = json(&login)["token"].as_str().expect("a token").to_owned();
    for wrong in [
        format!("Bearer {}", &TOKEN_A[1..]),
        "Bearer ".to_owned(),
        "Bearer".to_owned(),
        format!("Token {TOKEN_A}"),
        format!("Bearer {of_root}"),
        basic("root", PASSWORD),
        basic("prom-b", TOKEN_A),
        basic("", TOKEN_A),
        basic("local", ""),
    ] {
        assert_eq!(status(&wrong).await, 401, "{wrong}");
    }
    let twice = [("authorization", format!("Bearer {TOKEN_A}")), ("authorization", "x".to_owned())];
    assert_eq!(house.send(pushed(Protocol::V1, &body, &twice)).await.status, 401);
    let stranger = house.send(pushed(Protocol::V1, &body, &[])).await;
    assert_eq!(stranger.status, 401);
    let seat = house.log_in("root").await;
    let cookie = [("cookie", seat.cookie.clone()), ("x-watchfire-csrf", seat.csrf.clone())];
    assert_eq!(house.send(pushed(Protocol::V1, &body, &cookie)).await.status, 401);
    for path in ["/api/v1/query?query=m", "/api/servers", "/federate", "/login", "/api/me"] {
        for value in [format!("Bearer {TOKEN_A}"), basic("prom-a", TOKEN_A)] {
            let mut request = asking(Method::GET, path, None);
            request.headers_mut().insert("authorization", value.parse().expect("a value"));
            assert_eq!(house.send(request).await.status, 401, "{path} {value}");
        }
    }
}

#[tokio::test]
async fn a_user_sees_the_series_of_senders_in_the_scope_alone() {
    let receiver = Receiver::new();
    for (token, team) in [(TOKEN_A, "a"), (TOKEN_B, "b")] {
        // What a sender says of itself opens nothing.
        let labels = [("__name__", "secret_total"), ("of", team), ("team", "a")];
        let mut request =
            WriteRequest { series: vec![series(&labels, &[(1000, 1.0)])], metadata: Vec::new() };
        request.metadata.push(MetricMetadata {
            kind: 1,
            metric_family_name: format!("metric_of_{team}"),
            help: String::new(),
            unit: String::new(),
        });
        let answer = receiver.push(token, Protocol::V1, &request.encode_to_vec()).await;
        assert_eq!(answer.status, 204);
    }
    let house = &receiver.house;
    let (ann, root) = (house.log_in("ann").await, house.log_in("root").await);
    let everywhere = [("start", "0"), ("end", "2000"), ("match[]", "secret_total")];
    for (path, pairs) in [
        ("/api/v1/query", &[("query", "secret_total"), ("time", "2")][..]),
        (
            "/api/v1/query_range",
            &[("query", "secret_total"), ("start", "1"), ("end", "2"), ("step", "1")],
        ),
        ("/api/v1/series", &everywhere),
        ("/api/v1/label/of/values", &everywhere),
        ("/api/v1/metadata", &[]),
    ] {
        let (seen, all) = (house.ask(path, pairs, &ann).await, house.ask(path, pairs, &root).await);
        let has = |answer: &Answer, team: &str| {
            answer.body.contains(&format!("\"{team}\""))
                || answer.body.contains(&format!("of_{team}"))
        };
        let of_b = |answer: &Answer| answer.body.contains("\"b\"") || answer.body.contains("of_b");
        assert!(has(&seen, "a") && !of_b(&seen), "{path}: {}", seen.body);
        assert!(has(&all, "a") && of_b(&all), "{path}: {}", all.body);
    }
}

#[tokio::test]
async fn no_sender_speaks_in_the_name_of_a_server() {
    let receiver = Receiver::new();
    let at = NOW * 1000;
    let forged = series(&[("__name__", "up"), ("instance", "a-1"), ("job", "node")], &[(at, 0.0)]);
    let own = series(&[("__name__", "up"), ("instance", "z-9"), ("job", "node")], &[(at, 0.0)]);
    let answer = receiver.push(TOKEN_B, Protocol::V1, &v1(vec![forged, own])).await;
    assert_eq!(written(&answer), (204, "2", "0", "0"));
    let time = NOW.to_string();
    let found = receiver.ask_as("root", "up{instance=\"a-1\"}", &time).await;
    assert!(found.contains("\"1\"") && !found.contains("\"0\""), "the agent's alone: {found}");
    let found = receiver.ask_as("root", "up{exported_instance=\"a-1\"}", &time).await;
    assert!(found.contains("\"0\"") && !found.contains("\"instance\""), "{found}");
    let found = receiver.ask_as("root", "up{instance=\"z-9\"}", &time).await;
    assert!(found.contains("\"0\""), "{found}");
    // Another server comes, and has a name that a series was stored with.
    receiver.house.fleet.add(watched("z-9", "127.0.0.1:9"));
    let found = receiver.ask_as("root", "up{instance=\"z-9\"}", &time).await;
    assert_eq!(found, "[]");
    for query in ["up{exported_instance=\"z-9\"}", "up{instance=\"\",exported_instance!=\"a-1\"}"] {
        let found = receiver.ask_as("root", query, &time).await;
        assert!(found.contains("\"exported_instance\":\"z-9\""), "{query}: {found}");
    }
}

#[tokio::test]
async fn this_machine_pushes_without_a_token_where_the_door_is_open() {
    let near = || Peer { remote: SocketAddr::from(([127, 0, 0, 1], 4000)), tls: None };
    let body = v1(vec![series(&[("__name__", "m")], &[(1000, 1.0)])]);
    let closed = Receiver::new();
    let answer = closed.house.send_as(near(), pushed(Protocol::V1, &body, &[])).await;
    assert_eq!(answer.status, 401);
    let open = Receiver::with(|parts| parts.open_on_loopback = true);
    let answer = open.house.send_as(near(), pushed(Protocol::V1, &body, &[])).await;
    assert_eq!(answer.status, 204);
    assert_eq!(open.history.pushed_senders(), Ok(vec!["local".to_owned()]));
    assert_eq!(open.house.send(pushed(Protocol::V1, &body, &[])).await.status, 401);
    for (name, value) in [
        ("authorization", "Bearer wrong"),
        ("origin", "http://evil.test"),
        ("sec-fetch-site", "cross-site"),
        ("x-forwarded-for", "127.0.0.1"),
        ("host", "hub.test:5100"),
    ] {
        let foreign = pushed(Protocol::V1, &body, &[(name, value.to_owned())]);
        assert_eq!(open.house.send_as(near(), foreign).await.status, 401, "{name}");
    }
    let known = [("authorization", format!("Bearer {TOKEN_A}"))];
    assert_eq!(open.house.send_as(near(), pushed(Protocol::V1, &body, &known)).await.status, 204);
    let found = open.ask_as("root", "count(m)", "1").await;
    assert!(found.contains("\"1\""), "both have one label set: {found}");
}

#[tokio::test]
async fn a_hub_that_stores_nothing_says_come_again() {
    // Its history cannot be used, and neither has anything room.
    let house = House::with(|parts| {
        parts.senders = Senders::new(&[sender("prom-a", "a", TOKEN_A)], false);
    });
    let body = v1(vec![series(&[("__name__", "m")], &[(1, 1.0)])]);
    let headers = [("authorization", format!("Bearer {TOKEN_A}"))];
    let answer = house.send(pushed(Protocol::V1, &body, &headers)).await;
    assert_eq!(written(&answer), (503, "0", "0", "0"));
    assert_eq!(answer.header("retry-after"), "5");
}

#[tokio::test]
async fn slow_bodies_of_one_sender_leave_room_for_the_other() {
    let receiver = Receiver::new();
    let body = v1(vec![series(&[("__name__", "m")], &[(1, 1.0)])]);
    let slow = || {
        let headers = [("authorization", format!("Bearer {TOKEN_A}"))];
        let mut request = pushed(Protocol::V1, &body, &headers);
        *request.body_mut() =
            Body::from_stream(futures_util::stream::pending::<Result<String, std::io::Error>>());
        request
    };
    // Their lengths are not told, so each may be as long as any: four are a sender's share.
    let mut waiting: Vec<_> = (0..5).map(|_| Box::pin(receiver.house.send(slow()))).collect();
    for one in &mut waiting {
        assert!(one.as_mut().now_or_never().is_none(), "nothing came");
    }
    let other = receiver.push(TOKEN_B, Protocol::V1, &body).await;
    assert_eq!(other.status, 204, "{other:?}");
    // The fifth has no room, and all have an answer before the hub gives a request up.
    receiver.house.hand.advance(Duration::from_secs(2));
    let fifth = waiting.pop().expect("five").await;
    assert_eq!((fifth.status.as_u16(), fifth.header("retry-after")), (503, "5"));
    receiver.house.hand.advance(Duration::from_secs(7));
    for one in waiting {
        assert_eq!(one.await.status, 503);
    }
    assert_eq!(receiver.push(TOKEN_A, Protocol::V1, &body).await.status, 204, "it has room again");
}
