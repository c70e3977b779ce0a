//! Which functions there are, what they take and what they do.

mod table;

use crate::ast::ValueType;

/// A function of the language.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) takes: &'static [ValueType],
    /// Whether the last argument may be left out or come again.
    pub(crate) more: More,
    pub(crate) gives: ValueType,
    pub(crate) experimental: bool,
    pub(crate) does: Does,
}

/// How many arguments there may be beside those that must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum More {
    /// All must be there.
    None,
    /// The last may be left out.
    Optional,
    /// The last may be left out, or come any number of times.
    Any,
}

/// What a function does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Does {
    /// Changes each value by itself.
    Map(fn(f64) -> f64),
    /// Reads each value as Unix seconds in UTC; the current moment without argument.
    Date(DatePart),
    /// One number of the samples of a window.
    Over(Over),
    /// The change over a window, carried on to its ends.
    Extrapolate {
        counter: bool,
        per_second: bool,
    },
    /// The change between the last two samples of a window.
    LastChange {
        counter: bool,
        per_second: bool,
    },
    QuantileOverTime,
    PredictLinear,
    DoubleExponentialSmoothing,
    Absent,
    AbsentOverTime,
    Clamp,
    ClampMin,
    ClampMax,
    Round,
    LabelReplace,
    LabelJoin,
    Scalar,
    Vector,
    Time,
    Timestamp,
    Pi,
    Sort {
        descending: bool,
    },
    SortByLabel {
        descending: bool,
    },
    HistogramQuantile,
    HistogramFraction,
    /// Known, but its answer would need something that is not kept.
    NotYet(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatePart {
    Minute,
    Hour,
    DayOfWeek,
    DayOfMonth,
    DayOfYear,
    DaysInMonth,
    Month,
    Year,
}

/// Functions of one window and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Stddev,
    Stdvar,
    Mad,
    Last,
    First,
    Present,
    Changes,
    Resets,
    Deriv,
    TimeOfFirst,
    TimeOfLast,
    TimeOfMin,
    TimeOfMax,
}

impl Over {
    /// True when the result is still a value of the same metric.
    pub(crate) fn keeps_name(self) -> bool {
        matches!(self, Self::Last | Self::First)
    }
}

impl Function {
    /// True when the result is another at each moment, whatever the arguments are.
    pub(crate) fn follows_the_moment(&self) -> bool {
        matches!(self.does, Does::Date(_) | Does::PredictLinear | Does::Time | Does::Timestamp)
    }
}

/// The function of this name; names are lower case only.
pub(crate) fn named(name: &str) -> Option<&'static Function> {
    table::FUNCTIONS.iter().find(|function| function.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once() {
        let mut names: Vec<_> = table::FUNCTIONS.iter().map(|function| function.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(
            named("rate").is_some() && named("Rate").is_none() && named("holt_winters").is_none()
        );
    }
}
