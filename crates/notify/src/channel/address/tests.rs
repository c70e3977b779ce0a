use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Address {
    Address::parse(text).expect(text)
}

#[test]
fn a_url_has_parts() {
    let url = parse("NTFYS://ada:p%40ss@Chat.Example:8443/a//b%2Fc/?Priority=high&to=+49,%2B1&x");
    assert_eq!(url.scheme, "ntfys");
    assert_eq!((url.user.as_deref(), url.password.as_deref()), (Some("ada"), Some("p@ss")));
    assert_eq!((url.host.as_str(), url.port), ("Chat.Example", Some(8443)));
    assert_eq!(url.path, ["a", "b/c"]);
    assert_eq!(url.query("priority"), Some("high"));
    assert_eq!((url.query("x"), url.query("to")), (None, Some("+49,+1")));
    assert_eq!(url.origin(true).unwrap(), "https://Chat.Example:8443");
    assert_eq!(url.targets(1), ["b/c", "+49", "+1"]);
}

#[test]
fn a_token_may_stand_where_a_host_does() {
    let url = parse("tgram://123456789:AAabc_-d/-100/#ops");
    assert_eq!((url.authority.as_str(), url.port), ("123456789:AAabc_-d", None));
    assert_eq!(url.path, ["-100", "#ops"]);
    assert_eq!(parse("gotify://[::1]:80/t").origin(false).unwrap(), "http://[::1]:80");
    assert_eq!(parse("gotify://[::1]/t").origin(true).unwrap(), "https://[::1]");
    for no_host in ["gotify:///t", "gotify://a%20b/t", "gotify://a:0/t", "gotify://::1/t"] {
        assert!(parse(no_host).origin(true).is_err(), "{no_host}");
    }
}

#[test]
fn what_cannot_be_a_url_is_refused_without_its_text() {
    let long = format!("ntfy://HUNTER2{}", "x".repeat(5000));
    for bad in [
        "ntfy:HUNTER2",
        "ntfy://HUNTER2 x",
        "ntfy://HUNTER2\r\nHost: x",
        "ntfy://HUNTER2%0d%0aHost:%20x/t",
        "ntfy://x/t?a=HUNTER2%00",
        "ntfy://HUNTER2%ff",
        &long,
    ] {
        let why = Address::parse(bad).unwrap_err();
        assert!(!why.contains("HUNTER2"), "{why}");
    }
    assert_eq!(format!("{:?}", parse("ntfy://HUNTER2/HUNTER2")), "Address(ntfy:…)");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,40}", path in "[a-z:/?#@%\\[\\]0-9=&.]{0,40}") {
        let _ = Address::parse(&text);
        if let Ok(url) = Address::parse(&format!("ntfy://{path}")) {
            let _ = url.origin(true);
            for target in url.targets(0) {
                let one = Address::parse(&url.with_target(0, &target)).expect("it is a URL again");
                prop_assert_eq!(one.targets(0), vec![target]);
                prop_assert_eq!((&one.host, &one.user), (&url.host, &url.user));
            }
        }
    }

    #[test]
    fn what_is_encoded_is_one_segment(text in "[^\\pC]{1,40}") {
        let url = parse(&format!("ntfy://h/{}?a={}", percent_encoded(&text), percent_encoded(&text)));
        prop_assert_eq!(&url.path, &vec![text.clone()]);
        prop_assert_eq!(url.query("a"), Some(text.as_str()));
    }
}
