//! Prometheus' functions and Go's.

use super::*;

#[test]
fn numbers_for_people() {
    all(&[
        ("{{ humanize 0.0 }}", "0"),
        ("{{ humanize 1 }}", "1"),
        ("{{ humanize -0.25 }}", "-250m"),
        ("{{ humanize 999.9 }}", "999.9"),
        ("{{ humanize 999.95 }}", "1000"),
        ("{{ humanize 1000 }}", "1k"),
        ("{{ humanize 1234567.0 }}", "1.235M"),
        ("{{ humanize 999999.5 }}", "1000k"),
        ("{{ humanize 1e24 }}", "1Y"),
        ("{{ humanize 1e27 }}", "1000Y"),
        ("{{ humanize 1e-24 }}", "1y"),
        ("{{ humanize 1e-26 }}", "0.01y"),
        ("{{ humanize 0.00123 }}", "1.23m"),
        ("{{ humanize \"12.5\" }}", "12.5"),
        ("{{ humanize \"NaN\" }}", "NaN"),
        ("{{ humanize \"-Inf\" }}", "-Inf"),
        ("{{ humanize \"1_000\" }}", "1k"),
        ("{{ humanize1024 0.5 }}", "0.5"),
        ("{{ humanize1024 1 }}", "1"),
        ("{{ humanize1024 1023.9 }}", "1024"),
        ("{{ humanize1024 1024 }}", "1ki"),
        ("{{ humanize1024 1048576 }}", "1Mi"),
        ("{{ humanize1024 -90061.5 }}", "-87.95ki"),
        ("{{ humanize1024 1e30 }}", "8.272e+05Yi"),
        ("{{ humanize1024 \"+Inf\" }}", "+Inf"),
        ("{{ humanizePercentage 0.5 }}", "50%"),
        ("{{ humanizePercentage 1 }}", "100%"),
        ("{{ humanizePercentage 0.00123 }}", "0.123%"),
        ("{{ humanizePercentage 1234567.0 }}", "1.235e+08%"),
        ("{{ humanizePercentage -0.25 }}", "-25%"),
        ("{{ humanizePercentage \"NaN\" }}", "NaN%"),
    ]);
}

#[test]
fn stretches_of_time() {
    all(&[
        ("{{ humanizeDuration 0 }}", "0s"),
        ("{{ humanizeDuration 1 }}", "1s"),
        ("{{ humanizeDuration 59.9 }}", "59.9s"),
        ("{{ humanizeDuration 60 }}", "1m 0s"),
        ("{{ humanizeDuration 61.5 }}", "1m 1s"),
        ("{{ humanizeDuration 3599 }}", "59m 59s"),
        ("{{ humanizeDuration 3661.7 }}", "1h 1m 1s"),
        ("{{ humanizeDuration 86400 }}", "1d 0h 0m 0s"),
        ("{{ humanizeDuration 90061 }}", "1d 1h 1m 1s"),
        ("{{ humanizeDuration -90061.5 }}", "-1d 1h 1m 1s"),
        ("{{ humanizeDuration 0.001 }}", "1ms"),
        ("{{ humanizeDuration 0.00123 }}", "1.23ms"),
        ("{{ humanizeDuration 1e-26 }}", "0.01ys"),
        ("{{ humanizeDuration 31536000 }}", "365d 0h 0m 0s"),
        ("{{ humanizeDuration \"Inf\" }}", "+Inf"),
        ("{{ parseDuration \"5m\" }}", "300"),
        ("{{ parseDuration \"1h30m\" }}", "5400"),
        ("{{ parseDuration \"1y2w\" }}", "3.27456e+07"),
        ("{{ parseDuration \"0\" }}", "0"),
        ("{{ (toTime 60).Sub (toTime 0) }}", "1m0s"),
        ("{{ (toTime 3661.5).Sub (toTime 0) }}", "1h1m1.5s"),
        ("{{ (toTime 0.001).Sub (toTime 0) }}", "1ms"),
        ("{{ ((toTime 60).Sub (toTime 0)).Seconds }}", "60"),
    ]);
}

