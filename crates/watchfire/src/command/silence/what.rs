//! What is to be muted, as people type it.

use anyhow::{Context, bail};
use watchfire_model::{MatchOp, Matcher, Selector, ServerName};

/// The longer ones first: `=~` begins with `=`.
const OPERATORS: [MatchOp; 4] =
    [MatchOp::Matches, MatchOp::NotMatches, MatchOp::NotEqual, MatchOp::Equal];

/// The matchers that all these words make, in one line: `web-1` is `server="web-1"`, and a value
/// needs no quotes where a shell took them away.
pub(super) fn matchers(words: &[String]) -> anyhow::Result<String> {
    let read: anyhow::Result<Vec<String>> = words.iter().map(|word| matcher(word.trim())).collect();
    Ok(read?.join(","))
}

fn matcher(word: &str) -> anyhow::Result<String> {
    let hint = "a server's name as in web-1, or a matcher as in role=\"web\"";
    if let Ok(selector) = Selector::parse(word)
        && !selector.matchers().is_empty()
    {
        return Ok(selector
            .matchers()
            .iter()
            .map(Matcher::to_string)
            .collect::<Vec<_>>()
            .join(","));
    }
    let Some(at) = word.find(['=', '!']) else {
        let name = ServerName::new(word).with_context(|| format!("{word:?}: write {hint}"))?;
        return Ok(format!("server=\"{name}\""));
    };
    let (label, rest) = word.split_at(at);
    let found = OPERATORS.into_iter().find_map(|op| Some((op, rest.strip_prefix(op.as_str())?)));
    let Some((op, value)) = found else { bail!("{word:?}: write {hint}") };
    if value.starts_with(['"', '\'']) {
        bail!("{word:?}: the quotes of this value do not fit; write {hint}");
    }
    let matcher = Matcher::new(label.trim(), op, value)
        .map_err(|why| anyhow::anyhow!("{word:?}: {value:?} is no regular expression: {why}"))?;
    let text = matcher.to_string();
    Selector::parse(&text).with_context(|| format!("{word:?}: write {hint}"))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> anyhow::Result<String> {
        matchers(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn servers_and_matchers_are_read_with_quotes_and_without() {
        for (words, expected) in [
            (&["web-1"][..], r#"server="web-1""#),
            (&["role=web"], r#"role="web""#),
            (&[r#"role="web""#, "site=~fra|ams"], r#"role="web",site=~"fra|ams""#),
            (&["role!=web", "site!~f.*"], r#"role!="web",site!~"f.*""#),
            (&[r#"role="web",site="fra""#], r#"role="web",site="fra""#),
            (&[r#"path=a"b\c"#], r#"path="a\"b\\c""#),
            (&["expr=a=b"], r#"expr="a=b""#),
        ] {
            assert_eq!(read(words).expect("good words"), expected, "{words:?}");
        }
    }

    #[test]
    fn what_is_neither_gets_an_example() {
        for word in ["", "*", "web 1", "=x", "1a=x", "a!x", r#"a="x"#] {
            let error = format!("{:#}", read(&[word]).expect_err(word));
            assert!(error.contains("web-1"), "{word}: {error}");
        }
        assert!(read(&["a=~("]).expect_err("none").to_string().contains("regular expression"));
    }
}
