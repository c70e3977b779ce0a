//! Who was told when, as a row of a table.

use std::fmt::Write;
use std::time::Duration;

use watchfire_testkit::figures::percentile;
use watchfire_testkit::smtp::Mail;

/// From something to its mail, in seconds; `None` where no mail came.
pub(crate) type Times = Vec<Option<f64>>;

/// Whether a mail names a server: `real-1` is not `real-12`.
pub(crate) fn names(mail: &Mail, server: &str) -> bool {
    let text = mail.raw_text();
    text.match_indices(server).any(|(at, _)| {
        let next = text[at + server.len()..].chars().next();
        !next.is_some_and(|next| next.is_ascii_digit())
    })
}

/// From `begun` to the first fitting mail that was accepted until `end`.
pub(crate) fn first(
    mails: &[Mail],
    begun: Duration,
    end: Duration,
    fits: impl Fn(&Mail) -> bool,
) -> Option<f64> {
    let accepted = mails.iter().filter(|mail| fits(mail)).filter_map(|mail| mail.accepted);
    let first = accepted.filter(|at| (begun..=end).contains(at)).min()?;
    Some((first - begun).as_secs_f64())
}

pub(crate) fn lost(times: &Times) -> usize {
    times.iter().filter(|time| time.is_none()).count()
}

/// How many, how many without a mail, and the spread of the others.
pub(crate) fn row(text: &mut String, name: &str, times: &Times) {
    let told: Vec<f64> = times.iter().flatten().copied().collect();
    let of = |share| {
        percentile(&told, share).map_or_else(|| "none".to_owned(), |value| format!("{value:.2}"))
    };
    let (all, lost) = (times.len(), lost(times));
    let _ =
        writeln!(text, "| {name} | {all} | {lost} | {} | {} | {} |", of(0.5), of(0.99), of(1.0));
}

pub(crate) const HEAD: &str =
    "| | times | not told | p50, s | p99, s | max, s |\n|---|--:|--:|--:|--:|--:|\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(text: &str, at: u64) -> Mail {
        let raw = format!("Subject: x\r\n\r\n{text}\r\n").into_bytes();
        let mut mail = Mail::of(vec!["ada@example.org".to_owned()], raw, Duration::ZERO);
        mail.accepted = Some(Duration::from_secs(at));
        mail
    }

    #[test]
    fn a_name_is_no_part_of_another() {
        let one = mail("about real-12", 1);
        assert!(names(&one, "real-12") && !names(&one, "real-1"));
        assert!(names(&mail("real-1, real-12", 1), "real-1"));
    }

    #[test]
    fn only_mails_of_the_time_count() {
        let mails = [mail("a", 1), mail("a", 7), mail("b", 5)];
        let of = |text: &'static str, begun, end| {
            let fits = move |mail: &Mail| mail.raw_text().contains(text);
            first(&mails, Duration::from_secs(begun), Duration::from_secs(end), fits)
        };
        assert_eq!(of("\r\na\r\n", 2, 9), Some(5.0));
        assert_eq!(of("\r\na\r\n", 2, 6), None);
        assert_eq!(of("\r\nb\r\n", 2, 6), Some(3.0));
    }
}
