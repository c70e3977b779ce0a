use super::*;

const MINUTE: i64 = 60_000;

/// One rule over a series that is there while it is 1.
fn life(head: &str, more: &str, series: &[&str], until_ms: i64) -> Vec<String> {
    let group = rules(head, &format!("  - alert: A\n    expr: x == 1\n    {more}\n"));
    story(&mut GroupState::new(group), &source(MINUTE, series), MINUTE, until_ms)
}

#[test]
fn an_alert_goes_through_its_life() {
    for (more, values, expected) in [
        ("for: 2m", "0 1 1 1 0", &["1m: pending a", "3m: firing a", "4m: resolved a"][..]),
        (
            "for: 2m",
            "1 1 0 1 1 1",
            &["0s: pending a", "2m: gone a", "3m: pending a", "5m: firing a"],
        ),
        ("for: 0s", "0 1 0", &["1m: firing a", "2m: resolved a"]),
        ("for: 30s", "1 0", &["0s: pending a", "1m: gone a"]),
        // It goes on firing unseen, and being seen starts that time anew.
        ("keep_firing_for: 2m", "1 0 0 0", &["0s: firing a", "3m: resolved a"]),
        ("keep_firing_for: 2m", "1 0 0 1 0 0 0", &["0s: firing a", "6m: resolved a"]),
        ("keep_firing_for: 30s", "1 0 0", &["0s: firing a", "2m: resolved a"]),
        // Only what fires is kept.
        ("{for: 2m, keep_firing_for: 5m}", "1 1 0 0", &["0s: pending a", "2m: gone a"]),
        // What comes back after it was over is another alert.
        (
            "for: 1m",
            "1 1 0 1 1",
            &["0s: pending a", "1m: firing a", "2m: resolved a", "3m: pending a", "4m: firing a"],
        ),
    ] {
        let more = more.trim_matches(['{', '}']).replace(", ", "\n    ");
        let until = MINUTE * (values.split(' ').count() as i64 - 1);
        let told = life("limit: 0", &more, &[&format!("x{{n=\"a\"}} {values}")], until);
        assert_eq!(told, expected, "{more} {values}");
    }
}

#[test]
fn what_is_over_is_kept_for_a_while() {
    let group = rules("limit: 0", "  - alert: A\n    expr: x == 1\n");
    let (mut state, source) = (GroupState::new(group), source(MINUTE, &["x{n=\"a\"} 1 0x40"]));
    let mut kept = Vec::new();
    for minute in 0..=20 {
        evaluate(&mut state, &source, minute * MINUTE);
        kept.push(state.alerts(0).next().map(|alert| (alert.state, alert.resolved_at_ms)));
    }
    let resolved = Some((AlertState::Resolved, Some(MINUTE)));
    assert_eq!(kept[0], Some((AlertState::Firing, None)));
    assert!(kept[1..=16].iter().all(|one| *one == resolved), "{kept:?}");
    assert!(kept[17..].iter().all(Option::is_none), "{kept:?}");
}

#[test]
fn past_the_limit_no_alert_begins_and_none_is_taken_for_over() {
    let series = [
        "x{n=\"a\"} 1 1 1 1 1 0",
        "x{n=\"b\"} 1 1 1 0 0 0",
        "x{n=\"c\"} 0 0 1 1 0 0",
        "x{n=\"d\"} 1 1 0 0 0 0",
    ];
    let error = "rule 0: the rule gives 3 alerts, and the limit of its group is 2";
    let told = life("limit: 2", "for: 1m", &series[..3], 5 * MINUTE);
    assert_eq!(
        told,
        [
            "0s: pending a; pending b".to_owned(),
            "1m: firing a; firing b".to_owned(),
            format!("2m: {error}"),
            "3m: resolved b; pending c".to_owned(),
            "4m: gone c".to_owned(),
            "5m: resolved a".to_owned(),
        ]
    );
    let told = life("limit: 2", "for: 1m", &series, MINUTE);
    assert_eq!(told, [format!("0s: {}", error), format!("1m: {}", error)]);
    let told = life("limit: 3", "for: 0s", &series, 3 * MINUTE);
    assert_eq!(told[0], "0s: firing a; firing b; firing d");
    assert_eq!(told[1], "2m: firing c; resolved d");
}

