//! YAML to a tree whose every node knows its place.
//!
//! A file may come from anybody, so its size, how deep it nests and how much its aliases repeat
//! have limits.

mod builder;

use std::rc::Rc;

use saphyr_parser::{Marker, Parser, ScanError};

use super::error::Place;
use builder::Builder;

/// A longer file is refused.
const MAX_FILE_BYTES: usize = 4 * 1024 * 1024;

/// A part of a file. A clone shares what is below, so that aliases cost little.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// Nothing, or `null`.
    Null,
    /// Any other scalar, as it is written: what it means is up to whom it is for.
    Text {
        text: Rc<str>,
        style: Style,
    },
    List(Rc<[Node]>),
    /// The names and the values, in the order of the file; each name comes once.
    Map(Rc<[(Name, Node)]>),
}

/// How a text stands in the file, which tells where its parts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Quoted,
    /// Lines below `|` or `>`; the place is that of the first of them.
    Block,
}

#[derive(Debug, Clone)]
pub(super) struct Name {
    pub(super) place: Place,
    pub(super) text: Rc<str>,
}

/// Why a file is no tree, and where.
pub(super) type Fault = (Place, String);

impl Node {
    /// The kind of node in words.
    pub(super) fn what(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Text { .. } => "a text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }
}

/// A file with the tree that it describes; an empty file describes none.
pub(super) struct Document<'a> {
    lines: Vec<&'a str>,
    pub(super) root: Option<Node>,
}

impl<'a> Document<'a> {
    /// Reads the one document of a file.
    pub(super) fn read(text: &'a str) -> Result<Self, Fault> {
        if text.len() > MAX_FILE_BYTES {
            let words = format!("the file is longer than {MAX_FILE_BYTES} bytes");
            return Err((Place { line: 1, column: 1 }, words));
        }
        // A byte order mark is no part of what is said.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut builder = Builder::default();
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(told)?;
            builder.take(event, place(span.start))?;
        }
        Ok(Self { lines: text.lines().collect(), root: builder.done })
    }

    /// Where in the file that character of a text stands which is the `column`th of its `line`th
    /// line. YAML folds lines and takes off indents, but what is no space comes in the order of
    /// the file. Where quotes hide more than that, it is the place of the text.
    pub(super) fn within(&self, node: &Node, (line, column): (usize, usize)) -> Place {
        let Kind::Text { text, style } = &node.kind else { return node.place };
        let before: usize =
            text.split('\n').take(line - 1).map(|line| line.chars().count() + 1).sum();
        let spoken = |c: &char| !c.is_whitespace();
        let wanted = text.chars().take(before + column - 1).filter(spoken).count();
        let at_end = wanted == text.chars().filter(spoken).count();
        let mut said = text.chars().filter(spoken).take(wanted);
        let mut last = node.place;
        for (place, c) in self.characters(begin(node.place, *style)) {
            match said.next() {
                Some(expected) if expected != c => return node.place,
                Some(_) => last = Place { column: place.column + 1, ..place },
                // What comes next in the file is no part of a text that is over.
                None if at_end => return last,
                None => return place,
            }
        }
        last
    }

    /// The characters of the file from a place on that are no spaces.
    fn characters(&self, from: Place) -> impl Iterator<Item = (Place, char)> {
        let lines = (from.line..).zip(self.lines.iter().skip(from.line - 1));
        lines.flat_map(move |(line, text)| {
            let skip = if line == from.line { from.column - 1 } else { 0 };
            let characters = (1..).zip(text.chars()).skip(skip);
            let place = move |(column, c)| (Place { line, column }, c);
            characters.map(place).filter(|(_, c)| !c.is_whitespace())
        })
    }
}

/// Where the first character of a text may stand at the earliest.
fn begin(place: Place, style: Style) -> Place {
    match style {
        Style::Plain | Style::Block => place,
        Style::Quoted => Place { column: place.column + 1, ..place },
    }
}

fn place(marker: Marker) -> Place {
    Place { line: marker.line(), column: marker.col() + 1 }
}

