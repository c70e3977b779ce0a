use std::fmt;

use regex::Regex;

use crate::Labels;
use crate::label::is_label_name;

/// How much memory one compiled expression may take, in bytes.
const REGEX_SIZE_LIMIT: usize = 1 << 20;
/// The same for one of which there may be thousands.
const SMALL_REGEX_SIZE_LIMIT: usize = 128 << 10;

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, anchored at both ends.
    Matches,
    /// `!~`, anchored at both ends.
    NotMatches,
}

/// One condition on a label, with Prometheus' meaning: a missing label is the
/// empty string, and expressions are anchored.
#[derive(Debug, Clone)]
pub struct Matcher {
    label: String,
    op: MatchOp,
    value: String,
    regex: Option<Regex>,
}

/// Matchers that must all hold: `role="web",site=~"fra|ams"`. `*` selects every server.
#[derive(Debug, Clone)]
pub struct Selector {
    text: String,
    matchers: Vec<Matcher>,
}

/// The servers that a user may see: those that any of the selectors selects.
/// An empty scope holds no server.
#[derive(Debug, Clone, Default)]
pub struct Scope(Vec<Selector>);

/// Why a selector was refused, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectorError {
    /// Byte offset in the text.
    pub at: usize,
    /// What is wrong there.
    pub why: String,
}

impl fmt::Display for SelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.why, self.at)
    }
}

impl std::error::Error for SelectorError {}

impl MatchOp {
    /// The sign that stands for it: `=`, `!=`, `=~` or `!~`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Matches => "=~",
            Self::NotMatches => "!~",
        }
    }

    /// What such a sign stands for.
    #[must_use]
    pub fn parse(sign: &str) -> Option<Self> {
        let all = [Self::Equal, Self::NotEqual, Self::Matches, Self::NotMatches];
        all.into_iter().find(|op| op.as_str() == sign)
    }
}

/// As a selector writes it: `role="web"`.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        write!(f, "{}{}\"{value}\"", self.label, self.op.as_str())
    }
}

impl Matcher {
    /// A matcher on `label`.
    ///
    /// # Errors
    /// The regular expression's own words when `op` needs one and `value` is none.
    pub fn new(label: &str, op: MatchOp, value: &str) -> Result<Self, String> {
        Self::within(label, op, value, REGEX_SIZE_LIMIT)
    }

    /// The same with an expression that takes little memory: for what users make at any time, and
    /// of which thousands are kept.
    ///
    /// # Errors
    /// As [`Matcher::new`].
    pub fn small(label: &str, op: MatchOp, value: &str) -> Result<Self, String> {
        Self::within(label, op, value, SMALL_REGEX_SIZE_LIMIT)
    }

    fn within(label: &str, op: MatchOp, value: &str, limit: usize) -> Result<Self, String> {
        let regex = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Matches | MatchOp::NotMatches => Some(anchored(value, limit)?),
        };
        Ok(Self { label: label.to_owned(), op, value: value.to_owned(), regex })
    }

    /// The label it is about.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// How it compares.
    #[must_use]
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// What it compares with: a text, or a regular expression.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// True when `labels` satisfies the condition.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        self.holds(labels.get(&self.label).unwrap_or(""))
    }

    /// True when a label of this value, empty for one that is not there, satisfies the condition.
    #[must_use]
    pub fn holds(&self, value: &str) -> bool {
        let by_regex = || self.regex.as_ref().is_some_and(|regex| regex.is_match(value));
        match self.op {
            MatchOp::Equal => value == self.value,
            MatchOp::NotEqual => value != self.value,
            MatchOp::Matches => by_regex(),
            MatchOp::NotMatches => !by_regex(),
        }
    }
}

