//! Every login and every change has its line, and administrators alone read them.

use watchfire_api::audit::AuditPage;
use watchfire_identity::audit::{AuditLine, AuditVerifier};

use super::*;

async fn lines(house: &House) -> Vec<AuditLine> {
    let root = house.log_in("root").await;
    let answer = house.get("/api/audit", Some(&root)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let page: AuditPage = serde_json::from_str(&answer.body).expect("a page");
    assert_eq!(page.newest, page.lines.len() as u64);
    let mut verifier = AuditVerifier::new(None);
    let read = page.lines.iter().map(|line| verifier.line(line).expect("as it was written"));
    let read = read.collect();
    verifier.end().expect("the chain is whole");
    read
}

fn said(lines: &[AuditLine]) -> Vec<(&str, &str, &str, &str)> {
    lines
        .iter()
        .map(|line| {
            (line.who.as_str(), line.action.as_str(), line.object.as_str(), line.outcome.as_str())
        })
        .collect()
}

#[tokio::test]
async fn logins_and_changes_have_their_lines() {
    let house = House::new();
    let forged = "admin\n{\"level\":\"info\",\"msg\":\"login ok\"}\u{1b}[2K";
    assert_eq!(house.send(login(forged, "x")).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.send(login("ann", "wrong")).await.status, StatusCode::UNAUTHORIZED);
    let ann = house.log_in("ann").await;
    let mut log_out = asking(Method::POST, "/api/logout", Some(&ann));
    log_out.headers_mut().insert("x-watchfire-csrf", ann.csrf.parse().expect("a value"));
    assert_eq!(house.send(log_out).await.status, StatusCode::OK);
    let olga = house.log_in("olga").await;
    let path = house.of_team_b("/api/incidents/{id}/acknowledge");
    let mut foreign = asking(Method::POST, &path, Some(&olga));
    foreign.headers_mut().insert("x-watchfire-csrf", olga.csrf.parse().expect("a value"));
    assert_eq!(house.send(foreign).await.status, StatusCode::NOT_FOUND);
    let change = format!("POST {path}");
    let all = lines(&house).await;
    assert_eq!(
        said(&all),
        [
            ("(unknown)", "login", "", "refused"),
            ("ann", "login", "", "refused"),
            ("ann", "login", "", "ok"),
            ("ann", "change", "POST /api/logout", "begun"),
            ("olga", "login", "", "ok"),
            ("olga", "change", &change, "begun"),
            ("olga", "change", &change, "not done: 404 Not Found"),
            ("root", "login", "", "ok"),
        ]
    );
    assert!(all.iter().all(|line| line.from.starts_with("192.0.2.")), "{all:?}");
}

#[tokio::test]
async fn nobody_else_reads_it_and_pages_go_on() {
    let house = House::with(|parts| {
        parts.accounts.push(account("half", Role::Admin, team("a")));
    });
    for user in ["ann", "olga", "half"] {
        let seat = house.log_in(user).await;
        let answer = house.get("/api/audit", Some(&seat)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{user}");
    }
    let root = house.log_in("root").await;
    let page = house.get("/api/audit?after=1&limit=2", Some(&root)).await;
    let page: AuditPage = serde_json::from_str(&page.body).expect("a page");
    let numbers: Vec<_> =
        page.lines.iter().map(|line| AuditLine::read(line).expect("a line").seq).collect();
    assert_eq!((numbers, page.newest), (vec![2, 3], 4));
    let wrong = house.get("/api/audit?from=1", Some(&root)).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
}
