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
fn tokens_that_ended_long_ago_are_forgotten_and_their_number_is_limited() {
    let (_folder, store) = with_token();
    let late = 200 + REMEMBERED_MS + 1;
    store.write(|batch| batch.put_enrol_token(&[9; 32], None, late, late + 1)).unwrap();
    assert_eq!(store.enrol_tokens().unwrap().len(), 1);
    let filled = store.write(|batch| {
        for number in 0..MAX_ENROL_TOKENS {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&(number as u64).to_le_bytes());
            batch.put_enrol_token(&digest, None, late, late + 1)?;
        }
        Ok(())
    });
    assert!(matches!(filled, Err(StoreError::TooMany { .. })), "{filled:?}");
}
