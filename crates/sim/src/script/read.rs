use std::time::Duration;

use super::{Line, MAX_LINES, Script, ScriptError, Whom};
use crate::trouble::Trouble;

/// The longest time in a script.
const MAX_TIME: Duration = Duration::from_secs(366 * 86_400);
/// What lasts less than this is over before anybody could see it.
const LEAST_TIME: Duration = Duration::from_secs(1);

/// Reads a whole script.
pub(super) fn script(text: &str) -> Result<Script, ScriptError> {
    let mut lines = Vec::new();
    for (place, line) in text.lines().enumerate() {
        if place >= MAX_LINES {
            return Err(ScriptError::TooLong);
        }
        let before_comment = line.split('#').next().unwrap_or_default();
        let words: Vec<&str> = before_comment.split_whitespace().collect();
        if !words.is_empty() {
            lines.push(event(place + 1, &words)?);
        }
    }
    Ok(Script { lines })
}

fn event(line: usize, words: &[&str]) -> Result<Line, ScriptError> {
    let [at, what, whom, rest @ ..] = words else { return Err(ScriptError::TooShort { line }) };
    let at = time(line, at)?;
    let trouble = Trouble::from_word(what)
        .ok_or_else(|| ScriptError::Trouble { line, word: (*what).to_owned() })?;
    let whom = self::whom(line, whom)?;
    let (mut lasts, mut every) = (None, None);
    let mut rest = rest.iter();
    while let Some(word) = rest.next() {
        let (after, place) = match *word {
            "for" if lasts.is_none() => ("for", &mut lasts),
            "every" if every.is_none() => ("every", &mut every),
            word => return Err(ScriptError::Extra { line, word: word.to_owned() }),
        };
        let time = time(line, rest.next().copied().unwrap_or_default())?;
        if time < LEAST_TIME {
            return Err(ScriptError::NoTime { line, after });
        }
        *place = Some(time);
    }
    let lasts = lasts.unwrap_or(trouble.usual_time());
    Ok(Line { number: line, at, trouble, whom, lasts, every })
}

fn whom(line: usize, word: &str) -> Result<Whom, ScriptError> {
    let wrong = || ScriptError::Whom { line, word: word.to_owned() };
    if word == "all" {
        return Ok(Whom::All);
    }
    if let Some(share) = word.strip_suffix('%') {
        let share = share.parse().ok().filter(|share| (1..=100).contains(share));
        return share.map(Whom::Share).ok_or_else(wrong);
    }
    if word.starts_with(|first: char| first.is_ascii_digit()) {
        let count = word.parse().ok().filter(|count| *count > 0);
        return count.map(Whom::Count).ok_or_else(wrong);
    }
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if word.chars().all(fits) { Ok(Whom::Named(word.to_owned())) } else { Err(wrong()) }
}

/// Numbers with units, one after the other: `1m30s`.
fn time(line: usize, word: &str) -> Result<Duration, ScriptError> {
    let wrong = || ScriptError::Time { line, word: word.to_owned() };
    let mut rest = word;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, after) = rest.split_at(digits);
        let number: u32 = number.parse().map_err(|_| wrong())?;
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let unit = match unit {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(3600),
            _ => return Err(wrong()),
        };
        sum = sum.saturating_add(unit.saturating_mul(number));
        rest = after;
    }
    if word.is_empty() || sum > MAX_TIME { Err(wrong()) } else { Ok(sum) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let text = "# a comment\n\n 10s killed web-3 for 40s # why\n1m30s cut 5% every 5m\n0s disk all\n500ms reboot 2\n";
        let read = script(text).expect("a good script");
        let line = |number, at, trouble, whom, lasts, every: Option<u64>| Line {
            number,
            at: Duration::from_millis(at),
            trouble,
            whom,
            lasts: Duration::from_secs(lasts),
            every: every.map(Duration::from_secs),
        };
        let expected = [
            line(3, 10_000, Trouble::Killed, Whom::Named("web-3".to_owned()), 40, None),
            line(4, 90_000, Trouble::Cut, Whom::Share(5), 30, Some(300)),
            line(5, 0, Trouble::Disk, Whom::All, 120, None),
            line(6, 500, Trouble::Reboot, Whom::Count(2), 45, None),
        ];
        assert_eq!(read.lines, expected);
    }

    #[test]
    fn errors_say_where_and_what_to_write() {
        for (text, expected) in [
            (
                "\n10s killed",
                "line 2: an event is WHEN WHAT WHOM, such as `30s killed web-3 for 40s`",
            ),
            ("10 killed a", "line 1: \"10\" is no time: write 500ms, 90s, 5m, 1h or 1m30s"),
            ("10d killed a", "line 1: \"10d\" is no time: write 500ms, 90s, 5m, 1h or 1m30s"),
            (
                "9999999h cut a",
                "line 1: \"9999999h\" is no time: write 500ms, 90s, 5m, 1h or 1m30s",
            ),
            (
                "1s explode a",
                "line 1: \"explode\" cannot happen to a server: it is one of cut, killed, frozen, reboot, crash, stopped, disk, runaway, flapping",
            ),
            (
                "1s cut 0",
                "line 1: \"0\" names no servers: write a name, a number, a share such as 5%, or all",
            ),
            (
                "1s cut 101%",
                "line 1: \"101%\" names no servers: write a name, a number, a share such as 5%, or all",
            ),
            (
                "1s cut a/b",
                "line 1: \"a/b\" names no servers: write a name, a number, a share such as 5%, or all",
            ),
            ("1s cut a for", "line 1: \"\" is no time: write 500ms, 90s, 5m, 1h or 1m30s"),
            ("1s cut a for 0s", "line 1: the time after `for` must be at least one second"),
            ("1s cut a every 10ms", "line 1: the time after `every` must be at least one second"),
            (
                "1s cut a now",
                "line 1: \"now\" is not understood: after WHOM come `for TIME` and `every TIME`",
            ),
            (
                "1s cut a for 1s for 2s",
                "line 1: \"for\" is not understood: after WHOM come `for TIME` and `every TIME`",
            ),
        ] {
            assert_eq!(script(text).expect_err(text).to_string(), expected);
        }
        assert_eq!(script(&"#\n".repeat(MAX_LINES + 1)), Err(ScriptError::TooLong));
    }
}
