//! The parameters of runbooks: what each may be, and the arguments that come of them.

use std::collections::BTreeMap;

use regex::Regex;

use super::Runbook;

/// The longest value, in bytes.
const MAX_VALUE_BYTES: usize = 4096;
/// What runs a runbook that asks for a shell.
const SHELL: [&str; 2] = ["/bin/sh", "-c"];

/// Something that a runbook wants to know.
#[derive(Debug, Clone)]
pub(crate) struct Param {
    pub(crate) kind: Kind,
    pub(crate) default: Option<String>,
}

/// What a value may be.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// Letters, digits and `._@:+,=-`.
    Word,
    Integer {
        min: i64,
        max: i64,
    },
    Choice(Vec<String>),
    /// Absolute, without `..`, below this folder.
    Path {
        under: String,
    },
    /// As a whole like this.
    Pattern(Regex),
}

/// A parameter that is missing, unknown, or not as it may be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadParam {
    #[error("the parameter {0} is missing")]
    Missing(String),
    #[error("the runbook has no parameter {0:?}")]
    Unknown(String),
    #[error("the parameter {name} is to be {wanted}")]
    Wrong { name: String, wanted: String },
}

impl Kind {
    /// The word of the type.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Word => "word",
            Self::Integer { .. } => "integer",
            Self::Choice(_) => "choice",
            Self::Path { .. } => "path",
            Self::Pattern(_) => "pattern",
        }
    }

    /// What it may be, for a person.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Word => "a word of letters, digits and ._@:+,=-".to_owned(),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Choice(choices) => format!("one of {}", choices.join(", ")),
            Self::Path { under } => format!("an absolute path below {under}, without .."),
            Self::Pattern(pattern) => {
                // The pattern is anchored when it is read.
                let inner = pattern.as_str();
                format!(
                    "like {}",
                    inner.strip_prefix("^(?:").and_then(|p| p.strip_suffix(")$")).unwrap_or(inner)
                )
            }
        }
    }

    /// True for a value that may stand in an argument. None begins with a dash, but for negative
    /// numbers: it would be an option.
    pub(crate) fn takes(&self, value: &str) -> bool {
        let plain = value.len() <= MAX_VALUE_BYTES && !value.chars().any(char::is_control);
        let bare = plain && !value.is_empty() && !value.starts_with('-');
        match self {
            Self::Word => {
                let fits = |c: char| c.is_ascii_alphanumeric() || "._@:+,=-".contains(c);
                bare && value.chars().all(fits)
            }
            Self::Integer { min, max } => value
                .parse::<i64>()
                .is_ok_and(|number| (*min..=*max).contains(&number) && number.to_string() == value),
            Self::Choice(choices) => choices.iter().any(|choice| choice == value),
            Self::Path { under } => {
                let below = value.strip_prefix(under.trim_end_matches('/'));
                let below = below.is_some_and(|rest| rest.starts_with('/') && rest.len() > 1);
                bare && below
                    && value.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."))
            }
            Self::Pattern(pattern) => bare && pattern.is_match(value),
        }
    }
}

impl Runbook {
    /// The arguments, for these parameters.
    pub(crate) fn arguments(
        &self,
        given: &BTreeMap<String, String>,
    ) -> Result<Vec<String>, BadParam> {
        if let Some(unknown) = given.keys().find(|name| !self.params.contains_key(*name)) {
            return Err(BadParam::Unknown(unknown.clone()));
        }
        let mut values = BTreeMap::new();
        for (name, param) in &self.params {
            let value = given.get(name).or(param.default.as_ref());
            let value = value.ok_or_else(|| BadParam::Missing(name.clone()))?;
            if !param.kind.takes(value) {
                return Err(BadParam::Wrong { name: name.clone(), wanted: param.kind.hint() });
            }
            values.insert(name.as_str(), value.as_str());
        }
        let filled = self.argv.iter().map(|template| {
            pieces(template).unwrap_or_default().into_iter().fold(
                String::new(),
                |mut argument, piece| {
                    argument.push_str(match piece {
                        Piece::Text(text) => text,
                        Piece::Name(name) => values.get(name).copied().unwrap_or_default(),
                    });
                    argument
                },
            )
        });
        if !self.shell {
            return Ok(filled.collect());
        }
        // The script is never built of values: they are its $1, $2, …
        let mut argv: Vec<String> = SHELL.map(str::to_owned).to_vec();
        let mut filled = self.argv.first().cloned().into_iter().chain(filled.skip(1));
        argv.extend(filled.next());
        argv.push("sh".to_owned());
        argv.extend(filled);
        Ok(argv)
    }
}

/// A part of an argument's template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

/// The parts of `--unit={unit}`; `{{` and `}}` stand for themselves. `None` for a brace alone.
pub(super) fn pieces(template: &str) -> Option<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        pieces.push(Piece::Text(before));
        if from.starts_with("{{") || from.starts_with("}}") {
            pieces.push(Piece::Text(&from[..1]));
            rest = &from[2..];
            continue;
        }
        let name = from.strip_prefix('{')?;
        let end = name.find('}')?;
        pieces.push(Piece::Name(&name[..end]));
        rest = &name[end + 1..];
    }
    pieces.push(Piece::Text(rest));
    Some(pieces)
}
