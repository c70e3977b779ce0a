use super::sysfs::signed;
use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::folder::{Folder, Names};
use crate::record::{RecordedPath, Rewrite};
use crate::series::Family;
use crate::text::{lines, split_once};

static INFO: Family = Family::gauge(
    "node_power_supply_info",
    "info of /sys/class/power_supply/<power_supply>.",
    &[
        "power_supply",
        "capacity_level",
        "charge_type",
        "health",
        "manufacturer",
        "model_name",
        "scope",
        "serial_number",
        "status",
        "technology",
        "type",
        "usb_type",
    ],
);
/// The properties behind the labels of [`INFO`] but the first.
const INFO_KEYS: [&[u8]; 11] = [
    b"CAPACITY_LEVEL",
    b"CHARGE_TYPE",
    b"HEALTH",
    b"MANUFACTURER",
    b"MODEL_NAME",
    b"SCOPE",
    b"SERIAL_NUMBER",
    b"STATUS",
    b"TECHNOLOGY",
    b"TYPE",
    b"USB_TYPE",
];

static NUMBER: Family = Family::gauge(
    "node_power_supply_{}",
    "{} value of /sys/class/power_supply/<power_supply>.",
    &["power_supply"],
);

/// The properties that are numbers, the name of each in its metric, and what
/// it is divided by. The kernel counts in millionths, and temperatures in
/// tenths (`Documentation/power/power_supply_class.rst`).
static NUMBERS: &[(&[u8], &[u8], f64)] = &[
    (b"AUTHENTIC", b"authentic", 1.0),
    (b"CALIBRATE", b"calibrate", 1.0),
    (b"CAPACITY", b"capacity", 1.0),
    (b"CAPACITY_ALERT_MAX", b"capacity_alert_max", 1.0),
    (b"CAPACITY_ALERT_MIN", b"capacity_alert_min", 1.0),
    (b"CYCLE_COUNT", b"cyclecount", 1.0),
    (b"ONLINE", b"online", 1.0),
    (b"PRESENT", b"present", 1.0),
    (b"TIME_TO_EMPTY_NOW", b"time_to_empty_seconds", 1.0),
    (b"TIME_TO_FULL_NOW", b"time_to_full_seconds", 1.0),
    (b"CURRENT_BOOT", b"current_boot", 1e6),
    (b"CURRENT_MAX", b"current_max", 1e6),
    (b"CURRENT_NOW", b"current_ampere", 1e6),
    (b"ENERGY_EMPTY", b"energy_empty", 1e6),
    (b"ENERGY_EMPTY_DESIGN", b"energy_empty_design", 1e6),
    (b"ENERGY_FULL", b"energy_full", 1e6),
    (b"ENERGY_FULL_DESIGN", b"energy_full_design", 1e6),
    (b"ENERGY_NOW", b"energy_watthour", 1e6),
    (b"VOLTAGE_BOOT", b"voltage_boot", 1e6),
    (b"VOLTAGE_MAX", b"voltage_max", 1e6),
    (b"VOLTAGE_MAX_DESIGN", b"voltage_max_design", 1e6),
    (b"VOLTAGE_MIN", b"voltage_min", 1e6),
    (b"VOLTAGE_MIN_DESIGN", b"voltage_min_design", 1e6),
    (b"VOLTAGE_NOW", b"voltage_volt", 1e6),
    (b"VOLTAGE_OCV", b"voltage_ocv", 1e6),
    (b"CHARGE_CONTROL_LIMIT", b"charge_control_limit", 1e6),
    (b"CHARGE_CONTROL_LIMIT_MAX", b"charge_control_limit_max", 1e6),
    (b"CHARGE_COUNTER", b"charge_counter", 1e6),
    (b"CHARGE_EMPTY", b"charge_empty", 1e6),
    (b"CHARGE_EMPTY_DESIGN", b"charge_empty_design", 1e6),
    (b"CHARGE_FULL", b"charge_full", 1e6),
    (b"CHARGE_FULL_DESIGN", b"charge_full_design", 1e6),
    (b"CHARGE_NOW", b"charge_ampere", 1e6),
    (b"CONSTANT_CHARGE_CURRENT", b"constant_charge_current", 1e6),
    (b"CONSTANT_CHARGE_CURRENT_MAX", b"constant_charge_current_max", 1e6),
    (b"CONSTANT_CHARGE_VOLTAGE", b"constant_charge_voltage", 1e6),
    (b"CONSTANT_CHARGE_VOLTAGE_MAX", b"constant_charge_voltage_max", 1e6),
    (b"PRECHARGE_CURRENT", b"precharge_current", 1e6),
    (b"INPUT_CURRENT_LIMIT", b"input_current_limit", 1e6),
    (b"POWER_NOW", b"power_watt", 1e6),
    (b"TEMP", b"temp_celsius", 10.0),
    (b"TEMP_ALERT_MAX", b"temp_alert_max_celsius", 10.0),
    (b"TEMP_ALERT_MIN", b"temp_alert_min_celsius", 10.0),
    (b"TEMP_AMBIENT", b"temp_ambient_celsius", 10.0),
    (b"TEMP_AMBIENT_MAX", b"temp_ambient_max_celsius", 10.0),
    (b"TEMP_AMBIENT_MIN", b"temp_ambient_min_celsius", 10.0),
    (b"TEMP_MAX", b"temp_max_celsius", 10.0),
    (b"TEMP_MIN", b"temp_min_celsius", 10.0),
];

