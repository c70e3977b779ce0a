//! Expressions over several lines where one would be long.

use super::{Between, Head, Line, Range, sign};
use crate::ast::{Expr, Kind};

/// A longer line is broken.
const MAX_LINE: usize = 100;

/// The expression with two spaces for each level of nesting.
pub(crate) fn pretty(expr: &Expr) -> String {
    at_level(expr, 0)
}

fn at_level(expr: &Expr, level: usize) -> String {
    let indent = "  ".repeat(level);
    let line = Line(expr).to_string();
    if line.len() <= MAX_LINE {
        return format!("{indent}{line}");
    }
    let deeper = |inner: &Expr| at_level(inner, level + 1);
    match &expr.kind {
        Kind::Aggregate(aggregate) => {
            let parameter = aggregate.parameter.as_ref();
            let parameter = parameter.map_or(String::new(), |one| format!("{},\n", deeper(one)));
            let of = deeper(&aggregate.of);
            format!("{indent}{}(\n{parameter}{of}\n{indent})", Head(aggregate))
        }
        Kind::Binary(binary) => {
            let (left, right) = (deeper(&binary.left), deeper(&binary.right));
            format!("{left}\n{indent}{}\n{right}", Between(binary))
        }
        Kind::Call { function, arguments } if !arguments.is_empty() => {
            let arguments: Vec<String> = arguments.iter().map(deeper).collect();
            format!("{indent}{}(\n{}\n{indent})", function.name, arguments.join(",\n"))
        }
        Kind::Paren(of) => format!("{indent}(\n{}\n{indent})", deeper(of)),
        Kind::Subquery(subquery) => {
            format!("{}{}", at_level(&subquery.of, level), Range(subquery))
        }
        Kind::Unary { minus, of } => {
            format!("{indent}{}{}", sign(*minus), at_level(of, level).trim_start())
        }
        _ => format!("{indent}{line}"),
    }
}
