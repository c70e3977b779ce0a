//! Which files are read, and what they give.

use super::chip::{Chip, chips};
use super::families::{self, FREQUENCY};
use crate::collectors::sysfs::value;
use crate::collectors::{MAX_DEVICES, Reading};
use crate::folder::{Folder, Names};
use crate::series::Family;

static CHIP_NAMES: Family = Family::gauge(
    "node_hwmon_chip_names",
    "Annotation metric for human-readable chip names",
    &["chip", "chip_name"],
);
static SENSOR_LABEL: Family = Family::gauge(
    "node_hwmon_sensor_label",
    "Label for given chip and sensor",
    &["chip", "sensor", "label"],
);

/// The most files of one chip.
const MAX_FILES: usize = 512;

/// The longest list of values that a series has.
const MAX_VALUES: usize = 3;

/// One series.
#[derive(Debug)]
struct Entry {
    family: &'static Family,
    values: Vec<Vec<u8>>,
    source: Origin,
}

/// Where a value comes from.
#[derive(Debug)]
enum Origin {
    /// It was read when the plan was made.
    Plan(f64),
    /// The path below the class, and what its number is divided by.
    File(Vec<u8>, f64),
}

/// Every series of all chips. Labels and limits are read when it is made.
#[derive(Debug, Default)]
pub(super) struct Plan {
    entries: Vec<Entry>,
}

impl Plan {
    pub(super) fn make(class: &mut Folder, folders: &[Vec<u8>]) -> Self {
        let mut plan = Self::default();
        let mut files = Names::default();
        for chip in chips(class, folders.iter().map(Vec::as_slice).take(MAX_DEVICES)) {
            if !chip.name.is_empty() {
                plan.add_fixed(&CHIP_NAMES, vec![chip.label.clone(), chip.name.clone()], 1.0);
            }
            // Old drivers have their sensors in the folder of the device.
            for place in [&chip.folder[..], &[&chip.folder[..], b"/device"].concat()] {
                class.list(&[place], &mut files);
                for file in files.iter().take(MAX_FILES) {
                    plan.add_file(class, &chip, place, file);
                }
            }
        }
        plan
    }

    /// Gives every series whose file answers.
    pub(super) fn read(&self, class: &mut Folder, reading: &mut Reading<'_>) {
        for entry in &self.entries {
            let known = match &entry.source {
                Origin::Plan(value) => Some(*value),
                Origin::File(path, divisor) => value(class, &[path]).map(|value| value / divisor),
            };
            let Some(value) = known else { continue };
            let mut values: [&[u8]; MAX_VALUES] = [b""; MAX_VALUES];
            for (slot, value) in values.iter_mut().zip(&entry.values) {
                *slot = value;
            }
            reading.put(entry.family, &values[..entry.values.len()], value);
        }
    }

    fn add_fixed(&mut self, family: &'static Family, values: Vec<Vec<u8>>, value: f64) {
        self.entries.push(Entry { family, values, source: Origin::Plan(value) });
    }

    fn add_file(&mut self, class: &mut Folder, chip: &Chip, place: &[u8], file: &[u8]) {
        let Some((sort, number, element)) =
            std::str::from_utf8(file).ok().and_then(families::parts)
        else {
            return;
        };
        let mut sensor = [sort.as_bytes(), number.as_bytes()].concat();
        if element == "label" {
            self.add_label(class, chip, place, file, sensor);
            return;
        }
        let Some(kind) = families::kind(sort, element) else { return };
        if std::ptr::eq(kind.family, &FREQUENCY) {
            // This metric names the sensor by its label.
            let label = [&sensor[..], b"_label"].concat();
            if let Some(label) = class.read(&[place, &label]).filter(|label| !label.is_empty()) {
                sensor = label.to_vec();
            }
        }
        let mut values: Vec<Vec<u8>> = kind.gap.iter().map(|gap| gap.as_bytes().to_vec()).collect();
        values.extend([chip.label.clone(), sensor]);
        if kind.fixed {
            if let Some(value) = value(class, &[place, file]) {
                self.add_fixed(kind.family, values, value / kind.divisor);
            }
        } else {
            let source = Origin::File([place, b"/", file].concat(), kind.divisor);
            self.entries.push(Entry { family: kind.family, values, source });
        }
    }

    fn add_label(
        &mut self,
        class: &mut Folder,
        chip: &Chip,
        place: &[u8],
        file: &[u8],
        sensor: Vec<u8>,
    ) {
        let label = class.read(&[place, file]).unwrap_or_default().to_vec();
        if !label.is_empty() {
            self.add_fixed(&SENSOR_LABEL, vec![chip.label.clone(), sensor, label], 1.0);
        }
    }
}
