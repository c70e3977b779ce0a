//! Calls of functions, and aggregations.

use super::ParseError;
use super::check;
use super::grammar::Parser;
use crate::ast::{Aggregate, Aggregator, Expr, Grouping, Kind};
use crate::functions;

impl Parser<'_> {
    pub(super) fn call(&mut self) -> Result<Expr, ParseError> {
        let name = self.word();
        let name_at = self.advance();
        let Some(function) = functions::named(name) else {
            let why = format!("unknown function with name {name:?}");
            return Err(self.error(name_at, why));
        };
        if function.experimental && !self.features.experimental {
            let why = format!("function {name:?} is experimental and not enabled here");
            return Err(self.error(name_at, why));
        }
        let (arguments, end) = self.arguments(&format!("in call to function {name:?}"))?;
        let at = name_at.start..end;
        check::call(self.text, &at, function, &arguments)?;
        self.made(Kind::Call { function, arguments }, at)
    }

    /// `sum by (a) (x)` or `sum(x) by (a)`.
    pub(super) fn aggregation(&mut self, operator: Aggregator) -> Result<Expr, ParseError> {
        let name_at = self.advance();
        if operator.is_experimental() && !self.features.experimental {
            let why = format!("{}() is experimental and not enabled here", operator.word());
            return Err(self.error(name_at, why));
        }
        let before = self.grouping()?;
        let (arguments, mut end) = self.arguments("in aggregation")?;
        let grouping = match before {
            Some((grouping, _)) => grouping,
            None => match self.grouping()? {
                Some((grouping, after)) => {
                    end = after;
                    grouping
                }
                None => Grouping::default(),
            },
        };
        let at = name_at.start..end;
        let (parameter, of) = check::aggregation(self.text, &at, operator, arguments)?;
        let aggregate = Aggregate { operator, parameter, of, grouping };
        self.made(Kind::Aggregate(Box::new(aggregate)), at)
    }

    fn grouping(&mut self) -> Result<Option<(Grouping, usize)>, ParseError> {
        for (word, without) in [("by", false), ("without", true)] {
            if self.take_word(word) {
                let labels = self.labels("grouping opts")?;
                // The parenthesis just passed ends the grouping.
                let end = self.last_end();
                return Ok(Some((Grouping { without, labels }, end)));
            }
        }
        Ok(None)
    }

    fn arguments(&mut self, place: &str) -> Result<(Vec<Expr>, usize), ParseError> {
        self.expect("(", place)?;
        let mut arguments = Vec::new();
        if self.is_sign(")") {
            return Ok((arguments, self.advance().end));
        }
        loop {
            arguments.push(self.expression(0)?);
            self.check_length(arguments.len())?;
            if !self.take_sign(",") {
                break;
            }
            if self.is_sign(")") {
                let at = self.peek().at.clone();
                return Err(self.error(at, "trailing commas not allowed in function call args"));
            }
        }
        let end = self.expect(")", &format!("{place}, expected \",\" or"))?.end;
        Ok((arguments, end))
    }
}
