//! Any text as a file of rules and as one of their tests: no panic, no endless loop, and every
//! mistake has its place in the file.

#![no_main]

use watchfire_alert::rules::test::TestFile;
use watchfire_alert::rules::{RuleError, RuleFile};

libfuzzer_sys::fuzz_target!(|text: &str| {
    have_places(text, &RuleFile::parse("rules.yml", text).err().unwrap_or_default());
    have_places(text, &TestFile::parse("tests.yml", text).err().unwrap_or_default());
});

fn have_places(text: &str, errors: &[RuleError]) {
    // A mistake at the end may stand on the line that comes next.
    let lines = text.lines().count() + 1;
    for error in errors {
        assert!((1..=lines).contains(&error.place.line) && error.place.column > 0, "{error}");
    }
}