#[test]
fn a_limit_that_is_passed_while_another_alert_ends_hides_no_end() {
    let series = ["x{n=\"a\"} 1 0", "x{n=\"b\"} 0 1", "x{n=\"c\"} 0 1"];
    let told = life("limit: 1", "for: 0s", &series, MINUTE);
    let error = "rule 0: the rule gives 2 alerts, and the limit of its group is 1";
    assert_eq!(told, ["0s: firing a".to_owned(), format!("1m: resolved a; {error}")]);
}

#[test]
fn an_error_leaves_everything_as_it_was() {
    // While there are two series `info` of a job the question has no answer.
    let group = rules(
        "limit: 0",
        "  - alert: A\n    expr: x * on (job) group_left () info == 1\n    for: 2m\n",
    );
    let source = source(
        MINUTE,
        &[
            "x{n=\"a\",job=\"j\"} 1x9",
            "info{v=\"1\",job=\"j\"} 1x5 0x4",
            "info{v=\"2\",job=\"j\"} _ 1 1 stale 1 stale",
        ],
    );
    let mut state = GroupState::new(group);
    let told = story(&mut state, &source, MINUTE, 7 * MINUTE);
    let told: Vec<&str> = told.iter().map(|line| line.split(" found").next().unwrap()).collect();
    assert!(told[0].starts_with("0s: pending a"), "{told:?}");
    assert!(told[1].starts_with("1m: rule 0:") && told[2].starts_with("2m: rule 0:"), "{told:?}");
    assert_eq!(told[3], "3m: firing a", "its time went on: {told:?}");
    assert!(told[4].starts_with("4m: rule 0:"), "{told:?}");
    assert_eq!(told[5..], ["6m: resolved a"]);
    assert_eq!(state.health(0), &Health::Good);
}

/// What happens to one alert of the server `a`, which nothing is known of in the minutes `unknown`.
fn while_unknown(more: &str, values: &str, unknown: std::ops::RangeInclusive<i64>) -> Vec<String> {
    let group = rules("limit: 0", &format!("  - alert: A\n    expr: x == 1\n    {more}\n"));
    let source = source(MINUTE, &[&format!("x{{n=\"a\"}} {values}")]);
    let (mut state, none) = (GroupState::new(group), LabelSet::empty());
    let mut lines = Vec::new();
    for minute in 0..=20 {
        let is_known = |labels: &LabelSet| labels.get("n") != "a" || !unknown.contains(&minute);
        let scene = Scene { is_known: &is_known, ..scene(&source, &none) };
        let evaluation = state.evaluate(minute * MINUTE, &scene);
        let changes = evaluation.alerts.iter();
        lines.extend(changes.map(|one| format!("{minute}m: {:?}", one.change)));
        let active = state.alerts(0).filter(|alert| alert.is_active()).count();
        let shown = evaluation.series.iter().filter(|(_, value)| !is_absent(*value)).count();
        assert_eq!(shown, 2 * active, "each has its series at {minute}m: {:?}", evaluation.series);
    }
    lines
}

#[test]
fn what_nothing_is_known_of_does_not_end() {
    for (more, values, unknown, expected) in [
        // No data, so no end; with data again it is over.
        ("for: 0s", "1 1 stale _x5 0x20", 2..=7, &["0m: Firing", "8m: Resolved"][..]),
        // It is there again, and nothing is told.
        ("for: 0s", "1 1 stale _x4 1x30", 2..=7, &["0m: Firing"]),
        // The time in which nothing was known does not count: from 1 to 7 it stands still.
        ("for: 3m", "1 1 stale _x4 1x30", 2..=7, &["0m: Pending", "9m: Firing"]),
        ("for: 3m", "1 1 stale _x5 0x30", 2..=7, &["0m: Pending", "8m: Gone"]),
        // Nor does it count as kept firing: one minute of three before, two after.
        ("keep_firing_for: 3m", "1 0 0 stale _x4 0x30", 3..=7, &["0m: Firing", "10m: Resolved"]),
        // What is found is there, whether the server is heard or not.
        ("for: 2m", "1x30", 0..=20, &["0m: Pending", "2m: Firing"]),
    ] {
        let told = while_unknown(more, values, unknown.clone());
        assert_eq!(told, expected, "{more} {values} {unknown:?}");
    }
}

#[test]
fn a_rule_that_names_no_server_that_is_away_ends_as_ever() {
    let told = while_unknown("labels: { n: other }", "1 1 0 0", 0..=20);
    assert_eq!(told, ["0m: Firing", "2m: Resolved"]);
}
