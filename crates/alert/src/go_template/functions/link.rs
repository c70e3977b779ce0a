//! Links to the page.

use super::escape::query;
use super::{Function, Kind, plain, text_of};
use crate::go_template::value::Value;

const ONE: &[Kind] = &[Kind::Text];

pub(super) static FUNCTIONS: [Function; 4] = [
    plain("graphLink", ONE, |context, given| context.text(&link(text_of(&given[0]), 0))),
    plain("tableLink", ONE, |context, given| context.text(&link(text_of(&given[0]), 1))),
    plain("externalURL", &[], |context, _| Ok(Value::Text(context.external_url().clone()))),
    plain("pathPrefix", &[], |context, _| Ok(Value::text(path(context.external_url())))),
];

/// Prometheus' address of an expression, as a graph (0) or as a table (1).
fn link(expression: &str, tab: u8) -> String {
    format!("/graph?g0.expr={}&g0.tab={tab}", query(expression))
}

/// The path of an address.
fn path(url: &str) -> &str {
    let behind_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = behind_scheme.find('/').map_or("", |start| &behind_scheme[start..]);
    path.split(['?', '#']).next().unwrap_or(path)
}
