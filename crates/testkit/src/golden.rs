//! Files that hold what the output was when somebody last looked at it.

use std::path::Path;

/// Compares `text` with the file at `path`. With `UPDATE_GOLDEN=1` in the
/// environment the file is written instead.
///
/// # Panics
/// When they differ or the file is missing; the message shows the first line
/// that differs and how to accept the new text.
pub fn check(path: impl AsRef<Path>, text: &str) {
    let path = path.as_ref();
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).expect("the golden folder can be made");
        }
        std::fs::write(path, text).expect("the golden file can be written");
        return;
    }
    let Ok(golden) = std::fs::read_to_string(path) else {
        panic!("{} is missing: run again with UPDATE_GOLDEN=1 and look at it", path.display());
    };
    if let Some(difference) = first_difference(&golden, text) {
        panic!(
            "{} differs: {difference}\nIf the new text is right, run again with UPDATE_GOLDEN=1",
            path.display()
        );
    }
}

fn first_difference(golden: &str, text: &str) -> Option<String> {
    if golden == text {
        return None;
    }
    let (mut old, mut new) = (golden.lines(), text.lines());
    for number in 1.. {
        let (was, is) = (old.next(), new.next());
        if was.is_none() && is.is_none() {
            break;
        }
        if was != is {
            return Some(format!("line {number}\n  golden: {was:?}\n  now:    {is:?}"));
        }
    }
    Some("only in how lines end".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_different_line_is_named() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        let difference = first_difference("a\nb\n", "a\nc\n").unwrap();
        assert!(difference.starts_with("line 2"), "{difference}");
        assert_eq!(first_difference("a\n", "a").as_deref(), Some("only in how lines end"));
    }

    #[test]
    fn a_missing_file_tells_how_to_make_it() {
        let missing = std::panic::catch_unwind(|| check("/nowhere/at/all.txt", "x"));
        let words = missing.unwrap_err().downcast::<String>().unwrap();
        assert!(words.contains("UPDATE_GOLDEN=1"), "{words}");
    }
}
