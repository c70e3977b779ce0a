//! What a text says of servers that its reader may not know of (invariant I7).
//!
//! The words of an alert and of a rule are an operator's, and may name any server. In what is said of an
//! alert, names of others' servers are left out. Of a rule, what it asks and the texts that it makes
//! are shown as a whole or not at all: the hub's own rules to everybody, others to those who see
//! all servers that they name, by their names or by a label's value.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashSet;

use watchfire_alert::rules::{BUILT_IN_FILE, Group, Rule, RuleKind};
use watchfire_model::{MatchOp, Matcher, NAME_LABEL, Scope, ServerName};
use watchfire_promql::{Features, Query};

use crate::alerts::NAMING;
use crate::fleet::Fleet;

/// What stands where another's server is named.
const ANOTHER: &str = "another server";
/// What stands where a text is too long to be looked through.
const NOT_SHOWN: &str = "(not shown)";
/// So often it is looked in one text whether a word is a server's name.
const MAX_LOOKS: usize = 20_000;
/// The longest name of a server, in bytes.
const LONGEST: usize = 253;

/// One who reads, and what may not be told.
pub(crate) struct Foreign<'a> {
    fleet: &'a Fleet,
    scope: &'a Scope,
    words: OnceCell<Words>,
}

/// What labels say of servers.
#[derive(Default)]
struct Words {
    /// The names of servers' labels.
    labels: HashSet<String>,
    /// The values that servers have which the reader sees,
    own: HashSet<String>,
    /// and those that only others have.
    foreign: HashSet<String>,
}

impl<'a> Foreign<'a> {
    pub(crate) fn new(fleet: &'a Fleet, scope: &'a Scope) -> Self {
        Self { fleet, scope, words: OnceCell::new() }
    }

