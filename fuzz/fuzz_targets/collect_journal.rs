//! A file of systemd's journal, whatever it says: reading it ends, and tells no more than it may.

#![no_main]

use watchfire_collect::{MAX_JOURNAL_LINE_BYTES, MAX_JOURNAL_LINES, journal_lines_of};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let lines = journal_lines_of(bytes, "web.service");
    assert!(lines.len() <= MAX_JOURNAL_LINES);
    assert!(lines.iter().all(|line| line.len() <= MAX_JOURNAL_LINE_BYTES));
});
