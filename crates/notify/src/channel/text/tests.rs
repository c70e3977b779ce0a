use super::*;
use crate::testing::{content, outgoing};
use proptest::prelude::*;

fn with<T>(subject: &str, text: &str, look: impl Fn(&Outgoing<'_>) -> T) -> T {
    look(&outgoing(&content(subject, text)))
}

fn all(text: &str, escape: Escape) -> String {
    cut(text, Limit::Units(usize::MAX), "", escape)
}

#[test]
fn signature_and_link_are_taken_off() {
    let text = "a\n  b\n\nhttps://hub.example.org/#/incidents?a=1&b=2\n\n-- \nSent by Watchfire.\n";
    let words = with("s", text, |message| plain(message, Limit::Units(1000)));
    assert_eq!((words.subject.as_str(), words.text.as_str()), ("s", "a\n  b"));
    assert_eq!(words.link.as_deref(), Some("https://hub.example.org/#/incidents?a=1&b=2"));
    assert_eq!(words.joined(), "s\n\na\n  b\nhttps://hub.example.org/#/incidents?a=1&b=2");
    for no_link in ["a\nhttps://x\"y", "a\njavascript:x", "a\nhttps://", "a\nhttps://a b", "a"] {
        let words = with("s", no_link, |message| plain(message, Limit::Units(1000)));
        assert_eq!((words.link, words.text.as_str()), (None, no_link));
    }
    let bare = with("s", "", |message| plain(message, Limit::Units(100)));
    assert_eq!((bare.joined(), bare.below_title()), ("s".to_owned(), "s".to_owned()));
}

#[test]
fn a_long_text_is_cut_and_says_so() {
    let long = "ä".repeat(10_000);
    let words = with(&long, &long, |message| plain(message, Limit::Units(1024)));
    assert!(words.text.ends_with(CUT) && words.subject.ends_with('…'));
    assert_eq!(cut("abcdef", Limit::Units(4), "…", as_is), "abc…");
    assert_eq!(cut("abcd", Limit::Units(4), "…", as_is), "abcd");
    assert_eq!(cut("&&&", Limit::Units(11), "…", html), "&amp;&amp;…");
    assert_eq!(cut("🔥🔥🔥", Limit::Units(5), "…", as_is), "🔥🔥…");
    assert_eq!(cut("äää", Limit::Bytes(5), "…", as_is), "ä…");
    assert_eq!(cut("ab", Limit::Units(0), "…", as_is), "");
}

#[test]
fn nothing_acts_after_escaping() {
    assert_eq!(
        all("<!channel> <@U1> a&b @here", slack),
        "&lt;!channel&gt; &lt;@\u{200b}U1&gt; a&amp;b @\u{200b}here"
    );
    assert_eq!(all("<a href=\"x\">'", html), "&lt;a href=&quot;x&quot;&gt;&#39;");
    assert_eq!(all("[x](http://e)", discord), "[x]\u{200b}(http://e)");
    assert_eq!(all("<@1> ||s|| :a:", discord), "\\<@\u{200b}1\\> \\|\\|s\\|\\| :a:");
    assert_eq!(all("```\n@all", fenced), "`\u{200b}`\u{200b}`\u{200b}\n@\u{200b}all");
}

/// Text as an attacker would write it.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("@everyone".to_owned()),
        Just("@here".to_owned()),
        Just("<!channel>".to_owned()),
        Just("<@U1|x>".to_owned()),
        Just("<users/all>".to_owned()),
        Just("[x](http://evil)".to_owned()),
        Just("<http://evil|x>".to_owned()),
        Just("<a href='x'>".to_owned()),
        Just("```".to_owned()),
        Just("~~~".to_owned()),
        Just("\\".to_owned()),
        Just("**".to_owned()),
        Just("\r\n".to_owned()),
        Just("\u{202e}".to_owned()),
        "\\PC{0,8}",
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// True when some character of `acting` stands without a backslash of its own before it.
fn acts(text: &str, acting: &str) -> bool {
    let mut escaped = false;
    text.chars().any(|c| {
        let free = !escaped && acting.contains(c) && c != '\\';
        escaped = !escaped && c == '\\';
        free
    })
}

proptest! {
    #[test]
    fn no_mention_link_or_markup_comes_out(text in hostile()) {
        for escape in [html, slack, discord, fenced, broken] as [Escape; 5] {
            let out = all(&text, escape);
            let mentions = out.match_indices('@').all(|(at, _)| out[at + 1..].starts_with(BREAK));
            prop_assert!(mentions, "{}", out);
        }
        let html_out = all(&text, html);
        prop_assert!(!html_out.contains(['<', '>', '"', '\'']), "{}", html_out);
        let slack_out = all(&text, slack);
        prop_assert!(!slack_out.contains(['<', '>']), "{}", slack_out);
        let title = all(&text, discord);
        prop_assert!(!acts(&title, "`*_<>#|~") && !title.contains("]("), "{}", title);
        let code = all(&text, fenced);
        prop_assert!(!code.contains("``") && !code.contains("~~"), "{}", code);
        let line = all(&text, broken);
        prop_assert!(!line.contains("](") && !line.contains("<!") && !line.contains("``"));
    }

    #[test]
    fn words_stay_within_their_limit(subject in hostile(), text in hostile(), limit in 200_usize..900) {
        for escape in [as_is, html, slack, discord, fenced, broken] as [Escape; 6] {
            for limit in [Limit::Units(limit), Limit::Bytes(limit)] {
                let words = with(&subject, &text.repeat(9), |message| escaped(message, limit, escape));
                prop_assert!(limit.size(&words.joined()) <= limit.room());
                let one_line = !words.subject.contains(['\n', '\r', '\u{202e}']);
                let clean = !words.text.contains(['\r', '\u{202e}']);
                prop_assert!(one_line && clean);
            }
        }
    }
}
