use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use watchfire_model::ServerName;

use super::*;
use crate::random::tests::Counting;

mod allowed;
mod golden;
mod keys;
mod openssh;

/// When the commands of these tests are signed.
const SIGNED: i64 = 1_795_473_600;
const LIFE: Duration = Duration::from_secs(300);

fn name(text: &str) -> ServerName {
    ServerName::new(text).expect("a name")
}

fn fleet(count: usize) -> Vec<ServerName> {
    (0..count).map(|number| name(&format!("web-{number:05}"))).collect()
}

fn envelope(targets: &Targets) -> Envelope {
    Envelope {
        id: CommandId::new(&mut Counting(1)),
        what: What::Argv(["systemctl", "restart", "web \"1\"\n$(id)"].map(str::to_owned).to_vec()),
        user: Some("www-data".to_owned()),
        folder: None,
        stdin_sha256: Some([7; 32]),
        timeout_s: 60,
        output_bytes: 1 << 20,
        signed_unix_s: SIGNED,
        not_after_unix_s: SIGNED + 30,
        purpose: "new certificates, see #17".to_owned(),
        targets: targets.root(),
    }
}

#[test]
fn the_text_that_is_signed_never_changes() {
    let targets = Targets::new(&fleet(3)).expect("three");
    let bytes = envelope(&targets).to_bytes().expect("it is one");
    assert_eq!(
        String::from_utf8(bytes).expect("text"),
        r#"{"id":"0102030405060708090a0b0c0d0e0f10","what":{"argv":["systemctl","restart","web \"1\"\n$(id)"]},"user":"www-data","stdin_sha256":"0707070707070707070707070707070707070707070707070707070707070707","timeout_s":60,"output_bytes":1048576,"signed_unix_s":1795473600,"not_after_unix_s":1795473630,"purpose":"new certificates, see #17","targets":{"root":"ROOT","count":3}}"#
            .replace("ROOT", &targets.root().root.iter().map(|b| format!("{b:02x}")).collect::<String>())
    );
}

#[test]
fn there_is_no_second_form_of_a_command() {
    let targets = Targets::new(&fleet(1)).expect("one");
    let bytes = envelope(&targets).to_bytes().expect("it is one");
    let text = String::from_utf8(bytes).expect("text");
    for other in [
        text.replace(":", ": "),
        format!(" {text}"),
        format!("{text}\n"),
        text.replace("\"timeout_s\":60", "\"timeout_s\":6e1"),
        text.replace("www-data", "www\\u002ddata"),
        text.replace("\"user\":\"www-data\",", "\"user\":\"www-data\",\"user\":\"www-data\","),
        text.replace("\"user\":\"www-data\",", "\"user\":\"www-data\",\"folder\":null,"),
        text.replace("\"user\":\"www-data\",", "\"user\":\"www-data\",\"shell\":true,"),
        text.replace("0102", "0x02"),
        text[..text.len() - 1].to_owned(),
        "null".to_owned(),
        String::new(),
    ] {
        assert!(Envelope::from_bytes(other.as_bytes()).is_err(), "{other}");
    }
    assert!(Envelope::from_bytes(text.as_bytes()).is_ok());
}

#[test]
fn every_field_has_its_limits() {
    let good = envelope(&Targets::new(&fleet(1)).expect("one"));
    let wrong: [fn(&mut Envelope); 18] = [
        |e| e.what = What::Argv(Vec::new()),
        |e| e.what = What::Argv(vec![String::new()]),
        |e| e.what = What::Argv(vec!["a\0b".to_owned()]),
        |e| e.what = What::Argv(vec!["a".repeat(MAX_ARGV_BYTES)]),
        |e| e.what = What::Argv(vec!["a".to_owned(); 4097]),
        |e| e.what = What::Runbook { name: "../x".to_owned(), params: BTreeMap::new() },
        |e| {
            let params = [("unit".to_owned(), "a\0".to_owned())].into();
            e.what = What::Runbook { name: "x".to_owned(), params };
        },
        |e| e.user = Some("-u".to_owned()),
        |e| e.user = Some(String::new()),
        |e| e.folder = Some("tmp".to_owned()),
        |e| e.timeout_s = 0,
        |e| e.output_bytes = 0,
        |e| e.signed_unix_s = -1,
        |e| e.not_after_unix_s = e.signed_unix_s,
        |e| (e.signed_unix_s, e.not_after_unix_s) = (0, i64::MIN),
        |e| e.purpose = "a\u{1b}[2J".to_owned(),
        |e| e.targets.count = 0,
        |e| e.targets.count = 10_001,
    ];
    for (number, change) in wrong.into_iter().enumerate() {
        let mut changed = good.clone();
        change(&mut changed);
        assert!(matches!(changed.to_bytes(), Err(EnvelopeError::Field(_))), "{number}");
    }
    // Each letter of it takes six in JSON.
    let long = What::Argv(vec!["\u{1}".repeat(MAX_ARGV_BYTES - 1)]);
    assert_eq!(Envelope { what: long, ..good }.to_bytes(), Err(EnvelopeError::TooLong));
}

