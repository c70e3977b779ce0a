//! Files of rules as people and programs meet them.

use watchfire_alert::rules::RuleFile;
use watchfire_api::rule_files::{RuleCheck, RuleFileList, RuleFileText, RuleRefusal};

use super::*;

const GOOD: &str = "groups: [{ name: g, rules: [{ alert: A, expr: up == 0 }] }]\n";
const PATH: &str = "/api/rules/files/page/disks";

/// A house with a file of its config, whose engine takes up at once what is made.
fn house() -> House {
    let mut kept = None;
    let house = House::with(|parts| {
        let (store, board) = (parts.store.clone(), parts.rules.clone());
        let built_in = watchfire_alert::rules::built_in();
        let read = RuleFile::parse("rules/a.yml", GOOD).expect("good");
        let locked = [(built_in, watchfire_alert::rules::BUILT_IN), (read, GOOD)]
            .map(|(file, text)| Locked { file, text: text.into() });
        board.show_files(Files { locked: locked.into(), has_made: true });
        let (made, nudges) = Made::open(store, board, parts.clock.clone());
        parts.made = made;
        kept = Some(nudges);
    });
    let mut nudges = kept.expect("made");
    watchfire_runtime::task::spawn("engine", async move {
        while let Some(done) = nudges.recv().await {
            let _ = done.send(());
        }
    })
    .detach();
    house
}

impl House {
    async fn edit(
        &self,
        method: Method,
        path: &str,
        seat: &Seat,
        more: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = asking(method, path, Some(seat));
        for (name, value) in more.iter().chain(&[("x-watchfire-csrf", seat.csrf.as_str())]) {
            let name: header::HeaderName = name.parse().expect("a header");
            request.headers_mut().insert(name, value.parse().expect("a value"));
        }
        *request.body_mut() = Body::from(body.to_owned());
        self.send(request).await
    }

    async fn files(&self, seat: &Seat) -> (Vec<String>, bool) {
        let answer = self.get("/api/rules/files", Some(seat)).await;
        let list: RuleFileList = serde_json::from_str(&answer.body).expect("a list");
        (list.files.into_iter().map(|one| one.name).collect(), list.may_change)
    }
}

const NEW: [(&str, &str); 1] = [("if-none-match", "*")];

#[tokio::test]
async fn an_administrator_makes_changes_and_removes_a_file() {
    let house = house();
    let root = house.log_in("root").await;
    let made = house.edit(Method::PUT, PATH, &root, &NEW, GOOD).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(
        house.files(&root).await,
        (vec!["built-in".into(), "rules/a.yml".into(), "page/disks".into()], true)
    );
    let read = house.get(PATH, Some(&root)).await;
    assert_eq!(read.header("etag"), made.header("etag"));
    let text: RuleFileText = serde_json::from_str(&read.body).expect("a file");
    assert_eq!((text.text.as_str(), text.row.author.as_deref()), (GOOD, Some("root")));
    let tag = read.header("etag").to_owned();
    let seen = [("if-match", tag.as_str())];
    let other = GOOD.replace("alert: A", "alert: B");
    let changed = house.edit(Method::PUT, PATH, &root, &seen, &other).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    for method in [Method::PUT, Method::DELETE] {
        let late = house.edit(method.clone(), PATH, &root, &seen, GOOD).await;
        assert_eq!(late.status, 412, "{method}: {}", late.body);
        let blind = house.edit(method, PATH, &root, &[], GOOD).await;
        assert_eq!(blind.status, 428, "{}", blind.body);
    }
    let tag = changed.header("etag").to_owned();
    let gone = house.edit(Method::DELETE, PATH, &root, &[("if-match", &tag)], "").await;
    assert_eq!(gone.status, 204, "{}", gone.body);
    assert_eq!(house.get(PATH, Some(&root)).await.status, 404);
}

