use super::sysfs::{copy, numbered, value};
use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::folder::{Folder, Names};
use crate::record::RecordedPath;
use crate::series::Family;

static CORRECTABLE: Family = Family::counter(
    "node_edac_correctable_errors_total",
    "Total correctable memory errors.",
    &["controller"],
);
static UNCORRECTABLE: Family = Family::counter(
    "node_edac_uncorrectable_errors_total",
    "Total uncorrectable memory errors.",
    &["controller"],
);
static ROW_CORRECTABLE: Family = Family::counter(
    "node_edac_csrow_correctable_errors_total",
    "Total correctable memory errors for this csrow.",
    &["controller", "csrow"],
);
static ROW_UNCORRECTABLE: Family = Family::counter(
    "node_edac_csrow_uncorrectable_errors_total",
    "Total uncorrectable memory errors for this csrow.",
    &["controller", "csrow"],
);
static MODULE_CORRECTABLE: Family = Family::counter(
    "watchfire_edac_dimm_correctable_errors_total",
    "Correctable memory errors of this memory module.",
    &["controller", "dimm", "label"],
);
static MODULE_UNCORRECTABLE: Family = Family::counter(
    "watchfire_edac_dimm_uncorrectable_errors_total",
    "Uncorrectable memory errors of this memory module.",
    &["controller", "dimm", "label"],
);

/// Errors of memory, from the files of the kernel's
/// `Documentation/admin-guide/RAS/main.rst`.
#[derive(Debug)]
pub(super) struct EdacCollector {
    controllers: Folder,
    names: Names,
    parts: Names,
    label: Vec<u8>,
}

impl EdacCollector {
    pub(super) fn new() -> Self {
        Self {
            controllers: Folder::new("sys/devices/system/edac/mc"),
            names: Names::default(),
            parts: Names::default(),
            label: Vec::new(),
        }
    }
}

impl Collector for EdacCollector {
    fn name(&self) -> &'static str {
        "edac"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const {
            &[
                whole("sys/devices/system/edac/mc/mc*/ce_count"),
                whole("sys/devices/system/edac/mc/mc*/ue_count"),
                whole("sys/devices/system/edac/mc/mc*/ce_noinfo_count"),
                whole("sys/devices/system/edac/mc/mc*/ue_noinfo_count"),
                whole("sys/devices/system/edac/mc/mc*/csrow*/ce_count"),
                whole("sys/devices/system/edac/mc/mc*/csrow*/ue_count"),
                whole("sys/devices/system/edac/mc/mc*/dimm*/dimm_ce_count"),
                whole("sys/devices/system/edac/mc/mc*/dimm*/dimm_ue_count"),
                whole("sys/devices/system/edac/mc/mc*/dimm*/dimm_label"),
                whole("sys/devices/system/edac/mc/mc*/rank*/dimm_ce_count"),
                whole("sys/devices/system/edac/mc/mc*/rank*/dimm_ue_count"),
                whole("sys/devices/system/edac/mc/mc*/rank*/dimm_label"),
            ]
        }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        if !self.controllers.open(reading.root)? {
            return Ok(Outcome::NotHere);
        }
        let Self { controllers, names, parts, label } = self;
        controllers.list(&[], names);
        let is_controller = |name: &&[u8]| numbered(name, b"mc").is_some();
        let all = names.iter().filter(is_controller).count();
        for folder in names.iter().filter(is_controller).take(reading.limit(all)) {
            let Some(mc) = numbered(folder, b"mc") else { continue };
            let mut put = |family: &'static Family, file: &[&[u8]], values: &[&[u8]]| {
                if let Some(count) = value(controllers, file) {
                    reading.put(family, values, count);
                }
            };
            put(&CORRECTABLE, &[folder, b"ce_count"], &[mc]);
            put(&UNCORRECTABLE, &[folder, b"ue_count"], &[mc]);
            put(&ROW_CORRECTABLE, &[folder, b"ce_noinfo_count"], &[mc, b"unknown"]);
            put(&ROW_UNCORRECTABLE, &[folder, b"ue_noinfo_count"], &[mc, b"unknown"]);
            controllers.list(&[folder], parts);
            let taken = reading.limit(parts.iter().count());
            for part in parts.iter().take(taken) {
                put_part(reading, controllers, [folder, mc, part], label);
            }
        }
        Ok(if all == 0 { Outcome::NotHere } else { Outcome::Read })
    }
}

