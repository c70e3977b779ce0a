use proptest::prelude::*;

use super::*;
use crate::SystemRandomness;
use crate::certificate::Fingerprint;
use crate::random::tests::Counting;

fn token() -> EnrolToken {
    EnrolToken::new(Fingerprint::of(b"a CA"), &mut SystemRandomness)
}

fn invite() -> InviteCode {
    InviteCode::new(Fingerprint::of(b"a key"), &mut SystemRandomness)
}

fn told(text: &str) -> String {
    text.parse::<EnrolToken>().expect_err(text).to_string()
}

#[test]
fn a_token_is_read_back() {
    let token = EnrolToken::new(Fingerprint::from_bytes([0xab; 32]), &mut Counting(0));
    let text = token.to_string();
    assert!(
        text.starts_with("wft1_q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6sAAQIDBAUGBwgJCgsMDQ4P")
    );
    assert_eq!(text.len(), 75);
    let again: EnrolToken = format!(" {text}\r\n").parse().expect("is read back");
    assert_eq!(again, token);
    assert_eq!(again.secret(), "AAECAwQFBgcICQoLDA0ODw");
    assert_eq!(again.digest(), EnrolToken::digest_of(token.secret()));
    assert_ne!(token.digest(), EnrolToken::digest_of("AAECAwQFBgcICQoLDA0ODx"));
}

#[test]
fn an_invitation_is_read_back() {
    let code = invite();
    let again: InviteCode = code.to_string().parse().expect("is read back");
    assert_eq!(again, code);
    assert!(InviteCode::matches(&again.digest(), code.secret()));
    assert!(!InviteCode::matches(&again.digest(), invite().secret()));
    assert!(!InviteCode::matches(&again.digest(), ""));
    // The same secret stands for different things in the two.
    assert_ne!(again.digest(), EnrolToken::digest_of(code.secret()));
}

#[test]
fn mistakes_are_told_by_their_kind() {
    let text = token().to_string();
    let begin = "an enrolment token begins with wft1_: make one with `watchfire hub token`";
    assert_eq!(told(""), begin);
    assert_eq!(told("https://hub.example.org"), begin);
    assert_eq!(
        told(&invite().to_string()),
        "this is an invitation code, and an enrolment token is needed: make one with \
         `watchfire hub token`"
    );
    let error = text.parse::<InviteCode>().expect_err("another kind").to_string();
    assert!(error.starts_with("this is an enrolment token, and an invitation code is"), "{error}");
    assert_eq!(
        told(&text[..60]),
        "an enrolment token has 70 letters after its beginning, and this has 55: copy the whole \
         line"
    );
    assert!(told(&format!("{text}x")).contains("and this has 71"));
    let changed = "a letter of an enrolment token was changed on the way: copy the whole line once \
                   more";
    for wrong in [text.replace("wft1_", "wfi1_"), format!("{}!", &text[..74])] {
        assert_ne!(wrong, text);
        assert!(wrong.parse::<EnrolToken>().is_err() && wrong.parse::<InviteCode>().is_err());
    }
    assert_eq!(told(&format!("{}!", &text[..74])), changed);
    assert!(told(&format!("wft1_{}", "ü".repeat(100_000))).contains("1024"), "is bounded");
}

#[test]
fn debug_and_mistakes_show_no_secret() {
    let (token, code) = (token(), invite());
    for (shown, secret) in
        [(format!("{token:?}"), token.secret()), (format!("{code:?}"), code.secret())]
    {
        assert!(shown.contains("hidden") && !shown.contains(secret), "{shown}");
    }
    let text = token.to_string();
    assert!(!told(&text[..70]).contains(&text[60..70]));
}

#[test]
fn secrets_differ() {
    assert_ne!(token().secret(), token().secret());
    assert_eq!(token().secret().len(), 22);
}

proptest! {
    #[test]
    fn any_changed_letter_is_noticed(at in 5_usize..75, letter in "[A-Za-z0-9_-]") {
        let text = token().to_string();
        let mut changed = text.clone();
        changed.replace_range(at..=at, &letter);
        prop_assume!(changed != text);
        let noticed = matches!(changed.parse::<EnrolToken>(), Err(CodeError::Changed { .. }));
        prop_assert!(noticed, "{}", changed);
    }

    #[test]
    fn whatever_comes_is_no_panic(text: String) {
        prop_assert!(text.parse::<EnrolToken>().is_err());
        let text = format!("wfi1_{text}");
        prop_assert!(text.parse::<InviteCode>().is_err());
    }
}
