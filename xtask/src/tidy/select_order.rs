//! Every `select!` says in which order it looks: without `biased` tokio throws dice that no
//! seed of ours sets, and a simulation that fails does not fail again.

use super::finding::Finding;
use super::tree::Tree;

const MEND: &str = "begin it with `biased;`, the shutdown first, and what cannot come without end \
                    before what can";

/// Looks through the code of all crates, tests aside.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust().iter().filter(|file| file.path.starts_with("crates/") && !file.is_test)
    {
        let mut open = None;
        for (number, line) in file.numbered() {
            let line = line.trim();
            if let Some(began) = open.take_if(|_| !line.is_empty())
                && !line.starts_with("biased;")
            {
                let what = "this `select!` has no order";
                findings.push(Finding::wrong(&file.path, began, what, MEND));
            }
            if line.ends_with("select! {") {
                open = Some(number);
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)])).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn one_without_an_order_is_found() {
        let text = "fn f() {\n    let x = tokio::select! {\n        // Why.\n        x = y => x,\n    };\n}";
        assert_eq!(lines("crates/hub/src/a.rs", text), [2]);
        assert_eq!(lines("crates/hub/tests/a.rs", text), [0; 0]);
    }

    #[test]
    fn one_with_an_order_passes() {
        let text = "fn f() {\n    select! {\n        // Why.\n        biased;\n        x = y => x,\n    }\n}";
        assert_eq!(lines("crates/hub/src/a.rs", text), [0; 0]);
    }
}
