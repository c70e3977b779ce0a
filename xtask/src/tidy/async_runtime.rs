//! Invariant 1: the crates that take `now` as an argument have no async runtime.

use super::finding::Finding;
use super::tree::Tree;

/// The crates that decide and compute. Not even their tests wait for anything.
const TIMELESS: &[&str] = &["model", "collect", "codec", "store", "promql", "alert"];

/// Crates that run, or only make sense with something that runs, futures.
const RUNTIMES: &[&str] = &[
    "async-executor",
    "async-global-executor",
    "async-std",
    "embassy-executor",
    "futures",
    "futures-executor",
    "futures-util",
    "glommio",
    "monoio",
    "pollster",
    "smol",
    "tokio",
    "tokio-stream",
    "tokio-tungstenite",
    "tokio-util",
];

/// Looks into every section of the manifests, tests included.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.crates()
        .filter(|manifest| TIMELESS.contains(&manifest.folder.as_str()))
        .flat_map(|manifest| manifest.dependencies.iter().map(move |found| (manifest, found)))
        .filter(|(_, found)| RUNTIMES.contains(&found.name.as_str()))
        .map(|(manifest, found)| {
            Finding::wrong(
                &manifest.path,
                found.line,
                format!("`{}` depends on the async crate `{}`", manifest.folder, found.name),
                "take `now` as an argument and return what to do; let agent, hub or runtime wait",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_runtime_even_among_what_tests_need() {
        let tree = Tree::of(&[
            ("crates/alert/Cargo.toml", "[dev-dependencies]\ntokio.workspace = true"),
            ("crates/store/Cargo.toml", "[dependencies]\nrusqlite.workspace = true"),
            ("crates/hub/Cargo.toml", "[dependencies]\ntokio.workspace = true"),
        ]);
        let found = check(&tree);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].path.as_str(), found[0].line), ("crates/alert/Cargo.toml", 2));
    }
}
