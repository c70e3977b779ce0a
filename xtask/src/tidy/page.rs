//! The page shows what servers say of themselves, and a server may lie: names
//! and commands become text nodes, never markup.

use super::finding::Finding;
use super::tree::Tree;

/// What turns text into markup or code, by the ending of the file.
const BANNED: &[(&str, &[&str])] = &[
    (
        ".js",
        &[
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "DOMParser",
            "createContextualFragment",
            "setAttribute(\"style\"",
        ],
    ),
    (".html", &["<style", " style=", " onclick=", " onload=", " onerror=", "javascript:"]),
];

/// Looks through web/.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.below("web/") {
        let banned = BANNED.iter().filter(|(ending, _)| path.ends_with(ending));
        for word in banned.flat_map(|(_, words)| words.iter()) {
            for (index, _) in text.lines().enumerate().filter(|(_, line)| line.contains(word)) {
                findings.push(Finding::wrong(
                    path,
                    index + 1,
                    format!(
                        "`{}` can turn data into markup or breaks the page's policy",
                        word.trim()
                    ),
                    "build elements and set their text; keep scripts and styles in their own files",
                ));
            }
        }
        findings.extend(inline_script(path, text));
    }
    findings
}

fn inline_script(path: &str, text: &str) -> Option<Finding> {
    let scripts = || text.match_indices("<script").map(|(at, _)| &text[at..]);
    let inline = |tag: &str| !tag.split('>').next().unwrap_or_default().contains(" src=");
    (path.ends_with(".html") && scripts().any(inline)).then(|| {
        let mend = "put it into a file; the page's policy refuses inline scripts";
        Finding::wrong(path, 0, "a script without `src`", mend)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_from_data_and_inline_code_are_found() {
        let tree = Tree::of(&[("web/app.js", "a.textContent = b;\na.innerHTML = b;")]);
        assert_eq!(check(&tree)[0].line, 2);
        let tree = Tree::of(&[("web/index.html", "<p style=\"color: red\">")]);
        assert_eq!(check(&tree).len(), 1);
        let tree = Tree::of(&[("web/index.html", "<script src=\"app.js\"></script>")]);
        assert_eq!(check(&tree), []);
        let tree = Tree::of(&[("web/index.html", "<script>f()</script>")]);
        assert_eq!(check(&tree).len(), 1);
    }
}
