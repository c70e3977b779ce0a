//! Dates in Go's layouts, which show how the moment `Mon Jan 2 15:04:05 2006` would be written.

use jiff::civil::DateTime;

/// What in a layout stands for a part of the date, the longer before the shorter that it begins with,
/// and how `strftime` calls it.
const PARTS: [(&str, &str); 27] = [
    ("January", "%B"),
    ("Jan", "%b"),
    ("Monday", "%A"),
    ("Mon", "%a"),
    ("MST", "UTC"),
    ("2006", "%Y"),
    ("-07:00", "+00:00"),
    ("-0700", "+0000"),
    ("-07", "+00"),
    ("Z07:00", "Z"),
    ("Z0700", "Z"),
    ("002", "%j"),
    ("01", "%m"),
    ("02", "%d"),
    ("03", "%I"),
    ("04", "%M"),
    ("05", "%S"),
    ("06", "%y"),
    ("15", "%H"),
    ("PM", "%p"),
    ("pm", "%P"),
    ("_2", "%e"),
    ("1", "%-m"),
    ("2", "%-d"),
    ("3", "%-I"),
    ("4", "%-M"),
    ("5", "%-S"),
];

/// Writes `date`, which is in UTC, as `layout` shows.
pub(super) fn format(date: DateTime, layout: &str) -> String {
    let (mut rest, mut text) = (layout, String::new());
    while let Some(first) = rest.chars().next() {
        if let Some(behind) = fraction(date, rest, &mut text) {
            rest = behind;
            continue;
        }
        let part = PARTS.iter().find(|(word, _)| rest.starts_with(word));
        let Some((word, directive)) = part else {
            text.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        text.push_str(&date.strftime(directive).to_string());
        rest = &rest[word.len()..];
    }
    text
}

/// `.000` and `.999` behind the seconds: digits of their fraction, the latter without zeros at the end.
fn fraction<'t>(date: DateTime, rest: &'t str, text: &mut String) -> Option<&'t str> {
    let digits = rest.strip_prefix(['.', ','])?;
    let kind = digits.chars().next().filter(|digit| matches!(digit, '0' | '9'))?;
    let count = digits.len() - digits.trim_start_matches(kind).len();
    let behind = &digits[count..];
    if count > 9 || behind.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let all = format!("{:09}", date.subsec_nanosecond());
    let shown = if kind == '9' { all[..count].trim_end_matches('0') } else { &all[..count] };
    if !shown.is_empty() {
        text.push_str(&rest[..1]);
        text.push_str(shown);
    }
    Some(behind)
}