#[test]
fn moments() {
    all(&[
        ("{{ humanizeTimestamp 0 }}", "1970-01-01 00:00:00 +0000 UTC"),
        ("{{ humanizeTimestamp 1435065584.128 }}", "2015-06-23 13:19:44.128 +0000 UTC"),
        ("{{ humanizeTimestamp -1 }}", "1969-12-31 23:59:59 +0000 UTC"),
        ("{{ humanizeTimestamp 0.5 }}", "1970-01-01 00:00:00.5 +0000 UTC"),
        ("{{ humanizeTimestamp 1e-5 }}", "1970-01-01 00:00:00 +0000 UTC"),
        ("{{ humanizeTimestamp \"NaN\" }}", "NaN"),
        ("{{ (toTime 1435065584.128).Year }}", "2015"),
        ("{{ (toTime 1435065584.128).Month }}", "June"),
        ("{{ (toTime 1435065584.128).Day }}", "23"),
        ("{{ (toTime 1435065584.128).Weekday }}", "Tuesday"),
        ("{{ (toTime 1435065584.128).Unix }}", "1435065584"),
        (
            "{{ (toTime 1435065584.128).Format \"2006-01-02T15:04:05Z07:00\" }}",
            "2015-06-23T13:19:44Z",
        ),
        (
            "{{ (toTime 1435065584.128).Format \"Mon Jan _2 15:04:05.000 MST 2006 PM 3 03 06 002\" }}",
            "Tue Jun 23 13:19:44.128 UTC 2015 PM 1 01 15 174",
        ),
        (
            "{{ (toTime 1435065584.128).Format \"02/01/06 3:4:5PM .999 January Monday -0700 Z0700 pm 1 2\" }}",
            "23/06/15 1:19:44PM .128 June Tuesday +0000 Z pm 6 23",
        ),
        (
            "{{ (toTime 1435065584.128).Hour }}:{{ (toTime 1435065584.128).Minute }}:{{ (toTime 1435065584.128).Second }}.{{ (toTime 1435065584.128).YearDay }}",
            "13:19:44.174",
        ),
        ("{{ with toTime 5 }}{{ .Unix }}{{ end }}", "5"),
        ("{{ (toTime 60).Before (toTime 0) }}", "false"),
        ("{{ toTime 1e-5 }}", "1970-01-01 00:00:00 +0000 UTC"),
    ]);
}

#[test]
fn letters_and_hosts() {
    all(&[
        ("{{ title \"foo bar_baz qux-quux\" }}", "Foo Bar_baz Qux-Quux"),
        ("{{ title \"don't x.y a:b\" }}", "Don'T X.Y A:B"),
        ("{{ title \"ÄÖ ßtraße über\" }}", "ÄÖ ßtraße Über"),
        ("{{ toUpper \"foo bar_baz qux-quux\" }}", "FOO BAR_BAZ QUX-QUUX"),
        ("{{ toUpper \"don't x.y a:b\" }}", "DON'T X.Y A:B"),
        ("{{ toUpper \"ÄÖ ßtraße über\" }}", "ÄÖ ßTRAßE ÜBER"),
        ("{{ toLower \"ÄÖ ßtraße über\" }}", "äö ßtraße über"),
        ("{{ stripPort \"web-1.example.com:9100\" }}", "web-1.example.com"),
        ("{{ stripPort \"[::1]:80\" }}", "::1"),
        ("{{ stripPort \"[fe80::1]\" }}", "[fe80::1]"),
        ("{{ stripPort \"10.0.0.1:80\" }}", "10.0.0.1"),
        ("{{ stripPort \"10.0.0.1\" }}", "10.0.0.1"),
        ("{{ stripPort \"host:\" }}", "host"),
        ("{{ stripPort \":80\" }}", ""),
        ("{{ stripPort \"a:b:c\" }}", "a:b:c"),
        ("{{ stripPort \"2001:db8::1\" }}", "2001:db8::1"),
        ("{{ stripPort \"x]y:1\" }}", "x]y:1"),
        ("{{ stripPort \"[2001:db8::1]:9\" }}", "2001:db8::1"),
        ("{{ stripPort \"a.b.c:9\" }}", "a.b.c"),
        ("{{ stripDomain \"web-1.example.com:9100\" }}", "web-1:9100"),
        ("{{ stripDomain \"[::1]:80\" }}", "[::1]:80"),
        ("{{ stripDomain \"[fe80::1]\" }}", "[fe80::1]"),
        ("{{ stripDomain \"10.0.0.1:80\" }}", "10.0.0.1:80"),
        ("{{ stripDomain \"10.0.0.1\" }}", "10.0.0.1"),
        ("{{ stripDomain \"host:\" }}", "host"),
        ("{{ stripDomain \":80\" }}", ":80"),
        ("{{ stripDomain \"a:b:c\" }}", "a:b:c"),
        ("{{ stripDomain \"2001:db8::1\" }}", "2001:db8::1"),
        ("{{ stripDomain \"x]y:1\" }}", "x]y:1"),
        ("{{ stripDomain \"[2001:db8::1]:9\" }}", "[2001:db8::1]:9"),
        ("{{ stripDomain \"a.b.c:9\" }}", "a:9"),
    ]);
}

