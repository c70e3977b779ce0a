//! What a question is made of, after parsing.

use std::fmt;
use std::ops::Range;

use watchfire_model::Matcher;

use crate::functions::Function;

/// An expression whose types are known to fit.
#[derive(Debug, Clone)]
pub(crate) struct Expr {
    pub(crate) kind: Kind,
    /// The bytes of the text it was read from.
    pub(crate) at: Range<usize>,
    /// How deep the tree below is; a leaf is 1.
    pub(crate) depth: usize,
}

/// What an expression gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// One number at each moment.
    Scalar,
    /// A text.
    Text,
    /// For each of several series one number at each moment.
    Vector,
    /// For each of several series the samples of a window before each moment.
    Matrix,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Number { value: f64, is_duration: bool },
    Text(String),
    Selector(Selector),
    Window { selector: Selector, range_ms: i64 },
    Subquery(Box<Subquery>),
    Unary { minus: bool, of: Box<Expr> },
    Binary(Box<Binary>),
    Call { function: &'static Function, arguments: Vec<Expr> },
    Aggregate(Box<Aggregate>),
    Paren(Box<Expr>),
}

/// `name{label="value"} offset 5m @ 100`.
#[derive(Debug, Clone)]
pub(crate) struct Selector {
    /// The name before the braces, or the one quoted word within them.
    pub(crate) name: Option<String>,
    /// All conditions, that on the name included.
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) shift: Shift,
}

/// Where a selector looks, compared with the moment that is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Shift {
    /// How much earlier; later when negative.
    pub(crate) offset_ms: Option<i64>,
    /// Which moment stands in for the one that is evaluated.
    pub(crate) at: Option<At>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// A moment in Unix milliseconds.
    Time(i64),
    /// The first moment of the whole question.
    Start,
    /// Its last moment.
    End,
}

/// `of[range:step]`.
#[derive(Debug, Clone)]
pub(crate) struct Subquery {
    pub(crate) of: Expr,
    pub(crate) range_ms: i64,
    /// The default of the limits when it is not given.
    pub(crate) step_ms: Option<i64>,
    pub(crate) shift: Shift,
}

#[derive(Debug, Clone)]
pub(crate) struct Binary {
    pub(crate) operator: Operator,
    pub(crate) left: Expr,
    pub(crate) right: Expr,
    /// A comparison gives 0 or 1 and does not filter.
    pub(crate) to_bool: bool,
    pub(crate) matching: Matching,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    Atan2,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
    Unless,
}

/// Which series of both sides belong together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matching {
    /// True for `on`: only these labels are compared. False: all others are.
    pub(crate) on: bool,
    /// True when the text has `on` or `ignoring`.
    pub(crate) given: bool,
    pub(crate) labels: Vec<String>,
    /// The side that may have many series of one group.
    pub(crate) many: Option<Side>,
    /// Labels that the result takes from the side that has one.
    pub(crate) include: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

#[derive(Debug, Clone)]
pub(crate) struct Aggregate {
    pub(crate) operator: Aggregator,
    pub(crate) parameter: Option<Expr>,
    pub(crate) of: Expr,
    pub(crate) grouping: Grouping,
}

/// `by (…)` or `without (…)`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Grouping {
    pub(crate) without: bool,
    pub(crate) labels: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregator {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Group,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    Quantile,
    CountValues,
    Limitk,
    LimitRatio,
}

impl Expr {
    /// What the expression gives.
    pub(crate) fn value_type(&self) -> ValueType {
        match &self.kind {
            Kind::Number { .. } => ValueType::Scalar,
            Kind::Text(_) => ValueType::Text,
            Kind::Selector(_) | Kind::Aggregate(_) => ValueType::Vector,
            Kind::Window { .. } | Kind::Subquery(_) => ValueType::Matrix,
            Kind::Unary { of, .. } | Kind::Paren(of) => of.value_type(),
            Kind::Binary(binary) => {
                let both = [&binary.left, &binary.right].map(|side| side.value_type());
                if both == [ValueType::Scalar; 2] { ValueType::Scalar } else { ValueType::Vector }
            }
            Kind::Call { function, .. } => function.gives,
        }
    }

    /// The matchers of all selectors, from left to right.
    pub(crate) fn selectors(&self) -> Vec<&[Matcher]> {
        let mut found = Vec::new();
        self.collect_selectors(&mut found);
        found
    }

