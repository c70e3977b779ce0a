use proptest::prelude::*;

use super::*;

/// Journals that `systemd-journal-remote` of systemd 252 wrote of one export, without what is
/// zero: pieces of an offset and a length of eight bytes each, and the bytes.
const FIXTURES: [(&str, &[u8]); 4] = [
    ("keyed, short offsets", include_bytes!("../../testdata/journal/keyed_compact.pieces")),
    ("keyed, long offsets", include_bytes!("../../testdata/journal/keyed.pieces")),
    ("plain hashes", include_bytes!("../../testdata/journal/plain.pieces")),
    ("zstd", include_bytes!("../../testdata/journal/zstd.pieces")),
];

fn whole(mut pieces: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    let number = |pieces: &mut &[u8]| {
        let (number, rest) = pieces.split_first_chunk::<8>().unwrap();
        *pieces = rest;
        usize::try_from(u64::from_le_bytes(*number)).unwrap()
    };
    while !pieces.is_empty() {
        let (at, length) = (number(&mut pieces), number(&mut pieces));
        content.resize(content.len().max(at + length), 0);
        content[at..at + length].copy_from_slice(&pieces[..length]);
        pieces = &pieces[length..];
    }
    content
}

#[test]
fn the_last_lines_of_a_unit_are_read_in_every_way_of_writing() {
    for (name, pieces) in FIXTURES {
        let content = whole(pieces);
        let lines = journal_lines_of(&content, "web.service");
        let is_zstd = name == "zstd";
        let long = format!("a long one {}", "x".repeat(MAX_JOURNAL_LINE_BYTES - 11));
        let long = if is_zstd { PACKED.to_owned() } else { long };
        let wanted = [
            "request 6",
            "request 7",
            "request 8",
            "request 9",
            "request 10",
            "request 11",
            "connecting with password=*** to db",
            long.as_str(),
            "web.service: Main process exited, code=exited, status=1/FAILURE",
            "web.service: Failed with result 'exit-code'.",
        ];
        assert_eq!(lines, wanted, "{name}");
        let other = journal_lines_of(&content, "db.service");
        assert_eq!((other.len(), other[9].as_str()), (10, "other 11"), "{name}");
        assert_eq!(journal_lines_of(&content, "user.service"), ["forged by a user"], "{name}");
        assert!(journal_lines_of(&content, "nobody.service").is_empty(), "{name}");
    }
}

#[test]
fn files_are_found_by_the_machines_id_and_older_ones_make_up_for_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::recorded(folder.path());
    assert!(journal_lines(&root, "web.service").is_empty());
    let id = "fedcba9876543210fedcba9876543210";
    let journals = folder.path().join("var/log/journal").join(id);
    std::fs::create_dir_all(&journals).unwrap();
    std::fs::create_dir_all(folder.path().join("etc")).unwrap();
    std::fs::write(folder.path().join("etc/machine-id"), format!("{id}\n")).unwrap();
    std::fs::write(journals.join(CURRENT), "just begun").unwrap();
    std::fs::write(journals.join("user-1000.journal"), whole(FIXTURES[0].1)).unwrap();
    assert!(journal_lines(&root, "web.service").is_empty());
    std::fs::write(journals.join("system@a-1-60a.journal"), whole(FIXTURES[0].1)).unwrap();
    assert_eq!(journal_lines(&root, "web.service").len(), 10);
    let event = unit_failed(&root, "web.service", Moment::default());
    assert_eq!((event.kind, event.text.lines().count()), (EventKind::UnitFailed, 11));
    assert!(event.text.starts_with("web.service failed\nrequest 6\n"), "{}", event.text);
    assert_eq!(unit_failed(&root, "x.service", Moment::default()).text, "x.service failed");
    std::fs::write(folder.path().join("etc/machine-id"), "../../etc").unwrap();
    assert!(journal_lines(&root, "web.service").is_empty());
}

#[test]
fn files_are_looked_at_from_the_newest_on() {
    let ages = ["system.journal", "system@a-2-61.journal", "system@a-1-60.journal"].map(age);
    assert!(ages.is_sorted_by(|a, b| a > b) && ages[2].is_some(), "{ages:?}");
    assert_eq!(["user-1000.journal", "system@x.journal~"].map(age), [None, None]);
}

proptest! {
    #[test]
    fn whatever_is_damaged_it_ends_and_tells_no_more_than_it_may(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        which in 0..FIXTURES.len(),
    ) {
        // What is not zero is where a flip matters.
        let mut pieces = FIXTURES[which].1.to_vec();
        for (at, byte) in flips {
            let at = at.index(pieces.len() - 16) + 16;
            pieces[at] ^= byte;
        }
        let mut content = whole(FIXTURES[which].1);
        content[..pieces.len() - 16].copy_from_slice(&pieces[16..]);
        for content in [content.as_slice(), &pieces] {
            let lines = journal_lines_of(content, "web.service");
            prop_assert!(lines.len() <= MAX_JOURNAL_LINES);
            prop_assert!(lines.iter().all(|line| line.len() <= MAX_JOURNAL_LINE_BYTES));
        }
    }
}
