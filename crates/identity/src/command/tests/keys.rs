//! Keys in security keys: none is at hand in a test, so the test is one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use sha2::{Digest, Sha256, Sha512};

use super::*;
use crate::command::wire::put_string;

/// What makes signatures as a security key does, by PROTOCOL.u2f.
pub(super) struct SecurityKey {
    kind: KeyKind,
    ed25519: Ed25519KeyPair,
    p256: EcdsaKeyPair,
}

impl SecurityKey {
    pub(super) fn new(kind: KeyKind) -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let p256 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        let p256 = EcdsaKeyPair::from_pkcs8(algorithm, p256.as_ref(), &random).expect("ours");
        let ed25519 = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).expect("a seed");
        Self { kind, ed25519, p256 }
    }

    fn blob(&self) -> Vec<u8> {
        let mut blob = Vec::new();
        put_string(&mut blob, self.kind.as_str().as_bytes());
        match self.kind {
            KeyKind::SkEd25519 => put_string(&mut blob, self.ed25519.public_key().as_ref()),
            _ => {
                put_string(&mut blob, b"nistp256");
                put_string(&mut blob, self.p256.public_key().as_ref());
            }
        }
        put_string(&mut blob, b"ssh:");
        blob
    }

    /// Its line in a file of allowed signers.
    pub(super) fn line(&self, who: &str) -> String {
        format!("{who} {} {}\n", self.kind.as_str(), STANDARD.encode(self.blob()))
    }

    /// Signs a command; `flags` says whether it was touched.
    pub(super) fn sign(&self, message: &[u8], flags: u8) -> String {
        let mut inner = b"SSHSIG".to_vec();
        put_string(&mut inner, SIGNATURE_NAMESPACE.as_bytes());
        put_string(&mut inner, b"");
        put_string(&mut inner, b"sha512");
        put_string(&mut inner, &Sha512::digest(message));
        let mut signed = Sha256::digest(b"ssh:").to_vec();
        signed.push(flags);
        signed.extend_from_slice(&77_u32.to_be_bytes());
        signed.extend_from_slice(&Sha256::digest(&inner));
        let raw = match self.kind {
            KeyKind::SkEd25519 => self.ed25519.sign(&signed).as_ref().to_vec(),
            _ => numbers(self.p256.sign(&SystemRandom::new(), &signed).expect("signs").as_ref()),
        };
        let mut signature = Vec::new();
        put_string(&mut signature, self.kind.as_str().as_bytes());
        put_string(&mut signature, &raw);
        signature.push(flags);
        signature.extend_from_slice(&77_u32.to_be_bytes());
        armored(&self.blob(), SIGNATURE_NAMESPACE, "sha512", &signature)
    }
}

/// Both halves as SSH writes positive numbers.
fn numbers(both: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for half in both.chunks(32) {
        let first = half.iter().position(|byte| *byte != 0).expect("not zero");
        let mut number = half[first..].to_vec();
        if number[0] >= 0x80 {
            number.insert(0, 0);
        }
        put_string(&mut out, &number);
    }
    out
}

fn armored(key: &[u8], namespace: &str, hash: &str, signature: &[u8]) -> String {
    let mut blob = [&b"SSHSIG"[..], &1_u32.to_be_bytes()].concat();
    for part in [key, namespace.as_bytes(), b"", hash.as_bytes(), signature] {
        put_string(&mut blob, part);
    }
    let text = STANDARD.encode(blob);
    let lines: Vec<_> = text.as_bytes().chunks(70).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
}

#[test]
fn a_security_key_signs_when_it_is_touched() {
    for kind in [KeyKind::SkEd25519, KeyKind::SkEcdsaP256] {
        let key = SecurityKey::new(kind);
        // A number of an ECDSA signature is sometimes shorter: several are tried.
        for message in 0..20_u8 {
            let signature = Signature::from_armor(&key.sign(&[message], 1)).expect("it is one");
            assert_eq!(signature.verify(&[message]), Ok(()));
            assert_eq!(signature.verify(&[message, 0]), Err(SignatureError::Wrong));
            assert_eq!(signature.key().kind(), kind);
        }
        let verified_too = Signature::from_armor(&key.sign(b"m", 5)).expect("it is one");
        assert_eq!(verified_too.verify(b"m"), Ok(()), "touched, and a PIN given");
        let untouched = Signature::from_armor(&key.sign(b"m", 4)).expect("it is one");
        assert_eq!(untouched.verify(b"m"), Err(SignatureError::NotTouched));
        let line = key.line("ada");
        assert_eq!(AllowedSigners::parse(&line, "f").expect("it is well").len(), 1);
    }
}

#[test]
fn a_plain_key_does_not_pass_for_a_security_key() {
    let key = SecurityKey::new(KeyKind::SkEd25519);
    let mut blob = Vec::new();
    put_string(&mut blob, b"ssh-ed25519");
    put_string(&mut blob, key.ed25519.public_key().as_ref());
    let mut signature = Vec::new();
    put_string(&mut signature, b"ssh-ed25519");
    put_string(&mut signature, key.ed25519.sign(b"x").as_ref());
    for (public, expected) in [(blob, SignatureError::Wrong), (key.blob(), SignatureError::Form)] {
        let text = armored(&public, SIGNATURE_NAMESPACE, "sha512", &signature);
        let read = Signature::from_armor(&text).expect("it has the form of one");
        assert_eq!(read.verify(b"x"), Err(expected));
    }
}

#[test]
fn other_hashes_and_ways_are_refused() {
    let key = SecurityKey::new(KeyKind::SkEd25519);
    for hash in ["sha1", "md5", "", "SHA512"] {
        let text = armored(&key.blob(), SIGNATURE_NAMESPACE, hash, b"");
        assert_eq!(Signature::from_armor(&text), Err(SignatureError::Hash));
    }
    let modulus = [&[0x80][..], &[1; 255]].concat();
    let mut blob = Vec::new();
    put_string(&mut blob, b"ssh-rsa");
    put_string(&mut blob, &[1, 0, 1]);
    put_string(&mut blob, &[&[0][..], &modulus].concat());
    for (way, expected) in [
        ("ssh-rsa", SignatureError::Algorithm),
        ("rsa-sha2-256", SignatureError::Wrong),
        ("ssh-ed25519", SignatureError::Algorithm),
    ] {
        let mut signature = Vec::new();
        put_string(&mut signature, way.as_bytes());
        put_string(&mut signature, &[1; 256]);
        let text = armored(&blob, SIGNATURE_NAMESPACE, "sha512", &signature);
        let read = Signature::from_armor(&text).expect("it has the form of one");
        assert_eq!(read.verify(b"x"), Err(expected), "{way}");
    }
    let long_way = [&[0][..], &[0x40], &modulus].concat();
    let mut twice = Vec::new();
    put_string(&mut twice, b"ssh-rsa");
    put_string(&mut twice, &[1, 0, 1]);
    put_string(&mut twice, &long_way);
    assert_eq!(PublicKey::from_blob(&twice), Err(SignatureError::Key), "a second form");
}
