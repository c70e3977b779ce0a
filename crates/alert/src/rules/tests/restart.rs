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

/// What happens when the group, which is evaluated each minute, is evaluated at these minutes.
fn at_minutes(values: &str, minutes: impl IntoIterator<Item = i64>) -> Vec<String> {
    let group = rules("interval: 1m", RULES);
    let source = source(MINUTE, &[&format!("x{{n=\"a\"}} {values}")]);
    let mut state = GroupState::new(group);
    let mut lines = Vec::new();
    for minute in minutes {
        for one in evaluate(&mut state, &source, minute * MINUTE).alerts {
            lines.push(format!("{minute}m: {:?}", one.change));
        }
    }
    lines
}

#[test]
fn a_pause_of_whoever_evaluates_makes_no_news() {
    for (values, before, after, expected) in [
        // A minute of three was there before; the pause does not count.
        ("1x90", 0..=1, 20..=25, &["0m: Pending", "22m: Firing"][..]),
        // Nobody looked for so long that what was before says nothing.
        ("1x90", 0..=1, 65..=70, &["0m: Pending", "65m: Pending", "68m: Firing"]),
        // Nothing is found right after the pause, and its end is none until the grace is over. Then
        // it is kept firing as long as ever.
        ("1x5 stale _x14 1x30", 0..=5, 20..=30, &["0m: Pending", "3m: Firing"]),
        ("1x5 0x30", 0..=5, 20..=30, &["0m: Pending", "3m: Firing", "24m: Resolved"]),
        // One that is kept firing is kept as long as it would have been.
        ("1x5 0x40", 0..=6, 20..=30, &["0m: Pending", "3m: Firing", "22m: Resolved"]),
        // Two evaluations that are left out are no pause.
        ("1x90", 0..=1, 4..=9, &["0m: Pending", "4m: Firing"]),
    ] {
        let told = at_minutes(values, before.clone().chain(after.clone()));
        assert_eq!(told, expected, "{values} {before:?} {after:?}");
    }
}

#[test]
fn a_clock_that_is_set_back_makes_no_news_and_holds_nothing_up() {
    // Pending at 21, and the clock is set back to 5: its time counts from there on.
    let told = at_minutes("1x60", (20..=21).chain(5..=9));
    assert_eq!(told, ["20m: Pending", "8m: Firing"]);
    // Firing goes on, though nothing is found at first.
    let told = at_minutes("_x6 1x60", (20..=23).chain(5..=12));
    assert_eq!(told, ["20m: Pending", "23m: Firing"]);
    // What was over long before is forgotten in its time.
    let (group, source) = (rules("interval: 1m", "  - alert: A\n    expr: x == 1\n"), {
        source(MINUTE, &["x{n=\"a\"} 0x99 1 0x9"])
    });
    let mut state = GroupState::new(group);
    for minute in (100..=101).chain(2..=20) {
        evaluate(&mut state, &source, minute * MINUTE);
    }
    assert_eq!(state.alerts(0).count(), 0);
}

#[test]
fn a_restart_is_no_pause_on_top() {
    let (group, source) = (rules("interval: 1m", RULES), source(MINUTE, &["x{n=\"a\"} 1x90"]));
    let mut state = GroupState::new(group.clone());
    for minute in 0..=1 {
        evaluate(&mut state, &source, minute * MINUTE);
    }
    let (mut state, _) = GroupState::restored(group, state.rows(), outage(1, 20, 0));
    assert_eq!(state.evaluated_at_ms(), Some(MINUTE));
    let fired = (21..=30).find(|minute| {
        evaluate(&mut state, &source, minute * MINUTE)
            .alerts
            .iter()
            .any(|one| one.change == Change::Firing)
    });
    assert_eq!(fired, Some(22), "a minute before the restart and two after");
}
