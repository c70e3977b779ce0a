use super::{Encoding, Format};

/// At most this many alternatives of a header are looked at.
const MAX_ALTERNATIVES: usize = 32;

/// A quality in thousandths; 0 means that it is not wanted.
type Quality = u16;

const BEST: Quality = 1000;

/// The format that the other side likes best, from the values of `Accept`.
///
/// Of equally liked ones the one that is named more exactly comes first, then
/// the one that is named earlier. What is not understood or not there is
/// passed over; the text format is what everybody else gets.
#[must_use]
pub fn negotiate(accept: Option<&str>) -> Format {
    let mut best: Option<(Quality, u8, Format)> = None;
    for alternative in alternatives(accept) {
        let Some((format, exact)) = format_of(&alternative) else { continue };
        let rank = (alternative.quality, exact);
        if rank.0 > 0 && best.is_none_or(|(quality, exact, _)| rank > (quality, exact)) {
            best = Some((rank.0, rank.1, format));
        }
    }
    best.map_or(Format::default(), |(.., format)| format)
}

/// The encoding that the other side likes best, from the values of
/// `Accept-Encoding`: of equally liked ones the one that costs least. Without
/// the header, and when all that is there is refused, the text stays as it is.
#[must_use]
pub fn encoding(accept: Option<&str>) -> Encoding {
    let mut best = (0, Encoding::Identity);
    // The one that costs least comes first.
    for candidate in [Encoding::Zstd, Encoding::Gzip] {
        let quality = quality_of(candidate, accept);
        if quality > best.0 {
            best = (quality, candidate);
        }
    }
    let plain = named_quality(Encoding::Identity, accept);
    // Whoever does not speak of it takes it, and likes better what he speaks of.
    if plain.is_some_and(|plain| plain > best.0) { Encoding::Identity } else { best.1 }
}

/// How much an encoding is liked, by its own name or by `*`.
fn quality_of(encoding: Encoding, accept: Option<&str>) -> Quality {
    let any = || alternatives(accept).find(|one| one.name == "*").map(|one| one.quality);
    named_quality(encoding, accept).or_else(any).unwrap_or(0)
}

fn named_quality(encoding: Encoding, accept: Option<&str>) -> Option<Quality> {
    let is_meant = |name: &str| {
        let old_name = encoding == Encoding::Gzip && name.eq_ignore_ascii_case("x-gzip");
        old_name || name.eq_ignore_ascii_case(encoding.as_str())
    };
    alternatives(accept).find(|one| is_meant(one.name)).map(|one| one.quality)
}

/// The format that a media range asks for, and how exactly it does.
fn format_of(alternative: &Alternative<'_>) -> Option<(Format, u8)> {
    let name = alternative.name.to_ascii_lowercase();
    let (format, version) = match name.as_str() {
        "application/openmetrics-text" => (Format::OpenMetrics, "1.0.0"),
        "text/plain" => (Format::Text, "0.0.4"),
        "application/*" => return Some((Format::OpenMetrics, 1)),
        "text/*" => return Some((Format::Text, 1)),
        "*/*" => return Some((Format::Text, 0)),
        _ => return None,
    };
    match alternative.version {
        None => Some((format, 2)),
        Some(asked) => (asked == version).then_some((format, 3)),
    }
}

/// One of the things that a header lists.
#[derive(Debug, Clone, Copy)]
struct Alternative<'a> {
    name: &'a str,
    version: Option<&'a str>,
    quality: Quality,
}

fn alternatives(header: Option<&str>) -> impl Iterator<Item = Alternative<'_>> {
    header.unwrap_or("").split(',').take(MAX_ALTERNATIVES).filter_map(alternative)
}

fn alternative(text: &str) -> Option<Alternative<'_>> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let mut alternative = Alternative { name, version: None, quality: BEST };
    for part in parts {
        let Some((key, value)) = part.split_once('=') else { continue };
        match key.trim() {
            "q" | "Q" => alternative.quality = quality(value.trim())?,
            key if key.eq_ignore_ascii_case("version") => {
                alternative.version = Some(value.trim().trim_matches('"'));
            }
            _ => {}
        }
    }
    Some(alternative)
}

