use super::{Features, MAX_DEPTH, MAX_LIST, MAX_TEXT_BYTES, parse, parse_selector};
use crate::ast::ValueType;
use crate::print::Line;

fn type_of(text: &str) -> ValueType {
    parse(text, Features { experimental: true })
        .unwrap_or_else(|why| panic!("{text}: {why}"))
        .value_type()
}

#[test]
fn types_are_known_before_anything_is_evaluated() {
    for (text, gives) in [
        ("1 + 2 * 3", ValueType::Scalar),
        ("5m", ValueType::Scalar),
        ("'x'", ValueType::Text),
        ("up", ValueType::Vector),
        ("sum", ValueType::Vector),
        ("sum(sum)", ValueType::Vector),
        ("and and and", ValueType::Vector),
        ("by + without", ValueType::Vector),
        ("start", ValueType::Vector),
        ("job:rate:5m{a='b'}", ValueType::Vector),
        ("up[5m]", ValueType::Matrix),
        ("up[1h:]", ValueType::Matrix),
        ("up == 1", ValueType::Vector),
        ("1 == bool 1", ValueType::Scalar),
        ("-up", ValueType::Vector),
        ("time()", ValueType::Scalar),
        ("{__name__=~'.+'} # everything", ValueType::Vector),
        ("{'a b'}", ValueType::Vector),
        ("sum by (on, bool) (up)", ValueType::Vector),
        ("up{on='x', by=\"y\"}", ValueType::Vector),
        ("avg by (a,) (up)", ValueType::Vector),
        ("day_of_week()", ValueType::Vector),
        ("SUM BY (a) (up) OR up", ValueType::Vector),
    ] {
        assert_eq!(type_of(text), gives, "{text}");
    }
}

/// What an expression looks like with every operator in parentheses.
fn grouped(text: &str) -> String {
    use crate::ast::{Expr, Kind};
    fn walk(expr: &Expr) -> String {
        match &expr.kind {
            Kind::Binary(binary) => format!(
                "({} {} {})",
                walk(&binary.left),
                binary.operator.word(),
                walk(&binary.right)
            ),
            Kind::Unary { minus, of } => {
                format!("({}{})", if *minus { "-" } else { "+" }, walk(of))
            }
            _ => Line(expr).to_string(),
        }
    }
    walk(&parse(text, Features::default()).unwrap_or_else(|why| panic!("{text}: {why}")))
}

#[test]
fn operators_bind_as_in_prometheus() {
    for (text, tree) in [
        ("1 + 2 * 3", "(1 + (2 * 3))"),
        ("1 - 2 - 3", "((1 - 2) - 3)"),
        ("2 ^ 3 ^ 2", "(2 ^ (3 ^ 2))"),
        ("-2 ^ 2", "(-(2 ^ 2))"),
        ("2 ^ -1 * 3", "((2 ^ -1) * 3)"),
        ("-a * b", "((-a) * b)"),
        ("--1", "1"),
        ("--a", "(-(-a))"),
        ("a or b and c", "(a or (b and c))"),
        ("a and b unless c", "((a and b) unless c)"),
        ("a == b + c", "(a == (b + c))"),
        ("a > b < c", "((a > b) < c)"),
        ("a atan2 b * c", "((a atan2 b) * c)"),
        ("-a offset 5m", "(-a offset 5m)"),
        ("a + b offset 5m", "(a + b offset 5m)"),
        ("a % b / c", "((a % b) / c)"),
    ] {
        assert_eq!(grouped(text), tree, "{text}");
    }
}