/// Batteries, mains and what else feeds the machine, from
/// `/sys/class/power_supply`.
///
/// All properties of a supply stand in its one file `uevent`, which spares
/// opening one file for each.
#[derive(Debug)]
pub(super) struct PowerSupplyCollector {
    class: Folder,
    names: Names,
    properties: Vec<u8>,
}

impl PowerSupplyCollector {
    pub(super) fn new() -> Self {
        Self {
            class: Folder::new("sys/class/power_supply"),
            names: Names::default(),
            properties: Vec::new(),
        }
    }
}

impl Collector for PowerSupplyCollector {
    fn name(&self) -> &'static str {
        "powersupplyclass"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const {
            &[
                RecordedPath {
                    pattern: "sys/class/power_supply/*/uevent",
                    rewrite: Rewrite::WithoutValues(&["POWER_SUPPLY_SERIAL_NUMBER="]),
                },
                whole("sys/class/power_supply/*/type"),
            ]
        }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        if !self.class.open(reading.root)? {
            return Ok(Outcome::NotHere);
        }
        let Self { class, names, properties } = self;
        class.list(&[], names);
        let all = names.iter().count();
        for name in names.iter().take(reading.limit(all)) {
            // A supply that is just pulled answers nothing.
            let Some(text) = class.read(&[name, b"uevent"]) else { continue };
            properties.clear();
            properties.extend_from_slice(text);
            // Kernels before 5.8 do not name the type there.
            if property(properties, b"TYPE").is_none()
                && let Some(kind) = class.read(&[name, b"type"])
            {
                properties.extend_from_slice(b"\nPOWER_SUPPLY_TYPE=");
                properties.extend_from_slice(kind);
            }
            put(reading, name, properties);
        }
        Ok(if all == 0 { Outcome::NotHere } else { Outcome::Read })
    }
}

fn put(reading: &mut Reading<'_>, name: &[u8], properties: &[u8]) {
    let mut values: [&[u8]; INFO_KEYS.len() + 1] = [b""; INFO_KEYS.len() + 1];
    values[0] = name;
    for (value, key) in values[1..].iter_mut().zip(INFO_KEYS) {
        *value = property(properties, key).unwrap_or_default();
    }
    reading.put(&INFO, &values, 1.0);
    for (key, metric, divisor) in NUMBERS {
        if let Some(value) = property(properties, key).and_then(signed) {
            reading.put(&NUMBER, &[metric, name], value / divisor);
        }
    }
}

