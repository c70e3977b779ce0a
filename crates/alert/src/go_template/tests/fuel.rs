//! A template that would never end, or grow without end, is an error (abuse A33). How much work a step is
//! has been measured once; here only the counting is held, which no slow machine can change.

use super::super::{MAX_NESTING, MAX_TEMPLATE_BYTES};
use super::*;

const RECURSION: &str = "{{ define \"a\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" 1 }}";

/// Templates that do too much, and the limit that each meets.
const ENDLESS: [(&str, &str); 18] = [
    (RECURSION, "deeper than 128 levels"),
    ("{{ define \"a\" }}{{ tmpl \"a\" . }}{{ end }}{{ tmpl \"a\" 1 }}", "deeper than 128 levels"),
    (
        "{{ define \"a\" }}{{ if . }}{{ template \"a\" (slice . 1) }}{{ template \"a\" (slice . 1) }}{{ end }}{{ end }}{{ template \"a\" \"123456789012345678901234567890\" }}",
        "more than 100000 steps",
    ),
    ("{{ range 1000000000000 }}{{ end }}", "more than 100000 steps"),
    (
        "{{ range query \"many\" }}{{ range query \"many\" }}{{ end }}{{ end }}",
        "more than 16 queries",
    ),
    (
        "{{ $m := query \"many\" }}{{ range $m }}{{ range $m }}{{ range $m }}{{ end }}{{ end }}{{ end }}",
        "more than 100000 steps",
    ),
    ("{{ range 1000000 }}{{ $x := query \"up\" }}{{ end }}", "more than 16 queries"),
    (
        "{{ $m := query \"many\" }}{{ range 10000 }}{{ $x := sortByLabel \"n\" $m }}{{ end }}",
        "more than 100000 steps",
    ),
    ("{{ range 100000 }}0123456789{{ end }}", "past 65536 bytes"),
    ("{{ $x := \"ab\" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}", "past 65536 bytes"),
    ("{{ printf \"%1000000d\" 1 }}", "past 65536 bytes"),
    ("{{ printf \"%.1000000f\" 1.0 }}", "past 65536 bytes"),
    ("{{ printf \"%99999999999999999999s\" \"\" }}", "past 65536 bytes"),
    (
        "{{ $x := args }}{{ range 100 }}{{ $x = args $x $x }}{{ end }}",
        "deeper than 32 in each other",
    ),
    (
        "{{ $x := args }}{{ range 30 }}{{ $x = args $x $x $x $x }}{{ end }}{{ $x }}",
        "past 65536 bytes",
    ),
    ("{{ match \"((a{100}){100}){100}\" \"a\" }}", "the pattern is too large"),
    ("{{ range 100000 }}{{ $x := match (print \"a\" .) \"a\" }}{{ end }}", "more than 8 patterns"),
    (
        "{{ $x := printf \"%60000d\" 1 }}{{ range 1000 }}{{ $y := reReplaceAll \" *(x|y)\" \"$0$0\" $x }}{{ end }}",
        "more than 100000 steps",
    ),
];

#[test]
fn a_template_without_end_is_an_error() {
    for (template, words) in ENDLESS {
        let error = expand(template).unwrap_err();
        assert!(error.words.contains(words), "{template}: {error}");
    }
}

#[test]
fn the_error_of_a_limit_has_a_place() {
    assert_eq!(
        expand(RECURSION).unwrap_err().to_string(),
        "1:17: the template runs deeper than 128 levels"
    );
    let error = expand("one\n{{ range 1000000000 }}{{ end }}").unwrap_err();
    assert_eq!((error.line, error.column), (2, 1));
}

#[test]
fn what_needs_just_as_much_as_it_may_is_fine() {
    let fits = |template: &str, limits: Limits| expand_within(template, &limits).is_ok();
    let output = |output_bytes| Limits { output_bytes, ..Limits::default() };
    assert!(fits("{{ range 10 }}abc{{ end }}", output(30)));
    assert!(!fits("{{ range 10 }}abc{{ end }}", output(29)));
    let depth = |depth| Limits { depth, ..Limits::default() };
    assert!(fits("{{ if true }}{{ if (not false) }}{{ end }}{{ end }}", depth(3)));
    assert!(!fits("{{ if true }}{{ if (not false) }}{{ end }}{{ end }}", depth(2)));
    let queries = |queries| Limits { queries, ..Limits::default() };
    assert!(fits("{{ range 3 }}{{ $x := query \"up\" }}{{ end }}", queries(3)));
    assert!(!fits("{{ range 3 }}{{ $x := query \"up\" }}{{ end }}", queries(2)));
    let samples = |samples| Limits { samples, ..Limits::default() };
    assert!(fits("{{ $x := query \"up\" }}", samples(3)));
    assert!(!fits("{{ $x := query \"up\" }}", samples(2)));
    let steps = |steps| Limits { steps, ..Limits::default() };
    assert!(fits("{{ range 10 }}a{{ end }}", steps(21)));
    assert!(!fits("{{ range 10 }}a{{ end }}", steps(20)));
    let pattern_bytes = |pattern_bytes| Limits { pattern_bytes, ..Limits::default() };
    assert!(fits("{{ match \"[a-f]{200}\" \"\" }}", pattern_bytes(64 * 1024)));
    assert!(!fits("{{ match \"[a-f]{200}\" \"\" }}", pattern_bytes(4 * 1024)));
}

