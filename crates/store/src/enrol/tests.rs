use super::*;

const DIGEST: [u8; 32] = [7; 32];

fn with_token() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.write(|batch| batch.put_enrol_token(&DIGEST, Some("db-1"), 100, 200)).unwrap();
    (folder, store)
}

fn redeem(store: &Store, digest: &[u8; 32], id: &str, now: i64) -> Redeemed {
    store.write(|batch| batch.redeem(digest, id, now)).unwrap()
}

#[test]
fn a_token_is_good_once() {
    let (_folder, store) = with_token();
    assert_eq!(redeem(&store, &DIGEST, "a", 199), Redeemed::Yes);
    let used = Redeemed::UsedBefore { by: "a".to_owned() };
    assert_eq!(redeem(&store, &DIGEST, "a", 199), used);
    assert_eq!(store.enrol_tokens().unwrap()[0].misused, None);
    assert_eq!(redeem(&store, &DIGEST, "b", 900), used);
    assert_eq!(redeem(&store, &DIGEST, "c", 901), used);
    let token = &store.enrol_tokens().unwrap()[0];
    assert_eq!(token.used, Some((199, "a".to_owned())));
    assert_eq!(token.misused, Some((900, "b".to_owned())), "the first misuse stays");
    assert_eq!(token.name.as_deref(), Some("db-1"));
}

#[test]
fn a_token_keeps_the_labels_that_it_gives() {
    let (_folder, store) = with_token();
    assert!(store.enrol_tokens().unwrap()[0].labels.is_empty());
    let mut labels = Labels::new();
    labels.insert("role", "größe \"1\"").unwrap();
    store.write(|batch| batch.set_enrol_token_labels(&DIGEST, &labels)).unwrap();
    assert_eq!(store.enrol_tokens().unwrap()[0].labels, labels);
}

#[test]
fn a_token_ends_and_a_forged_one_is_none() {
    let (_folder, store) = with_token();
    assert_eq!(redeem(&store, &DIGEST, "a", 200), Redeemed::Expired);
    assert_eq!(redeem(&store, &[8; 32], "a", 150), Redeemed::Unknown);
    assert_eq!(store.enrol_tokens().unwrap()[0].used, None);
}

#[test]
fn an_enrolment_that_fails_leaves_the_token_good() {
    let (_folder, store) = with_token();
    let failed: Result<(), _> = store.write(|batch| {
        assert_eq!(batch.redeem(&DIGEST, "a", 150)?, Redeemed::Yes);
        Err(StoreError::NameTaken { name: "db-1".to_owned(), by: "z".to_owned() })
    });
    assert!(failed.is_err());
    assert_eq!(redeem(&store, &DIGEST, "a", 150), Redeemed::Yes);
}

#[test]
fn tokens_that_ended_long_ago_are_forgotten() {
    let (_folder, store) = with_token();
    let late = 200 + REMEMBERED_MS + 1;
    store.write(|batch| batch.put_enrol_token(&[9; 32], None, late, late + 1)).unwrap();
    assert_eq!(store.enrol_tokens().unwrap().len(), 1);
}

#[test]
fn a_misused_token_is_shown_for_as_long_as_its_agent_is_there() {
    let (_folder, store) = with_token();
    let agent = crate::StoredAgent {
        id: "a".to_owned(),
        name: "db-1".to_owned(),
        labels: Labels::new(),
        address: None,
        public_key_fingerprint: "p".to_owned(),
        certificate_not_after: 1,
        enrolled_unix_ms: 150,
        removed_unix_ms: None,
        last_protocol: None,
    };
    store.write(|batch| batch.put_agent(&agent)).unwrap();
    redeem(&store, &DIGEST, "a", 150);
    redeem(&store, &DIGEST, "b", 160);
    let late = 200 + REMEMBERED_MS + 1;
    let put = |number: u8| {
        store.write(|batch| batch.put_enrol_token(&[number; 32], None, late, late + 1)).unwrap();
        store.enrol_tokens().unwrap().iter().any(|token| token.digest == DIGEST)
    };
    assert!(put(1));
    store.write(|batch| batch.remove_agent("a", late)).unwrap();
    assert!(!put(2));
}

/// Puts as many tokens into the store at once, all with the same end.
fn fill(store: &Store, how_many: usize, expires_unix_ms: i64) {
    let filled = store.write(|batch| {
        let sql = "INSERT INTO enrol_token (digest, created_unix_ms, expires_unix_ms) \
             VALUES (?1, 1000, ?2)";
        let mut insert = batch.connection.prepare_cached(sql)?;
        for number in 0..how_many {
            insert.execute(params![numbered(number), expires_unix_ms])?;
        }
        Ok(())
    });
    filled.unwrap();
}

/// The digest of the token with that number.
fn numbered(number: usize) -> [u8; 32] {
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&(number as u64).to_le_bytes());
    digest
}

#[test]
fn only_open_tokens_count() {
    let (_folder, store) = with_token();
    fill(&store, MAX_ENROL_TOKENS, 2000);
    let put = |number: usize| {
        let digest = numbered(number);
        store.write(|batch| batch.put_enrol_token(&digest, None, 1000, 2000))
    };
    assert!(matches!(put(MAX_ENROL_TOKENS), Err(StoreError::TooMany { .. })));
    assert_eq!(redeem(&store, &numbered(7), "a", 1500), Redeemed::Yes);
    put(MAX_ENROL_TOKENS).expect("one was used up");
    assert!(matches!(put(MAX_ENROL_TOKENS + 1), Err(StoreError::TooMany { .. })));
    let expired = store.write(|batch| batch.put_enrol_token(&[9; 32], None, 2000, 3000));
    expired.expect("all others have expired");
}

#[test]
fn the_number_of_remembered_tokens_is_limited() {
    let (_folder, store) = with_token();
    fill(&store, MAX_REMEMBERED + 5, 2000);
    store.write(|batch| batch.put_enrol_token(&[9; 32], None, 2000, 3000)).unwrap();
    let kept = store.enrol_tokens().unwrap();
    assert_eq!(kept.len(), MAX_REMEMBERED + 1, "those that ended, and the open one");
    assert!(kept.iter().all(|token| token.digest != DIGEST), "the first to end goes first");
}
