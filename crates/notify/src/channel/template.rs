//! A body that a user wrote, with `{{names}}` in it. What is put in is escaped for where it
//! stands, so that no server's name can end a string.

use crate::Outgoing;
use crate::channel::act::{self, Act};
use crate::channel::address::percent_encoded;
use crate::channel::document;
use crate::channel::tone::Tone;
use crate::clean;

/// The longest template, in bytes.
const MAX_BYTES: usize = 4096;

/// What can be put in, in the order in which [`Values`] has it.
const NAMES: [&str; 10] =
    ["subject", "text", "kind", "type", "action", "server", "id", "thread", "at", "link"];

/// In what the template is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// JSON: the names stand inside of strings.
    Json,
    /// `a=1&b=2`, or a URL.
    Form,
    /// Text that nobody parses.
    Plain,
}

/// A template that was checked.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
    syntax: Syntax,
}

#[derive(Clone, PartialEq, Eq)]
enum Piece {
    Words(String),
    Name(String),
}

/// What stands for the names.
pub(crate) struct Values(Vec<(&'static str, String)>);

impl std::fmt::Debug for Template {
    /// A template may hold a key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Template({:?})", self.syntax)
    }
}

impl Template {
    /// Reads a template. `more` are names beside the usual ones.
    pub(crate) fn parse(text: &str, syntax: Syntax, more: &[&str]) -> Result<Self, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("the template is longer than {MAX_BYTES} bytes"));
        }
        let template = Self { pieces: pieces(text, more)?, syntax };
        if syntax == Syntax::Json {
            // A quote in every value shows a name that stands outside of a string.
            let filled = template.fill_with(|_| "\"\\\n".to_owned());
            serde_json::from_str::<serde_json::Value>(&filled).map_err(|error| {
                format!("the template is no JSON: {error} (a name stands inside of a string)")
            })?;
        }
        Ok(template)
    }

    /// The template with its names replaced.
    pub(crate) fn fill(&self, values: &Values) -> String {
        self.fill_with(|wanted| {
            let found = values.0.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        })
    }

    /// Whether a name stands in it.
    pub(crate) fn names(&self, name: &str) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Name(found) if found == name))
    }

    fn fill_with(&self, value: impl Fn(&str) -> String) -> String {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Words(words) => out.push_str(words),
                Piece::Name(name) => out.push_str(&self.syntax.escaped(&value(name))),
            }
        }
        out
    }
}

impl Syntax {
    fn escaped(self, value: &str) -> String {
        match self {
            Self::Plain => value.to_owned(),
            Self::Form => percent_encoded(value),
            Self::Json => {
                let quoted = serde_json::Value::from(value).to_string();
                quoted[1..quoted.len() - 1].to_owned()
            }
        }
    }
}

impl Values {
    /// Those of a message.
    pub(crate) fn of(message: &Outgoing<'_>) -> Self {
        let words = document::words(message);
        let values = [
            words.subject,
            words.text,
            message.kind.as_str().to_owned(),
            Tone::of(message.kind).as_str().to_owned(),
            Act::of(message).as_str().to_owned(),
            message.server.map(clean::line).unwrap_or_default(),
            clean::id(message.message_id),
            act::thread(message),
            document::rfc3339(message.unix_ms),
            words.link.unwrap_or_default(),
        ];
        Self(NAMES.into_iter().zip(values).collect())
    }

    /// The same with another value for a name, or with one more.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, value.to_owned()));
        self
    }
}

fn pieces(text: &str, more: &[&str]) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((words, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").ok_or("a {{ in the template has no }}")?;
        let name = name.trim();
        if !NAMES.contains(&name) && !more.contains(&name) {
            let known = [&NAMES[..], more].concat().join(", ");
            return Err(format!("a {{{{name}}}} of the template is none of {known}"));
        }
        pieces.push(Piece::Words(words.to_owned()));
        pieces.push(Piece::Name(name.to_owned()));
        rest = after;
    }
    pieces.push(Piece::Words(rest.to_owned()));
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(subject: &str) -> Values {
        Values(vec![("subject", subject.to_owned())])
    }

    #[test]
    fn names_are_replaced_and_others_refused() {
        let template = Template::parse("a {{ subject }} b", Syntax::Plain, &[]).unwrap();
        assert_eq!(template.fill(&values("x")), "a x b");
        assert!(template.names("subject") && !template.names("text"));
        let why = Template::parse("{{secret}}", Syntax::Plain, &["to"]).unwrap_err();
        assert!(why.contains("{{name}}") && why.contains("link, to"), "{why}");
        assert!(Template::parse("{{subject", Syntax::Plain, &[]).is_err());
    }

    #[test]
    fn a_template_of_json_must_be_json_whatever_is_put_in() {
        assert!(Template::parse(r#"{"a": "{{text}}"}"#, Syntax::Json, &[]).is_ok());
        for bad in [r#"{"a": {{text}}}"#, r#"{"a": "{{text}}""#, "{{text}}"] {
            assert!(Template::parse(bad, Syntax::Json, &[]).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_put_in_leaves_its_string(subject in any::<String>()) {
            let template = Template::parse(r#"{"a": "<{{subject}}>"}"#, Syntax::Json, &[]).unwrap();
            let filled: serde_json::Value =
                serde_json::from_str(&template.fill(&values(&subject))).unwrap();
            prop_assert_eq!(filled, serde_json::json!({ "a": format!("<{subject}>") }));
            let template = Template::parse("a={{subject}}&b=1", Syntax::Form, &[]).unwrap();
            let filled = template.fill(&values(&subject));
            prop_assert!(filled.starts_with("a=") && filled.ends_with("&b=1"));
            prop_assert!(!filled[2..filled.len() - 4].contains(['&', '=', ' ', '+', '#']));
        }
    }
}
