//! How far a silence reaches: whether only its author's servers, and how much of the fleet.

use std::sync::Arc;

use watchfire_model::{Labels, MatchOp, Matcher, Scope, ServerName};

use crate::fleet::Fleet;
use crate::muting::{SERVER_DOWN, Standing, labels_of_trouble};

/// The label that says which alert it is.
const ALERT_NAME: &str = "alertname";
/// The labels that an alert has of its own, whatever its server has.
const OF_ALERTS: [&str; 2] = [ALERT_NAME, "severity"];
/// The labels that name a server.
const OF_SERVERS: [&str; 3] = ["server", "instance", "name"];

/// Label, comparison and value of a matcher, as it is stored.
pub(crate) type Condition = (String, MatchOp, String);

/// True when what fits these conditions cannot lie beyond `scope`, whatever servers there are.
///
/// It is read off the conditions, and not tried on the servers that there are: a refusal would
/// say which names others' servers have.
pub(crate) fn stays_within(conditions: &[Condition], scope: &Scope, fleet: &Fleet) -> bool {
    let implied = |needed: &Matcher| conditions.iter().any(|one| implies(one, needed));
    scope.is_everything()
        || scope.selectors().iter().any(|one| one.matchers().iter().all(implied))
        || conditions.iter().any(|one| names_servers(one, scope, fleet))
}

/// What share of the fleet, from 0 to 1, a silence of these matchers by an author of this scope
/// may mute together with `others`. What is about one alert alone mutes no server.
pub(super) fn share(
    matchers: &[Matcher],
    scope: &Scope,
    others: &[Arc<Standing>],
    fleet: &Fleet,
) -> f64 {
    let all: Vec<Labels> = fleet
        .indices()
        .into_iter()
        .map(|index| fleet.config(index).server.labels.clone())
        .collect();
    let mutes = |matchers: &[Matcher], scope: &Scope, labels: &Labels| {
        scope.holds(labels) && may_mute(matchers, labels, &all)
    };
    if !all.iter().any(|labels| mutes(matchers, scope, labels)) {
        return 0.0;
    }
    let is_muted = |labels: &&Labels| {
        mutes(matchers, scope, labels)
            || others.iter().any(|one| mutes(&one.silence.matchers, &one.scope, labels))
    };
    let muted = all.iter().filter(is_muted).count();
    #[allow(clippy::cast_precision_loss, reason = "a fleet is no such number of servers")]
    let share = muted as f64 / all.len() as f64;
    share
}

/// Of each server of the fleet, whether such matchers by an author of this scope may mute it.
pub(super) fn muted(matchers: &[Matcher], scope: &Scope, fleet: &Fleet) -> Vec<bool> {
    let indices = fleet.indices().into_iter();
    let all: Vec<Labels> = indices.map(|index| fleet.config(index).server.labels.clone()).collect();
    let mutes = |labels: &Labels| scope.holds(labels) && may_mute(matchers, labels, &all);
    all.iter().map(mutes).collect()
}

/// Whether matchers may mute a server with `labels`, of a fleet with the labels `all`. A label
/// that no server has is one that alerts may bring, with any value.
fn may_mute(matchers: &[Matcher], labels: &Labels, all: &[Labels]) -> bool {
    let is_other_alert = |one: &Matcher| {
        one.label() == ALERT_NAME && one.op() == MatchOp::Equal && !one.holds(SERVER_DOWN)
    };
    if matchers.iter().any(is_other_alert) {
        return false;
    }
    let trouble = labels_of_trouble(labels);
    let of_servers = |label: &str| all.iter().any(|labels| labels.get(label).is_some());
    matchers.iter().all(|one| match trouble.get(one.label()) {
        _ if OF_ALERTS.contains(&one.label()) => true,
        Some(value) => one.holds(value),
        None => !of_servers(one.label()) || one.holds(""),
    })
}

/// True when whatever satisfies `have` satisfies `needed`.
fn implies((label, op, value): &Condition, needed: &Matcher) -> bool {
    if label != needed.label() {
        return false;
    }
    let is_same = *op == needed.op() && value == needed.value();
    let all_hold = |values: Vec<String>| values.iter().all(|value| needed.holds(value));
    is_same || literals(*op, value).is_some_and(all_hold)
}

/// True when it names servers one by one, and all of them are in the scope.
fn names_servers((label, op, value): &Condition, scope: &Scope, fleet: &Fleet) -> bool {
    let is_own = |name: &str| {
        let index = ServerName::new(name).ok().and_then(|name| fleet.index(&name));
        index.is_some_and(|index| scope.holds(&fleet.config(index).server.labels))
    };
    let is_own = |value: &String| is_own(value) || without_port(value).is_some_and(is_own);
    OF_SERVERS.contains(&label.as_str())
        && literals(*op, value).is_some_and(|values| values.iter().all(is_own))
}

fn without_port(value: &str) -> Option<&str> {
    let (name, port) = value.rsplit_once(':')?;
    port.bytes().all(|byte| byte.is_ascii_digit()).then_some(name)
}

