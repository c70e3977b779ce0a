use super::*;
use crate::rules::RuleFile;

const RULES: &str = "groups:
- name: second
  rules:
  - { record: 'job:up:sum', expr: 'sum by (job) (up)' }
- name: first
  rules:
  - alert: Down
    expr: up == 0
    for: 2m
    labels: { severity: page, from: '{{ $externalLabels.site }}' }
    annotations: { summary: '{{ $labels.instance }} at {{ $externalURL }}' }
  - alert: Few
    expr: job:up:sum < 2
";

const TEST: &str = "rule_files: [r.yml]
evaluation_interval: 1m
group_eval_order: [first, second]
tests:
- name: named
  interval: 1m
  external_labels: { site: fra }
  external_url: http://hub
  input_series:
  - { series: 'up{job=\"j\",instance=\"a\"}', values: '1 0x9' }
  - { series: 'up{job=\"j\",instance=\"b\"}', values: '1x9' }
  alert_rule_test:
  - { eval_time: 2m, alertname: Down }
  - eval_time: 3m30s
    alertname: Down
    exp_alerts:
    - exp_labels: { severity: page, instance: a, job: j, from: fra }
      exp_annotations: { summary: 'a at http://hub' }
  - eval_time: 1m
    alertname: Few
  - eval_time: 2m
    alertname: Few
    exp_alerts: [ { exp_labels: { job: j } } ]
  promql_expr_test:
  - expr: job:up:sum
    eval_time: 4m
    exp_samples: [ { labels: 'job:up:sum{job=\"j\"}', value: 1 } ]
  - expr: time() / 3
    eval_time: 10s
    exp_samples: [ { value: 3.3333333333333335 } ]
  - { expr: up > 1, eval_time: 1m }
";

fn report(rules: &str, test: &str) -> Report {
    let rules = RuleFile::parse("r.yml", rules).unwrap();
    run(&TestFile::parse("t.yml", test).unwrap_or_else(|errors| panic!("{errors:?}")), &[rules])
}

#[test]
fn rules_that_do_what_is_expected_pass() {
    let report = report(RULES, TEST);
    assert!(report.is_good(), "{report}");
    assert_eq!((report.tests[0].name.as_str(), report.tests[0].line), ("named", 5));
}

#[test]
fn whatever_is_otherwise_is_shown() {
    for (change, by, shown) in [
        (
            "'1 0x9'",
            "'1 1x9'",
            "t.yml:14:5: named: alert Down at 3m30s\n  expected:\n    {alertname=\"Down\",from=\"fra\",instance=\"a\",job=\"j\",severity=\"page\"}\n      summary: \"a at http://hub\"\n  got: nothing\n",
        ),
        ("a at http://hub'", "b'", "summary: \"b\"\n  got:\n"),
        ("severity: page, instance", "instance", "t.yml:14:5"),
        (
            "eval_time: 1m\n    alertname: Few",
            "eval_time: 2m\n    alertname: Few",
            "alert Few at 2m\n  expected: nothing\n  got:\n    {alertname=\"Few\",job=\"j\"}\n",
        ),
        (
            "value: 1 }",
            "value: 2 }",
            "t.yml:25:5: named: job:up:sum at 4m\n  expected:\n    job:up:sum{job=\"j\"} 2\n  got:\n    job:up:sum{job=\"j\"} 1\n",
        ),
        ("value: 3.3333333333333335", "value: 3.333333333333333", "{} 3.333333333333333\n"),
        ("first, second", "second, first", "alert Few at 1m\n"),
        ("site: fra", "site: ber", "from=\"ber\""),
        (
            "up > 1",
            "up * on (job) up",
            "t.yml:31:5: named: up * on (job) up at 1m\n  expected: nothing\n  got:\n    ",
        ),
        ("up > 1", "'up[5m]'", "neither a vector nor a scalar"),
    ] {
        assert!(TEST.contains(change), "{change}");
        let report = report(RULES, &TEST.replacen(change, by, 1));
        assert_eq!(report.failed(), 1, "{change} -> {by}");
        assert!(report.to_string().contains(shown), "{change} -> {by}: {report}");
    }
}

#[test]
fn a_rule_that_fails_fails_the_test() {
    let report = report(&RULES.replace("up == 0", "up * on (job) up"), TEST);
    let shown = report.to_string();
    assert!(shown.starts_with("t.yml:5:3: named: a rule failed at 0s\n"), "{shown}");
    assert!(shown.contains("r.yml:7: alert Down{"), "{shown}");
}

