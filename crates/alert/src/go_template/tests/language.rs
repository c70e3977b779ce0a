//! Go's language: what is written where.

use super::*;

#[test]
fn text_trims_and_comments() {
    all(&[
        ("", ""),
        ("text } } { { text", "text } } { { text"),
        ("a {{ 1 }} b", "a 1 b"),
        ("a {{- 1 -}} b", "a1b"),
        ("a \n\t{{- 1 }} b", "a1 b"),
        ("a {{ 1 -}}\n\n b", "a 1b"),
        ("a {{-1}} b", "a -1 b"),
        ("a {{- -1 }} b", "a-1 b"),
        ("a {{/* c }} */}} b", "a  b"),
        ("a {{- /* c */ -}} b", "ab"),
        ("{{ \"a}}b\" }}{{ `{{c` }}", "a}}b{{c"),
        ("{{ 1 }}}", "1}"),
        ("{{ `a\nb` }}", "a\nb"),
        ("{{\n 1\n}}", "1"),
    ]);
}

#[test]
fn literals() {
    all(&[
        ("{{ 010 }} {{ 0x1F }} {{ 0b11 }} {{ 0o17 }} {{ 1_000 }}", "8 31 3 15 1000"),
        ("{{ .5 }} {{ -.5 }} {{ +5 }} {{ 5. }} {{ 1e3 }}", "0.5 -0.5 5 5 1000"),
        ("{{ 'a' }} {{ '\\n' }} {{ '\\u00e4' }}", "97 10 228"),
        ("{{ \"\\x41\\101\\u00e4\\U0001F600\\t\\\"\" }}", "AAä😀\t\""),
        ("{{ true }} {{ false }} {{ -9223372036854775808 }}", "true false -9223372036854775808"),
    ]);
}

#[test]
fn variables_and_their_scopes() {
    all(&[
        ("{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ $x }}{{ end }}{{ $x }}", "21"),
        ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $x }}{{ end }}{{ $x }}", "22"),
        ("{{$x:=1}}{{$x}}", "1"),
        ("{{ with $x := $labels.job }}{{ $x }}{{ . }}{{ end }}", "nodenode"),
        (
            "{{ $l := $labels }}{{ $l.job }} {{ $.Labels.job }} {{ $.Value | printf \"%.0f\" }}",
            "node node 1234568",
        ),
        ("{{ $x := 0 }}{{ range $x = args 1 2 }}.{{ end }}{{ $x }}", "..2"),
        (
            "{{ with 1 }}{{ with 2 }}{{ . }}{{ end }}{{ . }}{{ $.ExternalLabels.site }}{{ end }}",
            "21fra",
        ),
    ]);
}

#[test]
fn branches() {
    all(&[
        ("{{ if 0 }}a{{ else if \"\" }}b{{ else if 0.1 }}c{{ else }}d{{ end }}", "c"),
        ("{{ if $labels.nope }}a{{ else }}b{{ end }}", "b"),
        ("{{ with 0 }}a{{ else with 5 }}{{ . }}{{ else }}b{{ end }}", "5"),
        ("{{ if and (eq $labels.job \"node\") (gt $value 1.0) }}both{{ end }}", "both"),
        ("{{ if or (eq $labels.job \"x\") (not true) }}x{{ else }}y{{ end }}", "y"),
        ("{{if(true)}}x{{end}}{{ if eq (1) (1) }}y{{ end }}", "xy"),
        // What follows the first false or true argument is not even asked.
        (
            "{{ and 0 (query \"(\") }}{{ or 1 (query \"(\") }}{{ and 1 2 }}{{ or 0 \"\" \"x\" }}",
            "012x",
        ),
        ("{{ 0 | and 1 }}{{ 5 | or 0 }}{{ not 1 }}{{ not nil }}", "05falsetrue"),
    ]);
}