#[test]
fn escapes_and_links() {
    all(&[
        ("{{ html \"<a href='x'>&\\\"\\\\\" }}", "&lt;a href=&#39;x&#39;&gt;&amp;&#34;\\"),
        ("{{ js \"<a href='x'>&\\\"\\\\\" }}", "\\u003Ca href\\u003D\\'x\\'\\u003E\\u0026\\\"\\\\"),
        ("{{ js \"a b+c/d?e=f&g~h\" }}", "a b+c/d?e\\u003Df\\u0026g~h"),
        ("{{ urlquery \"a b+c/d?e=f&g~h\" }}", "a+b%2Bc%2Fd%3Fe%3Df%26g~h"),
        ("{{ urlquery \"日本語 text\" }}", "%E6%97%A5%E6%9C%AC%E8%AA%9E+text"),
        (
            "{{ graphLink \"a b+c/d?e=f&g~h\" }}",
            "/graph?g0.expr=a+b%2Bc%2Fd%3Fe%3Df%26g~h&g0.tab=0",
        ),
        (
            "{{ tableLink \"日本語 text\" }}",
            "/graph?g0.expr=%E6%97%A5%E6%9C%AC%E8%AA%9E+text&g0.tab=1",
        ),
        ("{{ urlquery \"a b\" \"c\" 1 }}", "a+bc1"),
        ("{{ html \"<\" 1 2 \">\" }}", "&lt;1 2&gt;"),
        ("{{ html nil }}", "&lt;no value&gt;"),
    ]);
}

