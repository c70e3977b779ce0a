//! The channels of whoever asks, and tests of them.

use watchfire_model::NotificationKind;

use super::*;

#[tokio::test]
async fn a_user_tests_their_own_channels_and_no_others() {
    let house = House::new();
    let (ann, olga) = (house.log_in("ann").await, house.log_in("olga").await);
    let listed = house.get("/api/channels", Some(&ann)).await;
    assert_eq!(
        listed.body,
        r#"[{"number":0,"channel":"slack://…","last":null,"budget":{"used":0,"most":600}}]"#
    );
    assert_eq!(house.get("/api/channels", Some(&olga)).await.body, "[]");

    let post = |path: &str, seat: &Seat| {
        let mut request = asking(Method::POST, path, Some(seat));
        let csrf = seat.csrf.parse().expect("a value");
        request.headers_mut().insert("x-watchfire-csrf", csrf);
        house.send(request)
    };
    let test = post("/api/channels/0/test", &ann).await;
    assert_eq!(test.status, 202, "{test:?}");
    let id: serde_json::Value = serde_json::from_str(&test.body).expect("JSON");
    let path = format!("/api/channels/tests/{}", id["id"]);
    let outcome = house.get(&path, Some(&ann)).await;
    assert!(outcome.body.contains(r#""state":"pending""#), "{outcome:?}");
    assert_eq!(house.get(&path, Some(&olga)).await.status, 404);
    for (path, seat) in [
        ("/api/channels/1/test", &ann),
        ("/api/channels/x/test", &ann),
        ("/api/channels/0/test", &olga),
    ] {
        assert_eq!(post(path, seat).await.status, 404, "{path}");
    }
    // A letter about something else is no test, even of one's own.
    let letter = crate::testing::letter(None, "ann", NotificationKind::Report, &["slack:x"], "r");
    let id = house.store.write(|batch| batch.enqueue(&letter)).expect("the store works");
    let path = format!("/api/channels/tests/{}", id.0);
    assert_eq!(house.get(&path, Some(&ann)).await.status, 404);
}

#[tokio::test]
async fn another_sites_page_starts_no_test() {
    let house = House::new();
    let ann = house.log_in("ann").await;
    // The cookie goes along with whatever a page asks for; the value of ours does not.
    let refused = house.send(asking(Method::POST, "/api/channels/0/test", Some(&ann))).await;
    assert_eq!(refused.status, 403, "{refused:?}");
    assert!(
        house
            .store
            .pending_after(watchfire_model::NotificationId(0), 9)
            .expect("it is read")
            .is_empty()
    );
}
