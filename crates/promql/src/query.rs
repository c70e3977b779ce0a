//! A question: asked once or at many moments.

use std::fmt;

use watchfire_model::{Matcher, SeriesSource};

use crate::ast::{Expr, ValueType};
use crate::eval::{Evaluator, Grid};
use crate::parse::{self, Features, ParseError};
use crate::{Answer, Limits, QueryError, print};

/// An expression whose types fit, with the text it was read from.
#[derive(Debug, Clone)]
pub struct Query {
    text: String,
    expr: Expr,
}

impl Query {
    /// Reads a question.
    ///
    /// # Errors
    /// [`ParseError`] with the place and the reason.
    pub fn parse(text: &str, features: Features) -> Result<Self, ParseError> {
        Ok(Self { text: text.to_owned(), expr: parse::parse(text, features)? })
    }

    /// The text that it was read from.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it gives at one moment.
    #[must_use]
    pub fn value_type(&self) -> ValueType {
        self.expr.value_type()
    }

    /// The matchers of all its selectors, from left to right.
    #[must_use]
    pub fn selectors(&self) -> Vec<&[Matcher]> {
        self.expr.selectors()
    }

    /// True when the answers to the question about the series of each value of `label` are together
    /// its answer. It may be so where this is false.
    #[must_use]
    pub fn is_apart_by(&self, label: &str) -> bool {
        crate::apart::is_apart_by(&self.expr, label)
    }

    /// The same question about those series alone for which `matcher` holds, whatever it asks
    /// for. Its [`text`](Self::text) says so as well: it may be asked elsewhere.
    #[must_use]
    pub fn restricted(mut self, matcher: &Matcher) -> Self {
        self.expr.restrict(matcher);
        self.text = print::Line(&self.expr).to_string();
        self
    }

    /// The expression over several lines where one would be long, as `/api/v1/format_query` has it.
    #[must_use]
    pub fn pretty(&self) -> String {
        print::pretty(&self.expr)
    }

    /// The values at one moment, in Unix milliseconds. `out_of_time` is asked often, and the
    /// answer given up once it says true.
    ///
    /// # Errors
    /// [`QueryError`] when a limit is passed or the series do not allow it.
    pub fn instant(
        &self,
        source: &dyn SeriesSource,
        at_ms: i64,
        limits: &Limits,
        out_of_time: &dyn Fn() -> bool,
    ) -> Result<Answer, QueryError> {
        let grid = Grid::one(at_ms)?;
        Evaluator::new(source, limits, out_of_time, &self.text, grid).instant(&self.expr)
    }

    /// The values from `start_ms` on every `step_ms` until `end_ms`. `out_of_time` is asked
    /// often, and the answer given up once it says true.
    ///
    /// # Errors
    /// [`QueryError`] when the moments make no sense, a limit is passed or the series do not
    /// allow it.
    pub fn range(
        &self,
        source: &dyn SeriesSource,
        (start_ms, end_ms, step_ms): (i64, i64, i64),
        limits: &Limits,
        out_of_time: &dyn Fn() -> bool,
    ) -> Result<Answer, QueryError> {
        let grid = Grid::new(start_ms, end_ms, step_ms, limits.steps)?;
        Evaluator::new(source, limits, out_of_time, &self.text, grid).range(&self.expr)
    }
}

/// The expression on one line.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", print::Line(&self.expr))
    }
}

#[cfg(test)]
mod tests {
    use watchfire_model::MatchOp;

    use super::*;

    #[test]
    fn every_selector_of_a_restricted_question_has_the_matcher() {
        let matcher = Matcher::new("instance", MatchOp::Matches, "a\\.b|c").unwrap();
        let parts = |one: &Matcher| (one.label().to_owned(), one.op(), one.value().to_owned());
        let is = |one: &Matcher| parts(one) == parts(&matcher);
        for text in [
            "up",
            "{job=\"x\"} offset 5m",
            "{\"a.b\"}[5m] @ end()",
            "sum by (x) (rate(a[5m])) / on (y) group_left () -(b or vector(1))",
            "topk(scalar(k), max_over_time(rate(a[1m])[10m:30s]))",
            "absent(a{instance=\"z\"})",
        ] {
            let query = Query::parse(text, Features::default()).unwrap();
            let many = query.selectors().len();
            let restricted = query.restricted(&matcher);
            // What it prints is read again as what it is.
            let read = Query::parse(restricted.text(), Features::default()).unwrap();
            for query in [&restricted, &read] {
                let all = query.selectors();
                let with = |one: &&&[Matcher]| one.iter().any(is);
                assert_eq!((all.len(), all.iter().filter(with).count()), (many, many), "{text}");
            }
        }
    }
}
