use super::*;

fn at(unix_s: i64) -> Moment {
    let monotonic = Duration::from_secs(u64::try_from(unix_s).expect("after 1970"));
    Moment { monotonic, unix_ms: unix_s * 1000 }
}

const START: i64 = 1_700_000_010;

/// Somebody who has turned it on, and what the app and the paper hold.
async fn with_ann(store: &Store) -> (Factors, TotpSecret, Vec<String>) {
    let factors = Factors::open(store.clone()).expect("readable");
    let secret = factors.begin("ann", "s1", at(START)).expect("it is off");
    let code = secret.code_at(at(START)).expect("a code");
    let confirmed = factors.confirm(("ann", "s1"), &code, AuditEntry::default(), at(START)).await;
    let codes = confirmed.expect("it is on").iter().map(|code| code.reveal().to_string()).collect();
    (factors, secret, codes)
}

fn code(secret: &TotpSecret, unix_s: i64) -> String {
    secret.code_at(at(unix_s)).expect("a code")
}

#[tokio::test]
async fn it_is_on_when_the_same_session_shows_a_code_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a store");
    let factors = Factors::open(store.clone()).expect("readable");
    let confirm = async |session: &str, code: &str, now: Moment| {
        factors.confirm(("ann", session), code, AuditEntry::default(), now).await
    };
    assert!(matches!(confirm("s1", "123456", at(START)).await, Err(NotOn::NotBegun)));
    let secret = factors.begin("ann", "s1", at(START)).expect("it is off");
    let right = code(&secret, START);
    assert!(matches!(confirm("s2", &right, at(START)).await, Err(NotOn::NotBegun)));
    assert!(matches!(confirm("s1", "12345", at(START)).await, Err(NotOn::Wrong)));
    let late = at(START + 601);
    assert!(matches!(confirm("s1", &code(&secret, START + 601), late).await, Err(NotOn::NotBegun)));
    assert!(!factors.has("ann"));
    let codes = confirm("s1", &right, at(START)).await.expect("it is on");
    assert_eq!(codes.len(), 10);
    assert!(factors.has("ann") && !factors.has("bob"));
    assert!(factors.begin("ann", "s1", at(START)).is_none(), "it is not changed unseen");
    let standing = factors.standing("ann").await.expect("readable").expect("it is on");
    assert_eq!((standing.since_unix_ms, standing.recovery_codes_left), (START * 1000, 10));
    // What turned it on opens nothing any more.
    assert_eq!(factors.check("ann", &right, at(START)).await, Ok(Checked::Wrong));
}

#[tokio::test]
async fn a_code_opens_once_even_for_two_at_a_time_and_over_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a store");
    let (factors, secret, _) = with_ann(&store).await;
    let later = START + 30;
    let right = code(&secret, later);
    let both = tokio::join!(
        factors.check("ann", &right, at(later)),
        factors.check("ann", &right, at(later)),
    );
    let right_ones = [both.0, both.1].iter().filter(|one| **one == Ok(Checked::Right)).count();
    assert_eq!(right_ones, 1);
    let again = Factors::open(store.clone()).expect("readable");
    assert!(again.has("ann"));
    assert_eq!(again.check("ann", &right, at(later)).await, Ok(Checked::Wrong));
    let next = code(&secret, later + 30);
    let spaced = format!("{} {}", &next[..3], &next[3..]);
    assert_eq!(again.check("ann", &spaced, at(later + 30)).await, Ok(Checked::Right));
}

#[tokio::test]
async fn a_recovery_code_stands_in_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a store");
    let (factors, _, codes) = with_ann(&store).await;
    let check = async |factors: &Factors, code: &str| factors.check("ann", code, at(START)).await;
    assert_eq!(check(&factors, &codes[3].to_lowercase()).await, Ok(Checked::Recovered(9)));
    assert_eq!(check(&factors, &codes[3]).await, Ok(Checked::Wrong));
    let again = Factors::open(store.clone()).expect("readable");
    assert_eq!(check(&again, &codes[3]).await, Ok(Checked::Wrong));
    assert_eq!(check(&again, &codes[4]).await, Ok(Checked::Recovered(8)));
    assert!(again.turn_off("ann", AuditEntry::default(), at(START)).await.expect("stored"));
    assert!(!again.turn_off("ann", AuditEntry::default(), at(START)).await.expect("stored"));
    assert_eq!(check(&again, &codes[5]).await, Ok(Checked::Wrong));
    assert!(!Factors::open(store).expect("readable").has("ann"));
}

#[tokio::test]
async fn guessing_is_slow_from_wherever_it_comes_and_checks_nothing_then() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a store");
    let (factors, secret, codes) = with_ann(&store).await;
    let now = START + 30;
    for _ in 0..tries::MOST {
        assert_eq!(factors.check("ann", "", at(now)).await, Ok(Checked::Wrong));
    }
    let right = code(&secret, now);
    for code in [&right, &codes[0]] {
        let waits = factors.check("ann", code, at(now)).await;
        assert_eq!(waits, Ok(Checked::TooMany(Duration::from_secs(3600))));
    }
    let later = now + 3600;
    assert_eq!(factors.check("ann", &code(&secret, later), at(later)).await, Ok(Checked::Right));
}
