use proptest::prelude::*;

use super::*;

/// A file with everything in it.
const WHOLE: &str = "groups:
- name: g
  interval: 1s
  query_offset: 30s
  limit: 5
  labels: { a: 1, b: 2 }
  rules:
  - alert: A
    expr: up == 0
    for: 1m30s
    keep_firing_for: 250ms
    labels: { b: 3, c: ~ }
    annotations: { d: '{{ $value }}' }
  - record: r:x
    expr: 1
    for: 0s
    labels:
";

fn errors(text: &str) -> Vec<String> {
    let errors = RuleFile::parse("r.yml", text).err().unwrap_or_default();
    errors.iter().map(ToString::to_string).collect()
}

/// A rule in a group, from line 4 on.
fn in_rule(rule: &str) -> Vec<String> {
    errors(&format!("groups:\n- name: g\n  rules:\n  - {}\n", rule.replace('\n', "\n    ")))
}

#[test]
fn every_field_is_read() {
    let group = group(WHOLE);
    assert_eq!(
        (group.interval_ms, group.query_offset_ms, group.limit),
        (Some(1000), Some(30_000), 5)
    );
    let labels = |rule: usize| {
        group.rules[rule]
            .labels()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join(",")
    };
    assert_eq!((labels(0), labels(1)), ("a=1,b=3,c=".to_owned(), "a=1,b=2".to_owned()));
    let RuleKind::Alerting(alerting) = &group.rules[0].kind else { panic!() };
    assert_eq!((alerting.for_ms, alerting.keep_firing_for_ms), (90_000, 250));
    assert_eq!((group.rules[0].line, group.rules[1].line), (8, 14));
    assert_eq!(
        group.identities(),
        ["alert A{a=\"1\",b=\"3\",c=\"\"}", "record r:x{a=\"1\",b=\"2\"}"]
    );
}

#[test]
fn files_without_rules_are_files() {
    for text in [
        "",
        "# nothing\n",
        "groups:\n",
        "groups: []\n",
        "---\ngroups:\n- name: a\n",
        "groups:\n- {name: a, rules: ~}\n",
    ] {
        assert_eq!(RuleFile::parse("r.yml", text).map(|file| file.rule_count()), Ok(0), "{text}");
    }
}

#[test]
fn every_mistake_is_told_with_its_place() {
    for (text, expected) in [
        ("[]", "1:1: a rule file is a mapping of fields, not a list"),
        ("group: []", "1:1: a rule file has no field \"group\"; it has groups"),
        ("groups: x", "1:9: groups is a list, not a text"),
        ("groups:\n- rules: []", "2:3: the group has no name"),
        ("groups:\n- name: ''", "2:3: the group has no name"),
        ("groups:\n- name: a\n- name: a", "3:9: the group \"a\" is also in line 2"),
        (
            "groups:\n- name: a\n  interval: 5",
            "3:13: interval is a duration such as 30s or 1h30m, not \"5\"",
        ),
        ("groups:\n- name: a\n  limit: x", "3:10: limit is a whole number, not \"x\""),
        ("groups:\n- name: a\n  labels: {__name__: x}", "3:12: the label __name__"),
        (
            "groups:\n- name: a\n  limits: 3",
            "3:3: a group has no field \"limits\"; it has interval, labels, limit, name,",
        ),
        ("groups:\n- a", "2:3: a group is a mapping of fields, not a text"),
        ("groups:\n- name: a\n  name: b", "3:3: \"name\" stands twice"),
    ] {
        let errors = errors(text);
        assert!(errors[0].starts_with(&format!("r.yml:{expected}")), "{text}: {errors:?}");
        assert_eq!(errors.len(), 1, "{errors:?}");
    }
}

