//! The events of a parser to nodes, within limits.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use saphyr_parser::{Event, ScalarStyle, Tag};

use super::{Fault, Kind, MAX_FILE_BYTES, Name, Node, Style};
use crate::rules::error::Place;

/// A file that nests deeper is refused.
const MAX_DEPTH: usize = 32;

/// A file with more nodes is refused, each alias counted as what it repeats.
const MAX_NODES: usize = 500_000;

/// A file with more text is refused, each alias counted likewise.
const MAX_TEXT_BYTES: usize = 4 * MAX_FILE_BYTES;

/// Makes nodes of events.
#[derive(Default)]
pub(super) struct Builder {
    open: Vec<Open>,
    pub(super) done: Option<Node>,
    documents: usize,
    anchors: HashMap<usize, (Node, Size)>,
    size: Size,
}

/// A list or a mapping whose end has not come.
struct Open {
    place: Place,
    anchor: usize,
    /// How large the file was when it began.
    before: Size,
    items: Vec<Node>,
    is_map: bool,
}

/// How much there is, aliases counted as what they repeat.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    nodes: usize,
    bytes: usize,
}

impl Builder {
    pub(super) fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), Fault> {
        match event {
            Event::DocumentStart(_) => self.document(place),
            Event::Scalar(text, style, anchor, tag) => {
                let before = self.size;
                self.grow(place, Size { nodes: 1, bytes: text.len() })?;
                let kind = scalar(&text, style, tag.as_deref(), place)?;
                self.put(Node { place, kind }, anchor, before);
                Ok(())
            }
            Event::SequenceStart(anchor, tag) => self.open(place, anchor, tag.as_deref(), false),
            Event::MappingStart(anchor, tag) => self.open(place, anchor, tag.as_deref(), true),
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => self.alias(place, anchor),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn document(&mut self, place: Place) -> Result<(), Fault> {
        self.documents += 1;
        if self.documents > 1 {
            let words = "a second document begins here, and a file has one: Prometheus would read \
                         the first alone";
            return Err((place, words.to_owned()));
        }
        Ok(())
    }

    fn open(
        &mut self,
        place: Place,
        anchor: usize,
        tag: Option<&Tag>,
        is_map: bool,
    ) -> Result<(), Fault> {
        understood(tag, place)?;
        if self.open.len() == MAX_DEPTH {
            return Err((place, format!("the file nests deeper than {MAX_DEPTH} levels")));
        }
        let before = self.size;
        self.grow(place, Size { nodes: 1, bytes: 0 })?;
        self.open.push(Open { place, anchor, before, items: Vec::new(), is_map });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fault> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let kind = if open.is_map { mapping(open.items)? } else { Kind::List(open.items.into()) };
        self.put(Node { place: open.place, kind }, open.anchor, open.before);
        Ok(())
    }

    /// A node is whole: it belongs to what is open, or is the document.
    fn put(&mut self, node: Node, anchor: usize, before: Size) {
        if anchor > 0 {
            let size = Size {
                nodes: self.size.nodes - before.nodes,
                bytes: self.size.bytes - before.bytes,
            };
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.open.last_mut() {
            Some(open) => open.items.push(node),
            None => self.done = Some(node),
        }
    }

    fn alias(&mut self, place: Place, anchor: usize) -> Result<(), Fault> {
        let Some((node, size)) = self.anchors.get(&anchor) else {
            return Err((place, "the alias stands within what it names".to_owned()));
        };
        let (node, size, before) = (node.clone(), *size, self.size);
        self.grow(place, size)?;
        self.put(node, 0, before);
        Ok(())
    }

    fn grow(&mut self, place: Place, by: Size) -> Result<(), Fault> {
        self.size.nodes = self.size.nodes.saturating_add(by.nodes);
        self.size.bytes = self.size.bytes.saturating_add(by.bytes);
        if self.size.nodes > MAX_NODES || self.size.bytes > MAX_TEXT_BYTES {
            let words = format!(
                "the file has more than {MAX_NODES} parts or {MAX_TEXT_BYTES} bytes of text, \
                 aliases counted as what they repeat"
            );
            return Err((place, words));
        }
        Ok(())
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, place: Place) -> Result<Kind, Fault> {
    understood(tag, place)?;
    let style = match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
        ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
    };
    let is_null = matches!(text, "" | "~" | "null" | "Null" | "NULL");
    if is_null && style == Style::Plain && tag.is_none_or(|tag| tag.suffix == "null") {
        return Ok(Kind::Null);
    }
    Ok(Kind::Text { text: text.into(), style })
}

/// Tags of YAML itself say nothing new here; others mean something to another program.
fn understood(tag: Option<&Tag>, place: Place) -> Result<(), Fault> {
    match tag {
        Some(tag) if !tag.is_yaml_core_schema() => {
            Err((place, format!("the tag {tag} means nothing here")))
        }
        _ => Ok(()),
    }
}

/// Pairs of what comes by turns; what `<<` names is taken in where it says nothing else.
fn mapping(items: Vec<Node>) -> Result<Kind, Fault> {
    let (mut pairs, mut merged, mut names) = (Vec::new(), Vec::new(), HashSet::new());
    let mut items = items.into_iter();
    while let (Some(name), Some(value)) = (items.next(), items.next()) {
        let place = name.place;
        let text: Rc<str> = match name.kind {
            Kind::Text { text, style: Style::Plain } if &*text == "<<" => {
                merged.push(value);
                continue;
            }
            Kind::Text { text, .. } => text,
            _ => {
                return Err((place, format!("the name of a field is a text, not {}", name.what())));
            }
        };
        if !names.insert(text.clone()) {
            return Err((place, format!("{text:?} stands twice in one mapping")));
        }
        pairs.push((Name { place, text }, value));
    }
    for value in &merged {
        for pair in merged_pairs(value)? {
            if names.insert(pair.0.text.clone()) {
                pairs.push(pair);
            }
        }
    }
    Ok(Kind::Map(pairs.into()))
}

/// The pairs of a mapping or of a list of mappings.
fn merged_pairs(value: &Node) -> Result<Vec<(Name, Node)>, Fault> {
    match &value.kind {
        Kind::Map(pairs) => Ok(pairs.to_vec()),
        Kind::List(items) if items.iter().all(|item| matches!(item.kind, Kind::Map(_))) => {
            let all: Result<Vec<_>, Fault> = items.iter().map(merged_pairs).collect();
            Ok(all?.into_iter().flatten().collect())
        }
        _ => Err((value.place, format!("<< takes in a mapping, not {}", value.what()))),
    }
}