/// `0`, `0.5`, `1.000`: from 0 to 1 with at most three decimals (RFC 9110, 12.4.2).
fn quality(text: &str) -> Option<Quality> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: Quality = format!("{decimals:0<3}").parse().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(BEST),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use Encoding::{Gzip, Identity, Zstd};
    use Format::{OpenMetrics, Text};

    #[test]
    fn a_scraper_gets_the_format_that_it_likes_best() {
        let cases = [
            // Prometheus 2, with and without its switch for OpenMetrics, and 3.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;\
                 version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OpenMetrics,
            ),
            ("text/plain;version=0.0.4;q=1,*/*;q=0.1", Text),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                 application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;\
                 escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                OpenMetrics,
            ),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
                 encoding=delimited;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                Text,
            ),
            // The old OpenMetrics is another format, so its speaker gets the text.
            ("application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5", Text),
            ("application/openmetrics-text", OpenMetrics),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\"", OpenMetrics),
            ("application/openmetrics-text;version=1.0.0;q=0.3,text/plain;q=0.5", Text),
            ("application/openmetrics-text;version=1.0.0;q=0,*/*", Text),
            ("text/plain;version=1.0.0", Text),
            ("*/*", Text),
            ("application/openmetrics-text, */*", OpenMetrics),
            ("*/*, application/openmetrics-text", OpenMetrics),
            ("text/plain;q=0.5, text/*", Text),
            ("application/*;q=0.9, text/plain;q=0.5", OpenMetrics),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Text),
            ("application/json", Text),
            ("application/openmetrics-text;q=2", Text),
            ("application/openmetrics-text;q=x, text/plain;q=0.001", Text),
            ("application/openmetrics-text;q", OpenMetrics),
            (",;,=,q=1,;q=1", Text),
            ("", Text),
        ];
        for (accept, format) in cases {
            assert_eq!(negotiate(Some(accept)), format, "{accept}");
        }
        assert_eq!(negotiate(None), Text);
    }

    #[test]
    fn the_encoding_is_one_that_is_taken() {
        let cases = [
            ("gzip", Gzip),
            ("GZIP", Gzip),
            ("x-gzip", Gzip),
            ("zstd", Zstd),
            ("gzip, deflate, br, zstd", Zstd),
            ("gzip;q=1, zstd;q=0.5", Gzip),
            ("gzip;q=0, zstd;q=0", Identity),
            ("gzip;q=0.2, identity;q=0.5", Identity),
            ("gzip;q=0.5, identity;q=0.5", Gzip),
            ("identity", Identity),
            ("identity;q=0", Identity),
            ("identity;q=0, gzip", Gzip),
            ("identity;q=0, *", Zstd),
            ("*", Zstd),
            ("*;q=0", Identity),
            ("zstd;q=0, *;q=0.5", Gzip),
            ("gzip;q=0.001", Gzip),
            ("gzip;q=0.0001", Identity),
            ("gzip;q=1.001", Identity),
            ("gzip;q=", Identity),
            ("gzip;q=-1", Identity),
            ("gzip ; q=0.5 , , zstd ;q=0.4", Gzip),
            ("gzipp", Identity),
            ("deflate, br", Identity),
            (";;,,==", Identity),
            ("", Identity),
        ];
        for (accept, expected) in cases {
            assert_eq!(encoding(Some(accept)), expected, "{accept}");
        }
        assert_eq!(encoding(None), Identity);
    }

    #[test]
    fn a_flood_of_alternatives_is_not_read_to_its_end() {
        let flood = "a/b,".repeat(MAX_ALTERNATIVES);
        assert_eq!(negotiate(Some(&format!("{flood}application/openmetrics-text"))), Text);
        assert_eq!(encoding(Some(&format!("{flood}gzip"))), Identity);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_stumble(header in "[a-z0-9*/;,=. \"-]{0,80}|\\PC{0,40}") {
            let _ = negotiate(Some(&header));
            let chosen = encoding(Some(&header));
            let named = header.to_ascii_lowercase();
            prop_assert!(
                chosen == Identity || named.contains(chosen.as_str()) || named.contains('*')
            );
        }
    }
}