#[test]
fn the_last_bit_and_the_start_can_be_chosen() {
    let test = |head: &str, more: &str, expr: &str, value: &str| {
        let text = format!(
            "{head}tests:\n- {more}\n  promql_expr_test:\n  - {{ expr: '{expr}', eval_time: 1m, exp_samples: [ {{ value: {value} }} ] }}\n"
        );
        report("", &text).is_good()
    };
    assert!(!test("", "name: x", "1 / 3", "0.33333333333333337"));
    assert!(test("fuzzy_compare: true\n", "name: x", "1 / 3", "0.33333333333333337"));
    assert!(!test("fuzzy_compare: true\n", "name: x", "1 / 3", "0.3334"));
    assert!(test("", "start_timestamp: 1609459200", "time()", "1609459260"));
    assert!(test("", "start_timestamp: '2021-01-01T00:00:00Z'", "time()", "1609459260"));
    for (expr, value) in [("0 / 0", ".nan"), ("1 / 0", ".inf"), ("-1 / 0", "-Inf"), ("1e3", "1e3")]
    {
        assert!(test("", "name: x", expr, value), "{expr}");
    }
    assert!(!test("", "name: x", "0 / 0", "1"));
}

#[test]
fn the_future_is_not_there_yet() {
    let rules = "groups:\n- name: g\n  rules:\n  - { record: next, expr: up offset -2m }\n";
    let test = "tests:
- interval: 1m
  input_series:
  - { series: up, values: '1 2 3 4' }
  promql_expr_test:
  - { expr: next, eval_time: 1m, exp_samples: [ { labels: next, value: 2 } ] }
";
    assert!(report(rules, test).is_good(), "{}", report(rules, test));
}

#[test]
fn what_is_later_than_the_last_evaluation_is_not_there() {
    let test = "rule_files: [r.yml]
evaluation_interval: 1m
tests:
- interval: 10s
  input_series: [ { series: up, values: '0+1x20' } ]
  promql_expr_test:
  - { expr: up, eval_time: 1m30s, exp_samples: [ { labels: up, value: 6 } ] }
";
    let report = report("groups: []", test);
    assert!(report.is_good(), "{report}");
}

#[test]
fn every_mistake_of_a_test_file_is_told_with_its_place() {
    for (text, expected) in [
        ("tests: x", "1:8: tests is a list"),
        ("test: []", "1:1: a test file has no field \"test\""),
        ("evaluation_interval: fast", "1:22: evaluation_interval is a duration"),
        ("group_eval_order: [a, b, a]", "1:26: the group \"a\" stands twice"),
        ("fuzzy_compare: maybe", "1:16: fuzzy_compare is true or false"),
        ("tests:\n- input_series:\n  - { series: 'up{a=}', values: '1' }", "3:15: "),
        ("tests:\n- input_series:\n  - { series: up, values: '1 b' }", "3:27: \"b\" is no value"),
        (
            "tests:\n- input_series:\n  - { series: up, values: '{{schema:1}}' }",
            "3:27: native histograms",
        ),
        ("tests:\n- input_series:\n  - { values: '1' }", "3:5: the series has no field series"),
        (
            "tests:\n- alert_rule_test:\n  - eval_time: 5m",
            "3:5: the test of an alert has no alertname",
        ),
        ("tests:\n- promql_expr_test:\n  - eval_time: 5m", "3:5: the test has no expr"),
        ("tests:\n- promql_expr_test:\n  - expr: sum(", "3:15: expr: "),
        (
            "tests:\n- promql_expr_test:\n  - expr: up\n    exp_samples: [ { value: x } ]",
            "4:29: value is a number",
        ),
        (
            "tests:\n- promql_expr_test:\n  - expr: up\n    exp_samples: [ { labels: 'up x' } ]",
            "4:30: ",
        ),
        ("tests:\n- start_timestamp: soon", "2:20: start_timestamp is"),
        (
            "tests:\n- alert_rule_test:\n  - { alertname: a, exp_alerts: [ { labels: {} } ] }",
            "3:37: an expected alert has no field",
        ),
    ] {
        let errors = TestFile::parse("t.yml", text).unwrap_err();
        let first = errors[0].to_string();
        assert!(first.starts_with(&format!("t.yml:{expected}")), "{text}: {first}");
        assert_eq!(errors.len(), 1, "{errors:?}");
    }
}
