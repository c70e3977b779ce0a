//! The functions of Prometheus 3, in the order of their names.

use super::{DatePart, Does, Function, More, Over};
use crate::ast::ValueType::{self, Matrix, Scalar, Text, Vector};
use crate::eval::math;

const HISTOGRAMS: &str = "native histograms are not kept";

const fn function(
    name: &'static str,
    takes: &'static [ValueType],
    gives: ValueType,
    does: Does,
) -> Function {
    Function { name, takes, more: More::None, gives, experimental: false, does }
}

/// One number for each series.
const fn map(name: &'static str, by: fn(f64) -> f64) -> Function {
    function(name, &[Vector], Vector, Does::Map(by))
}

const fn date(name: &'static str, part: DatePart) -> Function {
    function(name, &[Vector], Vector, Does::Date(part)).more(More::Optional)
}

const fn over(name: &'static str, over: Over) -> Function {
    function(name, &[Matrix], Vector, Does::Over(over))
}

impl Function {
    const fn more(mut self, more: More) -> Self {
        self.more = more;
        self
    }

    const fn experimental(mut self) -> Self {
        self.experimental = true;
        self
    }
}

pub(super) static FUNCTIONS: &[Function] = &[
    map("abs", f64::abs),
    function("absent", &[Vector], Vector, Does::Absent),
    function("absent_over_time", &[Matrix], Vector, Does::AbsentOverTime),
    map("acos", f64::acos),
    map("acosh", f64::acosh),
    map("asin", f64::asin),
    map("asinh", f64::asinh),
    map("atan", f64::atan),
    map("atanh", f64::atanh),
    over("avg_over_time", Over::Avg),
    map("ceil", f64::ceil),
    over("changes", Over::Changes),
    function("clamp", &[Vector, Scalar, Scalar], Vector, Does::Clamp),
    function("clamp_max", &[Vector, Scalar], Vector, Does::ClampMax),
    function("clamp_min", &[Vector, Scalar], Vector, Does::ClampMin),
    map("cos", f64::cos),
    map("cosh", f64::cosh),
    over("count_over_time", Over::Count),
    date("day_of_month", DatePart::DayOfMonth),
    date("day_of_week", DatePart::DayOfWeek),
    date("day_of_year", DatePart::DayOfYear),
    date("days_in_month", DatePart::DaysInMonth),
    map("deg", math::degrees),
    function("delta", &[Matrix], Vector, Does::Extrapolate { counter: false, per_second: false }),
    over("deriv", Over::Deriv),
    function(
        "double_exponential_smoothing",
        &[Matrix, Scalar, Scalar],
        Vector,
        Does::DoubleExponentialSmoothing,
    )
    .experimental(),
    map("exp", f64::exp),
    over("first_over_time", Over::First).experimental(),
    map("floor", f64::floor),
    function("histogram_avg", &[Vector], Vector, Does::NotYet(HISTOGRAMS)),
    function("histogram_count", &[Vector], Vector, Does::NotYet(HISTOGRAMS)),
    function("histogram_fraction", &[Scalar, Scalar, Vector], Vector, Does::HistogramFraction),
    function("histogram_quantile", &[Scalar, Vector], Vector, Does::HistogramQuantile),
    function("histogram_stddev", &[Vector], Vector, Does::NotYet(HISTOGRAMS)),
    function("histogram_stdvar", &[Vector], Vector, Does::NotYet(HISTOGRAMS)),
    function("histogram_sum", &[Vector], Vector, Does::NotYet(HISTOGRAMS)),
    date("hour", DatePart::Hour),
    function("idelta", &[Matrix], Vector, Does::LastChange { counter: false, per_second: false }),
    function("increase", &[Matrix], Vector, Does::Extrapolate { counter: true, per_second: false }),
    function(
        "info",
        &[Vector, Vector],
        Vector,
        Does::NotYet("the join with info metrics is not built"),
    )
    .more(More::Optional)
    .experimental(),
    function("irate", &[Matrix], Vector, Does::LastChange { counter: true, per_second: true }),
    function("label_join", &[Vector, Text, Text, Text], Vector, Does::LabelJoin).more(More::Any),
    function("label_replace", &[Vector, Text, Text, Text, Text], Vector, Does::LabelReplace),
    over("last_over_time", Over::Last),
    map("ln", f64::ln),
    map("log10", f64::log10),
    map("log2", f64::log2),
    over("mad_over_time", Over::Mad).experimental(),
    over("max_over_time", Over::Max),
    over("min_over_time", Over::Min),
    date("minute", DatePart::Minute),
    date("month", DatePart::Month),
    function("pi", &[], Scalar, Does::Pi),
    function("predict_linear", &[Matrix, Scalar], Vector, Does::PredictLinear),
    over("present_over_time", Over::Present),
    function("quantile_over_time", &[Scalar, Matrix], Vector, Does::QuantileOverTime),
    map("rad", math::radians),
    function("rate", &[Matrix], Vector, Does::Extrapolate { counter: true, per_second: true }),
    over("resets", Over::Resets),
    function("round", &[Vector, Scalar], Vector, Does::Round).more(More::Optional),
    function("scalar", &[Vector], Scalar, Does::Scalar),
    map("sgn", math::sign),
    map("sin", f64::sin),
    map("sinh", f64::sinh),
    function("sort", &[Vector], Vector, Does::Sort { descending: false }),
    function("sort_by_label", &[Vector, Text], Vector, Does::SortByLabel { descending: false })
        .more(More::Any)
        .experimental(),
    function("sort_by_label_desc", &[Vector, Text], Vector, Does::SortByLabel { descending: true })
        .more(More::Any)
        .experimental(),
    function("sort_desc", &[Vector], Vector, Does::Sort { descending: true }),
    map("sqrt", f64::sqrt),
    over("stddev_over_time", Over::Stddev),
    over("stdvar_over_time", Over::Stdvar),
    over("sum_over_time", Over::Sum),
    map("tan", f64::tan),
    map("tanh", f64::tanh),
    function("time", &[], Scalar, Does::Time),
    function("timestamp", &[Vector], Vector, Does::Timestamp),
    over("ts_of_first_over_time", Over::TimeOfFirst).experimental(),
    over("ts_of_last_over_time", Over::TimeOfLast).experimental(),
    over("ts_of_max_over_time", Over::TimeOfMax).experimental(),
    over("ts_of_min_over_time", Over::TimeOfMin).experimental(),
    function("vector", &[Scalar], Vector, Does::Vector),
    date("year", DatePart::Year),
];