    fn collect_selectors<'a>(&'a self, found: &mut Vec<&'a [Matcher]>) {
        match &self.kind {
            Kind::Number { .. } | Kind::Text(_) => {}
            Kind::Selector(selector) | Kind::Window { selector, .. } => {
                found.push(&selector.matchers);
            }
            Kind::Subquery(subquery) => subquery.of.collect_selectors(found),
            Kind::Unary { of, .. } | Kind::Paren(of) => of.collect_selectors(found),
            Kind::Binary(binary) => {
                binary.left.collect_selectors(found);
                binary.right.collect_selectors(found);
            }
            Kind::Call { arguments, .. } => {
                arguments.iter().for_each(|argument| argument.collect_selectors(found));
            }
            Kind::Aggregate(aggregate) => {
                aggregate.parameter.iter().for_each(|one| one.collect_selectors(found));
                aggregate.of.collect_selectors(found);
            }
        }
    }

    /// Adds a matcher to every selector.
    pub(crate) fn restrict(&mut self, matcher: &Matcher) {
        match &mut self.kind {
            Kind::Number { .. } | Kind::Text(_) => {}
            Kind::Selector(selector) | Kind::Window { selector, .. } => {
                selector.matchers.push(matcher.clone());
            }
            Kind::Subquery(subquery) => subquery.of.restrict(matcher),
            Kind::Unary { of, .. } | Kind::Paren(of) => of.restrict(matcher),
            Kind::Binary(binary) => {
                binary.left.restrict(matcher);
                binary.right.restrict(matcher);
            }
            Kind::Call { arguments, .. } => {
                arguments.iter_mut().for_each(|argument| argument.restrict(matcher));
            }
            Kind::Aggregate(aggregate) => {
                aggregate.parameter.iter_mut().for_each(|one| one.restrict(matcher));
                aggregate.of.restrict(matcher);
            }
        }
    }

    /// The expression without parentheses around it.
    pub(crate) fn bare(&self) -> &Self {
        let mut bare = self;
        while let Kind::Paren(inner) = &bare.kind {
            bare = inner;
        }
        bare
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scalar => "scalar",
            Self::Text => "string",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
        })
    }
}

impl Operator {
    const WORDS: [(Self, &'static str, u8); 16] = [
        (Self::Or, "or", 1),
        (Self::And, "and", 2),
        (Self::Unless, "unless", 2),
        (Self::Equal, "==", 3),
        (Self::NotEqual, "!=", 3),
        (Self::Less, "<", 3),
        (Self::LessOrEqual, "<=", 3),
        (Self::Greater, ">", 3),
        (Self::GreaterOrEqual, ">=", 3),
        (Self::Add, "+", 4),
        (Self::Subtract, "-", 4),
        (Self::Multiply, "*", 5),
        (Self::Divide, "/", 5),
        (Self::Modulo, "%", 5),
        (Self::Atan2, "atan2", 5),
        (Self::Power, "^", 6),
    ];

    /// The operator that is written so.
    pub(crate) fn of(word: &str) -> Option<Self> {
        let found = Self::WORDS.iter().find(|(_, sign, _)| sign.eq_ignore_ascii_case(word));
        found.map(|(operator, ..)| *operator)
    }

    pub(crate) fn word(self) -> &'static str {
        self.row().1
    }

    /// The higher, the tighter it binds.
    pub(crate) fn precedence(self) -> u8 {
        self.row().2
    }

    fn row(self) -> &'static (Self, &'static str, u8) {
        Self::WORDS.iter().find(|(operator, ..)| *operator == self).expect("all are in the table")
    }

    pub(crate) fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }

    pub(crate) fn is_comparison(self) -> bool {
        self.precedence() == Self::Equal.precedence()
    }
}

/// How tightly a sign before an operand binds: as multiplication does.
pub(crate) const UNARY_PRECEDENCE: u8 = 5;

impl Aggregator {
    const WORDS: [(Self, &'static str); 14] = [
        (Self::Sum, "sum"),
        (Self::Avg, "avg"),
        (Self::Min, "min"),
        (Self::Max, "max"),
        (Self::Count, "count"),
        (Self::Group, "group"),
        (Self::Stddev, "stddev"),
        (Self::Stdvar, "stdvar"),
        (Self::Topk, "topk"),
        (Self::Bottomk, "bottomk"),
        (Self::Quantile, "quantile"),
        (Self::CountValues, "count_values"),
        (Self::Limitk, "limitk"),
        (Self::LimitRatio, "limit_ratio"),
    ];

    /// The aggregation that is written so.
    pub(crate) fn of(word: &str) -> Option<Self> {
        let found = Self::WORDS.iter().find(|(_, name)| name.eq_ignore_ascii_case(word));
        found.map(|(operator, _)| *operator)
    }

    pub(crate) fn word(self) -> &'static str {
        let found = Self::WORDS.iter().find(|(operator, _)| *operator == self);
        found.expect("all are in the table").1
    }

    /// What it takes before the vector.
    pub(crate) fn parameter(self) -> Option<ValueType> {
        match self {
            Self::Topk | Self::Bottomk | Self::Quantile | Self::Limitk | Self::LimitRatio => {
                Some(ValueType::Scalar)
            }
            Self::CountValues => Some(ValueType::Text),
            _ => None,
        }
    }

    pub(crate) fn is_experimental(self) -> bool {
        matches!(self, Self::Limitk | Self::LimitRatio)
    }
}

impl Shift {
    pub(crate) fn offset_ms(self) -> i64 {
        self.offset_ms.unwrap_or(0)
    }
}
