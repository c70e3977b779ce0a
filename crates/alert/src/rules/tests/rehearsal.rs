use proptest::prelude::*;

use super::*;

const MINUTE: i64 = 60_000;

fn stage(minutes: i64) -> Stage {
    Stage { from_ms: 0, until_ms: minutes * MINUTE, step_ms: MINUTE }
}

fn rehearsed(group: &Group, source: &MemorySource, stage: Stage) -> Vec<Rehearsal> {
    rehearse(group, stage, &scene(source, &LabelSet::empty())).unwrap()
}

#[test]
fn it_says_when_and_for_how_long() {
    let group = rules(
        "limit: 0",
        "  - record: y
    expr: x * 1
  - alert: A
    expr: y == 1
    for: 2m
    annotations: { a: '{{ $labels.n }}' }
",
    );
    let source =
        source(MINUTE, &["x{n=\"a\"} 0 1 1 1 1 0 0 1 1 1 1", "x{n=\"b\"} 0 1 0 0 0 0 0 0 0 0 0"]);
    let told = rehearsed(&group, &source, stage(10));
    assert_eq!((told.len(), told[0].rule, told[0].moments), (1, 1, 11));
    let alert = &told[0].alerts[0];
    let stretches: Vec<_> = alert
        .stretches
        .iter()
        .map(|one| (one.state.as_str(), one.from_ms / MINUTE, one.until_ms.map(|ms| ms / MINUTE)))
        .collect();
    let expected = [
        ("pending", 1, Some(3)),
        ("firing", 3, Some(5)),
        ("pending", 7, Some(9)),
        ("firing", 9, None),
    ];
    assert_eq!(stretches, expected);
    assert_eq!((alert.pending_ms, alert.firing_ms), (4 * MINUTE, 3 * MINUTE));
    assert_eq!(alert.annotations[0].1, "a");
    assert_eq!((told[0].alerts[1].firing_ms, told[0].alerts[1].pending_ms), (0, MINUTE));
}

#[test]
fn moments_without_an_answer_are_counted() {
    let group = rules("limit: 0", "  - alert: A\n    expr: x * on (j) group_left () info == 1\n");
    let source = source(
        MINUTE,
        &["x{j=\"j\"} 1x9", "info{v=\"1\",j=\"j\"} 1x9", "info{v=\"2\",j=\"j\"} _ _ 1 1 stale"],
    );
    let told = rehearsed(&group, &source, stage(9));
    assert_eq!(told[0].failed.as_ref().unwrap().0, 2);
    assert_eq!(told[0].alerts[0].firing_ms, 9 * MINUTE, "an error ends nothing");
}

#[test]
fn what_is_too_much_is_refused() {
    let group = rules("limit: 0", "  - alert: A\n    expr: x\n");
    let (source, none) = (source(MINUTE, &["x 1"]), LabelSet::empty());
    let ask = |stage, out_of_time| {
        let scene = Scene { out_of_time, ..scene(&source, &none) };
        rehearse(&group, stage, &scene).unwrap_err()
    };
    let bad = Stage { from_ms: 1, until_ms: 0, step_ms: 1 };
    assert_eq!(ask(bad, &|| false), RehearsalError::BadRange);
    assert_eq!(ask(Stage { step_ms: 0, ..stage(1) }, &|| false), RehearsalError::BadRange);
    let long = Stage { step_ms: 1, ..stage(60) };
    assert_eq!(ask(long, &|| false), RehearsalError::TooMany { moments: 3_600_001 });
    assert_eq!(ask(stage(1), &|| true), RehearsalError::OutOfTime);
}

/// The same rules, evaluated one moment after the other, with all they give stored.
fn evaluated(group: &Arc<Group>, source: &MemorySource, stage: Stage) -> Vec<String> {
    let mut stored = overlay::Overlay::over(source);
    let mut state = GroupState::new(group.clone());
    let mut lines = Vec::new();
    let none = LabelSet::empty();
    for at_ms in stage.moments() {
        stored.hide_after(at_ms);
        let scene = Scene { source: &stored, ..scene(source, &none) };
        let evaluation = state.evaluate(at_ms, &scene);
        for (labels, value) in &evaluation.series {
            stored.put(labels, at_ms, *value);
        }
        for one in evaluation.alerts {
            let end = matches!(one.change, Change::Resolved | Change::Gone);
            let what = if end { "over".to_owned() } else { one.alert.state.as_str().to_owned() };
            lines.push(format!("{} {at_ms} {} {what}", one.rule, labels_text(&one.alert.labels)));
        }
    }
    lines.sort();
    lines
}