#[test]
fn patterns_mean_what_they_mean_in_go() {
    all(&[
        ("{{ reReplaceAll \"(.*):.*\" \"$1\" \"web-1.example.com:9100\" }}", "web-1.example.com"),
        ("{{ reReplaceAll \"(.*):.*\" \"$1\" \"a{b}[c] äé x\\n y aab\" }}", "a{b}[c] äé x\n y aab"),
        ("{{ reReplaceAll \"\\\\d+\" \"N\" \"web-1.example.com:9100\" }}", "web-N.example.com:N"),
        ("{{ reReplaceAll \"\\\\d+\" \"N\" \"a{b}[c] äé x\\n y aab\" }}", "a{b}[c] äé x\n y aab"),
        (
            "{{ reReplaceAll \"[[:digit:]]\" \"d\" \"web-1.example.com:9100\" }}",
            "web-d.example.com:dddd",
        ),
        (
            "{{ reReplaceAll \"[[:digit:]]\" \"d\" \"a{b}[c] äé x\\n y aab\" }}",
            "a{b}[c] äé x\n y aab",
        ),
        (
            "{{ reReplaceAll \"\" \"-\" \"web-1.example.com:9100\" }}",
            "-w-e-b---1-.-e-x-a-m-p-l-e-.-c-o-m-:-9-1-0-0-",
        ),
        (
            "{{ reReplaceAll \"\" \"-\" \"a{b}[c] äé x\\n y aab\" }}",
            "-a-{-b-}-[-c-]- -ä-é- -x-\n- -y- -a-a-b-",
        ),
        (
            "{{ reReplaceAll \"x*\" \"-\" \"web-1.example.com:9100\" }}",
            "-w-e-b---1-.-e-a-m-p-l-e-.-c-o-m-:-9-1-0-0-",
        ),
        (
            "{{ reReplaceAll \"x*\" \"-\" \"a{b}[c] äé x\\n y aab\" }}",
            "-a-{-b-}-[-c-]- -ä-é- -\n- -y- -a-a-b-",
        ),
        (
            "{{ reReplaceAll \"(a)|b\" \"[$1]\" \"web-1.example.com:9100\" }}",
            "we[]-1.ex[a]mple.com:9100",
        ),
        (
            "{{ reReplaceAll \"(a)|b\" \"[$1]\" \"a{b}[c] äé x\\n y aab\" }}",
            "[a]{[]}[c] äé x\n y [a][a][]",
        ),
        (
            "{{ reReplaceAll \"\\\\bexample\\\\b\" \"E\" \"web-1.example.com:9100\" }}",
            "web-1.E.com:9100",
        ),
        (
            "{{ reReplaceAll \"\\\\bexample\\\\b\" \"E\" \"a{b}[c] äé x\\n y aab\" }}",
            "a{b}[c] äé x\n y aab",
        ),
        ("{{ reReplaceAll \"{\" \"x\" \"web-1.example.com:9100\" }}", "web-1.example.com:9100"),
        ("{{ reReplaceAll \"{\" \"x\" \"a{b}[c] äé x\\n y aab\" }}", "axb}[c] äé x\n y aab"),
        ("{{ reReplaceAll \"a{\" \"x\" \"web-1.example.com:9100\" }}", "web-1.example.com:9100"),
        ("{{ reReplaceAll \"a{\" \"x\" \"a{b}[c] äé x\\n y aab\" }}", "xb}[c] äé x\n y aab"),
        (
            "{{ reReplaceAll \"\\\\Qe.c\\\\E\" \"Q\" \"web-1.example.com:9100\" }}",
            "web-1.examplQom:9100",
        ),
        (
            "{{ reReplaceAll \"\\\\Qe.c\\\\E\" \"Q\" \"a{b}[c] äé x\\n y aab\" }}",
            "a{b}[c] äé x\n y aab",
        ),
        ("{{ reReplaceAll \"[[]\" \"x\" \"web-1.example.com:9100\" }}", "web-1.example.com:9100"),
        ("{{ reReplaceAll \"[[]\" \"x\" \"a{b}[c] äé x\\n y aab\" }}", "a{b}xc] äé x\n y aab"),
        ("{{ reReplaceAll \"[]]\" \"x\" \"web-1.example.com:9100\" }}", "web-1.example.com:9100"),
        ("{{ reReplaceAll \"[]]\" \"x\" \"a{b}[c] äé x\\n y aab\" }}", "a{b}[cx äé x\n y aab"),
        (
            "{{ reReplaceAll \"[a&&b]\" \"x\" \"web-1.example.com:9100\" }}",
            "wex-1.exxmple.com:9100",
        ),
        ("{{ reReplaceAll \"[a&&b]\" \"x\" \"a{b}[c] äé x\\n y aab\" }}", "x{x}[c] äé x\n y xxx"),
        ("{{ reReplaceAll \"[\\\\w.]+\" \"w\" \"web-1.example.com:9100\" }}", "w-w:w"),
        ("{{ reReplaceAll \"[\\\\w.]+\" \"w\" \"a{b}[c] äé x\\n y aab\" }}", "w{w}[w] äé w\n w w"),
        (
            "{{ reReplaceAll \"[^\\\\d]\" \"n\" \"web-1.example.com:9100\" }}",
            "nnnn1nnnnnnnnnnnnn9100",
        ),
        ("{{ reReplaceAll \"[^\\\\d]\" \"n\" \"a{b}[c] äé x\\n y aab\" }}", "nnnnnnnnnnnnnnnnnnn"),
        ("{{ reReplaceAll \"\\\\W\" \"_\" \"web-1.example.com:9100\" }}", "web_1_example_com_9100"),
        ("{{ reReplaceAll \"\\\\W\" \"_\" \"a{b}[c] äé x\\n y aab\" }}", "a_b__c_____x__y_aab"),
        ("{{ reReplaceAll \"(?i)EXAMPLE\" \"i\" \"web-1.example.com:9100\" }}", "web-1.i.com:9100"),
        (
            "{{ reReplaceAll \"(?i)EXAMPLE\" \"i\" \"a{b}[c] äé x\\n y aab\" }}",
            "a{b}[c] äé x\n y aab",
        ),
        ("{{ reReplaceAll \"$\" \"E\" \"web-1.example.com:9100\" }}", "web-1.example.com:9100E"),
        ("{{ reReplaceAll \"$\" \"E\" \"a{b}[c] äé x\\n y aab\" }}", "a{b}[c] äé x\n y aabE"),
        (
            "{{ reReplaceAll \"\\\\p{Greek}\" \"g\" \"web-1.example.com:9100\" }}",
            "web-1.example.com:9100",
        ),
        (
            "{{ reReplaceAll \"\\\\p{Greek}\" \"g\" \"a{b}[c] äé x\\n y aab\" }}",
            "a{b}[c] äé x\n y aab",
        ),
        (
            "{{ reReplaceAll \"\\\\145\" \"o\" \"web-1.example.com:9100\" }}",
            "wob-1.oxamplo.com:9100",
        ),
        ("{{ reReplaceAll \"\\\\145\" \"o\" \"a{b}[c] äé x\\n y aab\" }}", "a{b}[c] äé x\n y aab"),
        ("{{ reReplaceAll \"[+--]\" \"m\" \"web-1.example.com:9100\" }}", "webm1.example.com:9100"),
        ("{{ reReplaceAll \"[+--]\" \"m\" \"a{b}[c] äé x\\n y aab\" }}", "a{b}[c] äé x\n y aab"),
        (
            "{{ reReplaceAll \"(?U)e+\" \"u\" \"web-1.example.com:9100\" }}",
            "wub-1.uxamplu.com:9100",
        ),
        ("{{ reReplaceAll \"(?U)e+\" \"u\" \"a{b}[c] äé x\\n y aab\" }}", "a{b}[c] äé x\n y aab"),
        ("{{ reReplaceAll \"\\\\-1\" \"u\" \"web-1.example.com:9100\" }}", "webu.example.com:9100"),
        ("{{ reReplaceAll \"\\\\-1\" \"u\" \"a{b}[c] äé x\\n y aab\" }}", "a{b}[c] äé x\n y aab"),
        (
            "{{ reReplaceAll \"[^\\\\W]\" \"u\" \"web-1.example.com:9100\" }}",
            "uuu-u.uuuuuuu.uuu:uuuu",
        ),
        ("{{ reReplaceAll \"[^\\\\W]\" \"u\" \"a{b}[c] äé x\\n y aab\" }}", "u{u}[u] äé u\n u uuu"),
        (
            "{{ reReplaceAll \"(?P<h>[^.]+)\\\\..*\" \"${h}x\" \"web-1.example.com:9100\" }}",
            "web-1x",
        ),
        ("{{ reReplaceAll \"(?P<h>[^.]+)\\\\..*\" \"$hx\" \"web-1.example.com:9100\" }}", ""),
        (
            "{{ reReplaceAll \"\\\\.\" \"$$\" \"web-1.example.com:9100\" }}",
            "web-1$example$com:9100",
        ),
        ("{{ reReplaceAll \"\\\\.\" \"$\" \"web-1.example.com:9100\" }}", "web-1$example$com:9100"),
        (
            "{{ reReplaceAll \"\\\\.\" \"${\" \"web-1.example.com:9100\" }}",
            "web-1${example${com:9100",
        ),
        (
            "{{ reReplaceAll \"\\\\.\" \"${1\" \"web-1.example.com:9100\" }}",
            "web-1${1example${1com:9100",
        ),
        (
            "{{ reReplaceAll \"\\\\.\" \"$1.\" \"web-1.example.com:9100\" }}",
            "web-1.example.com:9100",
        ),
    ]);
}

