use super::*;

const MINUTE: i64 = 60_000;
const RULES: &str = "  - alert: A
    expr: x == 1
    for: 3m
    keep_firing_for: 2m
    labels: { severity: page }
    annotations: { a: 'value {{ $value }}' }
";

fn outage(from: i64, until: i64, grace: i64) -> Outage {
    Outage { from_ms: from * MINUTE, until_ms: until * MINUTE, grace_ms: grace * MINUTE }
}

/// Evaluates until a minute, restarts with an outage, and tells what happens from its end on.
fn across(series: &[&str], outage: Outage, minutes: i64) -> Vec<String> {
    let (group, source) = (rules("limit: 0", RULES), source(MINUTE, series));
    let mut state = GroupState::new(group.clone());
    story(&mut state, &source, MINUTE, outage.from_ms);
    let (mut state, orphans) = GroupState::restored(group, state.rows(), outage);
    assert!(orphans.is_empty());
    let mut lines = Vec::new();
    for minute in outage.until_ms / MINUTE..=minutes {
        for one in evaluate(&mut state, &source, minute * MINUTE).alerts {
            lines.push(format!("{minute}m: {:?}", one.change));
        }
    }
    lines
}

#[test]
fn a_restart_neither_forgets_nor_repeats() {
    for (values, outage, until, expected) in [
        // Firing goes on without a word, and its end is told.
        ("1x5 1x5 0x9", outage(4, 6, 0), 20, &["14m: Resolved"][..]),
        // Pending goes on; the time in which nobody looked does not count.
        ("1x20", outage(1, 6, 0), 12, &["8m: Firing"]),
        // Nobody looked for too long.
        ("1x90", outage(1, 65, 0), 70, &["65m: Pending", "68m: Firing"]),
        // Kept firing goes on being kept: one minute before and one after.
        ("1x3 0x20", outage(5, 8, 0), 20, &["9m: Resolved"]),
        // It ended while nobody looked, and there was nothing to see at first.
        ("1x4 _x6 0x9", outage(4, 10, 5), 25, &["17m: Resolved"]),
        ("1x4 _x6 0x9", outage(4, 10, 0), 25, &["12m: Resolved"]),
        // It was seen again, so its end within the grace is one.
        ("1x4 stale _x4 1x1 0x9", outage(4, 10, 5), 20, &["14m: Resolved"]),
        // It is there again within the grace, and nothing is told.
        ("1x4 stale _x7 1x20", outage(4, 10, 5), 20, &[]),
    ] {
        let told = across(&[&format!("x{{n=\"a\"}} {values}")], outage, until);
        assert_eq!(told, expected, "{values} {outage:?}");
    }
}

#[test]
fn rows_hold_all_there_is() {
    let (group, source) = (rules("limit: 0", RULES), source(MINUTE, &["x{n=\"a\"} 1x3 0"]));
    let mut state = GroupState::new(group.clone());
    story(&mut state, &source, MINUTE, 4 * MINUTE);
    let rows = state.rows();
    assert_eq!(rows[0].rule, "alert A{severity=\"page\"}");
    assert_eq!(
        (rows[0].state, rows[0].since_ms, rows[0].fired_at_ms),
        (AlertState::Firing, 0, Some(3 * MINUTE))
    );
    assert_eq!((rows[0].keep_since_ms, rows[0].value), (Some(4 * MINUTE), 1.0));
    assert_eq!(rows[0].annotations, [("a".to_owned(), "value 1".to_owned())]);
    let (restored, _) = GroupState::restored(group, rows.clone(), outage(4, 4, 0));
    assert_eq!(restored.rows(), rows);
    let other = rules("limit: 0", "  - alert: B\n    expr: x\n");
    let (restored, orphans) = GroupState::restored(other, rows.clone(), outage(4, 4, 0));
    assert_eq!((restored.rows(), orphans), (Vec::new(), rows));
}

#[test]
fn the_series_of_an_alert_that_ends_with_the_restart_have_an_end() {
    let (group, source) = (rules("limit: 0", RULES), source(MINUTE, &["x{n=\"a\"} 1x3 0x9"]));
    let mut state = GroupState::new(group.clone());
    story(&mut state, &source, MINUTE, 4 * MINUTE);
    let (mut state, _) = GroupState::restored(group, state.rows(), outage(4, 4, 0));
    let ended = samples(&evaluate(&mut state, &source, 6 * MINUTE));
    let labels = "alertname=\"A\",alertstate=\"firing\",n=\"a\",severity=\"page\"";
    assert!(ended.contains(&format!("ALERTS{{{labels}}} stale")), "{ended:?}");
    assert_eq!(ended.len(), 2, "{ended:?}");
}

#[test]
fn a_clock_that_was_set_back_does_not_hold_an_alert_up() {
    let told = across(&["x{n=\"a\"} 1x30"], outage(10, 10, 0), 12);
    assert!(told.is_empty());
    let (group, source) = (rules("limit: 0", RULES), source(MINUTE, &["x{n=\"a\"} 1x30"]));
    let mut state = GroupState::new(group.clone());
    for minute in 20..=21 {
        evaluate(&mut state, &source, minute * MINUTE);
    }
    let (mut state, _) = GroupState::restored(group, state.rows(), outage(21, 5, 0));
    let changes =
        |state: &mut GroupState, minute| evaluate(state, &source, minute * MINUTE).alerts.len();
    assert_eq!((5..=8).map(|minute| changes(&mut state, minute)).collect::<Vec<_>>(), [0, 0, 0, 1]);
}

#[test]
fn rules_keep_their_state_when_the_file_changes() {
    let before = rules(
        "limit: 0",
        "  - alert: A\n    expr: x == 1\n  - record: r\n    expr: x\n  - alert: A\n    expr: x == 1\n    labels: { s: a }\n",
    );
    // The first has another question and place, the others are gone.
    let after = rules("limit: 0", "  - record: new\n    expr: x\n  - alert: A\n    expr: x >= 1\n");
    let source = source(MINUTE, &["x{n=\"a\"} 1x9"]);
    let mut state = GroupState::new(before);
    evaluate(&mut state, &source, 0);
    let (mut state, orphans) = state.changed(after);
    assert_eq!(orphans.len(), 1);
    assert_eq!(orphans[0].labels.get("s"), "a");
    let evaluation = evaluate(&mut state, &source, MINUTE);
    assert!(evaluation.alerts.is_empty(), "{evaluation:?}");
    let series = samples(&evaluation);
    for line in [
        "r{n=\"a\"} stale",
        "ALERTS{alertname=\"A\",alertstate=\"firing\",n=\"a\"} 1",
        "ALERTS{alertname=\"A\",alertstate=\"firing\",n=\"a\",s=\"a\"} stale",
        "new{n=\"a\"} 1",
    ] {
        assert!(series.contains(&line.to_owned()), "{line}: {series:?}");
    }
    assert_eq!(state.into_series().len(), 3);
}