#[tokio::test]
async fn a_bad_file_is_refused_with_line_and_column() {
    let house = house();
    let root = house.log_in("root").await;
    let bad = "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: up ==\n";
    let answer = house.edit(Method::PUT, PATH, &root, &NEW, bad).await;
    assert_eq!(answer.status, 422, "{}", answer.body);
    let refusal: RuleRefusal = serde_json::from_str(&answer.body).expect("a refusal");
    assert_eq!(refusal.faults[0].line, 5, "{refusal:?}");
    assert!(refusal.message.starts_with("5:"), "{refusal:?}");
    let checked = house.edit(Method::POST, "/api/rules/check", &root, &[], bad).await;
    let check: RuleCheck = serde_json::from_str(&checked.body).expect("a check");
    assert_eq!(check.faults, refusal.faults);
    let checked = house.edit(Method::POST, "/api/rules/check", &root, &[], GOOD).await;
    let check: RuleCheck = serde_json::from_str(&checked.body).expect("a check");
    assert_eq!((check.faults.len(), check.groups[0].name.as_str()), (0, "g"));
    let long = "#".repeat((256 << 10) + 1);
    let answer = house.edit(Method::PUT, PATH, &root, &NEW, &long).await;
    assert_eq!(answer.status, 413, "{}", answer.body);
    let answer = house.edit(Method::PUT, "/api/rules/files/page/.x", &root, &NEW, GOOD).await;
    assert_eq!(answer.status, 422, "{}", answer.body);
    for locked in ["built-in", "rules%2Fa.yml", "rules/a.yml"] {
        let path = format!("/api/rules/files/{locked}");
        let answer = house.edit(Method::PUT, &path, &root, &NEW, GOOD).await;
        assert_eq!(answer.status, 409, "{locked}: {}", answer.body);
        assert_eq!(house.get(&path, Some(&root)).await.status, 200, "{locked}");
    }
    assert_eq!(house.files(&root).await.0.len(), 2);
}

#[tokio::test]
async fn who_does_not_see_all_servers_sees_the_built_in_file_alone() {
    let house = house();
    let (ann, olga, root) =
        (house.log_in("ann").await, house.log_in("olga").await, house.log_in("root").await);
    house.edit(Method::PUT, PATH, &root, &NEW, GOOD).await;
    for seat in [&ann, &olga] {
        assert_eq!(house.files(seat).await, (vec!["built-in".to_owned()], false));
        let missing = house.get("/api/rules/files/page/none", Some(seat)).await;
        assert_eq!(missing.status, 404);
        for path in [PATH, "/api/rules/files/rules/a.yml"] {
            assert_eq!(house.get(path, Some(seat)).await, missing, "{path}");
        }
        // A no says nothing of what there is.
        let no = house.edit(Method::PUT, PATH, seat, &NEW, GOOD).await;
        assert_eq!(no.status, 403);
        for path in [PATH, "/api/rules/files/page/none", "/api/rules/files/rules/a.yml"] {
            assert_eq!(house.edit(Method::PUT, path, seat, &NEW, GOOD).await, no, "{path}");
            let answer = house.edit(Method::DELETE, path, seat, &NEW, GOOD).await;
            assert_eq!(answer.status, 403, "{path}");
        }
    }
}

#[tokio::test]
async fn an_administrator_of_some_servers_changes_no_rules() {
    let house = House::with(|parts| parts.accounts.push(account("ada", Role::Admin, team("a"))));
    let ada = house.log_in("ada").await;
    let answer = house.edit(Method::PUT, PATH, &ada, &NEW, GOOD).await;
    assert_eq!(answer.status, 403, "{}", answer.body);
}

#[tokio::test]
async fn another_sites_page_changes_no_rules() {
    let house = house();
    let root = house.log_in("root").await;
    for more in [&[("origin", "https://evil.test")][..], &[("sec-fetch-site", "cross-site")]] {
        let more = [more, &NEW].concat();
        let answer = house.edit(Method::PUT, PATH, &root, &more, GOOD).await;
        assert_eq!(answer.status, 403, "{}", answer.body);
    }
    let stolen = Seat { csrf: "0".repeat(32), ..root.clone() };
    let answer = house.edit(Method::PUT, PATH, &stolen, &NEW, GOOD).await;
    assert_eq!(answer.status, 403, "{}", answer.body);
    assert_eq!(house.files(&root).await.0.len(), 2);
}

#[tokio::test]
async fn a_hub_with_rules_of_its_own_alone_takes_none() {
    let house = House::with(|parts| {
        parts.made = Made::open(parts.store.clone(), parts.rules.clone(), parts.clock.clone()).0;
        parts.rules.show_files(Files { locked: Vec::new().into(), has_made: false });
    });
    let root = house.log_in("root").await;
    assert_eq!(house.edit(Method::PUT, PATH, &root, &NEW, GOOD).await.status, 409);
    assert_eq!(house.files(&root).await, (Vec::new(), false));
}