/// The value of a line `POWER_SUPPLY_KEY=value`.
fn property<'a>(properties: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    lines(properties)
        .filter_map(|line| split_once(line.strip_prefix(b"POWER_SUPPLY_")?, b'='))
        .find_map(|(key, value)| (key == wanted).then(|| value.trim_ascii()))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    const BATTERY: &str = "DEVTYPE=power_supply\nPOWER_SUPPLY_NAME=BAT0\n\
        POWER_SUPPLY_TYPE=Battery\nPOWER_SUPPLY_STATUS=Discharging\nPOWER_SUPPLY_PRESENT=1\n\
        POWER_SUPPLY_TECHNOLOGY=Li-ion\nPOWER_SUPPLY_CYCLE_COUNT=42\n\
        POWER_SUPPLY_VOLTAGE_NOW=11660000\nPOWER_SUPPLY_POWER_NOW=5002000\n\
        POWER_SUPPLY_CURRENT_NOW=-250000\nPOWER_SUPPLY_TEMP=-25\nPOWER_SUPPLY_CAPACITY=81\n\
        POWER_SUPPLY_MODEL_NAME=LNV-45N1 \nPOWER_SUPPLY_MANUFACTURER=LGC\n\
        POWER_SUPPLY_ENERGY_FULL=\nPOWER_SUPPLY_ENERGY_NOW=x\n";

    #[test]
    fn properties_of_batteries_and_mains() {
        let mut bench = Bench::new(&[
            ("sys/class/power_supply/BAT0/uevent", BATTERY),
            ("sys/class/power_supply/AC/uevent", "POWER_SUPPLY_NAME=AC\nPOWER_SUPPLY_ONLINE=0\n"),
            ("sys/class/power_supply/AC/type", "Mains\n"),
        ]);
        let expected = [
            r#"node_power_supply_capacity{power_supply="BAT0"} 81"#,
            r#"node_power_supply_current_ampere{power_supply="BAT0"} -0.25"#,
            r#"node_power_supply_cyclecount{power_supply="BAT0"} 42"#,
            r#"node_power_supply_info{manufacturer="LGC",model_name="LNV-45N1",power_supply="BAT0",status="Discharging",technology="Li-ion",type="Battery"} 1"#,
            r#"node_power_supply_info{power_supply="AC",type="Mains"} 1"#,
            r#"node_power_supply_online{power_supply="AC"} 0"#,
            r#"node_power_supply_power_watt{power_supply="BAT0"} 5.002"#,
            r#"node_power_supply_present{power_supply="BAT0"} 1"#,
            r#"node_power_supply_temp_celsius{power_supply="BAT0"} -2.5"#,
            r#"node_power_supply_voltage_volt{power_supply="BAT0"} 11.66"#,
        ];
        let mut collector = PowerSupplyCollector::new();
        assert_eq!(bench.read(&mut collector, 0), expected);
        let help = |name: &str| {
            bench.metrics().iter().find(|metric| &*metric.name == name).map(|found| &*found.help)
        };
        assert_eq!(
            help("node_power_supply_capacity"),
            Some("capacity value of /sys/class/power_supply/<power_supply>.")
        );
    }

    #[test]
    fn a_supply_that_is_pulled_is_gone() {
        let mut bench = Bench::new(&[("sys/class/power_supply/BAT0/uevent", BATTERY)]);
        let mut collector = PowerSupplyCollector::new();
        assert_eq!(bench.read(&mut collector, 0).len(), 8);
        std::fs::remove_file(bench.dir.path().join("sys/class/power_supply/BAT0/uevent")).unwrap();
        assert!(bench.read(&mut collector, 15_000).is_empty());
        assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::Read), 0));
    }

    #[test]
    fn a_machine_without_supplies() {
        let mut bench = Bench::new(&[]);
        bench.read(&mut PowerSupplyCollector::new(), 0);
        assert_eq!(bench.outcome, Some(Outcome::NotHere));
        std::fs::create_dir_all(bench.dir.path().join("sys/class/power_supply")).unwrap();
        bench.read(&mut PowerSupplyCollector::new(), 0);
        assert_eq!(bench.outcome, Some(Outcome::NotHere));
    }
}
