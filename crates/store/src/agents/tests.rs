use super::*;

fn opened() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

fn agent(id: &str, name: &str) -> StoredAgent {
    let mut labels = Labels::new();
    labels.insert("role", "web \"front\"").unwrap();
    StoredAgent {
        id: id.to_owned(),
        name: name.to_owned(),
        labels,
        address: Some("db-1:5000".to_owned()),
        public_key_fingerprint: "ab".to_owned(),
        certificate_not_after: 90,
        enrolled_unix_ms: 1,
        removed_unix_ms: None,
        last_protocol: None,
    }
}

#[test]
fn an_agent_comes_back_as_it_was_stored() {
    let (_folder, store) = opened();
    store.write(|batch| batch.put_agent(&agent("a", "db-1"))).unwrap();
    assert_eq!(store.agents().unwrap(), [agent("a", "db-1")]);
    store.write(|batch| batch.set_agent_protocol("a", Some("1.1"))).unwrap();
    let spoke = StoredAgent { last_protocol: Some("1.1".to_owned()), ..agent("a", "db-1") };
    assert_eq!(store.write(|batch| batch.agent("a")), Ok(Some(spoke)));
    store.write(|batch| batch.set_agent_protocol("a", None)).unwrap();
    assert_eq!(store.agents().unwrap(), [agent("a", "db-1")]);
}

#[test]
fn a_name_is_one_agents_until_it_is_removed() {
    let (_folder, store) = opened();
    store.write(|batch| batch.put_agent(&agent("a", "db-1"))).unwrap();
    store.write(|batch| batch.put_agent(&agent("b", "db-2"))).unwrap();
    let taken = || StoreError::NameTaken { name: "db-1".to_owned(), by: "a".to_owned() };
    assert_eq!(store.write(|batch| batch.put_agent(&agent("c", "db-1"))), Err(taken()));
    assert_eq!(store.write(|batch| batch.rename_agent("b", "db-1")), Err(taken()));
    store.write(|batch| batch.put_agent(&agent("a", "db-1"))).unwrap();
    store.write(|batch| batch.rename_agent("a", "db-1")).unwrap();
    store.write(|batch| batch.remove_agent("a", 7)).unwrap();
    store.write(|batch| batch.put_agent(&agent("c", "db-1"))).unwrap();
    let ids: Vec<_> =
        store.agents().unwrap().into_iter().map(|one| (one.id, one.removed_unix_ms)).collect();
    assert_eq!(ids, [("a".into(), Some(7)), ("c".into(), None), ("b".into(), None)]);
}

#[test]
fn what_was_removed_cannot_be_renamed_removed_or_touched() {
    let (_folder, store) = opened();
    store.write(|batch| batch.put_agent(&agent("a", "db-1"))).unwrap();
    store.write(|batch| batch.remove_agent("a", 7)).unwrap();
    for id in ["a", "none"] {
        let none = || Err(StoreError::NoAgent { id: id.to_owned() });
        assert_eq!(store.write(|batch| batch.rename_agent(id, "x")), none());
        assert_eq!(store.write(|batch| batch.remove_agent(id, 8)), none());
        assert_eq!(store.write(|batch| batch.set_agent_protocol(id, None)), none());
    }
    assert_eq!(store.agents().unwrap()[0].removed_unix_ms, Some(7));
}

#[test]
fn what_changed_is_read_by_whoever_looks() {
    let (folder, store) = opened();
    let other = Store::open(folder.path()).unwrap();
    let ids = |after| {
        let (newest, changed) = other.agents_changed(after).unwrap();
        (newest, changed.into_iter().map(|one| one.id).collect::<Vec<_>>())
    };
    let (first, none) = ids(0);
    assert_eq!(none, [""; 0]);
    store.write(|batch| batch.put_agent(&agent("a", "db-1"))).unwrap();
    store.write(|batch| batch.put_agent(&agent("b", "db-2"))).unwrap();
    let (both, all) = ids(first);
    assert_eq!(all, ["a", "b"]);
    assert_eq!(ids(both), (both, vec![]), "nothing changed since");
    type Change = fn(&Batch<'_>) -> Result<(), StoreError>;
    let changes: [Change; 4] = [
        |batch| batch.put_agent(&agent("a", "db-1")),
        |batch| batch.rename_agent("a", "db-9"),
        |batch| batch.set_agent_protocol("a", Some("1.1")),
        |batch| batch.remove_agent("a", 7),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let (before, _) = ids(0);
        store.write(change).unwrap();
        assert_eq!(ids(before).1, ["a"], "change {number}");
    }
    let failed = store.write(|batch| batch.rename_agent("a", "db-9"));
    failed.unwrap_err();
    assert_eq!(ids(0).1.len(), 2);
}
