use watchfire_identity::audit::{AuditFault, AuditVerifier};

use super::*;
use crate::testing::moment;

fn entry(action: &str) -> AuditEntry {
    AuditEntry { who: "ada".to_owned(), action: action.to_owned(), ..AuditEntry::default() }
}

fn opened() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

fn verify(store: &Store) -> Result<Head, AuditFault> {
    let (mut verifier, mut after) = (AuditVerifier::new(None), 0);
    loop {
        let lines = store.audit_after(after, 1000).unwrap();
        let Some(last) = lines.last() else { return verifier.end() };
        after = AuditLine::read(last).expect("a line").seq;
        for line in &lines {
            verifier.line(line)?;
        }
    }
}

#[test]
fn a_line_is_part_of_its_change() {
    let (_folder, store) = opened();
    let add = |batch: &Batch<'_>| Audit::add(batch, &entry("a"), moment(1));
    store.write(add).unwrap();
    let failed: Result<(), _> = store.write(|batch| {
        add(batch)?;
        Err(StoreError::Busy)
    });
    assert_eq!(failed, Err(StoreError::Busy));
    store.write(add).unwrap();
    assert_eq!(store.audit_length(), Ok(2));
    assert_eq!(verify(&store).map(|head| head.seq), Ok(2));
}

#[test]
fn old_lines_go_and_the_chain_says_so() {
    let (_folder, store) = opened();
    let most = 100;
    let put = |count: u64| {
        store.write(|batch| {
            (0..count).try_for_each(|_| Audit::add_within(batch, &entry("a"), moment(1), most))
        })
    };
    put(most).unwrap();
    let first = |store: &Store| AuditLine::read(&store.audit_after(0, 1).unwrap()[0]).unwrap().seq;
    assert_eq!(first(&store), 1);
    put(1).unwrap();
    let oldest = first(&store);
    assert_eq!(oldest, 12, "the last ninety, and the line that says so");
    assert_eq!(verify(&store).map(|head| head.seq), Ok(most + 2));
    put(1).unwrap();
    assert_eq!(first(&store), oldest, "the next ones stay for a while");
}

#[test]
fn what_strangers_do_often_is_counted() {
    let mut pace = Pace::default();
    let told = (0..100).filter(|_| pace.take(moment(1)).is_some()).count();
    assert_eq!(told, 60);
    assert_eq!(pace.take(moment(60_001)), Some(40));
    assert_eq!(pace.take(moment(60_001)), Some(0));
}

#[tokio::test]
async fn nobody_drives_lines_out_by_logging_in_or_changing() {
    let (_folder, store) = opened();
    let (clock, hand) = crate::testing::manual_clock();
    let audit = Audit::new(store.clone(), clock);
    for _ in 0..LOGINS + 5 {
        audit.note_login(entry("login")).await;
    }
    assert_eq!(store.audit_length(), Ok(u64::from(LOGINS)));
    let bob = AuditEntry { who: "bob".to_owned(), ..entry("login") };
    audit.note_login(bob).await;
    assert_eq!(store.audit_length(), Ok(u64::from(LOGINS) + 1), "it is each user's own");
    let places = (0..CHANGES + 5).filter(|_| audit.has_place_for_change("ada")).count();
    assert_eq!(places, CHANGES as usize);
    assert!(audit.has_place_for_change("bob"));
    hand.advance(std::time::Duration::from_secs(60));
    assert!(audit.has_place_for_change("ada"));
    audit.note_login(entry("login")).await;
    let last = store.audit_after(u64::from(LOGINS) + 1, 1).unwrap().remove(0);
    assert!(last.contains("5 more before"), "{last}");
}
