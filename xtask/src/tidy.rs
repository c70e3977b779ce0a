//! `cargo xtask tidy`: the invariants of the house, held by checks instead of
//! by memory. One check a file, one visible list of them.
//!
//! A check is a pure function from the tree in memory to findings, so that its
//! tests need no disk. Only [`tree`] reads files.

mod arrows;
mod async_runtime;
mod clocks_and_tasks;
mod dependency_book;
mod exclusive_crates;
mod file_length;
mod finding;
mod leftovers;
mod manifest;
mod mask;
mod page;
mod rust_source;
mod select_order;
mod tree;
mod unsafe_code;

use std::path::Path;

use anyhow::{Result, bail};
use finding::{Finding, Weight};
use tree::Tree;

/// What a check looks like: the tree in, findings out.
type Check = fn(&Tree) -> Vec<Finding>;

/// Every check. The first column is what a reader of the output sees.
const CHECKS: &[(&str, Check)] = &[
    ("no async runtime where time is an argument", async_runtime::check),
    ("arrows between crates", arrows::check),
    ("SQLite and crypto in their own crates", exclusive_crates::check),
    ("clocks, tasks and unbounded channels in runtime only", clocks_and_tasks::check),
    ("every `select!` in an order", select_order::check),
    ("unsafe", unsafe_code::check),
    ("file length", file_length::check),
    ("leftovers", leftovers::check),
    ("every dependency has its reason", dependency_book::check),
    ("the page renders data as text only", page::check),
];

/// Runs every check over the project at `root` and prints what it finds.
///
/// # Errors
///
/// When a file cannot be read, or when a check finds something that must be mended.
pub(crate) fn run(root: &Path) -> Result<()> {
    let tree = Tree::read(root)?;
    let mut wrong = 0;
    for (name, check) in CHECKS {
        for finding in check(&tree) {
            let label = match finding.weight {
                Weight::Wrong => "wrong",
                Weight::Word => "a word",
            };
            wrong += usize::from(finding.weight == Weight::Wrong);
            eprintln!("{label} ({name}): {finding}");
        }
    }
    if wrong > 0 {
        bail!("tidy: {wrong} to mend");
    }
    println!("tidy: {} checks over {} files, all hold", CHECKS.len(), tree.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_tree_breaks_nothing() {
        let tree = Tree::default();
        for (name, check) in CHECKS {
            assert_eq!(check(&tree), [], "{name}");
        }
    }
}
