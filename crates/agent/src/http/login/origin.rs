use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::http::reply::{self, Refusal};

const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Turns away a request that a browser sent for another site's page. A page
/// cannot read the answers here, but it could use up the tries of its visitor's
/// address. Programs send none of these headers.
pub(in crate::http) fn check(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
    // `none` is a person who typed the address (Fetch Metadata, section 2.4).
    let own_site = sites.all(|site| site == "none" || site == "same-origin");
    let host = headers.get(header::HOST).and_then(authority);
    let own_origin = |origin: &HeaderValue| {
        let page = page(origin);
        page.is_some_and(|page| host.as_ref().is_some_and(|host| same(&page, host)))
    };
    if own_site && headers.get_all(header::ORIGIN).iter().all(own_origin) {
        return Ok(());
    }
    let words = "a page of another site cannot log in here: open /login itself";
    Err(reply::message(StatusCode::FORBIDDEN, words).into())
}

fn authority(value: &HeaderValue) -> Option<Authority> {
    value.to_str().ok()?.parse().ok()
}

/// The authority of an origin: `null` and what is no web page have none.
fn page(origin: &HeaderValue) -> Option<Authority> {
    let origin = origin.to_str().ok()?;
    let page = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))?;
    page.parse().ok()
}

fn same(page: &Authority, host: &Authority) -> bool {
    page.as_str().eq_ignore_ascii_case(host.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(pairs: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().expect("a value"));
        }
        headers.append("host", HeaderValue::from_static("web-1:5000"));
        check(&headers).is_ok()
    }

    #[test]
    fn programs_and_own_pages_pass() {
        assert!(passes(&[]));
        for site in ["none", "same-origin"] {
            assert!(passes(&[("sec-fetch-site", site)]), "{site}");
        }
        for origin in ["http://web-1:5000", "https://WEB-1:5000"] {
            assert!(passes(&[("origin", origin), ("sec-fetch-site", "same-origin")]), "{origin}");
        }
    }

    #[test]
    fn pages_of_others_do_not() {
        for site in ["cross-site", "same-site", "", "None", "same-origin, cross-site"] {
            assert!(!passes(&[("sec-fetch-site", site)]), "{site}");
        }
        let foreign = [
            "http://evil.test",
            "http://evil.test:5000",
            "http://web-1",
            "http://web-1:5001",
            "http://web-1:5000.evil.test",
            "http://web-1:5000@evil.test",
            "null",
            "",
            "web-1:5000",
            "file://web-1:5000",
        ];
        for origin in foreign {
            assert!(!passes(&[("origin", origin)]), "{origin}");
        }
        let own = ("origin", "http://web-1:5000");
        assert!(!passes(&[own, ("origin", "http://evil.test")]));
        assert!(!passes(&[own, ("sec-fetch-site", "cross-site")]));
        assert!(!passes(&[("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")]));
    }
}
