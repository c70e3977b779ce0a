//! What is wrong, and where.

use super::*;

#[test]
fn what_is_written_wrong() {
    fail(&[
        ("a\nb {{ if true }}", (2, 3), "has no {{end}}"),
        ("{{ end }}", (1, 1), "belongs to no block"),
        ("{{ else }}", (1, 1), "belongs to no block"),
        (
            "{{ if true }}{{ else }}{{ else }}{{ end }}",
            (1, 24),
            "{{else}} does not belong into {{if}}",
        ),
        ("{{ range 1 }}{{ else if 1 }}{{ end }}", (1, 1), "cannot go on with else if"),
        ("{{ if }}x{{ end }}", (1, 7), "a value is missing in if"),
        ("{{ }}", (1, 4), "a value is missing"),
        ("{{ 1", (1, 1), "{{ is not closed"),
        ("zwölf {{ 1", (1, 7), "{{ is not closed"),
        ("{{ \"abc }}", (1, 4), "not closed"),
        ("{{ \"a\nb\" }}", (1, 4), "not closed"),
        ("{{ `abc }}", (1, 4), "not closed"),
        ("{{ 'ab' }}", (1, 4), "one character"),
        ("{{ \"a\\qb\" }}", (1, 6), "none of Go's"),
        ("{{ (1 }}", (1, 4), "not closed"),
        ("{{ 1) }}", (1, 5), "never opened"),
        ("{{/* c }}", (1, 3), "not closed"),
        ("{{/* c */ }}", (1, 10), "a comment must end"),
        ("{{ a-b }}", (1, 5), "is a space missing"),
        ("{{ #x }}", (1, 4), "means nothing"),
        ("{{ 1 2 | nofunc }}", (1, 10), "there is no function nofunc"),
        ("{{ $x }}", (1, 4), "there is no variable $x"),
        ("{{ $x := $x }}", (1, 10), "there is no variable $x"),
        ("{{ with $x := 1 }}{{ end }}{{ $x }}", (1, 31), "there is no variable $x here"),
        ("{{ define \"a\" }}{{ $labels.job }}{{ end }}", (1, 20), "there is no variable $labels"),
        ("{{ $x, $y := 1 }}", (1, 4), "too many variables"),
        ("{{ range $x, $y, $z := 1 }}{{ end }}", (1, 14), "too many variables"),
        ("{{ 1 | 2 }}", (1, 8), "must be a function"),
        ("{{ \"a\".x }}", (1, 4), "no fields"),
        ("{{ 08 }}", (1, 4), "is no number"),
        ("{{ 99999999999999999999 }}", (1, 4), "is no number"),
        ("{{ break }}", (1, 1), "outside of {{range}}"),
        ("{{ range 1 }}{{ define \"a\" }}{{ end }}{{ end }}", (1, 14), "inside of another block"),
        ("{{ define \"a\" }}1{{ end }}{{ define \"a\" }}2{{ end }}", (1, 27), "defined twice"),
        ("{{ template a }}", (1, 13), "in quotes"),
        ("{{ if true }}x{{ end foo }}", (1, 22), "unexpected foo in {{end}}"),
    ]);
}

#[test]
fn what_goes_wrong_on_the_way() {
    fail(&[
        ("{{ .Nope }}", (1, 4), "a record has no .Nope"),
        ("{{ $value.x }}", (1, 4), "a float64 has no .x"),
        ("{{ $labels.job.x }}", (1, 4), "a string has no .x"),
        ("{{ (args 1).arg7.x }}", (1, 4), "there is no value"),
        ("x\n{{ if gt $value 90 }}y{{ end }}", (2, 7), "write 90.0 for 90"),
        ("{{ eq $value \"a\" }}", (1, 4), "a float64 and a string cannot be compared"),
        ("{{ query \"nope\" | first | value }}", (1, 19), "first: the query gives no samples"),
        ("{{ query \"(\" }}", (1, 4), "query: "),
        ("{{ query \"up[5m]\" }}", (1, 4), "query: "),
        ("{{ toUpper $value }}", (1, 4), "it takes a string, and a float64 came"),
        ("{{ toUpper }}", (1, 4), "it takes 1 argument, and 0 came"),
        ("{{ printf }}", (1, 4), "it takes at least 1 argument, and 0 came"),
        ("{{ $value | label \"a\" }}", (1, 13), "it takes a sample"),
        ("{{ first $labels }}", (1, 4), "it takes the samples of a query"),
        ("{{ $value 2 }}", (1, 4), "no function"),
        ("{{ 1 | .Value }}", (1, 8), "no function"),
        ("{{ nil }}", (1, 4), "nil alone"),
        ("{{ index (query \"up\") 7 }}", (1, 4), "there is no place 7 in 3 elements"),
        ("{{ index $labels 1 }}", (1, 4), "its keys are strings"),
        ("{{ slice \"abc\" 2 1 }}", (1, 4), "cannot go from 2 to 1"),
        ("{{ len . }}", (1, 4), "no length"),
        ("{{ range . }}{{ end }}", (1, 10), "range cannot go over a record"),
        ("{{ template \"nope\" }}", (1, 1), "there is no template \"nope\""),
        ("{{ humanize \"abc\" }}", (1, 4), "\"abc\" is no number"),
        ("{{ humanize \"1e400\" }}", (1, 4), "too large"),
        ("{{ toTime 1e10 }}", (1, 4), "more than a time can hold"),
        ("{{ parseDuration \"1.5h\" }}", (1, 4), "no duration"),
        (
            "{{ reReplaceAll \"(\" \"\" \"a\" }}",
            (1, 4),
            "the pattern \"(\" is wrong: unclosed group",
        ),
        ("{{ match \"a{1001}\" \"a\" }}", (1, 4), "repeats more than 1000 times"),
        ("{{ match \"(?x)a\" \"a\" }}", (1, 4), "none of Go's"),
        ("{{ match \"\\\\1\" \"a\" }}", (1, 4), "nothing refers back"),
    ]);
}

#[test]
fn an_error_prints_with_its_place() {
    let error = expand("one\ntwo {{ nofunc }}").unwrap_err();
    assert_eq!(error.to_string(), "2:8: there is no function nofunc");
}