#[test]
fn a_search_costs_its_pattern_times_its_text() {
    let search = |pattern: &str, bytes: usize| {
        expand(&format!("{{{{ printf \"%{bytes}d\" 1 | match \"{pattern}\" }}}}"))
    };
    assert_eq!(search(" 1$", 6_000).as_deref(), Ok("true"));
    assert_eq!(search("[a-f]{900}", 60).as_deref(), Ok("false"));
    for (pattern, bytes) in [(" 1$", 60_000), ("[a-f]{900}", 6_000)] {
        let error = search(pattern, bytes).unwrap_err();
        assert!(error.words.contains("more than 100000 steps"), "{error}");
    }
}

#[test]
fn what_is_read_is_bounded_too() {
    let nested = |count: usize| format!("{{{{ {}1{} }}}}", "(".repeat(count), ")".repeat(count));
    assert!(Template::parse(&nested(MAX_NESTING)).is_ok());
    let error = Template::parse(&nested(MAX_NESTING + 1)).unwrap_err();
    assert!(error.words.contains("nests deeper than 64"), "{error}");
    for open in ["{{ if 1 }}", "{{ range 1 }}", "{{ block \"a\" 1 }}", "{{ if 1 }}{{ else ", "{{ ("]
    {
        assert!(Template::parse(&open.repeat(6000)).is_err(), "{open}");
    }
    assert!(Template::parse(&"a".repeat(MAX_TEMPLATE_BYTES)).is_ok());
    assert!(Template::parse(&"a".repeat(MAX_TEMPLATE_BYTES + 1)).is_err());
    let pattern = format!("{{{{ match \"{}\" \"\" }}}}", "a".repeat(5000));
    assert!(expand(&pattern).unwrap_err().words.contains("longer than 512 bytes"));
}

/// Unicode classes are the dearest part of a pattern: each has hundreds of ranges (A33).
#[test]
fn large_patterns_are_refused_before_they_are_compiled() {
    let matched = |pattern: &str| {
        expand(&format!("{{{{ match `{pattern}` \"a\" }}}}")).map_err(|error| error.words)
    };
    let refused = |pattern: &str, words: &str| {
        let error = matched(pattern).unwrap_err();
        assert!(error.contains(words), "{error}");
    };
    refused(&format!("(?i){}", "\\pL".repeat(1360)), "longer than 512 bytes");
    refused(&"a".repeat(513), "longer than 512 bytes");
    refused(&format!("(?i){}", "\\pL".repeat(9)), "more than 8 Unicode classes");
    refused(&format!("(?i)[{}]", "\\P{Greek}".repeat(9)), "more than 8 Unicode classes");
    assert_eq!(matched("^(?i)\\pL$").as_deref(), Ok("true"));
    // Each costs, also when it cannot be compiled, and what was compiled once costs nothing more.
    let many = |pattern: &str| {
        let each: String =
            (0..6).map(|number| format!("{{{{ match `{pattern}{number}` \"a\" }}}}")).collect();
        expand(&each).map_err(|error| error.words)
    };
    let classes = "\\p{Greek}".repeat(8);
    assert!(many(&classes).unwrap_err().contains("more than 100000 steps"));
    assert_eq!(many("b").as_deref(), Ok("falsefalsefalsefalsefalsefalse"));
    let again = format!("{{{{ range 100 }}}}{{{{ match `{classes}` \"a\" }}}}{{{{ end }}}}");
    assert!(expand(&again).is_ok());
}

#[test]
fn an_expansion_ends_with_its_time() {
    struct Late(std::cell::Cell<u32>);
    impl crate::go_template::Queries for Late {
        fn query(&self, _: &str) -> Result<Vec<Sample>, String> {
            Err("nobody asks".to_owned())
        }
        fn out_of_time(&self) -> bool {
            self.0.set(self.0.get() + 1);
            self.0.get() > 3
        }
    }
    let late = Late(std::cell::Cell::new(0));
    let template = Template::parse("{{ range 100000 }}{{ end }}").unwrap();
    let (told, steps) = template.expand_counted(&alert(VALUE), &late, &Limits::default());
    assert!(told.unwrap_err().words.contains("the time for it is over"));
    assert!((2_000..10_000).contains(&steps), "{steps}");
}