    /// A text without the names of others' servers.
    pub(crate) fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.scope.is_everything() {
            return Cow::Borrowed(text);
        }
        let (mut told, mut rest, mut looks) = (String::new(), 0, 0);
        let mut at = 0;
        while at < text.len() {
            let Some(end) = self.foreign_name_at(text, at, &mut looks) else {
                at += text[at..].chars().next().map_or(1, char::len_utf8);
                continue;
            };
            if looks > MAX_LOOKS {
                return Cow::Borrowed(NOT_SHOWN);
            }
            told.push_str(&text[rest..at]);
            told.push_str(ANOTHER);
            (at, rest) = (end, end);
        }
        if rest == 0 {
            return Cow::Borrowed(if looks > MAX_LOOKS { NOT_SHOWN } else { text });
        }
        told.push_str(&text[rest..]);
        Cow::Owned(told)
    }

    /// The reader's own way to where an alert comes from; empty where it would tell of others' servers.
    pub(crate) fn generator_url(&self, source: &str, url: &str) -> String {
        let is_built_in =
            source.strip_prefix("rules/").and_then(|rest| rest.strip_prefix(BUILT_IN_FILE));
        let is_built_in = is_built_in.is_some_and(|rest| rest.starts_with('/'));
        let is_shown = self.scope.is_everything() || is_built_in || self.may_read_url(url);
        if is_shown { url.to_owned() } else { String::new() }
    }

    /// Whether the reader may see what a rule asks, and what its texts are made of.
    pub(crate) fn may_read_rule(&self, group: &Group, rule: &Rule) -> bool {
        if self.scope.is_everything() || *group.file == *BUILT_IN_FILE {
            return true;
        }
        let annotations = match &rule.kind {
            RuleKind::Alerting(alerting) => alerting.annotations.as_slice(),
            RuleKind::Recording(_) => &[],
        };
        let texts = annotations.iter().map(|(_, wording)| wording.text.as_str());
        self.may_read_query(&rule.expr)
            && rule.labels().all(|(_, text)| self.names_nobody(text) && !self.is_foreign(text))
            && texts.into_iter().all(|text| self.names_nobody(text))
    }

    fn may_read_url(&self, url: &str) -> bool {
        let text = decoded(url);
        match text.split_once("/api/v1/query?query=") {
            Some((_, query)) => Query::parse(query, Features::default())
                .is_ok_and(|query| self.may_read_query(&query)),
            None => self.names_nobody(&text),
        }
    }

    fn may_read_query(&self, query: &Query) -> bool {
        let may_read = |matcher: &Matcher| self.may_read_matcher(matcher);
        self.names_nobody(&query.to_string().replace('\\', ""))
            && query.selectors().into_iter().flatten().all(may_read)
    }

    /// Of what says which server it is, only what is the reader's own is shown: a pattern that fits
    /// others' servers, or the name of one that is gone, tells of them too.
    fn may_read_matcher(&self, matcher: &Matcher) -> bool {
        let (label, value) = (matcher.label(), matcher.value());
        let is_pattern = matches!(matcher.op(), MatchOp::Matches | MatchOp::NotMatches);
        if value.is_empty() || (is_pattern && matches!(value, ".*" | ".+")) || label == NAME_LABEL {
            return true;
        }
        let words = self.words();
        let part = |part: &str| match words.labels.contains(label) {
            true => words.own.contains(part),
            false => !words.foreign.contains(part),
        };
        if is_pattern {
            value.split(['|', '(', ')']).filter(|one| !one.is_empty()).all(part)
        } else {
            part(value)
        }
    }

    fn names_nobody(&self, text: &str) -> bool {
        self.redact(text) == text
    }

    fn is_foreign(&self, text: &str) -> bool {
        self.words().foreign.contains(text)
    }

    fn words(&self) -> &Words {
        self.words.get_or_init(|| {
            let mut words = Words::default();
            words.labels.extend(NAMING.iter().chain(&["name"]).map(|&name| name.to_owned()));
            for index in self.fleet.indices() {
                let server = &self.fleet.config(index).server;
                let is_own = self.scope.holds(&server.labels);
                let values = if is_own { &mut words.own } else { &mut words.foreign };
                values.insert(server.name.as_str().to_owned());
                for (label, value) in server.labels.iter() {
                    values.insert(value.to_owned());
                    words.labels.insert(label.to_owned());
                }
            }
            words.foreign.retain(|value| !words.own.contains(value));
            words
        })
    }

    /// Where the longest name of another's server ends that begins here.
    fn foreign_name_at(&self, text: &str, at: usize, looks: &mut usize) -> Option<usize> {
        let is_inside = |c: char| c.is_alphanumeric();
        let first = text[at..].chars().next()?;
        if !is_part(first) || text[..at].chars().next_back().is_some_and(is_inside) {
            return None;
        }
        let name = text[at..].char_indices().take_while(|(from, c)| *from < LONGEST && is_part(*c));
        let ends = name.map(|(from, c)| at + from + c.len_utf8());
        // No word goes on behind it.
        let ends = ends.filter(|end| !text[*end..].chars().next().is_some_and(is_inside));
        for end in ends.collect::<Vec<usize>>().into_iter().rev() {
            *looks += 1;
            if *looks > MAX_LOOKS || self.is_others(&text[at..end]) {
                return Some(end);
            }
        }
        None
    }

    fn is_others(&self, name: &str) -> bool {
        let index = ServerName::new(name).ok().and_then(|name| self.fleet.index(&name));
        index.is_some_and(|index| !self.scope.holds(&self.fleet.config(index).server.labels))
    }
}

/// Whether a name of a server may have this sign.
fn is_part(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':')
}

