//! Answers as tables. What all series have in common stands above, once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::Deserialize;

use crate::screen;

/// How many series stand beside one another; of more, one comes below the other.
const MAX_COLUMNS: usize = 6;
/// The widest cell, in letters.
const MAX_WIDTH: usize = 60;
/// The label of the metric's name.
const NAME: &str = "__name__";

/// Seconds since 1970 and a value, as Prometheus writes it.
pub(super) type Point = (f64, String);

type Labels = BTreeMap<String, String>;

/// A series at one moment.
#[derive(Debug, Deserialize)]
pub(super) struct One {
    metric: Labels,
    value: Point,
}

/// A series over time.
#[derive(Debug, Deserialize)]
pub(super) struct Many {
    metric: Labels,
    values: Vec<Point>,
}

/// A line a series.
pub(super) fn vector(series: &[One]) -> String {
    let all: Vec<&Labels> = series.iter().map(|one| &one.metric).collect();
    let (mut out, names) = heading(&all);
    let mut rows = vec![names.iter().map(|name| title(name)).chain(["value".to_owned()]).collect()];
    for one in series {
        let cells = names.iter().map(|name| cell(one.metric.get(*name).map_or("", String::as_str)));
        rows.push(cells.chain([one.value.1.clone()]).collect());
    }
    if !series.is_empty() {
        out.push_str(&lines(&rows));
    }
    out
}

/// A line a moment, with a column for each series; of many series, one below the other.
pub(super) fn matrix(series: &[Many], local: impl Fn(i64) -> String) -> String {
    let all: Vec<&Labels> = series.iter().map(|one| &one.metric).collect();
    let (mut out, names) = heading(&all);
    let titles: Vec<String> = all.iter().map(|labels| words(labels, &names)).collect();
    let time = |ms: i64| local(ms);
    if series.is_empty() {
        return out;
    }
    if series.len() > MAX_COLUMNS {
        for (one, title) in series.iter().zip(titles) {
            let _ = writeln!(out, "{title}");
            let rows = one.values.iter().map(|(at, value)| vec![time(unix_ms(*at)), value.clone()]);
            out.push_str(&lines(&rows.collect::<Vec<_>>()));
            out.push('\n');
        }
        return out;
    }
    let columns: Vec<BTreeMap<i64, &str>> = series.iter().map(column).collect();
    let moments: BTreeSet<i64> = columns.iter().flat_map(|column| column.keys().copied()).collect();
    let value = |name: String| if name.is_empty() { "value".to_owned() } else { name };
    let mut rows: Vec<Vec<String>> =
        vec![["time".to_owned()].into_iter().chain(titles.into_iter().map(value)).collect()];
    for at in moments {
        let cells = columns.iter().map(|column| (*column.get(&at).unwrap_or(&"-")).to_owned());
        rows.push([time(at)].into_iter().chain(cells).collect());
    }
    out.push_str(&lines(&rows));
    out
}

fn column(series: &Many) -> BTreeMap<i64, &str> {
    series.values.iter().map(|(at, value)| (unix_ms(*at), value.as_str())).collect()
}

/// What all have in common, on a line of its own, and the names of the other labels, the
/// metric's name first.
fn heading<'a>(all: &[&'a Labels]) -> (String, Vec<&'a str>) {
    let mut names: BTreeSet<&str> =
        all.iter().flat_map(|labels| labels.keys()).map(String::as_str).collect();
    let mut common = String::new();
    if let [first, _, ..] = all {
        let same = |name: &&str| all.iter().all(|labels| labels.get(*name) == first.get(*name));
        let shared: Labels = names
            .iter()
            .filter(|name| same(name))
            .filter_map(|name| Some(((*name).to_owned(), first.get(*name)?.clone())))
            .collect();
        names.retain(|name| !shared.contains_key(*name));
        if !shared.is_empty() {
            let keys: Vec<&str> = shared.keys().map(String::as_str).collect();
            common = format!("all: {}\n", words(&shared, &keys));
        }
    }
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_by_key(|name| (*name != NAME, *name));
    (common, names)
}

/// `metric, a=b, c=d` of these labels.
fn words(labels: &Labels, names: &[&str]) -> String {
    let pair = |name: &&str| {
        let value = cell(labels.get(*name)?);
        Some(if *name == NAME { value } else { format!("{name}={value}") })
    };
    names.iter().filter_map(pair).collect::<Vec<_>>().join(", ")
}

fn title(name: &str) -> String {
    cell(if name == NAME { "metric" } else { name })
}

fn cell(text: &str) -> String {
    screen::fit(&screen::line(text), MAX_WIDTH)
}

/// Rows with columns of one width, without blanks at the end.
fn lines(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        let padded = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let _ = writeln!(out, "{}", padded.collect::<Vec<_>>().join("  ").trim_end());
    }
    out
}

#[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
fn unix_ms(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_all_have_stands_above_once() {
        let one = |instance: &str, value: &str| One {
            metric: labels(&[(NAME, "up"), ("job", "node"), ("instance", instance)]),
            value: (0.0, value.to_owned()),
        };
        let shown = vector(&[one("web-1", "1"), one("a\u{1b}[2J", "0")]);
        assert_eq!(shown, "all: up, job=node\ninstance  value\nweb-1     1\na?[2J     0\n");
        assert_eq!(vector(&[]), "");
    }

    #[test]
    fn a_label_that_only_some_have_keeps_its_column() {
        let one =
            |pairs: &[(&str, &str)]| One { metric: labels(pairs), value: (0.0, "1".to_owned()) };
        let shown = vector(&[one(&[("a", "x")]), one(&[("b", "y")])]);
        assert_eq!(shown, "a  b  value\nx     1\n   y  1\n");
    }

    fn many(instance: &str, values: &[(f64, &str)]) -> Many {
        let values = values.iter().map(|(at, value)| (*at, (*value).to_owned())).collect();
        Many { metric: labels(&[("instance", instance)]), values }
    }

    #[test]
    fn a_moment_is_a_line_and_what_is_missing_a_dash() {
        let series = [many("a", &[(1.0, "5"), (2.5, "6")]), many("b", &[(2.5, "7")])];
        let shown = matrix(&series, |ms| ms.to_string());
        assert_eq!(
            shown,
            "time  instance=a  instance=b\n1000  5           -\n2500  6           7\n"
        );
        let alone =
            matrix(&[Many { metric: Labels::new(), values: vec![(1.0, "5".to_owned())] }], |ms| {
                ms.to_string()
            });
        assert_eq!(alone, "time  value\n1000  5\n");
        assert_eq!(matrix(&[], |ms| ms.to_string()), "");
    }

    #[test]
    fn many_series_stand_below_one_another() {
        let series: Vec<Many> = (0..7).map(|n| many(&n.to_string(), &[(1.0, "5")])).collect();
        let shown = matrix(&series, |ms| ms.to_string());
        assert!(shown.starts_with("instance=0\n1000  5\n\ninstance=1\n"), "{shown}");
    }
}
