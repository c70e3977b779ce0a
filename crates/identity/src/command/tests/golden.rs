//! Signatures that the real `ssh-keygen` made.

use super::*;

const ENVELOPE: &[u8] = include_bytes!("../../../testdata/ssh/envelope.json");
const ALLOWED: &str = include_str!("../../../testdata/ssh/allowed_signers");
const ED25519: &str = include_str!("../../../testdata/ssh/ed25519.sig");
const ED25519_B: &str = include_str!("../../../testdata/ssh/ed25519_b.sig");
const SHA256: &str = include_str!("../../../testdata/ssh/sha256.sig");
const ECDSA: &str = include_str!("../../../testdata/ssh/ecdsa.sig");
const RSA: &str = include_str!("../../../testdata/ssh/rsa.sig");
const RSA_SHA256: &str = include_str!("../../../testdata/ssh/rsa_sha256.sig");
const RSA_1024: &str = include_str!("../../../testdata/ssh/rsa_1024.sig");
const ECDSA_384: &str = include_str!("../../../testdata/ssh/ecdsa_384.sig");
const OTHER_NAMESPACE: &str = include_str!("../../../testdata/ssh/other_namespace.sig");

fn signed_by(signatures: &[&str]) -> SignedCommand {
    let targets = Targets::new(&fleet(3)).expect("three");
    SignedCommand {
        envelope: ENVELOPE.to_vec(),
        signatures: signatures.iter().map(|text| (*text).to_owned()).collect(),
        proof: targets.proof_of(&fleet(3)[1]).expect("a target"),
    }
}

fn allowed() -> AllowedSigners {
    AllowedSigners::parse(ALLOWED, "allowed_signers").expect("it is well")
}

fn verified(signed: &SignedCommand) -> Result<Vec<String>, CommandRefusal> {
    let done = verify_command(signed, &allowed(), &fleet(3)[1], 1, LIFE, SIGNED + 5);
    done.map(|verified| verified.principals)
}

fn refused_with(signed: &SignedCommand, words: &str) {
    let refusal = verified(signed).expect_err(words).to_string();
    assert!(refusal.contains(words), "{refusal:?} does not say {words:?}");
}

#[test]
fn each_kind_of_key_is_verified() {
    for (signature, who) in [
        (ED25519, "ada@example.org"),
        (SHA256, "ada@example.org"),
        (ECDSA, "bob@example.org"),
        (RSA, "cleo@example.org"),
        (RSA_SHA256, "cleo@example.org"),
        (ED25519_B, "dan@example.org"),
    ] {
        assert_eq!(verified(&signed_by(&[signature])), Ok(vec![who.to_owned()]));
    }
    let done = verify_command(&signed_by(&[ED25519]), &allowed(), &fleet(3)[1], 1, LIFE, SIGNED);
    let expected = envelope(&Targets::new(&fleet(3)).expect("three"));
    assert_eq!(done.map(|verified| verified.envelope), Ok(expected));
}

#[test]
fn what_is_not_safe_is_refused() {
    refused_with(&signed_by(&[]), "is not signed");
    refused_with(&signed_by(&[ED25519; 9]), "too many signatures");
    refused_with(&signed_by(&[OTHER_NAMESPACE]), "it was made for \"file\"");
    refused_with(&signed_by(&[RSA_1024]), "1024 bits");
    refused_with(&signed_by(&[ECDSA_384]), "\"ecdsa-sha2-nistp384\" are not taken");
    refused_with(&signed_by(&[ED25519, "x"]), "signature 2: it is not what `ssh-keygen");
    refused_with(&signed_by(&[&"x".repeat(10_000)]), "longer than");
}

/// A20: another target, another time, another command.
#[test]
fn a_command_is_for_its_servers_and_its_time() {
    let (signed, allowed, me) = (signed_by(&[ED25519]), allowed(), &fleet(3)[1]);
    let at = |me: &ServerName, life: u64, now: i64| {
        let life = Duration::from_secs(life);
        verify_command(&signed, &allowed, me, 1, life, now).map(|done| done.principals.len())
    };
    assert_eq!(at(me, 300, SIGNED), Ok(1));
    assert_eq!(at(me, 300, SIGNED + 29), Ok(1));
    assert_eq!(at(me, 300, SIGNED + 30), Err(CommandRefusal::Expired));
    assert_eq!(at(me, 300, SIGNED + 3600), Err(CommandRefusal::Expired));
    assert_eq!(at(me, 300, SIGNED - 30), Ok(1), "clocks differ a little");
    assert_eq!(at(me, 300, SIGNED - 31), Err(CommandRefusal::NotYetValid));
    assert_eq!(at(me, 30, SIGNED), Ok(1));
    let long = CommandRefusal::LivesTooLong { life_s: 30, longest_s: 29 };
    assert_eq!(at(me, 29, SIGNED), Err(long));
    for other in ["web-00000", "web-00002", "db-1"] {
        assert_eq!(at(&name(other), 300, SIGNED), Err(CommandRefusal::NotForThisServer));
    }
}

