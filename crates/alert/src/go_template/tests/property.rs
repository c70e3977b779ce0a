//! Templates that nobody thought of: none panics, and none passes its limits.

use proptest::prelude::*;

use super::*;

/// Small limits, so that many templates meet them.
const LIMITS: Limits = Limits {
    steps: 2_000,
    output_bytes: 2_000,
    depth: 40,
    queries: 3,
    samples: 1_000,
    pattern_bytes: 32 * 1024,
};

const FUNCTIONS: [&str; 48] = [
    "and",
    "or",
    "not",
    "len",
    "index",
    "slice",
    "print",
    "printf",
    "println",
    "html",
    "js",
    "urlquery",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "query",
    "first",
    "value",
    "label",
    "strvalue",
    "sortByLabel",
    "humanize",
    "humanize1024",
    "humanizeDuration",
    "humanizePercentage",
    "humanizeTimestamp",
    "toTime",
    "toDuration",
    "parseDuration",
    "title",
    "toUpper",
    "toLower",
    "stripPort",
    "stripDomain",
    "match",
    "reReplaceAll",
    "graphLink",
    "tableLink",
    "externalURL",
    "pathPrefix",
    "args",
    "tmpl",
    "safeHtml",
    "now",
    "urlQueryEscape",
];

const VALUES: [&str; 34] = [
    ".",
    "$",
    "nil",
    "true",
    "0",
    "-1",
    "3",
    "1000000",
    "9223372036854775807",
    "0.5",
    "1e300",
    "'ä'",
    "\"\"",
    "\"up\"",
    "\"many\"",
    "\"a\"",
    "\"ä:80\"",
    "\"%5.2f %v %d %s %[2]*q\"",
    "\"%-999999s\"",
    "\"(a*)*|[^b]{9}\"",
    "\"$1${x}$$\"",
    "\"5m\"",
    "\"NaN\"",
    "\"n\"",
    ".Labels",
    ".Value",
    "$labels",
    "$value",
    "$labels.job",
    ".x",
    "$externalURL",
    "$x",
    ".Labels.nope.deeper",
    "(toTime 5).Year",
];

fn operand() -> BoxedStrategy<String> {
    let value = prop::sample::select(&VALUES[..]).prop_map(str::to_owned);
    value
        .prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                pipeline(inner.clone().boxed()).prop_map(|pipeline| format!("({pipeline})")),
                pipeline(inner.boxed()).prop_map(|pipeline| format!("({pipeline}).Labels")),
            ]
        })
        .boxed()
}

fn command(operand: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let function = prop::sample::select(&FUNCTIONS[..]);
    let arguments = prop::collection::vec(operand.clone(), 0..4);
    let call = (function, arguments)
        .prop_map(|(function, arguments)| format!("{function} {}", arguments.join(" ")));
    prop_oneof![4 => call, 1 => operand].boxed()
}

fn pipeline(operand: BoxedStrategy<String>) -> BoxedStrategy<String> {
    prop::collection::vec(command(operand), 1..3).prop_map(|commands| commands.join(" | ")).boxed()
}

fn template() -> impl Strategy<Value = String> {
    let action = pipeline(operand()).prop_map(|pipeline| format!("{{{{ {pipeline} -}}}} "));
    let fixed = prop::sample::select(
        &[
            "text ",
            "{{ $x = print $x $x }}",
            "{{ template \"a\" . }}",
            "{{ break }}",
            "{{ continue }}",
        ][..],
    );
    let leaf = prop_oneof![3 => action, 1 => fixed.prop_map(str::to_owned)];
    let body = leaf.prop_recursive(4, 24, 4, |inner| {
        let block = prop::collection::vec(inner, 0..4).prop_map(|parts| parts.concat());
        let head = prop::sample::select(&["if", "with", "range", "range $i, $x :="][..]);
        (head, pipeline(operand()), block.clone(), block).prop_map(
            |(head, pipeline, body, other)| {
                format!("{{{{ {head} {pipeline} }}}}{body}{{{{ else }}}}{other}{{{{ end }}}}")
            },
        )
    });
    (body.clone(), body).prop_map(|(defined, body)| {
        format!("{{{{ define \"a\" }}}}{defined}{{{{ end }}}}{{{{ $x := 1 }}}}{body}")
    })
}

fn stays_within(text: &str) {
    match expand_within(text, &LIMITS) {
        Ok(written) => assert!(written.len() <= LIMITS.output_bytes, "{text}"),
        Err(error) => {
            assert!(error.line >= 1 && error.line <= text.lines().count() + 1, "{text}: {error}");
            assert!(error.column >= 1 && !error.words.is_empty(), "{text}: {error}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn templates_of_the_grammar_stay_within_their_limits(text in template()) {
        stays_within(&text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(\\{\\{-? ?|-?\\}\\}|[ .$|()\"`'\\\\=:,a-z0-9äß/*\n-]|if |end|range |else|printf ){0,60}") {
        stays_within(&text);
    }

    #[test]
    fn any_pattern_is_read_or_refused(pattern in "[a-d\\\\\\[\\](){}|*+?^$.,:&~0-9QEpdwsbBx<>P-]{0,24}") {
        let quoted = format!("{{{{ reReplaceAll `{pattern}` `<$1>` \"abcd 12 ä\" }}}}");
        stays_within(&quoted);
    }

    #[test]
    fn numbers_print_so_that_they_can_be_read(value: f64) {
        let text = Template::parse("{{ $value }}").unwrap().expand(
            &alert(value), &super::super::NoQueries, &Limits::default(),
        ).unwrap();
        let read: f64 = text.parse().unwrap();
        prop_assert!(read.to_bits() == value.to_bits() || (read.is_nan() && value.is_nan()), "{}", text);
    }
}