#[test]
fn loops() {
    all(&[
        (
            "{{ range $k, $v := $labels }}{{ $k }}={{ $v }};{{ end }}",
            "instance=web-1.example.com:9100;job=node;mountpoint=/;",
        ),
        ("{{ range $labels }}{{ . }};{{ end }}", "web-1.example.com:9100;node;/;"),
        (
            "{{ range $i, $v := query \"up\" | sortByLabel \"n\" }}{{ $i }}{{ $v.Labels.n }} {{ end }}",
            "01 110 22 ",
        ),
        (
            "{{ range query \"nope\" }}x{{ else }}none{{ end }}{{ range (args).x }}x{{ else }}nil{{ end }}",
            "nonenil",
        ),
        (
            "{{ range 3 }}{{ . }}{{ end }}{{ range $i := 2 }}{{ $i }}{{ end }}{{ range 0 }}{{ else }}-{{ end }}",
            "01201-",
        ),
        (
            "{{ range $k, $v := $labels }}{{ if eq $k \"job\" }}{{ break }}{{ end }}{{ $k }}{{ end }}",
            "instance",
        ),
        (
            "{{ range $k, $v := $labels }}{{ if eq $k \"job\" }}{{ continue }}{{ end }}{{ $k }} {{ end }}",
            "instance mountpoint ",
        ),
        ("{{ range 2 }}{{ range 5 }}{{ break }}{{ end }}x{{ end }}", "xx"),
        ("{{ range 2 }}{{ range 0 }}{{ else }}{{ break }}{{ end }}x{{ end }}|", "|"),
    ]);
}

#[test]
fn templates_in_templates() {
    all(&[
        (
            "{{ define \"a\" }}[{{ . }}]{{ end }}{{ template \"a\" 5 }}{{ template \"a\" }}",
            "[5][<no value>]",
        ),
        ("{{ template \"a\" }}{{ define \"a\" }}late{{ end }}", "late"),
        (
            "{{ define \"a\" }}{{ .arg0 }}-{{ .arg1 }}{{ end }}{{ template \"a\" (args 1 \"b\") }}",
            "1-b",
        ),
        ("{{ block \"b\" $value }}<{{ printf \"%.0f\" . }}>{{ end }}", "<1234568>"),
        ("{{ define \"a\" }} {{ end }}{{ define \"a\" }}2{{ end }}{{ template \"a\" }}", "2"),
        ("{{ define \"a\" }}2{{ end }}{{ define \"a\" }} {{ end }}{{ template \"a\" }}", "2"),
        (
            "{{ define \"a\" }}{{ $.Value | printf \"%.0f\" }}{{ end }}{{ template \"a\" . }}",
            "1234568",
        ),
        ("{{ if false }}{{ template \"nope\" }}{{ end }}ok", "ok"),
        ("{{ define \"a\" }}{{ $x := 2 }}{{ end }}{{ $x := 1 }}{{ template \"a\" }}{{ $x }}", "1"),
        ("{{ define \"a\" }}x{{ . }}{{ end }}{{ tmpl \"a\" 1 | toUpper }}", "X1"),
        (
            "{{ define \"a\" }}{{ if . }}{{ len . }}{{ template \"a\" (slice . 1) }}{{ end }}{{ end }}{{ template \"a\" \"xyz\" }}",
            "321",
        ),
    ]);
}

#[test]
fn pipelines() {
    all(&[
        ("{{ $labels.job | printf \"%s-%s\" \"x\" | toUpper }}", "X-NODE"),
        ("{{ 3 | printf \"%d %d\" 2 }}", "2 3"),
        ("{{ (query \"up\" | first | value) | printf \"%.0f\" }}", "1"),
        ("{{ print (print 1 | print 2) }} {{ ((1)) }} {{ (args).x }}", "21 1 <no value>"),
        ("{{ (args 1 \"a\").arg1 }}{{ (args 1).arg7 }}", "a<no value>"),
    ]);
}
