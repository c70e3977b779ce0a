//! Annotations and labels as rule files in the wild have them, in our words.

use super::*;

#[test]
fn annotations_of_usual_rules() {
    all(&[
        (
            "Host out of memory (instance {{ $labels.instance }})",
            "Host out of memory (instance web-1.example.com:9100)",
        ),
        (
            "Less than 10% is left\n  VALUE = {{ $value }}\n  LABELS = {{ $labels }}",
            "Less than 10% is left\n  VALUE = 1.234567891e+06\n  LABELS = map[instance:\
             web-1.example.com:9100 job:node mountpoint:/]",
        ),
        (
            "Filesystem {{ $labels.mountpoint }} at {{ $labels.instance }} has only \
             {{ printf \"%.2f\" $value }}% left.",
            "Filesystem / at web-1.example.com:9100 has only 1234567.89% left.",
        ),
        (
            "{{ $value | humanizePercentage }} of {{ $labels.job | title }} are \
             {{- if gt $value 1.0 }} too many{{ else }} fine{{ end }}",
            "1.235e+08% of Node are too many",
        ),
        (
            "{{ $value | humanize1024 }}B of {{ $value | humanize }} bytes",
            "1.177MiB of 1.235M bytes",
        ),
        ("for {{ $value | humanizeDuration }}", "for 14d 6h 56m 7s"),
        ("{{ $labels.device }} is gone", " is gone"),
        ("{{ .Labels.job }}/{{ .Value | printf \"%.0f\" }}", "node/1234568"),
        (
            "{{ $externalURL }}/graph?server={{ $labels.instance | urlquery }} in \
             {{ $externalLabels.site }}{{ .ExternalLabels.nope }}",
            "https://mon.example.com/watch?x=1/graph?server=web-1.example.com%3A9100 in fra",
        ),
        (
            "{{ $labels.instance | reReplaceAll \"(.*):\\\\d+\" \"$1\" | toUpper }}",
            "WEB-1.EXAMPLE.COM",
        ),
        ("{{ with $labels.team }}{{ . }}{{ else }}nobody{{ end }}", "nobody"),
        (
            "{{ if eq $labels.mountpoint \"/\" \"/var\" }}critical{{ else }}warning{{ end }}",
            "critical",
        ),
    ]);
}

#[test]
fn annotations_that_ask() {
    all(&[
        ("{{ range query \"up == 0\" }}{{ .Labels.instance }} is down{{ end }}", "a:1 is down"),
        ("{{ with query \"sum(up)\" }}{{ . | first | value }}{{ end }} are up", "2 are up"),
        (
            "{{ printf \"up{instance='%s'}\" \"b:1\" | query | first | value | humanizePercentage }}",
            "100%",
        ),
        ("{{ with query \"nope\" }}{{ . | first | value }}{{ else }}nobody{{ end }}", "nobody"),
        (
            "{{- range $i, $up := query \"up\" | sortByLabel \"instance\" }}\n\
             {{- if $i }}, {{ end }}{{ $up.Labels.instance }}={{ $up.Value }}\n\
             {{- end }}",
            "a:1=0, b:1=1, c:1=1",
        ),
        (
            "{{ range query \"up\" | sortByLabel \"n\" }}{{ . | label \"instance\" }} {{ end }}",
            "c:1 a:1 b:1 ",
        ),
        ("{{ (query \"up\" | sortByLabel \"n\" | first).Labels.instance }}", "c:1"),
        ("{{ query \"time()\" | first | value }}", "60"),
    ]);
}

#[test]
fn what_data_says_is_never_a_template() {
    let labels = LabelSet::of(&[("server", "{{ 7*7 }}{{ range 9 }}")]);
    let data = Data::of_alert(&labels, 1.0, &LabelSet::empty(), "");
    let template = Template::parse("{{ $labels.server }}").unwrap();
    let text = template.expand(&data, &super::super::NoQueries, &Limits::default());
    assert_eq!(text.as_deref(), Ok("{{ 7*7 }}{{ range 9 }}"));
}

#[test]
fn a_message_over_a_tree_of_values() {
    use super::super::{List, Map, NoQueries, Value};
    let alert = |name: &str| {
        Value::Map(Map::record([
            ("Status".into(), "firing".into()),
            ("Labels".into(), Value::Map(Map::of_texts([("alertname", name)]))),
        ]))
    };
    let tree = Value::Map(Map::record([
        ("Receiver".into(), "mail".into()),
        ("Alerts".into(), Value::List(List::new(vec![alert("Down"), alert("Full")]))),
        ("Extra".into(), Value::Map(Map::new([("tries".into(), Value::Int(2))]))),
    ]));
    let data = Data::of_tree(tree, "");
    for (text, wanted) in [
        ("{{ range .Alerts }}{{ .Labels.alertname }} {{ end }}", Ok("Down Full ")),
        (
            "{{ len .Alerts }} to {{ .Receiver }}{{ .Extra.tries }}{{ .Extra.nope }}",
            Ok("2 to mail2<no value>"),
        ),
        ("{{ (index .Alerts 1).Labels.nope }}|", Ok("|")),
        ("{{ .Nope }}", Err("1:4: a record has no .Nope")),
        ("{{ $labels }}", Err("1:4: there is no variable $labels here")),
    ] {
        let expanded = Template::parse_message(text)
            .and_then(|template| template.expand(&data, &NoQueries, &Limits::default()))
            .map_err(|error| error.to_string());
        assert_eq!(expanded.as_deref().map_err(String::as_str), wanted, "{text}");
    }
}
