use watchfire_identity::password;
use watchfire_model::Scope;

use super::*;

fn user(name: &str, role: &str, servers: &[&str]) -> StoredUser {
    StoredUser {
        name: name.to_owned(),
        role: role.to_owned(),
        password_hash: password::decoy().as_str().to_owned(),
        servers: servers.iter().map(|text| (*text).to_owned()).collect(),
    }
}

fn people(store: &Store) -> People {
    let locked = Account {
        name: "ada".to_owned(),
        role: Role::Viewer,
        scope: Scope::everything(),
        password: password::decoy().clone(),
    };
    let stored = store.users().expect("readable");
    let stored = stored.iter().map(|user| account_of(user).expect("good"));
    let all = stored.chain([locked]).collect();
    People::open(store.clone(), all, vec!["ada".to_owned(), "told-only".to_owned()])
}

fn entry() -> AuditEntry {
    AuditEntry { who: "root".to_owned(), action: "user.add".to_owned(), ..AuditEntry::default() }
}

#[tokio::test]
async fn a_user_is_there_at_once_and_after_a_restart_and_gone_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a store");
    let now = Moment::default();
    let house = people(&store);
    let made = house.add(user("bob", "operator", &["role=\"web\""]), entry(), now).await;
    let bob = made.expect("is made");
    assert!(house.is(&bob));
    let again = people(&store);
    let stored = again.person("bob").expect("it is stored");
    assert!(!stored.is_locked && stored.account.role == Role::Operator);
    assert_eq!(matchers_of(&stored.account), ["role=\"web\""]);
    let fewer = Change { role: Some(Role::Viewer), ..Change::default() };
    let changed = house.change("bob", fewer, entry(), now).await.expect("is changed");
    assert!(!house.is(&bob) && house.is(&changed));
    assert_eq!(matchers_of(&changed), ["role=\"web\""], "what is not said stays");
    house.remove("bob", entry(), now).await.expect("is removed");
    assert!(house.find("bob").is_none() && !house.is(&changed));
    assert!(people(&store).find("bob").is_none());
    assert_eq!(store.audit_length(), Ok(3), "each has its line");
}

#[tokio::test]
async fn what_must_not_be_is_refused_and_leaves_no_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a store");
    let now = Moment::default();
    let house = people(&store);
    let refused = async |user: StoredUser| {
        house.add(user, entry(), now).await.expect_err("is refused").to_string()
    };
    assert!(refused(user("ada", "viewer", &[])).await.contains("hub.toml"));
    assert!(refused(user("told-only", "viewer", &[])).await.contains("hub.toml"));
    for name in ["", "a b", "a\nb", "watchfire", &"x".repeat(65)] {
        assert!(refused(user(name, "viewer", &[])).await.contains("name"), "{name}");
    }
    assert!(refused(user("bob", "boss", &[])).await.contains("role"));
    assert!(refused(user("bob", "viewer", &["role="])).await.contains("matcher"));
    let many = vec!["*"; MAX_MATCHERS + 1];
    assert!(refused(user("bob", "viewer", &many)).await.contains("50"));
    assert_eq!(store.audit_length(), Ok(0));
    // The last one that rules all cannot go, nor become less.
    house.add(user("root", "admin", &["*"]), entry(), now).await.expect("is made");
    house.add(user("half", "admin", &["a=\"b\""]), entry(), now).await.expect("is made");
    let last = house.remove("root", entry(), now).await.expect_err("is the last");
    assert!(matches!(last, NoUser::LastAdmin), "{last}");
    let fewer = Change { servers: Some(vec!["a=\"b\"".to_owned()]), ..Change::default() };
    let last = house.change("root", fewer, entry(), now).await.err();
    assert!(matches!(last, Some(NoUser::LastAdmin)));
    house.add(user("other", "admin", &["*"]), entry(), now).await.expect("is made");
    house.remove("root", entry(), now).await.expect("another one is left");
    assert!(matches!(house.remove("ada", entry(), now).await, Err(NoUser::Locked(_))));
    assert!(matches!(house.remove("nobody", entry(), now).await, Err(NoUser::Unknown)));
}
