//! Invariant 7: a file is one thing, and one thing is short.

use super::finding::Finding;
use super::tree::Tree;

/// Past this a word is said.
const LOOK_TWICE: usize = 400;
/// The first length that a word is said about.
const FROM_TWICE: usize = LOOK_TWICE + 1;
/// Past this the check fails.
const AT_MOST: usize = 800;

/// Counts the lines of each source file, its tests aside.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let rust =
        tree.rust().iter().filter(|file| !file.is_test).map(|file| {
            (file.path.as_str(), file.lines.len() - file.test_lines.min(file.lines.len()))
        });
    let page = tree
        .below("web/")
        .filter(|(path, _)| path.ends_with(".js") || path.ends_with(".css"))
        .map(|(path, text)| (path, text.lines().count()));
    rust.chain(page).filter_map(|(path, lines)| judge(path, lines)).collect()
}

fn judge(path: &str, lines: usize) -> Option<Finding> {
    let what = format!("{lines} lines");
    let mend = "split it by the things it is about, not by size";
    match lines {
        0..=LOOK_TWICE => None,
        FROM_TWICE..=AT_MOST => Some(Finding::word(path, what, mend)),
        _ => Some(Finding::wrong(path, 0, what, mend)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::finding::Weight;

    fn judged(path: &str, lines: usize) -> Option<Weight> {
        let text = "f();\n".repeat(lines);
        check(&Tree::of(&[(path, &text)])).first().map(|finding| finding.weight)
    }

    #[test]
    fn the_limits_themselves_pass() {
        assert_eq!(judged("crates/a/src/lib.rs", 400), None);
        assert_eq!(judged("crates/a/src/lib.rs", 401), Some(Weight::Word));
        assert_eq!(judged("crates/a/src/lib.rs", 800), Some(Weight::Word));
        assert_eq!(judged("crates/a/src/lib.rs", 801), Some(Weight::Wrong));
        assert_eq!(judged("web/app.js", 801), Some(Weight::Wrong));
    }

    #[test]
    fn tests_do_not_count() {
        assert_eq!(judged("crates/a/src/a/tests.rs", 2000), None);
        let text = format!(
            "{}#[cfg(test)]\nmod tests {{\n{}}}",
            "f();\n".repeat(390),
            "g();\n".repeat(500)
        );
        assert_eq!(check(&Tree::of(&[("crates/a/src/lib.rs", &text)])), []);
    }
}
