//! Every outside crate is there for a reason that docs/dependencies.md tells.

use std::collections::BTreeMap;

use super::finding::Finding;
use super::manifest::own_crate;
use super::tree::Tree;

const BOOK: &str = "docs/dependencies.md";

/// Compares the workspace's dependencies with the book, both ways.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    [untold(tree), stale(tree), past_the_workspace(tree)].concat()
}

/// The crates that have a line ``- `name`: reason`` in the book, with the line's number.
fn told(tree: &Tree) -> BTreeMap<&str, usize> {
    tree.text(BOOK)
        .unwrap_or_default()
        .lines()
        .enumerate()
        .filter_map(|(index, line)| {
            let (name, reason) = line.strip_prefix("- `")?.split_once("`: ")?;
            (!reason.trim().is_empty()).then_some((name, index + 1))
        })
        .collect()
}

fn declared(tree: &Tree) -> BTreeMap<&str, usize> {
    let listed = tree.root_manifest().map(|root| root.workspace_dependencies.as_slice());
    listed
        .unwrap_or_default()
        .iter()
        .filter(|found| !found.by_path)
        .map(|found| (found.name.as_str(), found.line))
        .collect()
}

fn untold(tree: &Tree) -> Vec<Finding> {
    let told = told(tree);
    declared(tree)
        .into_iter()
        .filter(|(name, _)| !told.contains_key(name))
        .map(|(name, line)| {
            let what = format!("the outside crate `{name}` has no line in {BOOK}");
            Finding::wrong("Cargo.toml", line, what, format!("add ``- `{name}`: why we need it``"))
        })
        .collect()
}

fn stale(tree: &Tree) -> Vec<Finding> {
    let declared = declared(tree);
    told(tree)
        .into_iter()
        .filter(|(name, _)| !declared.contains_key(name))
        .map(|(name, line)| {
            let what = format!("`{name}` is no dependency of the workspace");
            Finding::wrong(BOOK, line, what, "delete the line")
        })
        .collect()
}

fn past_the_workspace(tree: &Tree) -> Vec<Finding> {
    let all = tree.manifests().iter().flat_map(|manifest| {
        manifest.dependencies.iter().map(move |found| (manifest.path.as_str(), found))
    });
    all.filter(|(_, found)| !found.from_workspace && own_crate(&found.name).is_none())
        .map(|(path, found)| {
            let what = format!("`{}` is declared past the workspace", found.name);
            let mend = "declare it below [workspace.dependencies], and here `.workspace = true`";
            Finding::wrong(path, found.line, what, mend)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str =
        "[workspace.dependencies]\nwatchfire-hub = { path = \"crates/hub\" }\nserde = \"1\"";

    fn whats(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn the_book_and_the_workspace_agree() {
        let good = [("Cargo.toml", ROOT), (BOOK, "# Title\n- `serde`: reads and writes JSON.")];
        assert_eq!(whats(&good), [""; 0]);
        let untold = [("Cargo.toml", ROOT), (BOOK, "- `serde`: ")];
        assert_eq!(
            whats(&untold),
            ["the outside crate `serde` has no line in docs/dependencies.md"]
        );
        let stale = [("Cargo.toml", ROOT), (BOOK, "- `serde`: reads.\n- `old`: was nice.")];
        assert_eq!(whats(&stale), ["`old` is no dependency of the workspace"]);
    }

    #[test]
    fn a_member_declares_nothing_on_its_own() {
        let member = [("crates/a/Cargo.toml", "[dependencies]\nserde = \"1\"")];
        assert_eq!(whats(&member), ["`serde` is declared past the workspace"]);
    }
}
