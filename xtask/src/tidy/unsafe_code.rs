//! Invariant 5: `unsafe` is forbidden, but for places that a comment justifies.

use toml::Value;

use super::finding::Finding;
use super::tree::Tree;

/// How far above an `unsafe` its comment may begin.
const COMMENT_WITHIN_LINES: usize = 8;

/// The lint is on for the workspace and every member, and each `unsafe` has its comment.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    [lint(tree), members(tree), places(tree)].concat()
}

fn lint(tree: &Tree) -> Vec<Finding> {
    let Some(root) = tree.root_manifest() else { return Vec::new() };
    let workspace = root.table.get("workspace");
    let level = workspace
        .and_then(|table| table.get("lints")?.get("rust")?.get("unsafe_code"))
        .and_then(Value::as_str);
    if matches!(level, Some("forbid" | "deny")) {
        return Vec::new();
    }
    let what = "the lint `unsafe_code` is not on for the workspace";
    vec![Finding::wrong(
        &root.path,
        0,
        what,
        "set `unsafe_code = \"forbid\"` below [workspace.lints.rust]",
    )]
}

fn members(tree: &Tree) -> Vec<Finding> {
    let takes_lints = |table: &toml::Table| {
        table.get("lints").and_then(|lints| lints.get("workspace")).and_then(Value::as_bool)
    };
    tree.manifests()
        .iter()
        .filter(|manifest| takes_lints(&manifest.table) != Some(true))
        .map(|manifest| {
            let what = "this crate does not take the workspace's lints";
            Finding::wrong(&manifest.path, 0, what, "add `[lints]` with `workspace = true`")
        })
        .collect()
}

fn places(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for (number, line) in file.numbered() {
            let has_unsafe =
                line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe");
            let above = &file.lines[number.saturating_sub(COMMENT_WITHIN_LINES + 1)..number];
            if has_unsafe && !above.iter().any(|line| line.contains("SAFETY:")) {
                findings.push(Finding::wrong(
                    &file.path,
                    number,
                    "`unsafe` without a `// SAFETY:` comment",
                    "find a safe way; else say above it why it is sound, and which test shows it",
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_needs_its_comment() {
        let bare = Tree::of(&[("crates/a/src/lib.rs", "fn f() {\n    unsafe { g() }\n}")]);
        assert_eq!(check(&bare)[0].line, 2);
        let told =
            Tree::of(&[("crates/a/src/lib.rs", "// SAFETY: g has no conditions.\nunsafe { g() }")]);
        assert_eq!(check(&told), []);
        let word = Tree::of(&[(
            "crates/a/src/lib.rs",
            "fn is_unsafe() {} // unsafe\nlet a = \"unsafe\";",
        )]);
        assert_eq!(check(&word), []);
    }

    #[test]
    fn the_lint_is_on_everywhere() {
        let root = "[workspace.lints.rust]\nunsafe_code = \"forbid\"";
        let good = [("Cargo.toml", root), ("crates/a/Cargo.toml", "[lints]\nworkspace = true")];
        assert_eq!(check(&Tree::of(&good)), []);
        let off =
            [("Cargo.toml", "[workspace]"), ("crates/a/Cargo.toml", "[lints]\nworkspace = true")];
        assert_eq!(check(&Tree::of(&off))[0].path, "Cargo.toml");
        let out = [("Cargo.toml", root), ("crates/a/Cargo.toml", "")];
        assert_eq!(check(&Tree::of(&out))[0].path, "crates/a/Cargo.toml");
    }
}