#[test]
fn every_mistake_of_a_rule_is_told_with_its_place() {
    for (rule, expected) in [
        ("alert: A", "4:5: the rule has no expr"),
        ("expr: up", "4:5: the rule has neither record nor alert"),
        ("alert: A\nrecord: b\nexpr: up", "4:5: the rule has both"),
        ("record: a{b=\"c\"}\nexpr: up", "4:13: record is the name of a metric"),
        ("record: a\nexpr: up\nfor: 5m", "4:5: for is for alerts"),
        ("record: a\nexpr: up\nkeep_firing_for: 5m", "4:5: keep_firing_for is for alerts"),
        ("record: a\nexpr: up\nannotations: {a: b}", "4:5: annotations is for alerts"),
        ("alert: A\nexpr: sum(up", "5:17: expr: "),
        ("alert: A\nexpr: |\n  sum(up)\n    + )", "7:11: expr: "),
        ("alert: A\nexpr: >-\n  sum(\n  upp{a=b})", "7:13: expr: "),
        ("alert: A\nexpr: up[5m]", "5:11: expr gives a range vector"),
        ("alert: A\nexpr: '\"text\"'", "5:11: expr gives a string"),
        ("alert: A\nexpr: up\nfor: -5m", "6:10: for is a duration"),
        ("alert: A\nexpr: up\nlabels: {__name__: x}", "6:14: the label __name__"),
        ("alert: A\nexpr: up\nlabels: [a]", "6:13: labels is a mapping of names"),
        ("alert: A\nexpr: up\nlabels:\n  a: {b: c}", "7:10: a is a text, not a mapping"),
        ("alert: A\nexpr: up\nannotations:\n  a: |\n    line\n    x {{ nope }}", "9:14: a: "),
        ("alert: A\nexpr: up\nlabels: { a: 'x {{ $nope }}' }", "6:2"),
        (
            "alert: A\nexpr: up\nlables: {}",
            "6:5: a rule has no field \"lables\"; it has alert, annotations, expr,",
        ),
    ] {
        let errors = in_rule(rule);
        assert!(errors[0].starts_with(&format!("r.yml:{expected}")), "{rule}: {errors:?}");
        assert_eq!(errors.len(), 1, "{rule}: {errors:?}");
    }
}

#[test]
fn all_mistakes_are_told_in_the_order_of_the_file() {
    let text = "groups:
- name: g
  labels: { l: '{{ nope }}' }
  rules:
  - alert: A
    expr: 1 +
    labels: { a: '{{' }
  - record: r
    expr: ''
  - alert: B
    expr: up
    four: 5m
";
    let lines: Vec<String> =
        errors(text).iter().map(|error| error.split(':').nth(1).unwrap().to_owned()).collect();
    assert_eq!(lines, ["3", "6", "7", "8", "12"]);
    let many = "x: 1\n".lines().cycle().take(500).enumerate();
    let many: String = many.map(|(number, _)| format!("x{number}: 1\n")).collect();
    assert_eq!(errors(&many).len(), 100);
}

#[test]
fn labels_have_a_number() {
    let labels =
        |count: usize| (0..count).map(|n| format!("l{n}: x")).collect::<Vec<_>>().join(", ");
    let rule = |count| in_rule(&format!("alert: A\nexpr: up\nlabels: {{ {} }}", labels(count)));
    assert_eq!(rule(64), [""; 0]);
    assert_eq!(rule(65), ["r.yml:6:13: labels has 65 fields, and 64 are taken"]);
}

#[test]
fn labels_of_a_group_are_templates_for_alerts_alone() {
    let text = |kind| {
        format!(
            "groups:\n- name: g\n  labels: {{ l: '{{{{ nope }}}}' }}\n  rules:\n  - {{ {kind}: a, expr: up }}\n  - {{ {kind}: b, expr: up }}\n"
        )
    };
    assert_eq!(errors(&text("record")), [""; 0]);
    let told = errors(&text("alert"));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("r.yml:3:20: l: "), "{told:?}");
}

#[test]
fn rules_that_equal_one_another_are_noticed() {
    let file = RuleFile::parse(
        "r.yml",
        "groups:
- name: g
  rules:
  - { alert: A, expr: up, labels: { a: b } }
  - { alert: A, expr: up }
- name: h
  labels: { a: b }
  rules:
  - { alert: A, expr: up == 0 }
  - { record: A, expr: up }
",
    );
    let told: Vec<String> = file.unwrap().duplicates().iter().map(ToString::to_string).collect();
    assert_eq!(told, ["r.yml:9:1: alert A{a=\"b\"} is also in line 4"]);
}

proptest! {
    /// Whatever is changed in a file, reading it ends, and each mistake has a place in it.
    #[test]
    fn a_damaged_file_is_read_to_its_end(
        changes in prop::collection::vec((any::<prop::sample::Index>(), "[ -~\\n\\t'\":{}|>&*é]{0,3}"), 1..6),
    ) {
        let mut text: Vec<char> = WHOLE.chars().collect();
        for (at, by) in changes {
            let at = at.index(text.len());
            text.splice(at..(at + 1).min(text.len()), by.chars());
        }
        let text: String = text.into_iter().collect();
        let lines = text.lines().count() + 1;
        for error in RuleFile::parse("r.yml", &text).err().unwrap_or_default() {
            prop_assert!((1..=lines).contains(&error.place.line) && error.place.column > 0, "{}", error);
        }
        let _ = test::TestFile::parse("t.yml", &text);
    }
}