/// The text of an address, without its `%20`.
fn decoded(url: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(url.len()), url.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| *first == b'%');
        let hex = hex.and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use watchfire_alert::rules::RuleFile;

    use super::*;
    use crate::testing::{fleet_of, manual_clock, team};

    #[test]
    fn names_of_others_servers_are_left_out() {
        let fleet = fleet_of(&["a-1", "b-1", "b-1.example.org"], &[], &manual_clock().0);
        let scope = team("a");
        let foreign = Foreign::new(&fleet, &scope);
        for (text, told) in [
            ("a-1 is full, and b-1 is not", "a-1 is full, and another server is not"),
            ("b-1", "another server"),
            ("(b-1:9100)", "(another server:9100)"),
            ("b-1.example.org.", "another server."),
            ("b-1-b-12 b-123 ab-1 b-1x", "another server-b-12 b-123 ab-1 b-1x"),
            ("«b-1»ä", "«another server»ä"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(foreign.redact(text), told);
            assert_eq!(Foreign::new(&fleet, &Scope::everything()).redact(text), text);
        }
        let long = "a.".repeat(100_000);
        assert_eq!(foreign.redact(&long), NOT_SHOWN);
    }

    #[test]
    fn a_rule_is_shown_to_those_who_see_the_servers_that_it_names() {
        let fleet = fleet_of(&["a-1", "b-1"], &[], &manual_clock().0);
        let scope = team("a");
        let foreign = Foreign::new(&fleet, &scope);
        for (expr, more, is_shown) in [
            ("up == 0", "", true),
            ("up{instance=\"a-1\"} == 0", "", true),
            ("up{team=\"a\",mode=\"idle\"} == 0", "", true),
            ("up{instance=~\".+\"} == 0", "", true),
            ("up{instance=\"b-1\"} == 0", "", false),
            ("up{instance!=\"b-1\"} == 0", "", false),
            ("up{instance=~\"a-1|b-1\"} == 0", "", false),
            ("up{instance=~\"b-.*\"} == 0", "", false),
            ("up{instance=\"gone-1\"} == 0", "", false),
            ("up{team=\"b\"} == 0", "", false),
            ("up{owner=\"b\"} == 0", "", false),
            ("label_replace(up, \"x\", \"b-1\", \"\", \"\")", "", false),
            ("up == 0", "labels: { to: b-1 }", false),
            ("up == 0", "annotations: { a: 'see b-1' }", false),
            ("up == 0", "annotations: { a: 'see a-1' }", true),
        ] {
            let text = format!(
                "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: '{expr}'\n    {more}\n"
            );
            let file = RuleFile::parse("a.yml", &text).expect(&text);
            let group = &file.groups[0];
            assert_eq!(foreign.may_read_rule(group, &group.rules[0]), is_shown, "{text}");
            assert!(
                Foreign::new(&fleet, &Scope::everything()).may_read_rule(group, &group.rules[0])
            );
        }
        let built_in = watchfire_alert::rules::built_in();
        let all = built_in
            .groups
            .iter()
            .flat_map(|group| group.rules.iter().map(move |rule| (group, rule)));
        assert!(all.into_iter().all(|(group, rule)| foreign.may_read_rule(group, rule)));
    }

    #[test]
    fn where_an_alert_comes_from_is_shown_likewise() {
        let fleet = fleet_of(&["a-1", "b-1"], &[], &manual_clock().0);
        let scope = team("a");
        let foreign = Foreign::new(&fleet, &scope);
        let own = "https://hub.test/api/v1/query?query=up%7Binstance%3D%22a-1%22%7D";
        let other = "https://hub.test/api/v1/query?query=up%7Binstance%3D%22b-1%22%7D";
        let outside = "https://prometheus.test/graph?g0.expr=up%7Bx%3D%22b-1%22%7D";
        for (source, url, is_shown) in [
            ("rules/a.yml/g", own, true),
            ("rules/a.yml/g", other, false),
            ("rules/built-in/g", other, true),
            ("rules/built-in.yml/g", other, false),
            ("api", outside, false),
            ("api", "https://prometheus.test/graph", true),
        ] {
            let expected = if is_shown { url } else { "" };
            assert_eq!(foreign.generator_url(source, url), expected, "{source}");
        }
    }
}
