//! Invariant 2 and the drawing in ARCHITECTURE.md: which crate may build on which.

use super::finding::Finding;
use super::manifest::{Manifest, own_crate};
use super::tree::Tree;

/// From a crate, by the name of its folder, to those it may depend on. `model`
/// is below everything and is not repeated. A crate without a row fails.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("collect", &[]),
    ("codec", &[]),
    ("promql", &[]),
    ("store", &[]),
    ("wire", &[]),
    ("api", &[]),
    ("identity", &[]),
    ("runtime", &[]),
    ("alert", &["promql"]),
    // A delivery waits, gives up and tries again: that is runtime's business. Webhooks are signed.
    ("notify", &["identity", "runtime"]),
    ("agent", &["collect", "codec", "wire", "identity", "api", "runtime"]),
    ("hub", &["store", "codec", "promql", "alert", "notify", "wire", "identity", "api", "runtime"]),
    ("tui", &["api", "runtime"]),
    ("sim", &["codec", "wire", "identity", "api", "runtime"]),
    // `passwd` makes hashes, `rule` reads and tests rules, the client commands speak `api`, and
    // `main` starts `runtime`.
    ("watchfire", &["agent", "hub", "tui", "sim", "alert", "identity", "api", "runtime"]),
    ("testkit", &["codec", "wire", "api", "runtime"]),
];

/// Pairs that must not meet at all, not even in tests.
const APART: &[(&str, &str)] = &[("agent", "hub"), ("hub", "agent")];

/// Compares every arrow with the table.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.crates().flat_map(|manifest| [forbidden(manifest), strangers(manifest)].concat()).collect()
}

fn forbidden(manifest: &Manifest) -> Vec<Finding> {
    let from = manifest.folder.as_str();
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == from) else {
        return vec![Finding::wrong(
            &manifest.path,
            0,
            format!("the crate `{from}` has no row in the table of arrows"),
            "add a row to xtask/src/tidy/arrows.rs and draw the arrow in ARCHITECTURE.md",
        )];
    };
    let ours = manifest.normal().filter_map(|found| Some((own_crate(&found.name)?, found.line)));
    ours.filter(|(to, _)| *to != "model" && !allowed.contains(to))
        .map(|(to, line)| {
            Finding::wrong(
                &manifest.path,
                line,
                format!("no arrow goes from `{from}` to `{to}`"),
                "move the shared part down into a crate that both may use",
            )
        })
        .collect()
}

fn strangers(manifest: &Manifest) -> Vec<Finding> {
    let ours = manifest.dependencies.iter().filter_map(|found| own_crate(&found.name));
    ours.filter(|to| APART.contains(&(manifest.folder.as_str(), to)))
        .map(|to| {
            Finding::wrong(
                &manifest.path,
                0,
                format!("`{}` and `{to}` must not meet, not even in tests", manifest.folder),
                "let them meet in wire, codec or api, or test both in crates/watchfire/tests",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whats(path: &str, text: &str) -> Vec<String> {
        check(&Tree::of(&[(path, text)])).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn arrows_point_down_only() {
        let down =
            "[dependencies]\nwatchfire-model.workspace = true\nwatchfire-runtime.workspace = true";
        assert_eq!(whats("crates/notify/Cargo.toml", down), [""; 0]);
        let up = "[dependencies]\nwatchfire-hub.workspace = true";
        assert_eq!(whats("crates/store/Cargo.toml", up), ["no arrow goes from `store` to `hub`"]);
    }

    #[test]
    fn agent_and_hub_do_not_meet_in_tests_either() {
        let text = "[dev-dependencies]\nwatchfire-agent.workspace = true";
        assert_eq!(whats("crates/hub/Cargo.toml", text).len(), 1);
        let text = "[dev-dependencies]\nwatchfire-testkit.workspace = true";
        assert_eq!(whats("crates/hub/Cargo.toml", text), [""; 0]);
    }

    #[test]
    fn testkit_is_for_tests_only() {
        let text = "[dependencies]\nwatchfire-testkit.workspace = true";
        assert_eq!(whats("crates/hub/Cargo.toml", text).len(), 1);
    }

    #[test]
    fn a_crate_without_a_row_is_told() {
        assert_eq!(
            whats("crates/extra/Cargo.toml", ""),
            ["the crate `extra` has no row in the table of arrows"]
        );
    }
}
