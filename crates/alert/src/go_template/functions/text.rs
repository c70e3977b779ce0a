//! Texts: letters, patterns, hosts.

use super::{Function, Kind, plain, text_of};
use crate::go_template::regex;
use crate::go_template::value::Value;

const ONE: &[Kind] = &[Kind::Text];

pub(super) static FUNCTIONS: [Function; 8] = [
    plain("title", ONE, |context, given| context.text(&title(text_of(&given[0])))),
    plain("toUpper", ONE, |context, given| {
        context.text(&text_of(&given[0]).chars().map(upper).collect::<String>())
    }),
    plain("toLower", ONE, |context, given| {
        context.text(&text_of(&given[0]).chars().map(lower).collect::<String>())
    }),
    plain("stripPort", ONE, |context, given| {
        let text = text_of(&given[0]);
        context.text(host_and_port(text).map_or(text, |(host, _)| host))
    }),
    plain("stripDomain", ONE, |context, given| context.text(&strip_domain(text_of(&given[0])))),
    plain("safeHtml", ONE, |_, given| Ok(given[0].clone())),
    plain("match", &[Kind::Text, Kind::Text], |context, given| {
        let (pattern, text) = (text_of(&given[0]), text_of(&given[1]));
        regex::is_match(context, pattern, text).map(Value::Bool)
    }),
    plain("reReplaceAll", &[Kind::Text, Kind::Text, Kind::Text], |context, given| {
        let [pattern, with, text] = [0, 1, 2].map(|place| text_of(&given[place]));
        regex::replace_all(context, pattern, with, text)
    }),
];

/// The one character that is its capital; one that has several, or none, stays.
fn upper(c: char) -> char {
    let mut capitals = c.to_uppercase();
    match (capitals.next(), capitals.next()) {
        (Some(capital), None) => capital,
        _ => c,
    }
}

fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

/// Each word with a capital. Words end where neither letter, digit nor `_` follows.
fn title(text: &str) -> String {
    let mut in_word = false;
    let word = |c: char| {
        let shown = if in_word { c } else { upper(c) };
        in_word = match c {
            '_' => true,
            _ if c.is_ascii() => c.is_ascii_alphanumeric(),
            _ => !c.is_whitespace(),
        };
        shown
    };
    text.chars().map(word).collect()
}

/// Host and port of `host:port` and `[host]:port`; `None` for what is neither.
fn host_and_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    match host.strip_prefix('[') {
        Some(inner) => {
            let inner = inner.strip_suffix(']')?;
            (!inner.contains(['[', ']']) && !port.contains(['[', ']'])).then_some((inner, port))
        }
        None => {
            (!host.contains([':', '[', ']']) && !port.contains(['[', ']'])).then_some((host, port))
        }
    }
}

/// The first name of a host, with its port when it has one; an IP address stays whole.
fn strip_domain(text: &str) -> String {
    let (host, port) = host_and_port(text).unwrap_or((text, ""));
    if host.parse::<std::net::IpAddr>().is_ok() {
        return text.to_owned();
    }
    let name = host.split('.').next().unwrap_or(host);
    match port {
        "" => name.to_owned(),
        _ if name.contains(':') => format!("[{name}]:{port}"),
        _ => format!("{name}:{port}"),
    }
}
