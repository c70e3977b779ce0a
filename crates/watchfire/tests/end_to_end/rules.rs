//! `watchfire rule`: checks and tests files of rules without a hub.

use crate::fixture::{LONG, Lab, watchfire};

const RULES: &str = "groups:
- name: g
  rules:
  - alert: Down
    expr: up == 0
    for: 2m
    annotations: { summary: '{{ $labels.instance }} is down' }
";

const TESTS: &str = "rule_files: ['rules/*.yml']
tests:
- name: one falls
  input_series:
  - { series: 'up{instance=\"web-1\"}', values: '1 0x9' }
  - { series: 'up{instance=\"web-2\"}', values: '1x10' }
  alert_rule_test:
  - eval_time: 5m
    alertname: Down
    exp_alerts:
    - exp_labels: { instance: web-1 }
      exp_annotations: { summary: web-1 is down }
";

/// A lab with a file of rules and one of tests.
fn lab(rules: &str, tests: &str) -> Lab {
    let lab = Lab::new();
    lab.write("rules/a.yml", rules);
    lab.write("tests.yml", tests);
    lab
}

/// Exit code, data and words of a command in the lab's folder.
fn run<const N: usize>(lab: &Lab, arguments: [&str; N]) -> (Option<i32>, String, String) {
    let (ended, data, words) = watchfire(arguments).folder(lab.path("")).run(LONG);
    (ended.code(), data, words)
}

#[test]
fn rules_are_checked() {
    let lab = lab(RULES, TESTS);
    let (code, data, words) = run(&lab, ["rule", "check", "rules/a.yml"]);
    assert_eq!((code, data.as_str()), (Some(0), "rules/a.yml: 1 rule in 1 group\n"), "{words}");

    let twice =
        RULES.replace("- name: g", "- name: h\n  rules: [ { alert: Down, expr: up } ]\n- name: g");
    lab.write("rules/b.yml", &twice);
    lab.write("rules/c.yml", &RULES.replace("up == 0", "sum(up").replace("for: 2m", "fro: 2m"));
    let (code, data, words) = run(&lab, ["rule", "check", "rules/b.yml", "rules/c.yml"]);
    assert_eq!((code, data.as_str()), (Some(78), "rules/b.yml: 2 rules in 2 groups\n"), "{words}");
    let told: Vec<&str> = words.lines().collect();
    assert!(
        told[0].starts_with("warning: rules/b.yml:6:1: alert Down is also in line 3"),
        "{words}"
    );
    assert!(told[1].starts_with("rules/c.yml:5:17: expr: "), "{words}");
    assert!(told[2].starts_with("rules/c.yml:6:5: a rule has no field \"fro\""), "{words}");
    assert!(told[3].contains("1 of 2 files cannot be used"), "{words}");

    let (code, data, _) = run(&lab, ["rule", "check", "--json", "rules/a.yml", "rules/c.yml"]);
    let json: serde_json::Value = serde_json::from_str(&data).unwrap();
    assert_eq!((code, json[0]["rules"].as_u64()), (Some(78), Some(1)), "{data}");
    let error = &json[1]["errors"][0];
    assert_eq!((error["line"].as_u64(), error["column"].as_u64()), (Some(5), Some(17)), "{data}");

    let (code, _, words) = run(&lab, ["rule", "check", "gone.yml"]);
    assert!(code == Some(1) && words.contains("gone.yml cannot be read"), "{words}");
    assert_eq!(run(&lab, ["rule", "check"]).0, Some(2));
}

#[test]
fn rules_are_tested() {
    let good = lab(RULES, TESTS);
    let (code, data, words) = run(&good, ["rule", "test", "tests.yml"]);
    assert_eq!((code, data.as_str()), (Some(0), "tests.yml: 1 test passed\n"), "{words}");

    let failing = lab(&RULES.replace("is down", "fell"), TESTS);
    let (code, data, words) = run(&failing, ["rule", "test", "tests.yml"]);
    assert_eq!(code, Some(1), "{words}");
    assert!(
        data.starts_with("tests.yml:8:5: one falls: alert Down at 5m\n  expected:\n"),
        "{data}"
    );
    assert!(data.contains("\"web-1 is down\"") && data.contains("\"web-1 fell\""), "{data}");
    assert!(data.ends_with("tests.yml: 1 of 1 test failed\n"), "{data}");
    let (code, data, _) = run(&failing, ["rule", "test", "--json", "tests.yml"]);
    let json: serde_json::Value = serde_json::from_str(&data).unwrap();
    assert_eq!((code, json[0]["tests"][0]["failures"][0]["line"].as_u64()), (Some(1), Some(8)));

    for (rules, tests, says) in [
        (RULES, "tests: x", "tests.yml:1:8: tests is a list"),
        ("groups: x", TESTS, "rules/a.yml:1:9: groups is a list"),
    ] {
        let (code, _, words) = run(&lab(rules, tests), ["rule", "test", "tests.yml"]);
        assert!(code == Some(78) && words.contains(says), "{words}");
    }
    let (code, _, words) =
        run(&lab(RULES, &TESTS.replace("rules/*", "x/*")), ["rule", "test", "tests.yml"]);
    assert!(code == Some(1) && words.contains("there is no file x/*.yml"), "{words}");
}
