use super::sysfs::numbered;
use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::folder::{Folder, Names};
use crate::record::{MADE_UP_SERIAL, RecordedPath};
use crate::series::Family;

static INFO: Family = Family::gauge(
    "node_nvme_info",
    "Non-numeric data from /sys/class/nvme/<device>, value is always 1.",
    &["device", "firmware_revision", "model", "serial", "state"],
);

/// The files behind the labels of [`INFO`] but the first.
const FILES: [&[u8]; 4] = [b"firmware_rev", b"model", b"serial", b"state"];

/// Controllers of NVMe drives.
///
/// The serial number is given, as node_exporter does: it says which of many
/// drives has to be pulled. Temperatures are with the collector `hwmon`.
#[derive(Debug)]
pub(super) struct NvmeCollector {
    class: Folder,
    names: Names,
    values: [Vec<u8>; FILES.len()],
}

impl NvmeCollector {
    pub(super) fn new() -> Self {
        Self {
            class: Folder::new("sys/class/nvme"),
            names: Names::default(),
            values: Default::default(),
        }
    }
}

impl Collector for NvmeCollector {
    fn name(&self) -> &'static str {
        "nvme"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const {
            &[
                whole("sys/class/nvme/nvme*/firmware_rev"),
                whole("sys/class/nvme/nvme*/model"),
                RecordedPath { pattern: "sys/class/nvme/nvme*/serial", rewrite: MADE_UP_SERIAL },
                whole("sys/class/nvme/nvme*/state"),
            ]
        }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        if !self.class.open(reading.root)? {
            return Ok(Outcome::NotHere);
        }
        let Self { class, names, values } = self;
        class.list(&[], names);
        let is_controller = |name: &&[u8]| numbered(name, b"nvme").is_some();
        let all = names.iter().filter(is_controller).count();
        for name in names.iter().filter(is_controller).take(reading.limit(all)) {
            for (value, file) in values.iter_mut().zip(FILES) {
                super::sysfs::copy(class, &[name, file], value);
            }
            let [firmware, model, serial, state] = &*values;
            reading.put(&INFO, &[name, firmware, model, serial, state], 1.0);
        }
        Ok(if all == 0 { Outcome::NotHere } else { Outcome::Read })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    #[test]
    fn controllers_are_named_with_their_state() {
        let mut bench = Bench::new(&[
            ("sys/class/nvme/nvme0/model", "Fast SSD 512GB                \n"),
            ("sys/class/nvme/nvme0/serial", "S680    \n"),
            ("sys/class/nvme/nvme0/firmware_rev", "1B2Q\n"),
            ("sys/class/nvme/nvme0/state", "live\n"),
            ("sys/class/nvme/nvme12/state", "resetting\n"),
            ("sys/class/nvme/nvme-fabrics/state", "x\n"),
        ]);
        let mut collector = NvmeCollector::new();
        let expected = [
            r#"node_nvme_info{device="nvme0",firmware_revision="1B2Q",model="Fast SSD 512GB",serial="S680",state="live"} 1"#,
            r#"node_nvme_info{device="nvme12",state="resetting"} 1"#,
        ];
        assert_eq!(bench.read(&mut collector, 0), expected);
        bench.write("sys/class/nvme/nvme12/state", "dead\n");
        let lines = bench.read(&mut collector, 15_000);
        assert_eq!(lines[1], r#"node_nvme_info{device="nvme12",state="dead"} 1"#);
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn a_machine_without_drives() {
        let mut bench = Bench::new(&[]);
        bench.read(&mut NvmeCollector::new(), 0);
        assert_eq!(bench.outcome, Some(Outcome::NotHere));
    }
}