#[test]
fn matches_are_not_anchored() {
    all(&[
        ("{{ match \"\\\\d+\" \"web-1.example.com:9100\" }}", "true"),
        ("{{ match \"^\" \"\" }}", "true"),
        ("{{ match \"x*\" \"\" }}", "true"),
        ("{{ match \"\\\\pL+\" \"\" }}", "false"),
    ]);
}

#[test]
fn comparisons() {
    all(&[
        ("{{ eq \"a\" \"b\" }}", "false"),
        ("{{ eq \"b\" \"b\" }}", "true"),
        ("{{ eq \"b\" nil }}", "false"),
        ("{{ eq $value nil }}", "false"),
        ("{{ eq (parseDuration \"1s\") 2.0 }}", "false"),
        ("{{ eq -1 1 }}", "false"),
        ("{{ eq -1 2 }}", "false"),
        ("{{ eq 1.0 $value }}", "false"),
        ("{{ eq 1.0 (parseDuration \"1s\") }}", "true"),
        ("{{ eq 2.0 nil }}", "false"),
        ("{{ eq false nil }}", "false"),
        ("{{ eq false true }}", "false"),
        ("{{ eq nil \"b\" }}", "false"),
        ("{{ eq nil -1 }}", "false"),
        ("{{ eq nil 1.0 }}", "false"),
        ("{{ eq nil 2.0 }}", "false"),
        ("{{ ge \"a\" \"a\" }}", "true"),
        ("{{ ge \"b\" \"b\" }}", "true"),
        ("{{ ge -1 1 }}", "false"),
        ("{{ ge 2.0 1.0 }}", "true"),
        ("{{ gt \"a\" $labels.job }}", "false"),
        ("{{ gt $labels.job \"a\" }}", "true"),
        ("{{ gt $value 2.0 }}", "true"),
        ("{{ gt 2 2 }}", "false"),
        ("{{ gt 2.0 (parseDuration \"1s\") }}", "true"),
        ("{{ le $value (parseDuration \"1s\") }}", "false"),
        ("{{ le 1 2 }}", "true"),
        ("{{ lt \"a\" \"a\" }}", "false"),
        ("{{ lt \"b\" \"a\" }}", "false"),
        ("{{ lt \"b\" $labels.job }}", "true"),
        ("{{ lt (parseDuration \"1s\") 1.0 }}", "false"),
        ("{{ lt (parseDuration \"1s\") 2.0 }}", "true"),
        ("{{ lt 2.0 $value }}", "true"),
        ("{{ lt 2.0 2.0 }}", "false"),
        ("{{ ne 1.0 (parseDuration \"1s\") }}", "false"),
        ("{{ ne 1.0 2.0 }}", "true"),
        ("{{ ne nil \"a\" }}", "true"),
        ("{{ ne nil $labels }}", "true"),
        ("{{ ne nil $labels.job }}", "true"),
        ("{{ ne nil -1 }}", "true"),
        ("{{ eq 1 2 1 }}", "true"),
        ("{{ eq 1 2 3 }}", "false"),
        ("{{ eq 1 1 \"a\" }}", "true"),
    ]);
}