fn told(error: ScanError) -> Fault {
    (place(*error.marker()), format!("this is no YAML: {}", error.info()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree as one line: places of scalars behind them.
    fn shown(node: &Node) -> String {
        match &node.kind {
            Kind::Null => "null".to_owned(),
            Kind::Text { text, .. } => {
                format!("{text:?}@{}:{}", node.place.line, node.place.column)
            }
            Kind::List(items) => {
                format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(" "))
            }
            Kind::Map(pairs) => {
                let pair = |(name, value): &(Name, Node)| format!("{}={}", name.text, shown(value));
                format!("{{{}}}", pairs.iter().map(pair).collect::<Vec<_>>().join(" "))
            }
        }
    }

    fn read(text: &str) -> Result<Option<Node>, Fault> {
        Document::read(text).map(|document| document.root)
    }

    #[test]
    fn every_node_knows_its_place() {
        for (text, tree) in [
            ("a: b\nc:\n  - 1\n  - 'x'\n", r#"{a="b"@1:4 c=["1"@3:5 "x"@4:5]}"#),
            ("a: ~\nb:\nc: ''\n", r#"{a=null b=null c=""@3:4}"#),
            ("a: |\n  x\n  y\n", r#"{a="x\ny\n"@2:3}"#),
            ("zwölf: é\n", r#"{zwölf="é"@1:8}"#),
            ("\u{feff}a: b", r#"{a="b"@1:4}"#),
            ("---\na: !!str null\n", r#"{a="null"@2:4}"#),
            ("x: &x {a: 1}\ny: *x", r#"{x={a="1"@1:11} y={a="1"@1:11}}"#),
            (
                "x: &x {a: 1, b: 2}\ny: {<<: *x, a: 3}",
                r#"{x={a="1"@1:11 b="2"@1:17} y={a="3"@2:16 b="2"@1:17}}"#,
            ),
        ] {
            assert_eq!(shown(&read(text).unwrap().unwrap()), tree, "{text}");
        }
        assert!(read("").unwrap().is_none() && read("# nothing\n").unwrap().is_none());
    }

    #[test]
    fn a_place_within_a_text_is_found_in_the_file() {
        for (text, inner, expected) in [
            ("a: sum(up)\n", (1, 5), (1, 8)),
            ("a: 'sum(up)'\n", (1, 5), (1, 9)),
            ("a: |\n  sum(\n    up)\n", (2, 3), (3, 5)),
            ("a: >-\n  sum(\n    up) + 1\n  + 2", (3, 3), (4, 5)),
            ("a: >\n\n  a\n  b\nc: d", (2, 3), (4, 3)),
            ("a: one\n  two\n", (1, 5), (2, 3)),
            // The end of the text is behind its last character.
            ("a: sum(\nb: 1\n", (1, 5), (1, 8)),
            ("a: |\n  sum(\n\nb: 1\n", (2, 1), (2, 7)),
            // An escape is not followed.
            ("a: \"\\x41 + b\"\n", (1, 5), (1, 4)),
        ] {
            let document = Document::read(text).unwrap();
            let Kind::Map(pairs) = &document.root.as_ref().unwrap().kind else { panic!() };
            let place = document.within(&pairs[0].1, inner);
            assert_eq!((place.line, place.column), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_tree_is_told_with_its_place() {
        for (text, line, words) in [
            ("a: b: c\n", 1, "no YAML"),
            ("a: 1\nb: 2\na: 3\n", 3, "\"a\" stands twice"),
            ("a: 1\n---\nb: 2\n", 2, "second document"),
            ("a: !include x\n", 1, "the tag !include"),
            ("x: &x [*x]\n", 1, "within what it names"),
            ("[a]: 1\n", 1, "not a list"),
            ("<<: 3\n", 1, "not a text"),
        ] {
            let (place, said) = read(text).unwrap_err();
            assert!(place.line == line && said.contains(words), "{text}: {place:?} {said}");
        }
    }

    #[test]
    fn bombs_are_defused() {
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for number in 1..30 {
            let before = format!("*a{}, ", number - 1).repeat(10);
            laughs.push_str(&format!("a{number}: &a{number} [{before}]\n"));
        }
        let texts = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), "*a, ".repeat(1000));
        for bomb in [laughs, texts] {
            assert!(read(&bomb).unwrap_err().1.contains("aliases counted"));
        }
        for deep in ["[", "{a: ", "- ", "? "] {
            let said = read(&deep.repeat(100_000)).unwrap_err().1;
            let told = ["nests deeper", "recursion limit"];
            assert!(told.iter().any(|words| said.contains(words)), "{deep}: {said}");
        }
        assert!(read(&"x".repeat(MAX_FILE_BYTES + 1)).unwrap_err().1.contains("longer than"));
    }
}