/// A row of chips, or a module. Which of them there are depends on the driver.
fn put_part(
    reading: &mut Reading<'_>,
    controllers: &mut Folder,
    [folder, mc, part]: [&[u8]; 3],
    label: &mut Vec<u8>,
) {
    if let Some(row) = numbered(part, b"csrow") {
        let files = [(&ROW_CORRECTABLE, &b"ce_count"[..]), (&ROW_UNCORRECTABLE, b"ue_count")];
        for (family, file) in files {
            if let Some(count) = value(controllers, &[folder, part, file]) {
                reading.put(family, &[mc, row], count);
            }
        }
    } else if numbered(part, b"dimm").or(numbered(part, b"rank")).is_some() {
        copy(controllers, &[folder, part, b"dimm_label"], label);
        let files = [
            (&MODULE_CORRECTABLE, &b"dimm_ce_count"[..]),
            (&MODULE_UNCORRECTABLE, b"dimm_ue_count"),
        ];
        for (family, file) in files {
            if let Some(count) = value(controllers, &[folder, part, file]) {
                reading.put(family, &[mc, part, label], count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    const MC: &str = "sys/devices/system/edac/mc/mc0/";

    #[test]
    fn errors_of_controllers_rows_and_modules() {
        let mut bench = Bench::new(&[]);
        for (file, content) in [
            ("ce_count", "1\n"),
            ("ue_count", "5\n"),
            ("ce_noinfo_count", "2\n"),
            ("ue_noinfo_count", "6\n"),
            ("csrow0/ce_count", "3\n"),
            ("csrow0/ue_count", "4\n"),
            ("csrow0/ch0_ce_count", "3\n"),
            ("dimm0/dimm_label", "CPU_SrcID#0_MC#0_Chan#0_DIMM#0\n"),
            ("dimm0/dimm_ce_count", "7\n"),
            ("dimm0/dimm_ue_count", "garbage\n"),
            ("rank3/dimm_ce_count", "0\n"),
            ("power/control", "auto\n"),
        ] {
            bench.write(&format!("{MC}{file}"), content);
        }
        let expected = [
            r#"node_edac_correctable_errors_total{controller="0"} 1"#,
            r#"node_edac_csrow_correctable_errors_total{controller="0",csrow="0"} 3"#,
            r#"node_edac_csrow_correctable_errors_total{controller="0",csrow="unknown"} 2"#,
            r#"node_edac_csrow_uncorrectable_errors_total{controller="0",csrow="0"} 4"#,
            r#"node_edac_csrow_uncorrectable_errors_total{controller="0",csrow="unknown"} 6"#,
            r#"node_edac_uncorrectable_errors_total{controller="0"} 5"#,
            r#"watchfire_edac_dimm_correctable_errors_total{controller="0",dimm="dimm0",label="CPU_SrcID#0_MC#0_Chan#0_DIMM#0"} 7"#,
            r#"watchfire_edac_dimm_correctable_errors_total{controller="0",dimm="rank3"} 0"#,
        ];
        assert_eq!(bench.read(&mut EdacCollector::new(), 0), expected);
    }

    #[test]
    fn a_machine_without_controllers() {
        let mut bench = Bench::new(&[]);
        bench.read(&mut EdacCollector::new(), 0);
        assert_eq!(bench.outcome, Some(Outcome::NotHere));
        bench.write("sys/devices/system/edac/mc/power/control", "auto\n");
        assert!(bench.read(&mut EdacCollector::new(), 0).is_empty());
        assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
    }
}