#[test]
fn elements() {
    all(&[
        ("{{ index $labels \"job\" }}", "node"),
        ("{{ index $labels \"nope\" }}|", "|"),
        ("{{ index \"abc\" 1 }}", "98"),
        ("{{ (index (query \"up\" | sortByLabel \"n\") 0).Value }}", "1"),
        ("{{ slice \"abcdef\" 1 3 }}", "bc"),
        ("{{ slice \"abcdef\" 1 }}", "bcdef"),
        ("{{ slice (query \"up\" | sortByLabel \"n\") 1 2 | first | label \"n\" }}", "10"),
        ("{{ slice (query \"up\") 0 1 2 | len }}", "1"),
        ("{{ len (query \"up\") }}", "3"),
        ("{{ range $k, $v := args 1 \"b\" }}{{ $k }}={{ $v }};{{ end }}", "arg0=1;arg1=b;"),
        ("{{ args 1 \"a\" 2.5 }}", "map[arg0:1 arg1:a arg2:2.5]"),
    ]);
}

#[test]
fn what_only_the_data_knows() {
    all(&[
        ("{{ externalURL }} {{ pathPrefix }}", "https://mon.example.com/watch?x=1 /watch"),
        ("{{ now }} {{ now | toTime }}", "90.5 1970-01-01 00:01:30.5 +0000 UTC"),
        ("{{ toDuration 90.5 }} {{ (toDuration 3600).Hours }}", "1m30.5s 1"),
        ("{{ safeHtml \"<b>\" }}{{ urlQueryEscape \"a b\" }}", "<b>a+b"),
    ]);
}

#[test]
fn nan_is_greater_than_all_as_in_go() {
    let text = "{{ gt $value 1.0 }} {{ ge $value 1.0 }} {{ lt $value 1.0 }} {{ eq $value $value }}";
    let template = Template::parse(text).unwrap();
    let text = template.expand(&alert(f64::NAN), &super::super::NoQueries, &Limits::default());
    assert_eq!(text.as_deref(), Ok("true true false false"));
}
