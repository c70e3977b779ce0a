//! Files of allowed signers that are not as they should be.

use super::*;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJofz1Hvtuh7n3QxXYrr80VRxzlROkzlGxdBrmZ/pQke";
const RSA_1024: &str = include_str!("../../../testdata/ssh/rsa_1024.pub");
const ECDSA_384: &str = include_str!("../../../testdata/ssh/ecdsa_384.pub");

#[test]
fn comments_blank_lines_and_words_behind_the_key_are_no_keys() {
    let text = format!(
        "# who may\n\n  ada {KEY} ada's laptop\r\n\tbob,b@x\tvalid-before=\"20300101Z\"  {KEY}\n"
    );
    let allowed = AllowedSigners::parse(&text, "f").expect("it is well");
    assert_eq!((allowed.len(), allowed.is_empty()), (2, false));
    assert!(AllowedSigners::parse("# nobody\n", "f").expect("it is well").is_empty());
}

#[test]
fn a_line_that_is_not_understood_voids_the_file_and_is_named() {
    for (line, words) in [
        ("ada", "a line is names, options if any, a kind of key, and the key"),
        ("ada ssh-ed25519", "a line is names"),
        (&format!("a* {KEY}"), "must say who gave a command"),
        (&format!("!ada {KEY}"), "begins with the names of a person"),
        (&format!("ada,, {KEY}"), "begins with the names of a person"),
        (&format!("\"ada b\" {KEY}"), "must say who gave a command"),
        (&format!("ada cert-authority {KEY}"), "cert-authority is not supported"),
        (&format!("ada no-touch-required {KEY}"), "\"no-touch-required\" is neither a kind of key"),
        (&format!("ada namespaces=git {KEY}"), "stands in quotes"),
        (&format!("ada namespaces {KEY}"), "namespaces needs a value"),
        (&format!("ada namespaces=\"\" {KEY}"), "namespaces are a list"),
        (&format!("ada namespaces=\"a\"x {KEY}"), "options are parted by commas"),
        (&format!("ada namespaces=\"a\",namespaces=\"b\" {KEY}"), "stands there twice"),
        (&format!("ada valid-after=\"20260101\" {KEY}"), "with the Z: in UTC"),
        (&format!("ada valid-after=\"20260101Z\",valid-before=\"20260101Z\" {KEY}"), "not later"),
        ("ada ssh-ed25519 %%%", "the key is not base64"),
        ("ada ssh-ed25519 AAAA", "the key is damaged"),
        (&format!("ada {KEY}AAAA"), "the key is damaged"),
        (&format!("ada {}", KEY.replace("ssh-ed25519 ", "ssh-rsa ")), "the line says \"ssh-rsa\""),
        (&format!("ada {RSA_1024}"), "the rsa key has 1024 bits"),
        (&format!("ada {ECDSA_384}"), "\"ecdsa-sha2-nistp384\" are not taken"),
        ("ada ssh-dss AAAAB3NzaC1kc3M=", "\"ssh-dss\" are not taken"),
    ] {
        let text = format!("# who may\nbob {KEY}\n{}\n", line.trim_end());
        let error = AllowedSigners::parse(&text, "/etc/f").expect_err(line);
        assert_eq!((error.file.as_str(), error.line), ("/etc/f", 3), "{line}");
        assert!(error.to_string().starts_with("/etc/f:3: "), "{error}");
        assert!(error.what.contains(words), "{line}: {error}");
    }
    let long = "#".repeat(MAX_ALLOWED_SIGNERS_BYTES + 1);
    assert!(AllowedSigners::parse(&long, "f").is_err());
}
