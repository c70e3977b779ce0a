//! Texts made harmless for HTML, JavaScript and addresses. The values of all arguments become one text.

use super::{Function, open, text_of};
use crate::go_template::eval::Context;
use crate::go_template::print::NO_VALUE;
use crate::go_template::printf::quote::is_shown;
use crate::go_template::value::Value;

pub(super) static FUNCTIONS: [Function; 4] = [
    open("html", &[], |context, given| escape(context, given, html)),
    open("js", &[], |context, given| escape(context, given, javascript)),
    open("urlquery", &[], |context, given| escape(context, given, query)),
    super::plain("urlQueryEscape", &[super::Kind::Text], |context, given| {
        let text = query(text_of(&given[0]));
        context.text(&text)
    }),
];

fn escape(
    context: &mut Context<'_>,
    given: &[Value],
    how: fn(&str) -> String,
) -> Result<Value, String> {
    let shown = |value: &Value| match value {
        Value::Nil => Value::text(NO_VALUE),
        _ => value.clone(),
    };
    let given: Vec<Value> = given.iter().map(shown).collect();
    let text = context.printed(&given)?;
    context.text(&how(text_of(&text)))
}

fn html(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => written.push_str("&#34;"),
            '\'' => written.push_str("&#39;"),
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '\0' => written.push(char::REPLACEMENT_CHARACTER),
            _ => written.push(c),
        }
    }
    written
}

fn javascript(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '\'' | '"' => written.extend(['\\', c]),
            '<' | '>' | '&' | '=' => written.push_str(&format!("\\u{:04X}", u32::from(c))),
            _ if c < ' ' || !(c.is_ascii() || is_shown(c)) => {
                written.push_str(&format!("\\u{:04X}", u32::from(c)))
            }
            _ => written.push(c),
        }
    }
    written
}

/// As a value in the query of an address: a space becomes `+`.
pub(super) fn query(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'-' | b'_' | b'.' | b'~' => written.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => written.push(char::from(byte)),
            b' ' => written.push('+'),
            _ => written.push_str(&format!("%{byte:02X}")),
        }
    }
    written
}