/// A19: whoever has the hub can change nothing.
#[test]
fn every_changed_byte_is_refused() {
    for place in 0..ENVELOPE.len() {
        let mut signed = signed_by(&[ED25519]);
        signed.envelope[place] ^= 1;
        refused_with(&signed, "it is not the signature of this command");
    }
    for text in [ED25519, ECDSA, RSA] {
        // The end of the last line may be missing.
        for place in 0..text.len() - 1 {
            for flip in [1, 0x20, 0x41] {
                let mut bytes = text.as_bytes().to_vec();
                bytes[place] ^= flip;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                assert!(verified(&signed_by(&[&changed])).is_err(), "{place} {flip}: {changed}");
            }
        }
    }
    let good = signed_by(&[ED25519]);
    for (number, hash) in good.proof.hashes.iter().enumerate() {
        for place in 0..hash.len() {
            let mut signed = good.clone();
            signed.proof.hashes[number][place] ^= 1;
            refused_with(&signed, "not for this server");
        }
    }
}

#[test]
fn two_signatures_are_of_two_people() {
    let two = |signatures: &[&str], allowed: &str| {
        let allowed = AllowedSigners::parse(allowed, "allowed_signers").expect("it is well");
        let signed = signed_by(signatures);
        verify_command(&signed, &allowed, &fleet(3)[1], 2, LIFE, SIGNED)
            .map(|verified| verified.principals.join(" "))
    };
    let few = Err(CommandRefusal::TooFewSigners { needed: 2, got: 1 });
    let both = Ok("ada@example.org bob@example.org".to_owned());
    assert_eq!(two(&[ED25519, ECDSA], ALLOWED), both);
    assert_eq!(two(&[ED25519, ED25519, ECDSA], ALLOWED), both);
    assert_eq!(two(&[ED25519], ALLOWED), few);
    assert_eq!(two(&[ED25519, ED25519], ALLOWED), few);
    assert_eq!(two(&[ED25519, SHA256], ALLOWED), few, "one key");
    let one_name = ALLOWED.replace("dan@example.org", "dan,ada@example.org");
    assert_eq!(two(&[ED25519, ED25519_B], &one_name), few, "one person with two keys");
    let key = ALLOWED.lines().nth(1).and_then(|line| line.split_once(' ')).expect("a line").1;
    let two_names = format!("{ALLOWED}eve@example.org {key}\n");
    assert_eq!(two(&[ED25519, SHA256], &two_names), few, "one key with two names");
    let bob_alone = ALLOWED.lines().nth(2).expect("a line");
    let refusal = two(&[ED25519, ECDSA], bob_alone).expect_err("one is not known");
    assert!(matches!(refusal, CommandRefusal::UnknownKey { .. }), "{refusal}");
}

#[test]
fn a_key_that_is_not_known_refuses_only_where_it_is_needed() {
    let bob = ALLOWED.lines().nth(2).expect("a line");
    let bob = AllowedSigners::parse(bob, "allowed_signers").expect("it is well");
    let by = |signatures: &[&str]| {
        let signed = signed_by(signatures);
        verify_command(&signed, &bob, &fleet(3)[1], 1, LIFE, SIGNED).map(|done| done.principals)
    };
    assert_eq!(by(&[ED25519, ECDSA]), Ok(vec!["bob@example.org".to_owned()]));
    let key = "ssh-ed25519 SHA256:rcwk3Nj6u+on81dr4j8gzgnnFlQRQVfyAxn7fOpMbX4".to_owned();
    assert_eq!(by(&[ED25519]), Err(CommandRefusal::UnknownKey { key }));
    let nobody = AllowedSigners::default();
    let signed = signed_by(&[ED25519]);
    for needed in [0, 1] {
        let done = verify_command(&signed, &nobody, &fleet(3)[1], needed, LIFE, SIGNED);
        assert!(matches!(done, Err(CommandRefusal::UnknownKey { .. })), "{needed}: {done:?}");
    }
}

#[test]
fn the_options_of_a_key_hold() {
    let key = ALLOWED.lines().nth(1).and_then(|line| line.split_once(' ')).expect("a line").1;
    let with = |options: &str| {
        let text = format!("ada {options} {key}");
        let allowed = AllowedSigners::parse(&text, "allowed_signers").expect("it is well");
        let done = verify_command(&signed_by(&[ED25519]), &allowed, &fleet(3)[1], 1, LIFE, SIGNED);
        done.map(drop)
    };
    let held = |why| Err(CommandRefusal::KeyNotAllowed { principal: "ada".to_owned(), why });
    // They are signed at 22:40 of 23 November 2026.
    for (options, expected) in [
        ("namespaces=\"watchfire-command\"", Ok(())),
        ("namespaces=\"git,watchfire-*\"", Ok(())),
        ("NAMESPACES=\"*-comman?\",valid-after=\"20261123Z\"", Ok(())),
        ("namespaces=\"git\"", held(KeyHeld::Namespace)),
        ("namespaces=\"*,!watchfire-command\"", held(KeyHeld::Namespace)),
        ("namespaces=\"watchfire\"", held(KeyHeld::Namespace)),
        ("valid-after=\"202611232240Z\"", Ok(())),
        ("valid-after=\"20261123224001Z\"", held(KeyHeld::NotYet)),
        ("valid-before=\"20261123224000Z\"", Ok(())),
        ("valid-before=\"20261123223959Z\"", held(KeyHeld::Expired)),
        ("valid-after=\"20260101Z\",valid-before=\"20261123Z\"", held(KeyHeld::Expired)),
    ] {
        assert_eq!(with(options), expected, "{options}");
    }
}
