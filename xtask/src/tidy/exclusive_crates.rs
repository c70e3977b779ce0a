//! Invariant 3: SQLite, pco and crypto are linked where they belong and nowhere else.

use super::finding::Finding;
use super::tree::Tree;

/// Crates with an owner, the owners, and why.
const OWNED: &[(&[&str], &[&str], &str)] = &[
    (
        &["rusqlite", "libsqlite3-sys", "sqlx", "diesel", "pco"],
        &["store"],
        "one crate knows how history and the outbox lie on disk",
    ),
    (
        &[
            "aes-gcm",
            "argon2",
            "aws-lc-rs",
            "chacha20poly1305",
            "ed25519-dalek",
            "hmac",
            "jsonwebtoken",
            "p256",
            "rcgen",
            "ring",
            "rsa",
            "rustls",
            "rustls-webpki",
            "sha1",
            "sha2",
            "ssh-key",
            "subtle",
            "tokio-rustls",
            "x509-parser",
        ],
        &["identity", "runtime"],
        "one crate to read when asking who may do what, one for TLS",
    ),
    (&["openssl", "native-tls"], &[], "TLS is rustls everywhere, so that one binary runs anywhere"),
];

/// (crate, dependency, reason). A row that nobody needs any more fails too.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "store",
        "hmac",
        "what it keeps of a channel is a keyed mark, made with the tables themselves",
    ),
    ("store", "sha2", "the hash of that mark"),
    ("notify", "rustls", "the mail and HTTP clients take their crypto provider from it"),
    ("testkit", "rustls", "its scripted sinks speak TLS; it is never in a release"),
    ("testkit", "rcgen", "its scripted sinks need certificates; it is never in a release"),
];

/// Compares what the crates depend on directly with the tables.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in tree.crates() {
        let folder = manifest.folder.as_str();
        for found in manifest.normal() {
            let name = found.name.as_str();
            let Some((_, owners, why)) = OWNED.iter().find(|(names, ..)| names.contains(&name))
            else {
                continue;
            };
            if owners.contains(&folder) || excepted(folder, name) {
                continue;
            }
            let owner = if owners.is_empty() { "nobody".into() } else { owners.join(" and ") };
            findings.push(Finding::wrong(
                &manifest.path,
                found.line,
                format!("`{folder}` links `{name}`, which belongs to {owner}: {why}"),
                "call the owner's functions, or add an exception with a reason in exclusive_crates.rs",
            ));
        }
        findings.extend(stale(folder, &manifest.path, |name| {
            manifest.normal().any(|found| found.name == name)
        }));
    }
    findings
}

fn excepted(folder: &str, name: &str) -> bool {
    EXCEPTIONS.iter().any(|(crate_, dependency, _)| (*crate_, *dependency) == (folder, name))
}

fn stale(folder: &str, path: &str, used: impl Fn(&str) -> bool) -> Vec<Finding> {
    EXCEPTIONS
        .iter()
        .filter(|(crate_, dependency, _)| *crate_ == folder && !used(dependency))
        .map(|(_, dependency, _)| {
            Finding::wrong(
                path,
                0,
                format!("the exception for `{dependency}` in `{folder}` is not needed any more"),
                "delete its row in xtask/src/tidy/exclusive_crates.rs",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(folder: &str, text: &str) -> Vec<String> {
        let path = format!("crates/{folder}/Cargo.toml");
        check(&Tree::of(&[(&path, text)])).into_iter().map(|finding| finding.what).collect()
    }

    /// What is found besides exceptions that the text does not need.
    fn wrong(folder: &str, text: &str) -> Vec<String> {
        let found = found(folder, text).into_iter();
        found.filter(|what| !what.contains("not needed any more")).collect()
    }

    #[test]
    fn owners_may_and_others_may_not() {
        let text = "[dependencies]\nrusqlite.workspace = true";
        assert_eq!(wrong("store", text), [""; 0]);
        assert!(found("hub", text)[0].contains("belongs to store"));
        let text = "[dependencies]\nring = \"1\"";
        assert_eq!(found("identity", text), [""; 0]);
        assert!(found("api", text)[0].contains("belongs to identity and runtime"));
        assert!(found("runtime", "[dependencies]\nopenssl = \"1\"")[0].contains("nobody"));
    }

    #[test]
    fn tests_may_link_what_they_like() {
        assert_eq!(found("hub", "[dev-dependencies]\nrusqlite.workspace = true"), [""; 0]);
    }

    #[test]
    fn an_exception_holds_and_a_stale_one_is_told() {
        assert_eq!(found("notify", "[dependencies]\nrustls.workspace = true"), [""; 0]);
        assert!(found("notify", "")[0].contains("not needed any more"));
    }
}
