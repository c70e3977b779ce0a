//! What helps while one writes and must not stay.

use super::finding::Finding;
use super::tree::Tree;

/// The macros, and what to do about each. In test modules clippy finds them.
const LEFTOVERS: &[(&str, &str)] = &[
    ("todo!", "write it, or leave out what calls it"),
    ("unimplemented!", "write it, or leave out what calls it"),
    ("dbg!", "take it out, or log it with `tracing`"),
];

/// Looks through every Rust file.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for (number, line) in file.numbered() {
            for (name, mend) in LEFTOVERS {
                if calls(line, name) {
                    findings.push(Finding::wrong(&file.path, number, format!("`{name}`"), *mend));
                }
            }
        }
    }
    findings
}

fn calls(line: &str, name: &str) -> bool {
    line.match_indices(name)
        .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_are_found_and_talk_about_them_is_not() {
        let text =
            "fn f() {\n    todo!()\n}\n// todo!\nlet a = \"dbg!\";\nmy_dbg!(a);\nstd::dbg!(a);";
        let tree = Tree::of(&[("crates/a/src/lib.rs", text)]);
        let lines: Vec<_> = check(&tree).into_iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [2, 7]);
    }
}
