//! Any text as a signature of `ssh-keygen`, and any bytes inside one: no panic, and nothing that
//! was made up is right.

#![no_main]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use watchfire_identity::command::Signature;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = str::from_utf8(bytes) {
        look_at(text);
    }
    let inside = STANDARD.encode([b"SSHSIG\0\0\0\x01", bytes].concat());
    let lines: Vec<_> = inside.as_bytes().chunks(70).map(String::from_utf8_lossy).collect();
    let body = lines.join("\n");
    look_at(&format!("-----BEGIN SSH SIGNATURE-----\n{body}\n-----END SSH SIGNATURE-----\n"));
});

fn look_at(text: &str) {
    if let Ok(signature) = Signature::from_armor(text) {
        assert!(signature.verify(b"a command that nobody signed").is_err());
    }
}
