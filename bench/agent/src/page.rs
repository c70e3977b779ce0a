//! The figures as Markdown.

use std::fmt::Write;
use std::time::Duration;

use clap::ValueEnum;

use crate::Arguments;
use crate::facts;
use crate::spread::Spread;

/// What was measured of one program. The first line of a table is ours.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) spread: Option<Spread>,
}

impl Line {
    /// `values` times `unit` are what is shown.
    pub(crate) fn new(name: &str, values: &[f64], unit: f64) -> Self {
        let values: Vec<f64> = values.iter().map(|value| value * unit).collect();
        Self { name: name.to_owned(), spread: Spread::of(&values) }
    }

    fn median(&self) -> Option<f64> {
        self.spread.map(|spread| spread.median)
    }
}

/// How it is measured, and where.
pub(crate) fn head(arguments: &Arguments) -> String {
    let names = |names: Vec<String>| names.join(",");
    let name = |value: Option<clap::builder::PossibleValue>| {
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    };
    let mut command = format!(
        "cargo run --release -p bench-agent -- --seconds {} --rounds {} --settle {} --scrapes {} \
         --processes {}",
        arguments.seconds,
        arguments.rounds,
        arguments.settle,
        arguments.scrapes,
        arguments.processes
    );
    if arguments.only.len() < crate::rows::Row::ALL.len() {
        let only = arguments.only.iter().map(|row| name(row.to_possible_value())).collect();
        let _ = write!(command, " --only {}", names(only));
    }
    if arguments.peers.len() < crate::peers::Peer::ALL.len() {
        let peers = arguments.peers.iter().map(|peer| name(peer.to_possible_value())).collect();
        let _ = write!(command, " --peers {}", names(peers));
    }
    format!("`{command}`\n\n{}, load {} at the start\n", facts::machine(), facts::load())
}

/// What is known when all is done.
pub(crate) fn end(took: Duration) -> String {
    format!("\nLoad {} at the end, after {:.0} s.\n", facts::load(), took.as_secs_f64())
}

/// A table whose last column says how many times ours each is.
pub(crate) fn table(title: &str, unit: &str, digits: usize, lines: &[Line]) -> String {
    let mut text = format!(
        "\n#### {title}\n\n| program | min, {unit} | median, {unit} | max, {unit} | × ours |\n\
         |---|--:|--:|--:|--:|\n"
    );
    let ours = lines.first().and_then(Line::median);
    for line in lines {
        let Some(Spread { min, median, max }) = line.spread else {
            let _ = writeln!(text, "| {} | | not measured | | |", line.name);
            continue;
        };
        let ratio = ours.map_or_else(String::new, |ours| format!("{:.2}", median / ours));
        let name = &line.name;
        let _ = writeln!(
            text,
            "| {name} | {min:.digits$} | {median:.digits$} | {max:.digits$} | {ratio} |"
        );
    }
    text
}

/// Whether ours is at least `times` less than the line that begins so.
pub(crate) fn held_over(other: &str, lines: &[Line], times: f64) -> String {
    let Some(ratio) = ratio(other, lines) else { return String::new() };
    let held = held(ratio >= times);
    format!("\nTo hold: at least {times} × less than {other}. It is {ratio:.1} × less: {held}.\n")
}

/// Whether ours is at most `times` the line that begins so.
pub(crate) fn held_under(other: &str, lines: &[Line], times: f64) -> String {
    let Some(ratio) = ratio(other, lines) else { return String::new() };
    let (ours, held) = (1.0 / ratio, held(1.0 / ratio <= times));
    format!("\nTo hold: at most {times} × the {other}. It is {ours:.2} × the {other}: {held}.\n")
}

/// Whether ours is at most so much.
pub(crate) fn held_at_most(lines: &[Line], most: f64, unit: &str) -> String {
    let Some(ours) = lines.first().and_then(Line::median) else { return String::new() };
    let held = held(ours <= most);
    format!("\nTo hold: at most {most} {unit}. It is {ours:.2} {unit}: {held}.\n")
}

fn held(it_is: bool) -> &'static str {
    if it_is { "held" } else { "**not held**" }
}

/// How many times ours the line is that begins so.
fn ratio(other: &str, lines: &[Line]) -> Option<f64> {
    let ours = lines.first()?.median()?;
    let other = lines.iter().find(|line| line.name.starts_with(other))?.median()?;
    Some(other / ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_of_medians_and_say_whether_they_hold() {
        let lines = [Line::new("ours", &[0.5, 0.25, 1.0], 2.0), Line::new("peer x", &[10.0], 1.0)];
        let text = table("CPU", "ms", 1, &lines);
        assert!(text.contains("| ours | 0.5 | 1.0 | 2.0 | 1.00 |"), "{text}");
        assert!(text.contains("| peer x | 10.0 | 10.0 | 10.0 | 10.00 |"), "{text}");
        assert!(held_over("peer", &lines, 10.0).ends_with("10.0 × less: held.\n"));
        assert!(held_over("peer", &lines, 10.1).contains("**not held**"));
        assert!(held_under("peer", &lines, 0.1).ends_with("0.10 × the peer: held.\n"));
        assert!(held_at_most(&lines, 0.9, "ms").contains("It is 1.00 ms: **not held**"));
        assert_eq!(held_over("nobody", &lines, 1.0), "");
    }
}
