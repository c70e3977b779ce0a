use super::sysfs::{copy, numbered, value};
use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::folder::{Folder, Names};
use crate::record::RecordedPath;
use crate::series::Family;

static TEMPERATURE: Family =
    Family::gauge("node_thermal_zone_temp", "Zone temperature in Celsius", &["zone", "type"]);
static CURRENT: Family = Family::gauge(
    "node_cooling_device_cur_state",
    "Current throttle state of the cooling device",
    &["name", "type"],
);
static MAXIMUM: Family = Family::gauge(
    "node_cooling_device_max_state",
    "Maximum throttle state of the cooling device",
    &["name", "type"],
);

/// Zones and cooling devices of `/sys/class/thermal`, as the kernel's
/// `Documentation/driver-api/thermal/sysfs-api.rst` has them.
#[derive(Debug)]
pub(super) struct ThermalCollector {
    class: Folder,
    names: Names,
    kind: Vec<u8>,
}

impl ThermalCollector {
    pub(super) fn new() -> Self {
        Self { class: Folder::new("sys/class/thermal"), names: Names::default(), kind: Vec::new() }
    }
}

impl Collector for ThermalCollector {
    fn name(&self) -> &'static str {
        "thermal_zone"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const {
            &[
                whole("sys/class/thermal/thermal_zone*/type"),
                whole("sys/class/thermal/thermal_zone*/temp"),
                whole("sys/class/thermal/cooling_device*/type"),
                whole("sys/class/thermal/cooling_device*/cur_state"),
                whole("sys/class/thermal/cooling_device*/max_state"),
            ]
        }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        if !self.class.open(reading.root)? {
            return Ok(Outcome::NotHere);
        }
        let Self { class, names, kind } = self;
        class.list(&[], names);
        let taken = reading.limit(names.iter().count());
        let mut outcome = Outcome::NotHere;
        for name in names.iter().take(taken) {
            // A zone that is off or whose sensor sleeps has no temperature.
            if let Some(zone) = numbered(name, b"thermal_zone") {
                outcome = Outcome::Read;
                if let Some(degrees) = value(class, &[name, b"temp"]) {
                    copy(class, &[name, b"type"], kind);
                    reading.put(&TEMPERATURE, &[zone, kind], degrees / 1000.0);
                }
            } else if let Some(device) = numbered(name, b"cooling_device") {
                outcome = Outcome::Read;
                copy(class, &[name, b"type"], kind);
                for (family, file) in [(&CURRENT, &b"cur_state"[..]), (&MAXIMUM, b"max_state")] {
                    if let Some(state) = value(class, &[name, file]) {
                        reading.put(family, &[device, kind], state);
                    }
                }
            }
        }
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    #[test]
    fn zones_and_cooling_devices() {
        let mut bench = Bench::new(&[
            ("sys/class/thermal/thermal_zone0/type", "acpitz\n"),
            ("sys/class/thermal/thermal_zone0/temp", "27800\n"),
            ("sys/class/thermal/thermal_zone10/type", "x86_pkg_temp\n"),
            ("sys/class/thermal/thermal_zone10/temp", "-3500\n"),
            ("sys/class/thermal/thermal_zone2/type", "asleep\n"),
            ("sys/class/thermal/thermal_zone2/temp", ""),
            ("sys/class/thermal/thermal_zonex/temp", "1000\n"),
            ("sys/class/thermal/cooling_device3/type", "Processor\n"),
            ("sys/class/thermal/cooling_device3/cur_state", "2\n"),
            ("sys/class/thermal/cooling_device3/max_state", "10\n"),
            ("sys/class/thermal/cooling_device4/type", "intel_powerclamp\n"),
            ("sys/class/thermal/cooling_device4/cur_state", "-1\n"),
        ]);
        let expected = [
            r#"node_cooling_device_cur_state{name="3",type="Processor"} 2"#,
            r#"node_cooling_device_cur_state{name="4",type="intel_powerclamp"} -1"#,
            r#"node_cooling_device_max_state{name="3",type="Processor"} 10"#,
            r#"node_thermal_zone_temp{type="acpitz",zone="0"} 27.8"#,
            r#"node_thermal_zone_temp{type="x86_pkg_temp",zone="10"} -3.5"#,
        ];
        assert_eq!(bench.read(&mut ThermalCollector::new(), 0), expected);
        assert!(bench.faults.is_empty());
    }

    #[test]
    fn a_machine_without_zones() {
        let mut bench = Bench::new(&[]);
        assert!(bench.read(&mut ThermalCollector::new(), 0).is_empty());
        assert_eq!(bench.outcome, Some(Outcome::NotHere));
        std::fs::create_dir_all(bench.dir.path().join("sys/class/thermal")).unwrap();
        bench.read(&mut ThermalCollector::new(), 0);
        assert_eq!(bench.outcome, Some(Outcome::NotHere));
    }
}
