use watchfire_model::LabelPair;

use super::*;

#[test]
fn labels_are_laid_over_one_another() {
    let group = rules(
        "labels: { team: ops, severity: info, site: '{{ $labels.dc }}' }",
        "  - alert: A
    expr: up == 0
    labels: { severity: critical, dc: '', where: '{{ $labels.instance }}/{{ $value }}', job: x }
    annotations: { b: '{{ $labels.job }} {{ $labels.where }}', a: '{{ .Value }}' }
  - record: job:up
    expr: up
    labels: { severity: page }
",
    );
    let source = source(60_000, &["up{instance=\"web-1\",job=\"node\",dc=\"fra\"} 0"]);
    let mut state = GroupState::new(group);
    let evaluation = evaluate(&mut state, &source, 0);
    let alert = &evaluation.alerts[0].alert;
    let labels = r#"{alertname="A",instance="web-1",job="x",severity="critical",site="fra",team="ops",where="web-1/0"}"#;
    assert_eq!(labels_text(&alert.labels), labels);
    let told: Vec<(&str, &str)> =
        alert.annotations.iter().map(|(name, words)| (&**name, words.as_str())).collect();
    assert_eq!(told, [("a", "0"), ("b", "node ")]);
    let series = samples(&evaluation);
    assert!(
        series.contains(&format!(
            "ALERTS{} 1",
            labels.replace(r#"alertname="A","#, r#"alertname="A",alertstate="firing","#)
        )),
        "{series:?}"
    );
    assert!(series.contains(&format!("ALERTS_FOR_STATE{labels} 0")), "{series:?}");
    let recorded = r#"job:up{dc="fra",instance="web-1",job="node",severity="page",site="{{ $labels.dc }}",team="ops"} 0"#;
    assert!(series.contains(&recorded.to_owned()), "{series:?}");
}

#[test]
fn a_broken_text_never_costs_the_alert() {
    let group = rules(
        "limit: 0",
        "  - alert: A
    expr: up == 0
    labels: { x: '{{ index $labels }}{{ query \"up[5m]\" }}' }
    annotations: { a: '{{ query \"1 +\" }}', b: 'it is {{ query \"up\" | first | value }}' }
",
    );
    let source = source(60_000, &["up 0"]);
    let evaluation = evaluate(&mut GroupState::new(group), &source, 0);
    let alert = &evaluation.alerts[0].alert;
    let broken = "<error expanding template: ";
    assert!(alert.labels.get("x").starts_with(broken), "{alert:?}");
    assert!(alert.annotations[0].1.starts_with(broken), "{alert:?}");
    assert_eq!(alert.annotations[1].1, "it is 0");
}

#[test]
fn two_series_that_become_one_are_an_error() {
    for (rule, words) in [
        (
            "alert: A\n    expr: up\n    labels: { instance: all }",
            "the same alert {alertname=\"A\",instance=\"all\"}",
        ),
        (
            "record: a\n    expr: up\n    labels: { instance: all }",
            "recorded as one, a{instance=\"all\"}",
        ),
        ("record: a\n    expr: '{job=\"j\"}'", "recorded as one, a{job=\"j\"}"),
    ] {
        let group = rules("limit: 0", &format!("  - {rule}\n"));
        let series =
            ["up{instance=\"a\"} 1", "up{instance=\"b\"} 1", "b{job=\"j\"} 1", "c{job=\"j\"} 1"];
        let source = source(60_000, &series);
        let mut state = GroupState::new(group);
        let evaluation = evaluate(&mut state, &source, 0);
        assert!(evaluation.errors[0].1.contains(words), "{:?}", evaluation.errors);
        assert!(matches!(state.health(0), Health::Bad(_)) && evaluation.series.is_empty());
    }
}

#[test]
fn a_recorded_series_is_there_for_the_rules_behind_it() {
    let group = rules(
        "limit: 0",
        "  - alert: Before
    expr: job:up:sum > 0
  - record: job:up:sum
    expr: sum by (job) (up)
  - record: twice
    expr: job:up:sum * 2 + count_over_time(job:up:sum[5m])
  - alert: After
    expr: job:up:sum{job=\"j\"} > 1
  - alert: OfAnAlert
    expr: ALERTS{alertname=\"After\",alertstate=\"firing\"}
",
    );
    let source =
        source(60_000, &["up{job=\"j\",i=\"1\"} 1 1 stale", "up{job=\"j\",i=\"2\"} 1 0 stale"]);
    let mut state = GroupState::new(group);
    let names = |evaluation: &Evaluation| {
        let one = |change: &AlertChange| {
            format!("{:?} {}", change.change, change.alert.labels.get("alertname"))
        };
        evaluation.alerts.iter().map(one).collect::<Vec<_>>()
    };
    let first = evaluate(&mut state, &source, 0);
    assert_eq!(names(&first), ["Firing After", "Firing OfAnAlert"]);
    assert!(samples(&first).contains(&"twice{job=\"j\"} 5".to_owned()), "{:?}", samples(&first));
    // What the first moment gave was not stored here, so only this moment's sample is there.
    let second = evaluate(&mut state, &source, 60_000);
    assert_eq!(names(&second), ["Resolved After", "Resolved OfAnAlert"]);
    assert!(samples(&second).contains(&"twice{job=\"j\"} 3".to_owned()), "{:?}", samples(&second));
    let third = evaluate(&mut state, &source, 120_000);
    let stale = ["job:up:sum{job=\"j\"} stale", "twice{job=\"j\"} stale"];
    assert_eq!(samples(&third), stale);
    assert!(evaluate(&mut state, &source, 180_000).series.is_empty(), "an end is told once");
}

#[test]
fn a_stored_sample_does_not_hide_the_end_of_its_series() {
    let group = rules(
        "limit: 0",
        "  - record: r
    expr: up == 1
    labels: { n: x }
  - record: after
    expr: r
",
    );
    // The store has what the first evaluation gave.
    let source = source(60_000, &["up 1 0", "r{n=\"x\"} 1"]);
    let mut state = GroupState::new(group);
    assert_eq!(samples(&evaluate(&mut state, &source, 0)), ["after{n=\"x\"} 1", "r{n=\"x\"} 1"]);
    let ended = samples(&evaluate(&mut state, &source, 60_000));
    assert_eq!(ended, ["after{n=\"x\"} stale", "r{n=\"x\"} stale"]);
}

#[test]
fn a_series_that_two_rules_give_has_one_sample() {
    let group = rules(
        "limit: 0",
        "  - record: r
    expr: up == 1
  - record: r
    expr: up + 5
  - record: after
    expr: r
",
    );
    let source = source(60_000, &["up 1 0"]);
    let mut state = GroupState::new(group);
    assert_eq!(samples(&evaluate(&mut state, &source, 0)), ["after{} 1", "r{} 1"]);
    // The first rule ends it, the second goes on with it.
    assert_eq!(samples(&evaluate(&mut state, &source, 60_000)), ["after{} 5", "r{} 5"]);
}

#[test]
fn a_number_is_a_series_without_labels() {
    let group = rules(
        "limit: 0",
        "  - record: r\n    expr: 3 * 2\n    labels: { a: b }\n  - alert: A\n    expr: time() > bool 5\n",
    );
    let evaluation = evaluate(&mut GroupState::new(group), &source(1, &[]), 10_000);
    assert!(samples(&evaluation).contains(&"r{a=\"b\"} 6".to_owned()));
    assert_eq!(labels_text(&evaluation.alerts[0].alert.labels), "{alertname=\"A\"}");
}

#[test]
fn an_offset_asks_about_earlier() {
    let group =
        rules("query_offset: 1m", "  - record: r\n    expr: up\n  - alert: A\n    expr: up > 1\n");
    let source = source(60_000, &["up 1 2 3"]);
    let mut state = GroupState::new(group);
    let evaluation = evaluate(&mut state, &source, 120_000);
    assert_eq!(evaluation.series_at_ms, 60_000);
    assert!(samples(&evaluation).contains(&"r{} 2".to_owned()));
    assert_eq!(evaluation.alerts[0].alert.since_ms, 120_000);
}

#[test]
fn no_time_is_an_error_of_each_rule() {
    let group = rules("limit: 0", "  - record: r\n    expr: up\n  - alert: A\n    expr: up\n");
    let source = source(60_000, &["up 1"]);
    let none = LabelSet::empty();
    let late = Scene { out_of_time: &|| true, ..scene(&source, &none) };
    let mut state = GroupState::new(group);
    evaluate(&mut state, &source, 0);
    let evaluation = state.evaluate(60_000, &late);
    assert_eq!(evaluation.errors.len(), 2, "{evaluation:?}");
    assert!(evaluation.series.is_empty() && evaluation.alerts.is_empty());
    assert_eq!(state.alerts(0).count() + state.alerts(1).count(), 1, "it still fires");
}

#[test]
fn alerts_without_end_are_refused() {
    let group = rules("limit: 0", "  - alert: A\n    expr: up\n");
    let mut many = MemorySource::default();
    for number in 0..=50_000 {
        many.add(&[("__name__", "up"), ("n", &number.to_string())], &[(60_000, 1.0)]);
    }
    let mut state = GroupState::new(group);
    evaluate(&mut state, &source(60_000, &["up{n=\"a\"} 1"]), 0);
    let evaluation = evaluate(&mut state, &many, 60_000);
    assert!(evaluation.errors[0].1.contains("50001 alerts"), "{:?}", evaluation.errors);
    assert_eq!(state.alerts(0).count(), 1, "what was there stays");
}

/// That many alerts, each with a long label.
fn with_long_labels(count: usize) -> MemorySource {
    let long: LabelPair = ("long".into(), "x".repeat(60_000).into());
    let mut many = MemorySource::default();
    for number in 0..count {
        let pairs = [("__name__".into(), "up".into()), ("n".into(), number.to_string().into())];
        many.add_values(
            LabelSet::new(pairs.into_iter().chain([long.clone()])),
            (0, 1),
            &[Some(1.0)],
        );
    }
    many
}

#[test]
fn the_labels_of_alerts_have_a_limit_of_text() {
    let group = rules("limit: 0", "  - alert: A\n    expr: up\n");
    let evaluation = evaluate(&mut GroupState::new(group), &with_long_labels(1_200), 0);
    assert!(evaluation.errors[0].1.contains("labels of more than"), "{:?}", evaluation.errors);
}

/// The annotations of all alerts of a state, without those that are errors.
fn told(state: &GroupState) -> usize {
    let texts = state.alerts(0).flat_map(|alert| &alert.annotations);
    texts.filter(|(_, text)| !text.starts_with("<error expanding template: ")).count()
}

#[test]
fn a_heavy_annotation_loses_no_alert() {
    let evaluated = |annotation: &str, source: &MemorySource, out_of_time: &dyn Fn() -> bool| {
        let rule =
            format!("  - alert: A\n    expr: up\n    annotations: {{ a: '{annotation}' }}\n");
        let mut state = GroupState::new(rules("limit: 0", &rule));
        let none = LabelSet::empty();
        let evaluation = state.evaluate(0, &Scene { out_of_time, ..scene(source, &none) });
        let error = evaluation.errors.first().map(|(_, why)| why.clone()).unwrap_or_default();
        assert_eq!(state.health(0), &Health::Bad(error.clone()));
        assert_eq!(evaluation.series.len(), 2 * state.alerts(0).count(), "each has its series");
        (state.alerts(0).count(), told(&state), error)
    };
    // Too much text: those that fit are told.
    let (alerts, texts, error) = evaluated("{{ $labels.long }}", &with_long_labels(700), &|| false);
    assert!(alerts == 700 && (300..700).contains(&texts), "{texts}");
    assert!(error.contains("too much text"), "{error}");
    // Too much work.
    let mut many = MemorySource::default();
    for number in 0..300 {
        many.add(&[("__name__", "up"), ("n", &number.to_string())], &[(0, 1.0)]);
    }
    let (alerts, texts, error) = evaluated("{{ range 49000 }}{{ end }}", &many, &|| false);
    assert!(alerts == 300 && (100..300).contains(&texts), "{texts}");
    assert!(error.contains("too many steps"), "{error}");
    // No time, once all labels are known.
    let looks = std::cell::Cell::new(0);
    let late = || {
        looks.set(looks.get() + 1);
        looks.get() > 1_000
    };
    let (alerts, texts, error) = evaluated("{{ range 2000 }}{{ end }}", &many, &late);
    assert!(alerts == 300 && texts < 300, "{texts}");
    assert!(error.contains("no time"), "{error}");
}
