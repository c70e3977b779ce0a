//! Who looks after an incident, from the page, by a program and by the link in a letter.

use watchfire_model::{Acknowledged, Incident};

use super::*;

const ACK: &str = "/api/incidents/{id}/acknowledge";
const NOTES: &str = "/api/incidents/{id}/notes";

impl House {
    /// Changes something as the user of `seat`, from our own page.
    async fn change(&self, method: Method, path: &str, seat: &Seat, body: &str) -> Answer {
        let mut request = asking(method, path, Some(seat));
        let csrf = seat.csrf.parse().expect("a value");
        request.headers_mut().insert("x-watchfire-csrf", csrf);
        if !body.is_empty() {
            let kind = HeaderValue::from_static("application/json");
            request.headers_mut().insert(header::CONTENT_TYPE, kind);
            *request.body_mut() = Body::from(body.to_owned());
        }
        self.send(request).await
    }

    fn incident(&self, id: IncidentId) -> Incident {
        self.store.incident(id).expect("readable").expect("is there")
    }

    fn by(&self, id: IncidentId) -> Option<String> {
        self.incident(id).acknowledged.map(|Acknowledged { by, .. }| by)
    }

    fn lines(&self, id: IncidentId) -> Vec<String> {
        let lines = self.store.timeline(id).expect("readable");
        lines.into_iter().map(|line| format!("{}: {}", line.kind.as_str(), line.text)).collect()
    }

    /// The mark of a link for olga about an incident.
    fn mark(&self, id: IncidentId) -> String {
        let now = self.state.parts.clock.now();
        let url = ack_links().acknowledge_url(&self.incident(id), "olga", now).expect("a link");
        url.rsplit_once("s=").expect("a mark").1.to_owned()
    }

    async fn press(&self, mark: &str) -> Answer {
        let mut request = asking(Method::POST, "/ack", None);
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(header::CONTENT_TYPE, kind);
        // As a browser sends it from a page that tells no referrer.
        request.headers_mut().insert(header::ORIGIN, HeaderValue::from_static("null"));
        *request.body_mut() = Body::from(format!("s={mark}"));
        self.send(request).await
    }
}