impl Selector {
    /// Reads `label op "value"` conditions separated by commas, or `*`.
    /// Values may be in double or single quotes; `\\`, `\"`, `\'` and `\n` are escapes.
    ///
    /// # Errors
    /// [`SelectorError`] names the place and what was expected there.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let matchers =
            if text.trim() == "*" { Vec::new() } else { Parser::new(text).selector()? };
        Ok(Self { text: text.trim().to_owned(), matchers })
    }

    /// True when every matcher holds.
    #[must_use]
    pub fn selects(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches(labels))
    }

    /// Its matchers; none of `*`.
    #[must_use]
    pub fn matchers(&self) -> &[Matcher] {
        &self.matchers
    }

    /// What both select.
    fn and(&self, other: &Self) -> Self {
        if self.matchers.is_empty() || other.matchers.is_empty() {
            return if self.matchers.is_empty() { other.clone() } else { self.clone() };
        }
        // One may end with a comma.
        let text = format!("{},{}", self.text.trim_end_matches([',', ' ']), other.text);
        Self { text, matchers: [&self.matchers[..], &other.matchers].concat() }
    }

    /// The text the selector was read from.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Scope {
    /// A scope of the servers that any of `selectors` selects.
    #[must_use]
    pub fn new(selectors: Vec<Selector>) -> Self {
        Self(selectors)
    }

    /// Every server.
    #[must_use]
    pub fn everything() -> Self {
        Self(vec![Selector { text: "*".to_owned(), matchers: Vec::new() }])
    }

    /// True when it says by `*` that every server is in it, whatever labels one has.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.0.iter().any(|selector| selector.matchers.is_empty())
    }

    /// True when a server with `labels` is in the scope.
    #[must_use]
    pub fn holds(&self, labels: &Labels) -> bool {
        self.0.iter().any(|selector| selector.selects(labels))
    }

    /// The servers that are in both scopes.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let pairs = self.0.iter().flat_map(|one| other.0.iter().map(move |two| (one, two)));
        Self(pairs.map(|(one, two)| one.and(two)).collect())
    }

    /// The selectors, in the order in which they were given.
    #[must_use]
    pub fn selectors(&self) -> &[Selector] {
        &self.0
    }
}

