//! Sessions are listed and ended by their users, and by administrators of every server.

use watchfire_api::sessions::{SessionList, SessionRow};

use super::*;

async fn seen(house: &House, seat: &Seat) -> Vec<SessionRow> {
    let answer = house.get("/api/sessions", Some(seat)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let id = seat.cookie.split('=').nth(1).expect("a cookie has a value");
    assert!(!answer.body.contains(id) && !answer.body.contains(&seat.csrf), "{}", answer.body);
    let list: SessionList = serde_json::from_str(&answer.body).expect("a list");
    list.sessions
}

async fn end(house: &House, seat: &Seat, id: &str) -> StatusCode {
    let mut request = asking(Method::DELETE, &format!("/api/sessions/{id}"), Some(seat));
    request.headers_mut().insert("x-watchfire-csrf", seat.csrf.parse().expect("a value"));
    house.send(request).await.status
}

#[tokio::test]
async fn everybody_sees_and_ends_their_own_and_administrators_all() {
    let house = House::with(|parts| {
        parts.accounts.push(account("half", Role::Admin, team("a")));
    });
    let (first, second) = (house.log_in("ann").await, house.log_in("ann").await);
    let (root, half) = (house.log_in("root").await, house.log_in("half").await);
    let anns = seen(&house, &second).await;
    assert_eq!(anns.len(), 2);
    let other = anns.iter().find(|row| !row.is_this).expect("the first one").id.clone();
    let roots = seen(&house, &root).await;
    assert_eq!(roots.len(), 4, "an administrator sees all");
    assert_eq!(seen(&house, &half).await.len(), 1, "one of some servers sees no others");
    let of_root = roots.iter().find(|row| row.is_this).expect("its own").id.clone();
    for seat in [&second, &half] {
        assert_eq!(end(&house, seat, &of_root).await, StatusCode::NOT_FOUND);
    }
    assert_eq!(end(&house, &second, "0000").await, StatusCode::NOT_FOUND);
    assert_eq!(end(&house, &second, &other).await, StatusCode::OK);
    assert_eq!(house.get("/api/me", Some(&first)).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.get("/api/me", Some(&second)).await.status, StatusCode::OK);
    let this = seen(&house, &second).await[0].id.clone();
    assert_eq!(end(&house, &root, &this).await, StatusCode::OK);
    assert_eq!(house.get("/api/me", Some(&second)).await.status, StatusCode::UNAUTHORIZED);
}
