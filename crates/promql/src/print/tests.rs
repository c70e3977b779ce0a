use crate::{Features, Query};

fn parsed(text: &str) -> Query {
    Query::parse(text, Features { experimental: true })
        .unwrap_or_else(|why| panic!("{text}: {why}"))
}

#[test]
fn what_is_printed_means_the_same() {
    for (text, printed) in [
        ("1", "1"),
        ("-1.50", "-1.5"),
        ("1e21", "1e+21"),
        ("0.00001", "1e-05"),
        ("inf", "+Inf"),
        ("5m", "5m"),
        ("'a\\n\"'", r#""a\n\"""#),
        ("up", "up"),
        (r#"up{ a = 'b' , c!~"d" , }"#, r#"up{a="b",c!~"d"}"#),
        (r#"{__name__="up"}"#, r#"{__name__="up"}"#),
        (r#"{"my.metric", "my label"="x"}"#, r#"{"my.metric","my label"="x"}"#),
        ("x offset 5m @ 10", "x @ 10.000 offset 5m"),
        ("x[5m] @ end() offset -90s", "x[5m] @ end() offset -1m30s"),
        ("x[5m:]", "x[5m:]"),
        ("rate(x[300])[1h:30s] offset 1d", "rate(x[5m])[1h:30s] offset 1d"),
        ("sum(x)by(a,b)", "sum by (a, b) (x)"),
        ("sum without() (x)", "sum without () (x)"),
        ("topk  (3,x)", "topk(3, x)"),
        ("a+on(b)group_left c", "a + on (b) group_left () c"),
        (
            "a / ignoring(b, \"c d\") group_right(e) c",
            "a / ignoring (b, \"c d\") group_right (e) c",
        ),
        ("a ==bool 1", "a == bool 1"),
        ("a - ignoring() b", "a - b"),
        ("((a)) or -b", "((a)) or -b"),
        ("a AND b", "a and b"),
        ("time( )", "time()"),
        ("label_join(a,'b',\",\")", "label_join(a, \"b\", \",\")"),
    ] {
        let query = parsed(text);
        assert_eq!(query.to_string(), printed, "{text}");
        assert_eq!(parsed(printed).to_string(), printed, "{text}");
    }
}

#[test]
fn long_lines_are_broken_where_the_tree_branches() {
    let short = "sum by (instance) (rate(node_cpu_seconds_total[5m]))";
    assert_eq!(parsed(short).pretty(), short);
    let long = r#"100 * (1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle",job="node"}[5m])) / ignoring(mode) vector(100))"#;
    let broken = r#"  100
*
  (
      1
    -
        avg by (instance) (rate(node_cpu_seconds_total{mode="idle",job="node"}[5m]))
      / ignoring (mode)
        vector(100)
  )"#;
    assert_eq!(parsed(long).pretty(), broken);
    assert_eq!(parsed(broken).to_string(), parsed(long).to_string());
}
