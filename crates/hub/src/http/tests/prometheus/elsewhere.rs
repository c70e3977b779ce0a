//! Questions that another store answers.

use super::*;
use crate::config::{Service, ServiceLogin};
use crate::http::Elsewhere;
use watchfire_runtime::Secret;
use watchfire_testkit::http::{Answer as Reply, Stub};

const VALUES: &str = r#"{"status":"success","data":["elsewhere"]}"#;

fn house(stub: &Stub) -> House {
    let login = Some(ServiceLogin::Bearer(Secret::new("hunter2")));
    let service = Service { url: format!("{}/prefix", stub.base()), login };
    House::with(|parts| {
        let elsewhere = Elsewhere::new(service, parts.clock.clone());
        parts.elsewhere = Some(elsewhere.expect("a good service"));
    })
}

fn json(body: &str) -> Reply {
    Reply::reply(200, body).with_header("Content-Type", "application/json")
}

/// What the store was asked last: its path and one parameter.
fn asked(stub: &Stub, parameter: &str) -> (String, Option<String>) {
    let last = stub.requests().pop().expect("it was asked");
    assert_eq!(last.header("authorization"), Some("Bearer hunter2"));
    (last.path.clone(), last.form(parameter))
}

#[tokio::test]
async fn who_sees_all_is_answered_as_asked_and_others_within_their_fence() {
    let stub = Stub::start();
    stub.always(json(VALUES));
    let house = house(&stub);
    let (ann, root) = (house.log_in("ann").await, house.log_in("root").await);
    let question = [("query", "rate(up[5m]) or vector(1)"), ("time", "1700000000")];
    for (seat, query) in [
        (&root, "rate(up[5m]) or vector(1)"),
        (&ann, r#"rate(up{instance=~"a\\-1"}[5m]) or vector(1)"#),
    ] {
        let answer = house.ask("/api/v1/query", &question, seat).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, VALUES));
        let query = Some(query.to_owned());
        assert_eq!(asked(&stub, "query"), ("/prefix/api/v1/query".to_owned(), query));
        assert_eq!(asked(&stub, "time").1.as_deref(), Some("1700000000"));
    }
    for (path, pairs, fenced) in [
        ("/api/v1/labels", &[][..], r#"{__name__!="",instance=~"a\\-1"}"#),
        ("/api/v1/label/job/values", &[("match[]", "up")], r#"up{instance=~"a\\-1"}"#),
        ("/api/v1/series", &[("match[]", "{job=\"x\"}")], r#"{job="x",instance=~"a\\-1"}"#),
    ] {
        assert_eq!(house.ask(path, pairs, &ann).await.body, VALUES, "{path}");
        if path.contains("/label/") {
            // By GET, since some stores take nothing else there.
            let last = stub.requests().pop().expect("it was asked");
            let query = form(&[("match[]", fenced)]).replace("%2D", "-");
            assert_eq!(
                (last.method.as_str(), last.path),
                ("GET", format!("/prefix{path}?{query}"))
            );
            continue;
        }
        assert_eq!(asked(&stub, "match[]"), (format!("/prefix{path}"), Some(fenced.to_owned())));
    }
    // Other stores know more names for selectors than these.
    let sly = [("match[]", "up"), ("match", "{__name__!=\"\"}"), ("extra_filters[]", "{}")];
    assert_eq!(house.post("/api/v1/series", &sly, &ann).await.body, VALUES);
    let asked = stub.requests().pop().expect("it was asked");
    assert!(asked.form("match").is_none() && asked.form("extra_filters[]").is_none());
    // What would grow beyond all measure is not asked.
    let long = vec!["a"; 20_000].join("+");
    let refused = house.post("/api/v1/query", &[("query", &long)], &ann).await;
    assert!(refused.status.is_client_error(), "{}", refused.body);
    // What is wrong is said here, and not asked there.
    let many = stub.requests().len();
    let wrong = house.ask("/api/v1/query", &[("query", "up{")], &ann).await;
    assert_eq!((wrong.status, stub.requests().len()), (StatusCode::BAD_REQUEST, many));
}

#[tokio::test]
async fn its_troubles_are_told_and_its_details_are_not() {
    let stub = Stub::start();
    let house = house(&stub);
    let root = house.log_in("root").await;
    let execution = r#"{"status":"error","errorType":"execution","error":"too many"}"#;
    let page = Reply::reply(200, "<html>log in, hunter3</html>");
    for (reply, status) in [
        (Reply::Drop, StatusCode::SERVICE_UNAVAILABLE),
        (page, StatusCode::SERVICE_UNAVAILABLE),
        (Reply::reply(401, "hunter3"), StatusCode::SERVICE_UNAVAILABLE),
        (Reply::reply(302, "hunter3"), StatusCode::SERVICE_UNAVAILABLE),
        (
            Reply::reply(422, execution).with_header("Content-Type", "application/json"),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
    ] {
        stub.next([reply.clone()]);
        let answer = house.ask("/api/v1/query", &[("query", "up")], &root).await;
        assert_eq!(answer.status, status, "{reply:?}: {}", answer.body);
        assert!(!answer.body.contains("hunter") && answer.body.contains("\"error\""));
    }
}