/// The same lines, from a rehearsal.
fn lines(rehearsals: Vec<Rehearsal>) -> Vec<String> {
    let mut lines = Vec::new();
    for one in rehearsals {
        for alert in one.alerts {
            let stretches = alert.stretches.iter().enumerate();
            for (number, stretch) in stretches {
                let head = |ms: i64| format!("{} {ms} {}", one.rule, labels_text(&alert.labels));
                lines.push(format!("{} {}", head(stretch.from_ms), stretch.state.as_str()));
                let next = alert.stretches.get(number + 1).map(|next| next.from_ms);
                if let Some(until) = stretch.until_ms.filter(|until| next != Some(*until)) {
                    lines.push(format!("{} over", head(until)));
                }
            }
        }
    }
    lines.sort();
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn a_rehearsal_is_what_an_evaluation_would_have_been(
        values in prop::collection::vec(prop::collection::vec(0_u8..4, 30), 3),
        for_m in 0..4,
        keep_m in 0..3,
        // With less a record would fail, which a rehearsal does not hold against those that ask for it.
        limit in prop::sample::select(vec![0, 3]),
    ) {
        let value = |value: &u8| match value { 3 => "stale".to_owned(), value => value.to_string() };
        let series: Vec<String> = values.iter().enumerate().map(|(number, values)| {
            format!("x{{n=\"{number}\"}} {}", values.iter().map(value).collect::<Vec<_>>().join(" "))
        }).collect();
        let series: Vec<&str> = series.iter().map(String::as_str).collect();
        let source = source(MINUTE, &series);
        let group = rules(&format!("limit: {limit}"), &format!("  - record: y
    expr: x > 0
  - record: total
    expr: sum(y) + sum_over_time(sum(y)[2m:1m]) * 0
  - alert: A
    expr: y == 1
    for: {for_m}m
    keep_firing_for: {keep_m}m
    labels: {{ v: '{{{{ $value }}}}' }}
  - alert: B
    expr: total > 3 or sum(max_over_time(total[3m])) > 4
  - alert: C
    expr: ALERTS{{alertname=\"A\"}} @ end()
"));
        let stage = stage(29);
        prop_assert_eq!(lines(rehearsed(&group, &source, stage)), evaluated(&group, &source, stage));
    }
}

/// Minutes from which on an alert of each rule would have fired, and until when.
fn fired(told: &[Rehearsal]) -> Vec<Vec<(i64, Option<i64>)>> {
    let fires = |one: &&Stretch| one.state == AlertState::Firing;
    let minutes = |one: &Stretch| (one.from_ms / MINUTE, one.until_ms.map(|ms| ms / MINUTE));
    let of = |one: &Rehearsal| {
        one.alerts.iter().flat_map(|one| one.stretches.iter().filter(fires).map(minutes)).collect()
    };
    told.iter().map(of).collect()
}

#[test]
fn what_old_rules_stored_is_not_mixed_in() {
    let group = rules(
        "limit: 0",
        "  - record: y\n    expr: x > 1\n  - alert: A\n    expr: y > 0\n  - alert: B
    expr: ALERTS{alertname=\"A\",alertstate=\"firing\"} and on () vector(1)\n",
    );
    // The rules before said of others that they fire, and recorded what these do not.
    let source = source(
        MINUTE,
        &[
            "x{n=\"a\"} 0 0 0 0 2 2 0 0 0 0",
            "y{n=\"a\"} 1x9",
            "y{n=\"old\"} 1x9",
            "ALERTS{alertname=\"A\",n=\"old\",alertstate=\"firing\"} 1x9",
            "ALERTS{alertname=\"Other\",n=\"old\",alertstate=\"firing\"} 1x9",
        ],
    );
    let stage = Stage { from_ms: 2 * MINUTE, until_ms: 9 * MINUTE, step_ms: MINUTE };
    let told = rehearsed(&group, &source, stage);
    assert_eq!(fired(&told), [vec![(4, Some(6))], vec![(4, Some(6))]]);
}

#[test]
fn a_rule_that_asks_for_its_own_alerts_is_replayed_moment_by_moment() {
    let latch = "  - alert: A
    expr: x == 1 or (x == 2 and on (n) last_over_time(ALERTS{alertname=\"A\"}[5m]))\n";
    let other = "  - record: z\n    expr: ALERTS{alertname=\"A\"} * 2\n";
    let series = &["x{n=\"a\"} 0 1 2 2 2 2 2 2 2 0 2 2", "x{n=\"b\"} 2x11"];
    let source = source(MINUTE, series);
    let group = rules("limit: 0", &format!("{other}{latch}"));
    let told = rehearsed(&group, &source, stage(11));
    // It goes on as long as it is 2, and then for as long as it is remembered.
    assert_eq!(fired(&told)[0], [(1, Some(9)), (10, None)]);
    assert_eq!(lines(told), evaluated(&group, &source, stage(11)));
}

#[test]
fn two_rules_may_give_one_series() {
    let group = rules(
        "limit: 0",
        "  - record: y\n    expr: x == 1\n  - record: y\n    expr: x == 2\n  - alert: A\n    expr: y > 0\n",
    );
    let source = source(MINUTE, &["x{n=\"a\"} 2 2 1 1 2 0 1"]);
    let told = rehearsed(&group, &source, stage(6));
    assert_eq!(fired(&told), [vec![(0, Some(5)), (6, None)]]);
}

#[test]
fn the_built_in_rule_that_goes_on_by_its_own_alerts_is_rehearsed_right() {
    let labels = "device=\"sda\",fstype=\"ext4\",instance=\"a\",mountpoint=\"/\"";
    // Read-only for nine hours, from the second hour on; by the rules before, all the time.
    let values = "0x119 1x539 0x60";
    let series = [
        format!("node_filesystem_readonly{{{labels}}} {values}"),
        format!("filesystem:node_filesystem_readonly{{{labels}}} {values}"),
        format!(
            "ALERTS{{alertname=\"FilesystemReadOnly\",alertstate=\"firing\",severity=\"critical\",{labels}}} 1x720"
        ),
    ];
    let source = source(MINUTE, &series.each_ref().map(String::as_str));
    let group = built_in().groups.into_iter().find(|group| group.name == "disks").unwrap();
    let told = rehearsed(&group, &source, stage(720));
    let of = |one: &&Rehearsal| &*group.rules[one.rule].name == "FilesystemReadOnly";
    let told: Vec<Rehearsal> = told.iter().filter(of).cloned().collect();
    assert_eq!(told[0].failed, None);
    assert_eq!(fired(&told), [vec![(121, Some(660))]]);
}
