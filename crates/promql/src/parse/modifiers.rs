//! What may stand after an operand: `[5m]`, `[5m:1m]`, `offset 5m`, `@ 100`.

use super::ParseError;
use super::grammar::Parser;
use super::token::Lexeme;
use crate::ast::{At, Expr, Kind, Shift, Subquery, ValueType};

impl Parser<'_> {
    pub(super) fn window(&mut self, operand: Expr) -> Result<Expr, ParseError> {
        self.advance();
        let range_ms = self.positive_duration()?;
        if self.take_sign(":") {
            let step_ms = if self.is_sign("]") { None } else { Some(self.positive_duration()?) };
            let end = self.expect("]", "in subquery selector")?.end;
            return self.subquery(operand, range_ms, step_ms, end);
        }
        let end = self.expect("]", "in range selector, expected \":\" or")?.end;
        let at = operand.at.start..end;
        match operand.kind {
            Kind::Selector(selector) => {
                let shifted = [
                    (
                        selector.shift.offset_ms.is_some(),
                        "no offset modifiers allowed before range",
                    ),
                    (selector.shift.at.is_some(), "no @ modifiers allowed before range"),
                ];
                match shifted.into_iter().find(|(is, _)| *is) {
                    Some((_, why)) => Err(self.error(at, why)),
                    None => self.made(Kind::Window { selector, range_ms }, at),
                }
            }
            _ => Err(self.error(at, "ranges only allowed for vector selectors")),
        }
    }

    fn subquery(
        &mut self,
        of: Expr,
        range_ms: i64,
        step_ms: Option<i64>,
        end: usize,
    ) -> Result<Expr, ParseError> {
        let at = of.at.start..end;
        if of.value_type() != ValueType::Vector {
            let why = format!(
                "subquery is only allowed on instant vector, got {} instead",
                of.value_type()
            );
            return Err(self.error(at, why));
        }
        let shift = Shift::default();
        self.made(Kind::Subquery(Box::new(Subquery { of, range_ms, step_ms, shift })), at)
    }

    pub(super) fn offset(&mut self, mut operand: Expr) -> Result<Expr, ParseError> {
        let minus = self.is_sign("-");
        if minus || self.is_sign("+") {
            self.advance();
        }
        let (ms, end) = self.duration("offset")?;
        let at = operand.at.start..end;
        let Some(shift) = shift_of(&mut operand) else {
            let why = "offset modifier must be preceded by an instant vector selector or range \
                       vector selector or a subquery";
            return Err(self.error(at, why));
        };
        if shift.offset_ms.is_some() {
            return Err(self.error(at, "offset may not be set multiple times"));
        }
        shift.offset_ms = Some(if minus { -ms } else { ms });
        operand.at = at;
        Ok(operand)
    }

    pub(super) fn moment(&mut self, mut operand: Expr) -> Result<Expr, ParseError> {
        let (moment, end) = self.moment_value()?;
        let at = operand.at.start..end;
        let Some(shift) = shift_of(&mut operand) else {
            let why = "@ modifier must be preceded by an instant vector selector or range vector \
                       selector or a subquery";
            return Err(self.error(at, why));
        };
        if shift.at.is_some() {
            return Err(self.error(at, "@ <timestamp> may not be set multiple times"));
        }
        shift.at = Some(moment);
        operand.at = at;
        Ok(operand)
    }

    fn moment_value(&mut self) -> Result<(At, usize), ParseError> {
        for (word, moment) in [("start", At::Start), ("end", At::End)] {
            if self.take_word(word) {
                self.expect("(", "in @")?;
                let end = self.expect(")", "in @")?.end;
                return Ok((moment, end));
            }
        }
        let minus = self.is_sign("-");
        if minus || self.is_sign("+") {
            self.advance();
        }
        let seconds = match self.peek().what {
            Lexeme::Number(value) => value,
            Lexeme::Duration(ms) => ms as f64 / 1000.0,
            Lexeme::Word if self.word().eq_ignore_ascii_case("inf") => f64::INFINITY,
            Lexeme::Word if self.word().eq_ignore_ascii_case("nan") => f64::NAN,
            _ => return Err(self.unexpected(" in @, expected timestamp")),
        };
        let at = self.advance();
        let ms = (if minus { -seconds } else { seconds }) * 1000.0;
        let within = ms.abs() < MAX_TIME_MS;
        if !within {
            return Err(self.error(at, "timestamp out of bounds for @ modifier"));
        }
        Ok((At::Time(ms.round() as i64), at.end))
    }

    fn positive_duration(&mut self) -> Result<i64, ParseError> {
        let at = self.peek().at.clone();
        match self.duration("range selector")? {
            (ms, _) if ms > 0 => Ok(ms),
            _ => Err(self.error(at, "duration must be greater than 0")),
        }
    }

    /// A duration, or a number of seconds; in milliseconds, with its end.
    fn duration(&mut self, place: &str) -> Result<(i64, usize), ParseError> {
        let ms = match self.peek().what {
            Lexeme::Duration(ms) => ms,
            Lexeme::Number(seconds) if seconds * 1000.0 < MAX_TIME_MS => {
                (seconds * 1000.0).round() as i64
            }
            Lexeme::Number(_) => {
                return Err(self.error(self.peek().at.clone(), "duration out of range"));
            }
            _ => return Err(self.unexpected(&format!(" in {place}, expected duration"))),
        };
        if ms as f64 >= MAX_TIME_MS {
            return Err(self.error(self.peek().at.clone(), "duration out of range"));
        }
        Ok((ms, self.advance().end))
    }
}

/// Moments and durations stay below this, some 30,000 years, so that sums of them cannot overflow.
const MAX_TIME_MS: f64 = 1e15;

/// What of `operand` can be looked at from another moment.
fn shift_of(operand: &mut Expr) -> Option<&mut Shift> {
    match &mut operand.kind {
        Kind::Selector(selector) | Kind::Window { selector, .. } => Some(&mut selector.shift),
        Kind::Subquery(subquery) => Some(&mut subquery.shift),
        _ => None,
    }
}
