//! Whether a question can be asked about some servers at a time.

use crate::ast::{Aggregate, Binary, Expr, Grouping, Kind, ValueType};
use crate::functions::{Does, Function};

/// What becomes of an expression when its series are seen part by part, where a part is all series of
/// some values of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// The same in every part: a number or a text.
    Same,
    /// What all parts give together is the whole, and each series of it is in the part of its label.
    Apart,
    /// Something else.
    Otherwise,
}

/// True when the answers to the question about each value of `label` are together the answer to
/// the question about all. It may be true of more than this says.
pub(crate) fn is_apart_by(expr: &Expr, label: &str) -> bool {
    seen(expr, label) == Seen::Apart
}

fn seen(expr: &Expr, label: &str) -> Seen {
    match &expr.kind {
        Kind::Number { .. } | Kind::Text(_) => Seen::Same,
        Kind::Selector(_) | Kind::Window { .. } => Seen::Apart,
        Kind::Subquery(subquery) => seen(&subquery.of, label),
        Kind::Unary { of, .. } | Kind::Paren(of) => seen(of, label),
        Kind::Binary(binary) => of_binary(binary, label),
        Kind::Call { function, arguments } => of_call(function, arguments, label),
        Kind::Aggregate(aggregate) => of_aggregate(aggregate, label),
    }
}

fn of_binary(binary: &Binary, label: &str) -> Seen {
    let Binary { left, right, matching, .. } = binary;
    match (seen(left, label), seen(right, label)) {
        (Seen::Same, Seen::Same) => Seen::Same,
        (Seen::Apart, Seen::Same) | (Seen::Same, Seen::Apart) => Seen::Apart,
        // Only series of one value of the label meet.
        (Seen::Apart, Seen::Apart) => keeps(!matching.on, &matching.labels, label),
        _ => Seen::Otherwise,
    }
}

fn of_call(function: &Function, arguments: &[Expr], label: &str) -> Seen {
    let is_label =
        |argument: &Expr| matches!(&argument.bare().kind, Kind::Text(text) if text == label);
    match function.does {
        Does::Absent
        | Does::AbsentOverTime
        | Does::Scalar
        | Does::Vector
        | Does::Sort { .. }
        | Does::SortByLabel { .. }
        | Does::NotYet(_) => return Seen::Otherwise,
        // It may be the label that is written.
        Does::LabelReplace | Does::LabelJoin if arguments.iter().any(is_label) => {
            return Seen::Otherwise;
        }
        Does::HistogramQuantile | Does::HistogramFraction if label == "le" => {
            return Seen::Otherwise;
        }
        _ => {}
    }
    let all = || arguments.iter().map(|argument| seen(argument, label));
    if all().any(|one| one == Seen::Otherwise) {
        return Seen::Otherwise;
    }
    match (all().any(|one| one == Seen::Apart), function.gives) {
        (true, ValueType::Vector | ValueType::Matrix) => Seen::Apart,
        (false, ValueType::Scalar | ValueType::Text) => Seen::Same,
        // A date of the moment itself is a series without labels, in each part again.
        _ => Seen::Otherwise,
    }
}

fn of_aggregate(aggregate: &Aggregate, label: &str) -> Seen {
    let Aggregate { parameter, of, grouping: Grouping { without, labels }, .. } = aggregate;
    let parameter = parameter.as_ref().map(|one| (seen(one, label), one.bare()));
    if let Some((how, one)) = parameter {
        // `count_values` writes a label.
        let writes = matches!(&one.kind, Kind::Text(text) if text == label);
        if how != Seen::Same || writes {
            return Seen::Otherwise;
        }
    }
    match seen(of, label) {
        Seen::Apart => keeps(*without, labels, label),
        _ => Seen::Otherwise,
    }
}

/// Whether groups of series are of one value of the label each.
fn keeps(without: bool, labels: &[String], label: &str) -> Seen {
    let named = labels.iter().any(|one| one == label);
    if named == without { Seen::Otherwise } else { Seen::Apart }
}

#[cfg(test)]
mod tests {
    use crate::{Features, Query};

    fn is_apart(text: &str) -> bool {
        Query::parse(text, Features::default()).expect(text).is_apart_by("instance")
    }

    #[test]
    fn a_question_is_apart_where_no_two_servers_meet() {
        for text in [
            "up == 0",
            "-(rate(a[5m]) > 0.1)",
            "a / on (instance, device) group_left (job) b > 2 * 3",
            "a and ignoring (device) b or c unless d",
            "sum by (job, instance) (a) / count without (cpu) (b)",
            "max_over_time(sum by (instance) (a)[10m:1m])",
            "clamp_min(a, time() - 5)",
            "label_replace(a, \"x\", \"$1\", \"y\", \"(.*)\")",
            "topk by (instance) (3, a)",
            "histogram_quantile(0.9, a)",
            "hour(a)",
            "(a)[5m:] offset 1m",
        ] {
            assert!(is_apart(text), "{text}");
        }
        for text in [
            "sum(a)",
            "sum by (job) (a)",
            "sum without (instance) (a)",
            "a / on (job) group_left () b",
            "a and ignoring (instance) b",
            "a / sum(a)",
            "a > scalar(b)",
            "absent(a)",
            "a or vector(1)",
            "absent_over_time(a[5m])",
            "label_replace(a, \"instance\", \"$1\", \"y\", \"(.*)\")",
            "label_join(a, \"x\", \",\", \"instance\")",
            "count_values by (instance) (\"instance\", a)",
            "topk by (instance) (scalar(b), a)",
            "sort(a)",
            "hour()",
            "1 + 2",
            "time()",
        ] {
            assert!(!is_apart(text), "{text}");
        }
    }
}