#[tokio::test]
async fn an_operator_acknowledges_takes_it_back_and_writes_notes() {
    let house = House::new();
    let (olga, id) = (house.log_in("olga").await, house.incident_a);
    let mut listening = house.events.listen();
    let (ack, notes) = (house.of_team_a(ACK), house.of_team_a(NOTES));
    let answer = house.change(Method::POST, &ack, &olga, r#"{"note":"on it"}"#).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let row: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(row["acknowledged"]["by"], "olga", "{row}");
    assert_eq!(house.by(id).as_deref(), Some("olga"));
    let told = listening.try_recv().expect("the open pages are told");
    assert!(matches!(told, Event::Incident(_, row) if row.acknowledged.is_some()));

    // Whoever came first stays, and saying it again says nothing new.
    let root = house.log_in("root").await;
    let again = house.change(Method::POST, &ack, &root, "").await;
    assert_eq!((again.status, house.by(id).as_deref()), (StatusCode::OK, Some("olga")));

    let text = "restarted <b>\\u202e it\\r\\nlooks well";
    let answer =
        house.change(Method::POST, &notes, &olga, &format!(r#"{{"text":"{text}"}}"#)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let answer = house.change(Method::DELETE, &ack, &olga, "").await;
    assert_eq!((answer.status, house.by(id)), (StatusCode::OK, None));
    assert_eq!(
        house.lines(id),
        [
            "acknowledged: olga looks after it",
            "note: olga: on it",
            "note: olga: restarted <b> it\nlooks well",
            "acknowledged: olga takes the acknowledgement back",
        ]
    );
    let seen = house.get(&house.of_team_a("/api/incidents/{id}"), Some(&olga)).await;
    assert!(seen.body.contains("olga: on it"), "{seen:?}");
}

#[tokio::test]
async fn a_viewer_and_whoever_may_not_know_of_it_change_nothing() {
    let house = House::new();
    let (ann, olga) = (house.log_in("ann").await, house.log_in("olga").await);
    for (path, body) in [(ACK, ""), (NOTES, r#"{"text":"hello"}"#)] {
        let (own, foreign) = (house.of_team_a(path), house.of_team_b(path));
        for path in [&own, &foreign] {
            let answer = house.change(Method::POST, path, &ann, body).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}: {answer:?}");
        }
        let foreign = house.change(Method::POST, &foreign, &olga, body).await;
        for missing in ["999999", "abc"] {
            let path = path.replace("{id}", missing);
            let missing = house.change(Method::POST, &path, &olga, body).await;
            assert_eq!((foreign.status, &foreign), (StatusCode::NOT_FOUND, &missing));
        }
    }
    let taken = house.change(Method::DELETE, &house.of_team_b(ACK), &olga, "").await;
    assert_eq!(taken.status, StatusCode::NOT_FOUND);
    for id in [house.incident_a, house.incident_b] {
        assert_eq!((house.by(id), house.lines(id).len()), (None, 0));
    }
}

#[tokio::test]
async fn what_is_no_note_is_refused_and_what_is_over_is_not_acknowledged() {
    let house = House::new();
    let (olga, id) = (house.log_in("olga").await, house.incident_a);
    let (ack, notes) = (house.of_team_a(ACK), house.of_team_a(NOTES));
    let long = "x".repeat(crate::acks::MAX_NOTE_BYTES + 1);
    for (text, status) in [
        (r#"{"text":""}"#.to_owned(), 422),
        (r#"{"text":" \u202e\n "}"#.to_owned(), 422),
        (format!(r#"{{"text":"{long}"}}"#), 422),
        (format!(r#"{{"text":"{}"}}"#, "\\u00e4".repeat(9000)), 413),
        (r#"{"words":"x"}"#.to_owned(), 422),
        ("{".to_owned(), 400),
    ] {
        let answer = house.change(Method::POST, &notes, &olga, &text).await;
        assert_eq!(answer.status.as_u16(), status, "{text:.40}: {answer:?}");
    }
    let answer = house.change(Method::POST, &ack, &olga, &format!(r#"{{"note":"{long}"}}"#)).await;
    assert_eq!((answer.status.as_u16(), house.by(id)), (422, None), "{answer:?}");

    let at = crate::testing::moment(5);
    house.store.write(|batch| batch.close_incident(id, at)).expect("the store works");
    let over = house.change(Method::POST, &ack, &olga, "").await;
    assert_eq!((over.status, house.by(id)), (StatusCode::CONFLICT, None), "{over:?}");
    let note = house.change(Method::POST, &notes, &olga, r#"{"text":"it was the fuse"}"#).await;
    assert_eq!(note.status, StatusCode::OK, "a note comes often when all is over");
}

#[tokio::test]
async fn following_a_link_changes_nothing_and_its_button_acknowledges() {
    let house = House::new();
    let (id, mark) = (house.incident_a, house.mark(house.incident_a));
    let path = format!("/ack?s={mark}");
    for method in [Method::GET, Method::HEAD, Method::GET] {
        let page = house.send(asking(method, &path, None)).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!((house.by(id), house.lines(id).len()), (None, 0), "a scanner follows links");
    }
    let page = house.get(&path, None).await;
    assert!(page.body.contains("a-1") && page.body.contains("method=\"post\""), "{page:?}");
    for more in ["silent", "olga", "ann", "team", "b-1", "<script"] {
        assert!(!page.body.contains(more), "{more} is no business of the finder: {page:?}");
    }
    let done = house.press(&mark).await;
    assert_eq!((done.status, house.by(id).as_deref()), (StatusCode::OK, Some("olga")), "{done:?}");
    assert_eq!(house.lines(id), ["acknowledged: olga looks after it, by the link in a letter"]);
    let again = house.press(&mark).await;
    assert_eq!((again.status, house.lines(id).len()), (StatusCode::OK, 1));
    let page = house.get(&path, None).await;
    assert!(!page.body.contains("<form") && !page.body.contains("olga"), "{page:?}");

    let at = crate::testing::moment(5);
    house.store.write(|batch| batch.close_incident(id, at)).expect("the store works");
    assert!(house.press(&mark).await.body.contains("over already"));
    assert!(house.get(&path, None).await.body.contains("over already"));
}

#[tokio::test]
async fn a_link_that_is_not_good_leads_nowhere_and_says_nothing() {
    let house = House::new();
    let mark = house.mark(house.incident_a);
    let now = house.state.parts.clock.now();
    let of_b = ack_links().acknowledge_url(&house.incident(house.incident_b), "olga", now);
    let of_b = of_b.expect("a link").rsplit_once("s=").expect("a mark").1.to_owned();
    let earlier =
        Incident { judged: crate::testing::moment(77), ..house.incident(house.incident_a) };
    let restored = ack_links().acknowledge_url(&earlier, "olga", now).expect("a link");
    let restored = restored.rsplit_once("s=").expect("a mark").1.to_owned();
    let none = house.get("/ack", None).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    for bad in ["", "x", &format!("{mark}A"), &mark[..mark.len() - 1], &of_b, &restored] {
        let shown = house.get(&format!("/ack?s={bad}"), None).await;
        assert_eq!(shown, none, "{bad}");
        assert_eq!(house.press(bad).await, none, "{bad}");
    }
    house.hand.advance(Duration::from_secs(7 * 86_400));
    assert_eq!(house.press(&mark).await, none, "its week is over");
    for id in [house.incident_a, house.incident_b] {
        assert_eq!((house.by(id), house.lines(id).len()), (None, 0));
    }
}

#[tokio::test]
async fn links_are_tried_at_a_pace() {
    let house = House::new();
    for _ in 0..60 {
        let answer = house.get("/ack?s=1.2.3.x.y", None).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
    let mark = house.mark(house.incident_a);
    let answer = house.press(&mark).await;
    assert_eq!((answer.status, house.by(house.incident_a)), (StatusCode::TOO_MANY_REQUESTS, None));
    assert_eq!(answer.header("retry-after"), "60");
    house.hand.advance(Duration::from_secs(60));
    assert_eq!(house.press(&mark).await.status, StatusCode::OK);
}
