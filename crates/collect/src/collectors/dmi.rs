use super::sysfs::copy;
use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::folder::Folder;
use crate::record::RecordedPath;
use crate::series::Family;

static INFO: Family = Family::gauge(
    "node_dmi_info",
    "A metric with a constant '1' value labeled by bios_date, bios_release, bios_vendor, \
     bios_version, board_name, board_vendor, board_version, chassis_vendor, chassis_version, \
     product_family, product_name, product_sku, product_version, system_vendor if provided by \
     DMI.",
    &[
        "bios_date",
        "bios_release",
        "bios_vendor",
        "bios_version",
        "board_name",
        "board_vendor",
        "board_version",
        "chassis_vendor",
        "chassis_version",
        "product_family",
        "product_name",
        "product_sku",
        "product_version",
        "system_vendor",
    ],
);

/// The files behind the labels of [`INFO`].
const FILES: [&[u8]; 14] = [
    b"bios_date",
    b"bios_release",
    b"bios_vendor",
    b"bios_version",
    b"board_name",
    b"board_vendor",
    b"board_version",
    b"chassis_vendor",
    b"chassis_version",
    b"product_family",
    b"product_name",
    b"product_sku",
    b"product_version",
    b"sys_vendor",
];

/// After how many readings the files are read again. What they tell changes
/// with the machine only.
const READ_AGAIN: u32 = 240;

/// What the maker of the machine calls it.
///
/// Serial numbers, asset tags and the machine's UUID are left out: they tell a
/// server's owner nothing that its name does not, and identify it to others.
#[derive(Debug)]
pub(super) struct DmiCollector {
    id: Folder,
    values: [Vec<u8>; FILES.len()],
    fresh_for: u32,
}

impl DmiCollector {
    pub(super) fn new() -> Self {
        Self { id: Folder::new("sys/class/dmi/id"), values: Default::default(), fresh_for: 0 }
    }
}

impl Collector for DmiCollector {
    fn name(&self) -> &'static str {
        "dmi"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const {
            &[
                whole("sys/class/dmi/id/bios_date"),
                whole("sys/class/dmi/id/bios_release"),
                whole("sys/class/dmi/id/bios_vendor"),
                whole("sys/class/dmi/id/bios_version"),
                whole("sys/class/dmi/id/board_name"),
                whole("sys/class/dmi/id/board_vendor"),
                whole("sys/class/dmi/id/board_version"),
                whole("sys/class/dmi/id/chassis_vendor"),
                whole("sys/class/dmi/id/chassis_version"),
                whole("sys/class/dmi/id/product_family"),
                whole("sys/class/dmi/id/product_name"),
                whole("sys/class/dmi/id/product_sku"),
                whole("sys/class/dmi/id/product_version"),
                whole("sys/class/dmi/id/sys_vendor"),
            ]
        }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        if self.fresh_for == 0 {
            if !self.id.open(reading.root)? {
                return Ok(Outcome::NotHere);
            }
            for (value, file) in self.values.iter_mut().zip(FILES) {
                copy(&mut self.id, &[file], value);
            }
            self.fresh_for = READ_AGAIN;
        }
        self.fresh_for -= 1;
        reading.put(&INFO, &self.values.each_ref().map(Vec::as_slice), 1.0);
        Ok(Outcome::Read)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    #[test]
    fn the_machine_is_named_without_numbers_that_identify_it() {
        let mut bench = Bench::new(&[
            ("sys/class/dmi/id/sys_vendor", "Dell Inc.\n"),
            ("sys/class/dmi/id/product_name", "PowerEdge R6515\n"),
            ("sys/class/dmi/id/product_serial", "7N62AI2\n"),
            ("sys/class/dmi/id/product_uuid", "83340ca8\n"),
            ("sys/class/dmi/id/product_version", "\u{1}\n"),
        ]);
        let mut collector = DmiCollector::new();
        let expected = [
            r#"node_dmi_info{product_name="PowerEdge R6515",product_version="?",system_vendor="Dell Inc."} 1"#,
        ];
        assert_eq!(bench.read(&mut collector, 0), expected);
        let recorded = collector.paths().iter().map(|path| path.pattern);
        let secret =
            |path: &str| ["serial", "uuid", "asset"].iter().any(|word| path.contains(word));
        assert_eq!(recorded.filter(|path| secret(path)).count(), 0);
        // Once an hour is enough.
        bench.write("sys/class/dmi/id/sys_vendor", "Other\n");
        assert_eq!(bench.read(&mut collector, 15_000), expected);
    }

    #[test]
    fn a_machine_without_such_a_table() {
        let (mut bench, mut collector) = (Bench::new(&[]), DmiCollector::new());
        assert!(bench.read(&mut collector, 0).is_empty());
        assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
    }
}
