use watchfire_model::{ABSENT, MetricKind};

use super::*;

/// Series of one metric apart from each other, one that is absent, a metric
/// that is, a metric nothing is told of, and hard label values.
fn machine() -> Machine {
    let mut machine = Machine::new(3);
    machine.metric("node_load1", MetricKind::Gauge, "1m load average.");
    machine.metric("node_cpu_seconds_total", MetricKind::Counter, "Seconds \"spent\".\nIn\\all.");
    machine.metric("gone", MetricKind::Gauge, "Not here.");
    machine.metric("node_vmstat_pgfault", MetricKind::Unknown, "/proc/vmstat field pgfault.");
    machine.metric("odd", MetricKind::Counter, "A counter by another name.");
    machine.put("node_load1", &[], 0.25);
    machine.put("node_cpu_seconds_total", &[("cpu", "1"), ("mode", "idle")], 1_025_100_000.0);
    machine.put("gone", &[], ABSENT);
    machine.put("node_vmstat_pgfault", &[], 1_234_567.0);
    machine.put("node_cpu_seconds_total", &[("mode", "idle"), ("cpu", "0")], 12.5);
    machine.put("node_cpu_seconds_total", &[("cpu", "0"), ("mode", "user")], ABSENT);
    machine.put("odd", &[("path", "C:\\\"ä\n€😀")], 7.0);
    machine.put("untold", &[], f64::NAN);
    machine.put("untold", &[("a", "1")], f64::NEG_INFINITY);
    machine
}

#[test]
fn the_text_format_is_this() {
    let expected = r#"# HELP node_cpu_seconds_total Seconds "spent".\nIn\\all.
# TYPE node_cpu_seconds_total counter
node_cpu_seconds_total{cpu="0",mode="idle"} 12.5
node_cpu_seconds_total{cpu="1",mode="idle"} 1.0251e+09
# HELP node_load1 1m load average.
# TYPE node_load1 gauge
node_load1 0.25
# HELP node_vmstat_pgfault /proc/vmstat field pgfault.
# TYPE node_vmstat_pgfault untyped
node_vmstat_pgfault 1.234567e+06
# HELP odd A counter by another name.
# TYPE odd counter
odd{path="C:\\\"ä\n€😀"} 7
# TYPE untold untyped
untold NaN
untold{a="1"} -Inf
"#;
    assert_eq!(machine().text(Format::Text), expected);
}

#[test]
fn open_metrics_is_this() {
    let expected = r#"# HELP node_cpu_seconds Seconds \"spent\".\nIn\\all.
# TYPE node_cpu_seconds counter
# UNIT node_cpu_seconds seconds
node_cpu_seconds_total{cpu="0",mode="idle"} 12.5
node_cpu_seconds_total{cpu="1",mode="idle"} 1.0251e+09
# HELP node_load1 1m load average.
# TYPE node_load1 gauge
node_load1 0.25
# HELP node_vmstat_pgfault /proc/vmstat field pgfault.
# TYPE node_vmstat_pgfault unknown
node_vmstat_pgfault 1.234567e+06
# HELP odd A counter by another name.
# TYPE odd unknown
odd{path="C:\\\"ä\n€😀"} 7
# TYPE untold unknown
untold NaN
untold{a="1"} -Inf
# EOF
"#;
    assert_eq!(machine().text(Format::OpenMetrics), expected);
}

#[test]
fn nothing_is_an_exposition_too() {
    assert_eq!(Machine::new(1).text(Format::Text), "");
    assert_eq!(Machine::new(1).text(Format::OpenMetrics), "# EOF\n");
}

#[test]
fn what_is_no_count_is_absent_from_open_metrics_alone() {
    let mut machine = Machine::new(1);
    machine.metric("a_total", MetricKind::Counter, "");
    machine.put("a_total", &[("x", "1")], f64::NAN);
    machine.put("a_total", &[("x", "2")], -1.0);
    assert_eq!(machine.text(Format::OpenMetrics), "# EOF\n");
    let text = "# TYPE a_total counter\na_total{x=\"1\"} NaN\na_total{x=\"2\"} -1\n";
    assert_eq!(machine.text(Format::Text), text);
}

#[test]
fn a_tick_of_another_generation_has_no_values() {
    let mut machine = machine();
    machine.tick.generation += 1;
    assert_eq!(machine.text(Format::Text), "");
    assert_eq!(machine.text(Format::OpenMetrics), "# EOF\n");
}

#[test]
fn an_earlier_tick_has_the_first_values() {
    let mut machine = machine();
    machine.tick.values.truncate(1);
    let text = "# HELP node_load1 1m load average.\n# TYPE node_load1 gauge\nnode_load1 0.25\n";
    assert_eq!(machine.text(Format::Text), text);
}

#[test]
fn a_limit_leaves_out_whole_metrics() {
    let mut machine = Machine::new(1);
    for number in 0..50 {
        machine.put("flood", &[("n", &format!("{number}"))], 1.0);
    }
    machine.put("few", &[], 1.0);
    machine.put("last", &[], 2.0);
    let small = "# TYPE few unknown\nfew 1\n# TYPE last unknown\nlast 2\n# EOF\n";
    for (limit, text, series) in [(small.len(), small, 2), (small.len() - 1, "", 1), (0, "", 0)] {
        let (rendered, outcome) = machine.render(&mut Renderer::new(limit), Format::OpenMetrics);
        assert!(rendered.len() <= limit.max("# EOF\n".len()), "{rendered}");
        assert!(text.is_empty() || rendered == text, "{rendered}");
        assert_eq!(outcome, Rendered { series, left_out: 52 - series });
    }
}

#[test]
fn a_renderer_learns_what_is_new() {
    let mut renderer = Renderer::default();
    let mut machine = Machine::new(1);
    for (name, value) in [("b", 1.0), ("a", 2.0), ("b_total", 3.0)] {
        machine.put(name, &[], value);
        for format in Format::ALL {
            assert_eq!(machine.render(&mut renderer, format).0, machine.text(format));
        }
    }
    // A help that came later, and then another generation with as many keys.
    machine.metric("a", MetricKind::Gauge, "Told.");
    assert!(machine.render(&mut renderer, Format::Text).0.contains("# HELP a Told.\n"));
    let mut next = Machine::new(2);
    for name in ["x", "y", "z"] {
        next.put(name, &[], 1.0);
    }
    next.metric("x", MetricKind::Gauge, "Told.");
    assert_eq!(next.render(&mut renderer, Format::Text).0, next.text(Format::Text));
    // The same generation from another source is only told by whoever knows.
    let mut other = Machine::new(2);
    for name in ["u", "v", "w"] {
        other.put(name, &[], 1.0);
    }
    other.metric("u", MetricKind::Gauge, "Told.");
    renderer.forget();
    assert_eq!(other.render(&mut renderer, Format::Text).0, other.text(Format::Text));
}
