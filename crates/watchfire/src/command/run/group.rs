//! What servers said, with equal answers together: the largest group in full, the others as what
//! differs from it.

use std::collections::BTreeMap;
use std::fmt::Write;

use watchfire_api::runs::{OutputRow, RunRow, Said, TargetRow};

use super::names;
use crate::screen;

/// Beyond so many lines a difference is not looked for: it takes time as their product.
const MAX_DIFF_LINES: usize = 2000;

/// One answer, and who gave it.
struct Group<'a> {
    verdict: String,
    stdout: &'a Said,
    stderr: &'a Said,
    servers: Vec<&'a str>,
    is_cut: bool,
}

/// All of it for a person.
pub(super) fn text(run: &RunRow, outputs: &[OutputRow]) -> String {
    let groups = groups(run, outputs);
    let mut out = String::new();
    let mut major: Option<&Group<'_>> = None;
    for group in &groups {
        let count = group.servers.len();
        // Writing to a String cannot fail, so the results are not looked at.
        let _ = writeln!(out, "== {} ({count}): {}", names(&group.servers), group.verdict);
        match major {
            Some(major) if differs_little(major.stdout, group.stdout) => {
                out.push_str(&difference(&shown(major.stdout), &shown(group.stdout)));
            }
            _ => push_lines(&mut out, "", &shown(group.stdout)),
        }
        push_lines(&mut out, "stderr: ", &shown(group.stderr));
        if group.is_cut {
            out.push_str("[some of it is not kept]\n");
        }
        if major.is_none() && is_answer(group) {
            major = Some(group);
        }
    }
    let counts = &run.counts;
    let _ = write!(out, "{} of {} servers: well", counts.ok, run.targets.len());
    for (count, word) in [
        (counts.failed, "failed"),
        (counts.refused, "refused"),
        (counts.not_reached, "not reached"),
        (counts.other, "cancelled, skipped or lost"),
    ] {
        if count > 0 {
            let _ = write!(out, ", {count} {word}");
        }
    }
    let _ = writeln!(out, " (run {})", run.id);
    out
}

/// The largest first.
fn groups<'a>(run: &'a RunRow, outputs: &'a [OutputRow]) -> Vec<Group<'a>> {
    static NOTHING: Said = Said { text: None, base64: None };
    let said: BTreeMap<&str, &OutputRow> =
        outputs.iter().map(|row| (row.server.as_str(), row)).collect();
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut known: BTreeMap<(String, [Option<&str>; 4], bool), usize> = BTreeMap::new();
    for target in &run.targets {
        let row = said.get(target.server.as_str());
        let (stdout, stderr) = row.map_or((&NOTHING, &NOTHING), |row| (&row.stdout, &row.stderr));
        let parts = [&stdout.text, &stdout.base64, &stderr.text, &stderr.base64];
        let verdict = verdict(target);
        let key = (verdict.clone(), parts.map(Option::as_deref), target.output_cut);
        let place = *known.entry(key).or_insert_with(|| {
            let is_cut = target.output_cut;
            groups.push(Group { verdict, stdout, stderr, servers: Vec::new(), is_cut });
            groups.len() - 1
        });
        groups[place].servers.push(&target.server);
    }
    groups.sort_by_key(|group| std::cmp::Reverse((is_answer(group), group.servers.len())));
    groups
}

/// Whether anything ran there.
fn is_answer(group: &Group<'_>) -> bool {
    group.verdict.starts_with("exit") || group.verdict.starts_with("killed")
}

fn verdict(target: &TargetRow) -> String {
    let Some(exit) = &target.exit else {
        let state = target.state.replace('_', " ");
        let why = screen::line(&target.why);
        return if why.is_empty() { state } else { format!("{state}: {why}") };
    };
    let mut words = match (exit.code, exit.signal) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "exit unknown".to_owned(),
    };
    for (is, word) in [
        (exit.timed_out, ", it took too long"),
        (exit.truncated, ", it said too much"),
        (exit.canceled, ", cancelled"),
    ] {
        if is {
            words.push_str(word);
        }
    }
    words
}

/// What was said, with everything escaped that could move a cursor or deceive.
fn shown(said: &Said) -> String {
    match (&said.text, &said.base64) {
        (Some(text), _) => escape(text),
        (None, Some(base64)) => format!("[not text, in base64] {}", escape(base64)),
        (None, None) => String::new(),
    }
}