/// The values that alone satisfy a condition, where they can be told: `web`, or of an expression
/// `web|db`.
fn literals(op: MatchOp, value: &str) -> Option<Vec<String>> {
    match op {
        MatchOp::Equal => Some(vec![value.to_owned()]),
        MatchOp::Matches => alternatives(value),
        MatchOp::NotEqual | MatchOp::NotMatches => None,
    }
}

/// The texts between the `|` of an expression that says nothing else.
fn alternatives(expression: &str) -> Option<Vec<String>> {
    let mut all = vec![String::new()];
    let mut chars = expression.chars();
    while let Some(c) = chars.next() {
        let last = all.last_mut()?;
        match c {
            '|' => all.push(String::new()),
            '\\' => last.push(chars.next().filter(char::is_ascii_punctuation)?),
            '.' | '+' | '*' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '^' | '$' => return None,
            c => last.push(c),
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use watchfire_alert::told::Silence;
    use watchfire_model::Selector;

    use super::*;
    use crate::testing::{fleet_of, manual_clock, moment, team};

    fn conditions(text: &str) -> Vec<Condition> {
        let selector = Selector::parse(text).expect("good matchers");
        let parts = |one: &Matcher| (one.label().to_owned(), one.op(), one.value().to_owned());
        selector.matchers().iter().map(parts).collect()
    }

    #[test]
    fn who_sees_some_servers_silences_no_others() {
        let fleet = fleet_of(&["a-1", "a.2", "b-1"], &[], &manual_clock().0);
        for (text, within) in [
            (r#"team="a""#, true),
            (r#"team=~"a""#, true),
            (r#"team=~"a|a""#, true),
            (r#"team="a",alertname="DiskFull""#, true),
            (r#"instance="a-1""#, true),
            (r#"name="a-1""#, true),
            (r#"server=~"a-1|a\\.2""#, true),
            (r#"instance="a-1:9100""#, true),
            (r#"team="b""#, false),
            (r#"team=~"a|b""#, false),
            (r#"team=~"a.*""#, false),
            (r#"team=~"a|""#, false),
            (r#"team!="b""#, false),
            (r#"alertname="DiskFull""#, false),
            (r#"instance="b-1""#, false),
            (r#"instance=~"a-1|b-1""#, false),
            (r#"instance=~"a-.""#, false),
            (r#"instance=~"a-1|""#, false),
            // Another's name is refused like one that nobody has.
            (r#"instance="z-9""#, false),
            (r#"instance="""#, false),
            (r#"instance="a-1:b""#, false),
            (r#"site="a""#, false),
        ] {
            let conditions = conditions(text);
            assert_eq!(stays_within(&conditions, &team("a"), &fleet), within, "{text}");
            assert!(stays_within(&conditions, &Scope::everything(), &fleet), "{text}");
            assert!(!stays_within(&conditions, &Scope::default(), &fleet), "{text}");
        }
        let not_b = Scope::new(vec![Selector::parse(r#"team!="b",site="x""#).expect("matchers")]);
        assert!(stays_within(&conditions(r#"site="x",team!="b""#), &not_b, &fleet));
        assert!(stays_within(&conditions(r#"site="x",team="c""#), &not_b, &fleet));
        assert!(!stays_within(&conditions(r#"team="c""#), &not_b, &fleet));
    }

    #[test]
    fn the_share_of_the_fleet_is_of_servers_that_may_be_muted() {
        let fleet = fleet_of(&["a-1", "a-2", "b-1", "b-minor"], &[], &manual_clock().0);
        let everything = Scope::everything();
        for (text, expected) in [
            (r#"team="a""#, 0.5),
            (r#"name="a-1""#, 0.25),
            (r#"team=~".+""#, 1.0),
            (r#"alertname=~".+""#, 1.0),
            (r#"alertname="ServerDown""#, 1.0),
            (r#"alertname!="DiskFull""#, 1.0),
            (r#"alertname="ServerDown",team="b""#, 0.5),
            // It is about one alert, whatever servers have it.
            (r#"alertname="DiskFull""#, 0.0),
            // An alert brings its own.
            (r#"severity="info""#, 1.0),
            (r#"job="node""#, 1.0),
            (r#"team="c""#, 0.0),
        ] {
            let matchers = Selector::parse(text).expect("good matchers").matchers().to_vec();
            let share = |scope: &Scope| share(&matchers, scope, &[], &fleet);
            assert!((share(&everything) - expected).abs() < 1e-9, "{text}: {}", share(&everything));
            assert!(share(&team("a")) <= 0.5, "{text}: the author sees half of them");
        }
        let of = |text: &str| Selector::parse(text).expect("good matchers").matchers().to_vec();
        let one = of(r#"name="a-1""#);
        let other = Silence {
            matchers: of(r#"team="b""#),
            from_ms: 0,
            to_ms: i64::MAX,
            author: "ada".to_owned(),
            comment: String::new(),
        };
        let other = Standing::new("1".to_owned(), other, everything.clone(), moment(0));
        let others = [Arc::new(other)];
        assert!((share(&one, &everything, &others, &fleet) - 0.75).abs() < 1e-9);
        assert!(share(&of(r#"name="z-9""#), &everything, &others, &fleet) < 1e-9);
        let empty = fleet_of(&[], &[], &manual_clock().0);
        assert!(share(&one, &everything, &[], &empty) < 1e-9);
    }
}
