use std::collections::BTreeSet;

use super::*;
use crate::rules::test::{TestFile, run};

const TESTS: &str = include_str!("../builtin_test.yml");

fn is_alert(rule: &Rule) -> bool {
    matches!(rule.kind, RuleKind::Alerting(_))
}

#[test]
fn every_built_in_rule_fires_and_stays_quiet_where_it_should() {
    let file = built_in();
    let tests = TestFile::parse("builtin_test.yml", TESTS).unwrap();
    let report = run(&tests, &[file]);
    assert!(report.is_good(), "{report}");
    let tested: BTreeSet<&str> = report.tests.iter().map(|test| test.name.as_str()).collect();
    let file = built_in();
    let alerts = file.groups.iter().flat_map(|group| &group.rules).filter(|rule| is_alert(rule));
    let named: BTreeSet<&str> = alerts.map(|rule| &*rule.name).collect();
    assert_eq!(tested, named);
    // One more series that is there in vain, and a test notices.
    let late = TESTS.replace("values: '101x60'", "values: '99x60'");
    assert_ne!(late, TESTS);
    assert_eq!(run(&TestFile::parse("t.yml", &late).unwrap(), &[file]).failed(), 1);
}

#[test]
fn every_built_in_rule_is_calm_and_says_what_it_is_about() {
    for rule in built_in().groups.iter().flat_map(|group| &group.rules) {
        let RuleKind::Alerting(alerting) = &rule.kind else { continue };
        let labels: Vec<(&str, &str)> = rule.labels().collect();
        let severity = labels.iter().find(|(name, _)| *name == "severity").unwrap().1;
        assert!(["info", "warning", "critical"].contains(&severity), "{}", rule.name);
        let told: Vec<&str> = alerting.annotations.iter().map(|(name, _)| &**name).collect();
        assert_eq!(told, ["description", "summary"], "{}", rule.name);
        let summary = &alerting.annotations[1].1.text;
        assert!(summary.starts_with("{{ $labels.instance }}: "), "{}", rule.name);
        // What one look decides must be something that does not come and go.
        let by_one_look = ["OomKill", "Rebooted", "KernelSawTrouble"].contains(&&*rule.name);
        assert!(alerting.for_ms >= 60_000 || by_one_look, "{}", rule.name);
    }
    assert_eq!(built_in().duplicates(), []);
}

#[test]
fn the_examples_in_the_book_are_right() {
    let book = include_str!("../../../../../docs/rules.md");
    let blocks: Vec<&str> =
        book.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let rules = RuleFile::parse("rules.yml", blocks[0]).unwrap();
    let tests = TestFile::parse("tests.yml", blocks[1]).unwrap();
    let report = run(&tests, &[rules]);
    assert!(report.is_good() && report.tests.len() == 1, "{report}");
    assert!(!run(&tests, &[]).is_good());
}