/// Control characters as `\x1b` or `\u{202e}`; line ends and tabs stay.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // A line's end of other systems is one as well.
    for letter in text.replace("\r\n", "\n").chars() {
        match letter {
            '\n' | '\t' => out.push(letter),
            _ if screen::deceives(letter) && letter.is_ascii() => {
                let _ = write!(out, "\\x{:02x}", u32::from(letter));
            }
            _ if screen::deceives(letter) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
    // `screen::print` is the last guard; it knows no tabs.
    out.replace('\t', "    ")
}

fn push_lines(out: &mut String, before: &str, text: &str) {
    for line in text.lines() {
        let _ = writeln!(out, "{before}{line}");
    }
}

fn differs_little(major: &Said, other: &Said) -> bool {
    let lines = |said: &Said| said.text.as_ref().map(|text| text.lines().count());
    let fits = |said| lines(said).is_some_and(|count| (1..=MAX_DIFF_LINES).contains(&count));
    fits(major) && fits(other) && major != other
}

/// The lines that one has and the other has not, with equal lines between left out. It is the
/// longest common subsequence of lines.
fn difference(major: &str, other: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (major.lines().collect(), other.lines().collect());
    let width = new.len() + 1;
    // How many lines are common from here on.
    let mut common = vec![0_u16; (old.len() + 1) * width];
    for (row, line) in old.iter().enumerate().rev() {
        for (column, other) in new.iter().enumerate().rev() {
            let at = row * width + column;
            common[at] = if line == other {
                common[at + width + 1] + 1
            } else {
                common[at + width].max(common[at + 1])
            };
        }
    }
    let (mut out, mut row, mut column) = (String::new(), 0, 0);
    while row < old.len() || column < new.len() {
        let at = row * width + column;
        if row < old.len() && column < new.len() && old[row] == new[column] {
            (row, column) = (row + 1, column + 1);
        } else if column == new.len() || (row < old.len() && common[at + width] >= common[at + 1]) {
            let _ = writeln!(out, "- {}", old[row]);
            row += 1;
        } else {
            let _ = writeln!(out, "+ {}", new[column]);
            column += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use watchfire_api::runs::{ExitRow, RunCounts, RunWhat};

    use super::*;

    fn target(server: &str, code: i32) -> TargetRow {
        TargetRow {
            server: server.to_owned(),
            state: "done".to_owned(),
            why: String::new(),
            exit: Some(ExitRow { code: Some(code), ..ExitRow::default() }),
            output_bytes: 1,
            output_cut: false,
        }
    }

    fn said(server: &str, text: &str) -> OutputRow {
        let stdout = Said { text: Some(text.to_owned()), base64: None };
        OutputRow { server: server.to_owned(), stdout, stderr: Said::default() }
    }

    fn run(targets: Vec<TargetRow>) -> RunRow {
        RunRow {
            id: "0123456789abcdef".to_owned(),
            command_id: String::new(),
            user: "ada".to_owned(),
            what: RunWhat::default(),
            began_unix_ms: 0,
            ended_unix_ms: Some(1),
            changes: 0,
            counts: RunCounts { ok: 3, failed: 1, not_reached: 1, ..RunCounts::default() },
            targets,
        }
    }

    #[test]
    fn equal_answers_stand_together_and_others_as_what_differs() {
        let away = TargetRow {
            state: "not_reached".to_owned(),
            why: "no agent\x1b[2J".to_owned(),
            exit: None,
            ..target("web-5", 0)
        };
        let run = run(vec![
            target("web-1", 0),
            target("web-2", 0),
            target("web-3", 0),
            target("web-4", 1),
            away,
        ]);
        let outputs = [
            said("web-1", "a\nb\nc\n"),
            said("web-2", "a\nx\nc\nd\n"),
            said("web-3", "a\nb\nc\n"),
            said("web-4", "a\nb\nc\n"),
        ];
        assert_eq!(
            text(&run, &outputs),
            "== web-1, web-3 (2): exit 0\na\nb\nc\n\
             == web-2 (1): exit 0\n- b\n+ x\n+ d\n\
             == web-4 (1): exit 1\na\nb\nc\n\
             == web-5 (1): not reached: no agent?[2J\n\
             3 of 5 servers: well, 1 failed, 1 not reached (run 0123456789abcdef)\n"
        );
    }

    /// Abuse row A22, byte by byte.
    #[test]
    fn what_moves_a_terminal_is_shown_and_not_sent() {
        let weapon = "a\x1b]52;c;aGk=\x07b\x1b[2Jc\x1b]0;title\x07\r\nd\u{202e}e\u{9b}2J\tf\n";
        assert_eq!(
            escape(weapon),
            "a\\x1b]52;c;aGk=\\x07b\\x1b[2Jc\\x1b]0;title\\x07\nd\\u{202e}e\\u{9b}2J    f\n"
        );
        let raw = Said { text: None, base64: Some("/w==".to_owned()) };
        assert_eq!(shown(&raw), "[not text, in base64] /w==");
    }

    #[test]
    fn what_differs_is_found_in_any_place() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), "");
        assert_eq!(difference("", "a\n"), "+ a\n");
        assert_eq!(difference("a\nb\nc\n", "c\n"), "- a\n- b\n");
    }
}
