use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::Sha512;
use watchfire_model::Moment;

use super::key::sign_parts;
use super::*;
use crate::{Scope, password};

const NOW_S: i64 = 1_800_000_000;
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

fn at(seconds: i64) -> Moment {
    Moment { monotonic: Duration::from_secs(99), unix_ms: seconds * 1000 + 500 }
}

fn key() -> TokenKey {
    TokenKey::from_bytes([7; 32])
}

fn token() -> String {
    let lives = Duration::from_secs(1800);
    key().issue("ada", Audience::Agent, &[Scope::Read, Scope::Stream], "e", at(NOW_S), lives)
}

fn claims() -> Value {
    json!({
        "user": "ada", "exp": NOW_S + 60, "iat": NOW_S, "jti": "1", "scope": "read", "aud": "agent",
        "epoch": "e",
    })
}

fn with(name: &str, value: Value) -> String {
    let mut claims = claims();
    claims[name] = value;
    claims.to_string()
}

fn without(name: &str) -> String {
    let mut claims = claims();
    claims.as_object_mut().expect("is an object").remove(name);
    claims.to_string()
}

fn verify(token: &str) -> Result<Claims, TokenError> {
    key().verify(token, Audience::Agent, at(NOW_S))
}

#[test]
fn what_is_issued_is_accepted() {
    let claims = verify(&token()).expect("is ours");
    assert_eq!((claims.user.as_str(), claims.scope.as_str()), ("ada", "read stream"));
    assert_eq!((claims.iat, claims.exp), (NOW_S, NOW_S + 1800));
    assert_eq!(claims.jti.len(), 32);
    assert!(claims.allows(Scope::Stream) && !claims.allows(Scope::Run));
    assert_ne!(verify(&token()).expect("is ours").jti, claims.jti);
}

#[test]
fn an_epoch_changes_with_password_and_key_and_is_that_of_the_token() {
    let [one, two] = ["one", "two"].map(|word| password::hash(word).expect("hashes"));
    let epoch = key().epoch(&one);
    assert_eq!((epoch.len(), &epoch), (22, &key().epoch(&one)));
    assert_ne!(epoch, key().epoch(&two));
    assert_ne!(epoch, TokenKey::from_bytes([8; 32]).epoch(&one));
    let lives = Duration::from_secs(60);
    let token = key().issue("ada", Audience::Agent, &[], &epoch, at(NOW_S), lives);
    let claims = verify(&token).expect("is ours");
    assert!(claims.is_of(&epoch));
    assert!(!claims.is_of(&key().epoch(&two)) && !claims.is_of("") && !claims.is_of(&epoch[..21]));
}

