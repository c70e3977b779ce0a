//! What the parameters of a question mean.

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use watchfire_model::{MatchOp, Matcher};

use super::error::AmError;

/// How many matchers a question may have.
const MAX_FILTERS: usize = 64;
/// The longer ones first: `=~` begins with `=`.
const OPERATORS: [MatchOp; 4] =
    [MatchOp::Matches, MatchOp::NotMatches, MatchOp::NotEqual, MatchOp::Equal];

/// The parameters of a question. Those that nobody knows are read over, as Alertmanager does.
pub(super) struct Asked {
    filters: Vec<Matcher>,
    receiver: Option<Matcher>,
    pub(super) active: bool,
    pub(super) silenced: bool,
    pub(super) inhibited: bool,
    pub(super) muted: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let pairs: Result<Query<Vec<(String, String)>>, QueryRejection> =
            Query::from_request_parts(parts, state).await;
        let pairs = pairs.map_err(|error| AmError::bad(error.body_text()));
        let asked = pairs.and_then(|Query(pairs)| Self::read(&pairs));
        asked.map_err(IntoResponse::into_response)
    }
}

impl Asked {
    fn read(pairs: &[(String, String)]) -> Result<Self, AmError> {
        let all = |name: &'static str| {
            pairs.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
        };
        let flag = |name| all(name).next_back().is_none_or(is_true);
        let filters = all("filter").filter(|text| !text.is_empty());
        if filters.clone().count() > MAX_FILTERS {
            return Err(AmError::bad(format!("more than {MAX_FILTERS} filters")));
        }
        let receiver = all("receiver").next_back().filter(|text| !text.is_empty()).map(|text| {
            Matcher::new("receiver", MatchOp::Matches, text)
                .map_err(|why| AmError::bad(format!("failed to parse receiver param: {why}")))
        });
        Ok(Self {
            filters: filters.map(filter).collect::<Result<_, _>>()?,
            receiver: receiver.transpose()?,
            active: flag("active"),
            silenced: flag("silenced"),
            inhibited: flag("inhibited"),
            muted: flag("muted"),
        })
    }

    /// Whether all matchers hold for what has these labels, by their names.
    pub(super) fn fits<'a>(&self, get: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.filters.iter().all(|one| {
            let value = get(one.label());
            match (one.op(), one.value().is_empty(), value) {
                // An empty value asks whether there is such a label.
                (MatchOp::NotEqual | MatchOp::NotMatches, true, Some(_))
                | (MatchOp::Equal | MatchOp::Matches, true, None) => true,
                _ => one.holds(value.unwrap_or("")),
            }
        })
    }

    /// Whether something that goes to `receiver` is asked for.
    pub(super) fn fits_receiver(&self, receiver: &str) -> bool {
        self.receiver.as_ref().is_none_or(|one| one.holds(receiver))
    }
}

/// The words for yes of Alertmanager's parser; all others are a no.
fn is_true(text: &str) -> bool {
    let words = ["true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"];
    words.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Reads `alertname="Foo"`, `alertname=Foo` and `alertname=~"Foo|Bar"`.
fn filter(text: &str) -> Result<Matcher, AmError> {
    let bad = || AmError::bad(format!("bad matcher format: {text}"));
    let at = text.find(['=', '!']).ok_or_else(bad)?;
    let (label, rest) = text.split_at(at);
    let label = label.trim();
    let is_first = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | ':');
    if !label.starts_with(is_first) || !label.chars().all(|c| is_first(c) || c.is_ascii_digit()) {
        return Err(bad());
    }
    let found = OPERATORS.into_iter().find_map(|op| Some((op, rest.strip_prefix(op.as_str())?)));
    let (op, value) = found.ok_or_else(bad)?;
    let value = value.trim();
    let value = match value.strip_prefix('"') {
        Some(quoted) => unescaped(quoted.strip_suffix('"').ok_or_else(bad)?),
        None => value.to_owned(),
    };
    Matcher::new(label, op, &value).map_err(AmError::bad)
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, chars.clone().next()) {
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some(next @ ('"' | '\\'))) => out.push(next),
            _ => {
                out.push(c);
                continue;
            }
        }
        chars.next();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(&str, &str)]) -> Result<Asked, AmError> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Asked::read(&pairs.iter().map(owned).collect::<Vec<_>>())
    }

    #[test]
    fn filters_are_read_as_alertmanager_does() {
        let labels = |name: &str| match name {
            "a" => Some("b"),
            "q" => Some("x \"y\"\n"),
            _ => None,
        };
        for (text, fits) in [
            ("a=b", true),
            ("a = \"b\"", true),
            ("a=~\"b|c\"", true),
            ("a!=b", false),
            ("a!~\"c.*\"", true),
            ("a=c", false),
            ("a=\"\"", false),
            ("z=\"\"", true),
            ("a!=\"\"", true),
            ("z!=\"\"", false),
            ("q=\"x \\\"y\\\"\\n\"", true),
            ("a=b,c=d", false),
        ] {
            let asked = asked(&[("filter", text)]).expect(text);
            assert_eq!(asked.fits(labels), fits, "{text}");
        }
        for bad in ["x", "{a=\"b\"}", "=b", "a=\"b", "a-b=c", "a=~("] {
            assert!(asked(&[("filter", bad)]).is_err(), "{bad}");
        }
    }

    #[test]
    fn flags_are_on_unless_they_are_off() {
        let off = asked(&[("active", "false"), ("silenced", "0"), ("inhibited", "no")]);
        let off = off.expect("good");
        assert_eq!(
            (off.active, off.silenced, off.inhibited, off.muted),
            (false, false, false, true)
        );
        assert!(asked(&[("receiver", "(")]).is_err());
        let team = asked(&[("receiver", "ad.*"), ("nobody", "knows")]).expect("good");
        assert!(team.fits_receiver("ada") && !team.fits_receiver("xada"));
        let many = vec![("filter", "a=b"); MAX_FILTERS + 1];
        assert!(asked(&many).is_err());
    }
}