#[test]
fn each_target_has_a_proof_that_holds_for_nobody_else() {
    for count in (1..=33).chain([1000]) {
        let names = fleet(count);
        let targets = Targets::new(&names).expect("some");
        let root = targets.root();
        for (place, server) in names.iter().enumerate().step_by(if count > 33 { 97 } else { 1 }) {
            let proof = targets.proof_of(server).expect("a target");
            assert!(root.has(server, &proof), "{count} {place}");
            assert!(proof.hashes.len() <= 14);
            for other in names.iter().filter(|other| *other != server).take(40) {
                assert!(!root.has(other, &proof), "{count} {server} {other}");
            }
            for index in (0..40).filter(|index| *index != proof.index) {
                // Only a tree's last leaves share their hashes, and then the way differs.
                let moved = TargetProof { index, ..proof.clone() };
                assert!(!root.has(server, &moved), "{count} {place} {index}");
            }
            let mut more = proof.clone();
            more.hashes.push([0; 32]);
            assert!(!root.has(server, &more));
            if let Some((_, fewer)) = proof.hashes.split_last() {
                let fewer = TargetProof { index: proof.index, hashes: fewer.to_vec() };
                assert!(!root.has(server, &fewer));
            }
        }
        assert_eq!(targets.proof_of(&name("db-1")), None);
    }
    let mut doubled = fleet(5);
    doubled.extend(fleet(5).into_iter().rev());
    assert_eq!(Targets::new(&doubled), Targets::new(&fleet(5)));
    assert_eq!(Targets::new(&[]), Err(TargetsError::None));
    assert_eq!(Targets::new(&fleet(MAX_TARGETS + 1)), Err(TargetsError::TooMany));
}

fn any_envelope() -> impl Strategy<Value = Envelope> {
    let argv = prop::collection::vec("[^\0]{1,40}", 1..20).prop_map(What::Argv);
    let params = prop::collection::btree_map("[a-z][a-z0-9._-]{0,20}", "[^\0]{0,60}", 0..8);
    let runbook =
        ("[A-Za-z0-9._-]{1,64}", params).prop_map(|(name, params)| What::Runbook { name, params });
    let who = (prop::option::of("[a-z_][a-z0-9_-]{0,30}"), prop::option::of("/[^\0]{0,80}"));
    let times = (0..1_i64 << 40, 1..1_i64 << 20, 1..604_800_u32, 1..1_u64 << 30);
    let rest = (any::<[u8; 16]>(), prop::option::of(any::<[u8; 32]>()), "[^\\pC]{0,100}");
    (prop_oneof![argv, runbook], who, times, rest, any::<[u8; 32]>(), 1..10_000_u32).prop_map(
        |(what, (user, folder), (signed, life, timeout_s, output_bytes), rest, root, count)| {
            let (id, stdin_sha256, purpose) = rest;
            Envelope {
                id: CommandId::from_bytes(id),
                what,
                user,
                folder,
                stdin_sha256,
                timeout_s,
                output_bytes,
                signed_unix_s: signed,
                not_after_unix_s: signed + life,
                purpose,
                targets: TargetRoot { root, count },
            }
        },
    )
}

proptest! {
    #[test]
    fn any_command_is_read_as_it_was_written(envelope in any_envelope()) {
        let bytes = envelope.to_bytes().expect("within the limits");
        prop_assert_eq!(Envelope::from_bytes(&bytes), Ok(envelope));
    }

    #[test]
    fn a_changed_byte_is_another_command_or_none(
        envelope in any_envelope(),
        place in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let mut bytes = envelope.to_bytes().expect("within the limits");
        let place = place.index(bytes.len());
        bytes[place] ^= flip;
        prop_assert_ne!(Envelope::from_bytes(&bytes).ok(), Some(envelope));
    }

    #[test]
    fn whatever_comes_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Envelope::from_bytes(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        let _ = Signature::from_armor(&text);
        let _ = AllowedSigners::parse(&text, "allowed_signers");
        let _ = PublicKey::from_blob(&bytes);
    }
}

#[test]
fn json_of_a_signed_command_is_read_back() {
    let targets = Targets::new(&fleet(2)).expect("two");
    let signed = SignedCommand {
        envelope: envelope(&targets).to_bytes().expect("it is one"),
        signatures: vec!["s".to_owned()],
        proof: targets.proof_of(&fleet(2)[1]).expect("a target"),
    };
    let text = serde_json::to_string(&signed).expect("JSON");
    assert_eq!(serde_json::from_str::<SignedCommand>(&text).expect("ours"), signed);
}