#[test]
fn the_form_is_that_of_rfc_7515() {
    // The key and the signature are those of the example in RFC 7515, appendix A.1.
    let key =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let key = URL_SAFE_NO_PAD.decode(key).expect("is base64url");
    let header = "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}";
    let claims =
        "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
    let token = sign_parts(&key, header, claims);
    assert!(token.ends_with(".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), "{token}");
    assert!(token.starts_with("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2Ui"));
}

/// A token with those parts, signed with the right key.
fn signed(header: &str, claims: &str) -> String {
    sign_parts(key().as_bytes(), header, claims)
}

#[test]
fn other_algorithms_are_refused() {
    for alg in ["none", "None", "NONE", "HS512", "hs256", "RS256", "EdDSA", ""] {
        let header = json!({ "alg": alg, "typ": "JWT" }).to_string();
        let token = signed(&header, &claims().to_string());
        assert_eq!(verify(&token), Err(TokenError::Header), "{alg}");
    }
}

#[test]
fn a_stripped_or_foreign_signature_is_refused() {
    let token = token();
    let message = token.rsplit_once('.').expect("has parts").0;
    assert_eq!(verify(&format!("{message}.")), Err(TokenError::Signature));
    assert_eq!(verify(message), Err(TokenError::Malformed));

    let unsigned = format!(
        "{}.{}.",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#),
        URL_SAFE_NO_PAD.encode(claims().to_string())
    );
    assert_eq!(verify(&unsigned), Err(TokenError::Signature));

    let sha512 = Hmac::<Sha512>::new_from_slice(&[7; 32]).expect("any length");
    let signature = sha512.chain_update(message).finalize().into_bytes();
    let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
    assert_eq!(verify(&token), Err(TokenError::Signature));
    let shortened = format!("{message}.{}", URL_SAFE_NO_PAD.encode(&signature[..32]));
    assert_eq!(verify(&shortened), Err(TokenError::Signature));

    // An empty key is what a `kid` that names an empty file would give.
    for foreign in [[0; 32], [8; 32]] {
        let token = sign_parts(&foreign, HEADER, &claims().to_string());
        assert_eq!(verify(&token), Err(TokenError::Signature));
    }
}

#[test]
fn headers_that_name_keys_or_extensions_are_refused() {
    let members = [
        ("kid", json!("../../dev/null")),
        ("kid", json!("' OR 1=1")),
        ("jku", json!("http://127.0.0.1:9/keys")),
        ("jwk", json!({ "kty": "oct", "k": "AAAA" })),
        ("x5u", json!("http://127.0.0.1:9/cert")),
        ("crit", json!(["x"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("typ", json!("JWE")),
    ];
    for (name, value) in members {
        let mut header = json!({ "alg": "HS256", "typ": "JWT" });
        header[name] = value;
        let token = signed(&header.to_string(), &claims().to_string());
        assert_eq!(verify(&token), Err(TokenError::Header), "{name}");
    }
    for header in ["", "[]", "{}", r#"{"alg":"HS256","alg":"none"}"#, r#"{"alg":"HS256"}x"#] {
        let token = signed(header, &claims().to_string());
        assert_eq!(verify(&token), Err(TokenError::Header), "{header}");
    }
}

#[test]
fn claims_of_the_wrong_type_are_refused() {
    let names = ["user", "exp", "iat", "jti", "scope", "aud", "epoch"];
    for name in names {
        for value in [Value::Null, json!(true), json!([]), json!({})] {
            let token = signed(HEADER, &with(name, value));
            assert_eq!(verify(&token), Err(TokenError::Claims), "{name}");
        }
        let token = signed(HEADER, &without(name));
        assert_eq!(verify(&token), Err(TokenError::Claims), "no {name}");
    }
    let cases = [
        ("exp", json!("never")),
        ("exp", json!("1900000000")),
        ("exp", json!(1.9e9)),
        ("exp", json!(1e300)),
        ("exp", json!(u64::MAX)),
        ("exp", json!(NOW_S)),
        ("iat", json!("0")),
        ("nbf", json!("99999999999")),
        ("nbf", Value::Null),
        ("user", json!("")),
        ("user", json!(1)),
        ("jti", json!("")),
        ("epoch", json!("")),
        ("aud", json!(["agent"])),
    ];
    for (name, value) in cases {
        let token = signed(HEADER, &with(name, value.clone()));
        assert_eq!(verify(&token), Err(TokenError::Claims), "{name}: {value}");
    }
    let doubled = claims().to_string().replace("{", r#"{"user":"root","#);
    assert_eq!(verify(&signed(HEADER, &doubled)), Err(TokenError::Claims));
}

#[test]
fn an_audience_is_no_other() {
    let lives = Duration::from_secs(9);
    let hub = key().issue("ada", Audience::Hub, &[Scope::Read], "e", at(NOW_S), lives);
    assert_eq!(verify(&hub), Err(TokenError::Audience));
    assert_eq!(key().verify(&token(), Audience::Hub, at(NOW_S)), Err(TokenError::Audience));
    let other = signed(HEADER, &with("aud", json!("Agent")));
    assert_eq!(verify(&other), Err(TokenError::Audience));
}

#[test]
fn time_is_checked_at_both_ends() {
    let token = token();
    let verify = |seconds| key().verify(&token, Audience::Agent, at(seconds)).map(|_| ());
    assert_eq!(verify(NOW_S + 1799), Ok(()));
    assert_eq!(verify(NOW_S + 1800), Err(TokenError::Expired));
    assert_eq!(verify(NOW_S - 5), Ok(()));
    assert_eq!(verify(NOW_S - 6), Err(TokenError::NotYet));

    let begins = |nbf: i64| self::verify(&signed(HEADER, &with("nbf", json!(nbf))));
    assert!(begins(NOW_S).is_ok());
    assert!(begins(0).is_ok());
    assert_eq!(begins(NOW_S + 6), Err(TokenError::NotYet));
    assert_eq!(begins(i64::MAX), Err(TokenError::NotYet));
    let past = signed(HEADER, &with("iat", json!(NOW_S + 30)));
    assert_eq!(self::verify(&past), Err(TokenError::NotYet));
}

#[test]
fn odd_forms_are_refused() {
    let token = token();
    let padded = token.split('.').map(|part| format!("{part}=")).collect::<Vec<_>>().join(".");
    for bad in ["", ".", "..", "...", "a.b.c", padded.as_str(), "ä.ö.ü"] {
        assert!(verify(bad).is_err(), "{bad}");
    }
    assert_eq!(verify(&format!("{token}{}", "A".repeat(2048))), Err(TokenError::TooLong));
    assert_eq!(verify(&format!(" {token}")), Err(TokenError::Signature));
    assert!(verify(&format!("{token}.")).is_err());
    let classic = format!("{}.e30.{}", STANDARD.encode(HEADER), STANDARD.encode([0; 32]));
    assert!(verify(&classic).is_err());
}

#[test]
fn the_longest_lives_do_not_wrap() {
    let token = key().issue("ada", Audience::Agent, &[], "e", at(NOW_S), Duration::MAX);
    assert_eq!(verify(&token).map(|claims| claims.exp), Ok(i64::MAX));
}

#[test]
fn debug_shows_nothing() {
    assert_eq!(format!("{:?}", key()), "TokenKey(hidden)");
    assert_ne!(TokenKey::generate().as_bytes(), TokenKey::generate().as_bytes());
}

proptest! {
    #[test]
    fn no_changed_token_is_accepted(position in 0_usize..250, to in "[A-Za-z0-9_.=-]") {
        let token = token();
        let position = position % token.len();
        let mut changed = token.clone();
        changed.replace_range(position..=position, &to);
        prop_assume!(changed != token);
        prop_assert!(verify(&changed).is_err());
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,100}\\.?.{0,100}\\.?.{0,100}") {
        prop_assert!(verify(&text).is_err());
    }
}
