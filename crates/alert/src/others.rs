//! Names of other servers in words that several users read.
//!
//! What happened to a server is stored as one sentence, and whoever may see that server
//! reads it. It also names the servers that looked at it, which not everybody may know
//! of (invariant I7). So names are stored between marks, and [`for_reader`] makes the
//! sentence for one reader: what is not theirs to know becomes `another server`. A
//! sentence without marks stays as it is.

use crate::clean;

/// The marks around a list of names. No server's name may hold them, and [`clean`] takes
/// them out of every outside string, so nothing but this file can write one.
const BEGIN: char = '\u{2068}';
const END: char = '\u{2069}';
/// What stands between two names; no server's name may hold it.
const BETWEEN: &str = ", ";
/// The most characters of a name that are stored: a server's name is never longer, and
/// a cut one would be nobody's.
const MAX_STORED: usize = 253;
/// The longest name that is shown.
const MAX_SHOWN: usize = 40;
/// How many names a list shows; the timeline has them all.
const MAX_NAMED: usize = 3;

/// The name of a server other than the one that the words are about, for words that
/// [`for_reader`] makes for each reader.
#[must_use]
pub fn other_server(name: &str) -> String {
    format!("{BEGIN}{}{END}", clean(name, MAX_STORED))
}

/// The same for a list; `None` for nobody.
pub(crate) fn other_servers<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut all: Vec<String> = names.into_iter().map(|name| clean(name, MAX_STORED)).collect();
    all.sort_unstable();
    (!all.is_empty()).then(|| format!("{BEGIN}{}{END}", all.join(BETWEEN)))
}

/// The stored words `text` for a reader who may know of the servers for which `knows`
/// is true.
#[must_use]
pub fn for_reader(text: &str, knows: impl Fn(&str) -> bool) -> String {
    let mut words = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = rest.split_once(BEGIN) {
        words.push_str(before);
        // A list without an end hides what follows rather than to show a name.
        let (list, after) = from.split_once(END).unwrap_or((from, ""));
        words.push_str(&listed(list, &knows));
        rest = after;
    }
    words.push_str(rest);
    words.retain(|c| c != END);
    words
}

/// `db-1`, `db-1 and db-2`, `db-1, db-2, db-3 and 2 more`, `db-1 and another server`,
/// `2 other servers`.
fn listed(list: &str, knows: impl Fn(&str) -> bool) -> String {
    let (known, hidden): (Vec<&str>, Vec<&str>) = list.split(BETWEEN).partition(|name| knows(name));
    let shown = known.iter().take(MAX_NAMED).map(|name| clean(name, MAX_SHOWN));
    let mut words: Vec<String> = shown.collect();
    match (known.len().saturating_sub(MAX_NAMED), hidden.len()) {
        (0, 0) => {}
        (0, 1) => words.push("another server".to_owned()),
        (0, hidden) => words.push(format!("{hidden} other servers")),
        (more, hidden) => words.push(format!("{} more", more + hidden)),
    }
    match words.pop() {
        Some(last) if !words.is_empty() => format!("{} and {last}", words.join(", ")),
        last => last.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(names: &[&str], known: &[&str]) -> String {
        let names = other_servers(names.iter().copied()).expect("somebody");
        for_reader(&format!("It is seen by {names}."), |name| known.contains(&name))
    }

    #[test]
    fn each_reader_is_told_of_the_servers_that_are_theirs() {
        for (names, known, words) in [
            (&["db-1"][..], &["db-1"][..], "db-1"),
            (&["db-2", "db-1"], &["db-1", "db-2"], "db-1 and db-2"),
            (&["d", "b", "e", "a", "c"], &["a", "b", "c", "d", "e"], "a, b, c and 2 more"),
            (&["db-1"], &[], "another server"),
            (&["db-1"], &["db", "db-10", "DB-1"], "another server"),
            (&["db-1", "db-2"], &[], "2 other servers"),
            (&["db-1", "web-1"], &["web-1"], "web-1 and another server"),
            (&["db-1", "db-2", "web-1"], &["web-1"], "web-1 and 2 other servers"),
            (&["a", "b", "c", "d", "z"], &["a", "b", "c", "d"], "a, b, c and 2 more"),
        ] {
            assert_eq!(told(names, known), format!("It is seen by {words}."));
        }
        assert_eq!(other_servers([]), None);
    }

    #[test]
    fn several_lists_are_told_each_by_itself() {
        let text = format!("{} does, {} does not.", other_server("a"), other_server("b"));
        assert_eq!(for_reader(&text, |name| name == "b"), "another server does, b does not.");
    }

    #[test]
    fn words_from_before_there_were_marks_are_told_as_they_are() {
        let old = "Nobody reaches it: neither the hub nor db-1.";
        assert_eq!(for_reader(old, |_| false), old);
    }

    #[test]
    fn what_is_broken_hides_a_name() {
        let cut = format!("by {BEGIN}db-1 and nobody else");
        assert_eq!(for_reader(&cut, |name| name == "db-1"), "by another server");
        assert_eq!(for_reader(&format!("a{END}b"), |_| true), "ab");
        let evil = format!("x{END}db-1{BEGIN}y");
        assert_eq!(for_reader(&other_server(&evil), |_| false), "another server");
        assert_eq!(other_server(&"x".repeat(1000)).chars().count(), MAX_STORED + 2);
        assert_eq!(told(&[&"x".repeat(100)], &[&"x".repeat(100)]).chars().count(), 14 + 40 + 1);
    }

    proptest! {
        #[test]
        fn no_name_comes_through(names in proptest::collection::vec("[A-Z.:_-]{1,60}", 1..9)) {
            let words = told(&names.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
            prop_assert!(!words.contains([BEGIN, END]));
            let words = words.trim_start_matches("It is seen by ").trim_end_matches('.');
            prop_assert!(words == "another server" || words.ends_with(" other servers"));
        }
    }
}
