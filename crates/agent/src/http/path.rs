use axum::http::Uri;
use axum::http::uri::PathAndQuery;

/// The target with single slashes and none at the end, as the first system
/// took it: `//processlist/?token=` is `/processlist?token=`. Scheme and
/// authority are dropped. Nothing is decoded, so no other path can become one
/// of ours.
pub(super) fn normal(uri: &Uri) -> Uri {
    let mut target = String::with_capacity(uri.path().len() + 1);
    for segment in uri.path().split('/').filter(|segment| !segment.is_empty()) {
        target.push('/');
        target.push_str(segment);
    }
    if target.is_empty() {
        target.push('/');
    }
    if let Some(query) = uri.query() {
        target.push('?');
        target.push_str(query);
    }
    // The pieces come from a valid target; should that not hold, `/` is no route of ours.
    target.parse::<PathAndQuery>().map_or_else(|_| Uri::from_static("/"), Uri::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_do_not_matter() {
        let cases = [
            ("/stats", "/stats"),
            ("/stats/", "/stats"),
            ("//processlist/?token=a/b//c", "/processlist?token=a/b//c"),
            ("///", "/"),
            ("/", "/"),
            ("/?x", "/?x"),
            ("/a//b///c/", "/a/b/c"),
            ("/%2fstats", "/%2fstats"),
            ("/x/../stats", "/x/../stats"),
            ("http://h:1//stats//?a", "/stats?a"),
        ];
        for (from, to) in cases {
            let uri: Uri = from.parse().expect(from);
            assert_eq!(normal(&uri).to_string(), to, "{from}");
        }
        assert_eq!(normal(&Uri::from_static("*")).to_string(), "/*");
    }
}