#[test]
fn mistakes_name_their_place() {
    for (text, error) in [
        ("", "1:1: parse error: no expression found in input"),
        ("# only words", "1:1: parse error: no expression found in input"),
        ("1 +", "1:4: parse error: unexpected end of input"),
        ("sum(", "1:5: parse error: unexpected end of input"),
        ("up\n  $", "2:3: parse error: unexpected character: '$'"),
        (
            "foo{",
            "1:5: parse error: unexpected end of input in label matching, expected identifier or \"}\"",
        ),
        (
            "foo{a}",
            "1:6: parse error: unexpected \"}\" in label matching, expected =, !=, =~ or !~",
        ),
        (
            "foo{a=1}",
            "1:7: parse error: unexpected number \"1\" in label matching, expected string",
        ),
        ("foo{a=~'('}", "1:8: parse error: bad regular expression: "),
        ("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        (
            "{a=~'.*'}",
            "1:1: parse error: vector selector must contain at least one non-empty matcher",
        ),
        ("a{__name__='b'}", "1:1: parse error: metric name must not be set twice: \"a\" or \"b\""),
        ("a{'b'}", "1:3: parse error: metric name must not be set twice: \"a\" or \"b\""),
        (
            "foo[5m",
            "1:7: parse error: unexpected end of input in range selector, expected \":\" or \"]\"",
        ),
        ("foo[0s]", "1:5: parse error: duration must be greater than 0"),
        ("foo[5x]", "1:5: parse error: bad number or duration syntax: \"5x\""),
        ("sum(foo)[5m]", "1:1: parse error: ranges only allowed for vector selectors"),
        (
            "1[5m:]",
            "1:1: parse error: subquery is only allowed on instant vector, got scalar instead",
        ),
        ("foo offset 5m offset 5m", "1:1: parse error: offset may not be set multiple times"),
        ("foo offset 5m[1m]", "1:1: parse error: no offset modifiers allowed before range"),
        ("foo @ 1 [1m]", "1:1: parse error: no @ modifiers allowed before range"),
        (
            "sum(foo) offset 1m",
            "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
        ),
        ("foo @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"),
        ("foo @ inf", "1:7: parse error: timestamp out of bounds for @ modifier"),
        ("1 == 1", "1:1: parse error: comparisons between scalars must use BOOL modifier"),
        ("a + bool b", "1:1: parse error: bool modifier can only be used on comparison operators"),
        (
            "1 and 2",
            "1:1: parse error: set operator \"and\" not allowed in binary scalar expression",
        ),
        ("a and on(b) group_left c", "1:1: parse error: no grouping allowed for \"and\" operation"),
        ("a + on(b) 1", "1:1: parse error: vector matching only allowed between instant vectors"),
        (
            "a + on(b) group_left(b) c",
            "1:1: parse error: label \"b\" must not occur in ON and GROUP clause at once",
        ),
        (
            "a[1m] + b",
            "1:1: parse error: binary expression must contain only scalar and instant vector types",
        ),
        ("a + group_left b", "1:5: parse error: unexpected identifier \"group_left\""),
        (
            "-'x'",
            "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"string\"",
        ),
        (
            "rate(up)",
            "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector",
        ),
        ("rate(up[1m], 1)", "1:1: parse error: expected 1 argument(s) in call to \"rate\", got 2"),
        (
            "label_join(up, 'a')",
            "1:1: parse error: expected at least 3 argument(s) in call to \"label_join\", got 2",
        ),
        (
            "round(up, 1, 2)",
            "1:1: parse error: expected at most 2 argument(s) in call to \"round\", got 3",
        ),
        ("abs(up,)", "1:8: parse error: trailing commas not allowed in function call args"),
        ("nothing(up)", "1:1: parse error: unknown function with name \"nothing\""),
        ("info(up)", "1:1: parse error: function \"info\" is experimental and not enabled here"),
        ("limitk(1, up)", "1:1: parse error: limitk() is experimental and not enabled here"),
        (
            "topk(up)",
            "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1",
        ),
        (
            "topk('1', up)",
            "1:6: parse error: expected type scalar in aggregation parameter, got string",
        ),
        (
            "sum(1)",
            "1:5: parse error: expected type instant vector in aggregation expression, got scalar",
        ),
        (
            "sum by (1) (up)",
            "1:9: parse error: unexpected number \"1\" in grouping opts, expected label",
        ),
        ("up up", "1:4: parse error: unexpected identifier \"up\""),
        ("(up", "1:4: parse error: unexpected end of input in parentheses, expected \")\""),
        ("up)", "1:3: parse error: unexpected \")\""),
        ("'up", "1:1: parse error: unterminated quoted string"),
        ("up = 1", "1:4: parse error: unexpected \"=\""),
        ("é", "1:1: parse error: unexpected character: 'é'"),
    ] {
        let found = parse(text, Features::default()).expect_err(text).to_string();
        assert!(found.starts_with(error), "{text}\n{found}\n{error}");
    }
}

#[test]
fn depth_and_length_have_limits() {
    let fits = |text: &str| parse(text, Features::default()).is_ok();
    let parens = |count: usize| format!("{}1{}", "(".repeat(count), ")".repeat(count));
    assert!(fits(&parens(MAX_DEPTH - 1)) && !fits(&parens(MAX_DEPTH)));
    assert!(!fits(&"(".repeat(60_000)) && !fits(&"-".repeat(60_000)));
    let sum = |count: usize| vec!["1"; count].join("+");
    assert!(fits(&sum(MAX_DEPTH)) && !fits(&sum(MAX_DEPTH + 1)));
    let calls = |count: usize| format!("{}x{}", "abs(".repeat(count), ")".repeat(count));
    assert!(fits(&calls(MAX_DEPTH - 1)) && !fits(&calls(MAX_DEPTH)));
    assert!(!fits(&"1^".repeat(20_000)));
    assert!(!fits(&format!("{}up", " ".repeat(MAX_TEXT_BYTES))));
}

#[test]
fn lists_have_a_limit() {
    let fits = |text: &str| parse(text, Features::default()).is_ok();
    let list = |entry: &str, count: usize| vec![entry; count].join(",");
    for count in [MAX_LIST, MAX_LIST + 1] {
        let within = count <= MAX_LIST;
        assert_eq!(fits(&format!("sum by ({}) (x)", list("a", count))), within);
        assert_eq!(fits(&format!("{{{}}}", list("a='b'", count))), within);
        let sources = list("'a'", count - 3);
        assert_eq!(fits(&format!("label_join(x, 'a', '', {sources})")), within);
    }
}

#[test]
fn a_selector_stands_alone() {
    assert_eq!(parse_selector("up{a='b'}").unwrap().len(), 2);
    assert_eq!(parse_selector("{a='b'}").unwrap().len(), 1);
    for text in ["up[1m]", "sum(up)", "1", "up offset 1m", "{a=''}", ""] {
        assert!(parse_selector(text).is_err(), "{text}");
    }
}
