use super::{Collector, Outcome, Pace, Reading};
use crate::CollectError;
use crate::events::{PSTORE, record_kind};
use crate::folder::{Folder, Names};
use crate::rate::as_f64;
use crate::record::{RecordedPath, Rewrite};
use crate::series::Family;

static RECORDS: Family = Family::gauge(
    "watchfire_pstore_records",
    "Records that the kernel kept over the start of the machine: its last words are dmesg.",
    &["kind"],
);
/// The most kinds of records.
const MAX_KINDS: usize = 16;

/// Records of the kernel that outlived the start of the machine.
///
/// They are for root only on most machines. Without that right there
/// are no series of them, which is no fault.
#[derive(Debug)]
pub(super) struct PstoreCollector {
    pstore: Folder,
    names: Names,
}

impl PstoreCollector {
    pub(super) fn new() -> Self {
        Self { pstore: Folder::new(PSTORE), names: Names::default() }
    }

    /// The names are sorted, so those of a kind follow each other.
    fn put_records(&mut self, reading: &mut Reading<'_>) -> bool {
        if !matches!(self.pstore.open(reading.root), Ok(true)) {
            return false;
        }
        self.pstore.list(&[], &mut self.names);
        let mut kinds = 0;
        let mut names = self.names.iter().filter_map(record_kind).peekable();
        while let Some(kind) = names.next() {
            let mut count = 1;
            while names.next_if_eq(&kind).is_some() {
                count += 1;
            }
            kinds += 1;
            if kinds <= MAX_KINDS {
                reading.put(&RECORDS, &[kind], as_f64(count));
            }
        }
        kinds > 0
    }
}

impl Collector for PstoreCollector {
    fn name(&self) -> &'static str {
        "pstore"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        // Of a record only the line that says what it is: the rest is the log.
        const {
            &[RecordedPath {
                pattern: "sys/fs/pstore/*",
                rewrite: Rewrite::Lines(&["Panic#", "Oops#"]),
            }]
        }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        Ok(if self.put_records(reading) { Outcome::Read } else { Outcome::NotHere })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    #[test]
    fn records_are_counted_by_kind() {
        let mut bench = Bench::new(&[
            ("sys/fs/pstore/dmesg-efi-2", ""),
            ("sys/fs/pstore/dmesg-efi-1", ""),
            ("sys/fs/pstore/console-ramoops-0", ""),
            ("sys/fs/pstore/stray", ""),
        ]);
        let lines = bench.read(&mut PstoreCollector::new(), 0);
        let expected = [
            r#"watchfire_pstore_records{kind="console"} 1"#,
            r#"watchfire_pstore_records{kind="dmesg"} 2"#,
        ];
        assert_eq!((lines.as_slice(), bench.faults.len()), (&expected.map(str::to_owned)[..], 0));
    }

    #[test]
    fn a_machine_without_records_has_nothing() {
        let mut bench = Bench::new(&[]);
        assert!(bench.read(&mut PstoreCollector::new(), 0).is_empty());
        assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
    }
}