fn anchored(pattern: &str, limit: usize) -> Result<Regex, String> {
    // The pattern must be whole by itself: otherwise "a)|(b" would escape the anchors.
    regex::RegexBuilder::new(pattern)
        .size_limit(limit)
        .build()
        .and_then(|_| {
            regex::RegexBuilder::new(&format!("^(?s:{pattern})$")).size_limit(limit).build()
        })
        .map_err(|error| error.to_string())
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn selector(mut self) -> Result<Vec<Matcher>, SelectorError> {
        let mut matchers = Vec::new();
        loop {
            matchers.push(self.matcher()?);
            self.skip_space();
            if self.rest().is_empty() {
                return Ok(matchers);
            }
            if !self.take(",") {
                return Err(self.error("expected ',' or the end"));
            }
            self.skip_space();
            if self.rest().is_empty() {
                return Ok(matchers);
            }
        }
    }

    fn matcher(&mut self) -> Result<Matcher, SelectorError> {
        self.skip_space();
        let label = self.label()?;
        self.skip_space();
        let op = self.op()?;
        self.skip_space();
        let value_at = self.at;
        let value = self.value()?;
        Matcher::new(label, op, &value).map_err(|why| SelectorError { at: value_at, why })
    }

    fn label(&mut self) -> Result<&'a str, SelectorError> {
        let rest = self.rest();
        let end =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let label = &rest[..end];
        if !is_label_name(label) {
            return Err(self.error("expected a label name, as in role=\"web\", or *"));
        }
        self.at += end;
        Ok(label)
    }

    fn op(&mut self) -> Result<MatchOp, SelectorError> {
        let ops = [
            ("=~", MatchOp::Matches),
            ("!~", MatchOp::NotMatches),
            ("!=", MatchOp::NotEqual),
            ("=", MatchOp::Equal),
        ];
        ops.into_iter()
            .find(|(sign, _)| self.take(sign))
            .map(|(_, op)| op)
            .ok_or_else(|| self.error("expected =, !=, =~ or !~"))
    }

    fn value(&mut self) -> Result<String, SelectorError> {
        let quote = match self.rest().chars().next() {
            Some(c @ ('"' | '\'')) => c,
            _ => return Err(self.error("expected a value in quotes, as in role=\"web\"")),
        };
        let opened_at = self.at;
        self.at += 1;
        let mut value = String::new();
        let mut chars = self.rest().char_indices();
        while let Some((offset, c)) = chars.next() {
            match c {
                _ if c == quote => {
                    self.at += offset + 1;
                    return Ok(value);
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, escaped @ ('\\' | '"' | '\''))) => value.push(escaped),
                    Some((_, other)) => value.extend(['\\', other]),
                    None => break,
                },
                _ => value.push(c),
            }
        }
        Err(SelectorError { at: opened_at, why: "this quote is never closed".to_owned() })
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn take(&mut self, what: &str) -> bool {
        let found = self.rest().starts_with(what);
        if found {
            self.at += what.len();
        }
        found
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn error(&self, why: &str) -> SelectorError {
        SelectorError { at: self.at, why: why.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        let mut labels = Labels::new();
        for (name, value) in pairs {
            labels.insert(name, value).expect("a label name");
        }
        labels
    }

    #[test]
    fn every_operator_selects_as_prometheus_does() {
        let web = labels(&[("role", "web"), ("site", "fra")]);
        for (text, selected) in [
            (r#"role="web""#, true),
            (r#"role='web',site="fra""#, true),
            (r#" role = "web" , site != "fra" , "#, false),
            (r#"role=~"we.""#, true),
            (r#"role=~"we""#, false),
            (r#"role!~"db|cache""#, true),
            (r#"rack="""#, true),
            (r#"rack!="""#, false),
            ("*", true),
        ] {
            let selector = Selector::parse(text).expect(text);
            assert_eq!(selector.selects(&web), selected, "{text}");
        }
    }

    #[test]
    fn two_scopes_hold_together_what_each_holds() {
        let scope = |texts: &[&str]| {
            Scope::new(texts.iter().map(|text| Selector::parse(text).expect("good")).collect())
        };
        let user = scope(&[r#"role="web","#, r#"role="db""#]);
        let token = scope(&[r#"site="fra""#, r#"role="mail""#]);
        for (pairs, held) in [
            ([("role", "web"), ("site", "fra")], true),
            ([("role", "db"), ("site", "fra")], true),
            ([("role", "web"), ("site", "ams")], false),
            ([("role", "mail"), ("site", "fra")], false),
        ] {
            let of = labels(&pairs);
            assert_eq!(user.and(&token).holds(&of), held, "{pairs:?}");
            assert_eq!(user.holds(&of) && token.holds(&of), held, "{pairs:?}");
        }
        let all = Scope::everything();
        assert!(all.and(&all).is_everything());
        assert!(!all.and(&token).is_everything() && !token.and(&all).is_everything());
        assert!(user.and(&Scope::default()).selectors().is_empty());
        // What is written can be read, and means the same.
        let both = user.and(&token);
        let again: Vec<_> = both.selectors().iter().map(Selector::as_str).collect();
        assert!(scope(&again).holds(&labels(&[("role", "db"), ("site", "fra")])));
        assert_eq!(again[0], r#"role="web",site="fra""#);
    }

    #[test]
    fn mistakes_name_their_place() {
        for (text, at) in [
            ("", 0),
            ("role", 4),
            ("role=web", 5),
            (r#"role="web"#, 5),
            (r#"role="web" site="fra""#, 11),
            (r#"role=~"(""#, 6),
            (r#"role=~"a)|(b""#, 6),
            ("1=\"x\"", 0),
        ] {
            let error = Selector::parse(text).expect_err(text);
            assert_eq!(error.at, at, "{text}: {error}");
        }
    }

    #[test]
    fn a_matcher_is_written_as_it_is_read() {
        for text in [r#"role="web""#, r#"a!="b\"c""#, r#"a=~"x\\.y|z""#, r#"a!~"b\nc""#] {
            let selector = Selector::parse(text).expect(text);
            assert_eq!(selector.matchers()[0].to_string(), text);
        }
        assert_eq!(MatchOp::parse("=="), None);
    }

    #[test]
    fn a_small_expression_takes_little_memory() {
        assert!(Matcher::small("a", MatchOp::Matches, "web-[0-9]+|db.*").is_ok());
        let large = r"\w{20}";
        assert!(Matcher::small("a", MatchOp::Matches, large).is_err());
        assert!(Matcher::new("a", MatchOp::Matches, large).is_ok());
    }

    #[test]
    fn an_empty_scope_holds_nothing() {
        assert!(!Scope::default().holds(&labels(&[("role", "web")])));
        assert!(Scope::everything().holds(&Labels::new()));
    }

    #[test]
    fn a_scope_holds_what_any_selector_selects() {
        let selectors = [r#"role="web""#, r#"name="db-1""#];
        let scope =
            Scope::new(selectors.iter().map(|s| Selector::parse(s).expect("valid")).collect());
        assert!(scope.holds(&labels(&[("role", "web")])));
        assert!(scope.holds(&labels(&[("name", "db-1")])));
        assert!(!scope.holds(&labels(&[("name", "db-2")])));
    }
}
