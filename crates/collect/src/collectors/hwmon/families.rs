//! The metrics of sensors, by the names of their files, which the kernel's
//! `Documentation/hwmon/sysfs-interface.rst` lists with their units.

use crate::series::Family;

const LABELS: &[&str] = &["chip", "sensor"];

/// The metric of one file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) family: &'static Family,
    /// What fills the gap of the family's name, where it has one.
    pub(super) gap: Option<&'static str>,
    /// What the file's number is divided by.
    pub(super) divisor: f64,
    /// True for limits and settings, which only an operator changes.
    pub(super) fixed: bool,
}

/// One sort of sensor.
struct Sort {
    name: &'static str,
    divisor: f64,
    /// Of the measured value, whose element is `input` or none.
    input: Option<Family>,
    /// Of the other elements with the same unit.
    element: Option<Family>,
    /// The elements that have the unit, or all.
    with_unit: Option<&'static [&'static str]>,
    /// Of elements without a unit.
    other: Family,
}

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help, LABELS)
}

static ALARM: Family = gauge("node_hwmon_{}_alarm", "Hardware sensor alarm status ({})");
static BEEP: Family =
    gauge("node_hwmon_{}_beep_enabled", "Hardware monitor sensor has beeping enabled");
static ACCURACY: Family =
    gauge("node_hwmon_power_accuracy", "Hardware monitor power meter accuracy, as a ratio");
static INTERVAL: Family =
    gauge("node_hwmon_power_{}_seconds", "Hardware monitor power usage update interval ({})");
pub(super) static FREQUENCY: Family =
    gauge("node_hwmon_freq_freq_mhz", "Hardware monitor for GPU frequency in MHz");

static SORTS: [Sort; 10] = [
    Sort {
        name: "temp",
        divisor: 1000.0,
        input: Some(gauge("node_hwmon_temp_celsius", "Hardware monitor for temperature (input)")),
        element: Some(gauge("node_hwmon_temp_{}_celsius", "Hardware monitor for temperature ({})")),
        with_unit: None,
        other: gauge("node_hwmon_temp_{}", "Hardware monitor temp element {}"),
    },
    Sort {
        name: "in",
        divisor: 1000.0,
        input: Some(gauge("node_hwmon_in_volts", "Hardware monitor for voltage (input)")),
        element: Some(gauge("node_hwmon_in_{}_volts", "Hardware monitor for voltage ({})")),
        with_unit: None,
        other: gauge("node_hwmon_in_{}", "Hardware monitor in element {}"),
    },
    Sort {
        name: "curr",
        divisor: 1000.0,
        input: Some(gauge("node_hwmon_curr_amps", "Hardware monitor for current (input)")),
        element: Some(gauge("node_hwmon_curr_{}_amps", "Hardware monitor for current ({})")),
        with_unit: None,
        other: gauge("node_hwmon_curr_{}", "Hardware monitor curr element {}"),
    },
    Sort {
        name: "power",
        divisor: 1e6,
        input: Some(gauge(
            "node_hwmon_power_watt",
            "Hardware monitor for power usage in watts (input)",
        )),
        element: Some(gauge(
            "node_hwmon_power_{}_watt",
            "Hardware monitor for power usage in watts ({})",
        )),
        with_unit: None,
        other: gauge("node_hwmon_power_{}", "Hardware monitor power element {}"),
    },
    Sort {
        name: "energy",
        divisor: 1e6,
        input: Some(Family::counter(
            "node_hwmon_energy_joule_total",
            "Hardware monitor for joules used so far (input)",
            LABELS,
        )),
        element: None,
        with_unit: None,
        other: gauge("node_hwmon_energy_{}", "Hardware monitor energy element {}"),
    },
    // The kernel's unit is a thousandth of a per cent. node_exporter divides
    // by a million, which is a tenth of the ratio that its help text promises.
    Sort {
        name: "humidity",
        divisor: 100_000.0,
        input: Some(gauge(
            "node_hwmon_humidity",
            "Hardware monitor for humidity, as a ratio (multiply with 100.0 to get the humidity \
             as a percentage) (input)",
        )),
        element: Some(gauge(
            "node_hwmon_humidity_{}",
            "Hardware monitor for humidity, as a ratio (multiply with 100.0 to get the humidity \
             as a percentage) ({})",
        )),
        with_unit: None,
        other: gauge("node_hwmon_humidity_{}", "Hardware monitor humidity element {}"),
    },
    Sort {
        name: "fan",
        divisor: 1.0,
        input: Some(gauge(
            "node_hwmon_fan_rpm",
            "Hardware monitor for fan revolutions per minute (input)",
        )),
        element: Some(gauge(
            "node_hwmon_fan_{}_rpm",
            "Hardware monitor for fan revolutions per minute ({})",
        )),
        with_unit: Some(&["min", "max", "target"]),
        other: gauge("node_hwmon_fan_{}", "Hardware monitor fan element {}"),
    },
    Sort {
        name: "pwm",
        divisor: 1.0,
        input: Some(gauge("node_hwmon_pwm", "Hardware monitor pwm element")),
        element: None,
        with_unit: None,
        other: gauge("node_hwmon_pwm_{}", "Hardware monitor pwm element {}"),
    },
    Sort {
        name: "freq",
        divisor: 1e6,
        input: None,
        element: None,
        with_unit: None,
        other: gauge("node_hwmon_freq_{}", "Hardware monitor freq element {}"),
    },
    Sort {
        name: "intrusion",
        divisor: 1.0,
        input: None,
        element: None,
        with_unit: None,
        other: gauge("node_hwmon_intrusion_{}", "Hardware monitor intrusion element {}"),
    },
];

/// Every element that is given, and whether it is fixed. What is not in the
/// list are knobs (curves of fans, weights, resets) and no states.
static ELEMENTS: &[(&str, bool)] = &[
    ("", false),
    ("input", false),
    ("average", false),
    ("alarm", false),
    ("min_alarm", false),
    ("max_alarm", false),
    ("crit_alarm", false),
    ("lcrit_alarm", false),
    ("emergency_alarm", false),
    ("cap_alarm", false),
    ("fault", false),
    ("lowest", false),
    ("highest", false),
    ("input_lowest", false),
    ("input_highest", false),
    ("average_lowest", false),
    ("average_highest", false),
    ("target", false),
    ("cap", true),
    ("enable", true),
    ("mode", true),
    ("min", true),
    ("max", true),
    ("crit", true),
    ("lcrit", true),
    ("emergency", true),
    ("min_hyst", true),
    ("max_hyst", true),
    ("crit_hyst", true),
    ("lcrit_hyst", true),
    ("emergency_hyst", true),
    ("cap_hyst", true),
    ("cap_min", true),
    ("cap_max", true),
    ("rated_min", true),
    ("rated_max", true),
    ("average_min", true),
    ("average_max", true),
    ("average_interval", true),
    ("average_interval_min", true),
    ("average_interval_max", true),
    ("accuracy", true),
    ("offset", true),
    ("type", true),
    ("div", true),
    ("pulses", true),
    ("beep", true),
    ("manual", true),
    ("output", false),
    ("tolerance", true),
];

/// The metric of the file `SORT` + number + `_` + `element`; `None` when there
/// is none.
pub(super) fn kind(sort: &str, element: &str) -> Option<Kind> {
    let sort = SORTS.iter().find(|known| known.name == sort)?;
    let &(element, fixed) = ELEMENTS.iter().find(|(known, _)| *known == element)?;
    let of = |family, gap, divisor| Some(Kind { family, gap, divisor, fixed });
    // Flags have no unit, though the names of their metrics have one.
    let is_flag = element.ends_with("alarm") || matches!(element, "fault" | "enable");
    match (sort.name, element) {
        (name, "alarm") => of(&ALARM, Some(name), 1.0),
        (name, "beep") => of(&BEEP, Some(name), 1.0),
        ("power", "accuracy") => of(&ACCURACY, None, sort.divisor),
        ("power", element) if element.starts_with("average_interval") => {
            of(&INTERVAL, Some(element), 1000.0)
        }
        ("freq", "input") => of(&FREQUENCY, None, sort.divisor),
        (_, "" | "input") => of(sort.input.as_ref()?, None, sort.divisor),
        (_, "type" | "enable") => of(&sort.other, Some(element), 1.0),
        _ => match &sort.element {
            Some(family) if sort.with_unit.is_none_or(|with| with.contains(&element)) => {
                of(family, Some(element), if is_flag { 1.0 } else { sort.divisor })
            }
            _ => of(&sort.other, Some(element), 1.0),
        },
    }
}

/// The sort and the number of a sensor's file, and its element, which may be
/// empty: `temp`, `12`, `crit` of `temp12_crit`.
pub(super) fn parts(file: &str) -> Option<(&str, &str, &str)> {
    let digits = file.find(|letter: char| letter.is_ascii_digit())?;
    let (sort, rest) = file.split_at(digits);
    let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
    let (number, rest) = rest.split_at(end);
    let element = if rest.is_empty() { "" } else { rest.strip_prefix('_')? };
    SORTS.iter().any(|known| known.name == sort).then_some((sort, number, element))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_three_parts() {
        assert_eq!(parts("temp12_crit_alarm"), Some(("temp", "12", "crit_alarm")));
        assert_eq!(parts("pwm1"), Some(("pwm", "1", "")));
        for other in ["name", "power", "temp_input", "temp1x", "vrm1", "1temp", "in", ""] {
            assert_eq!(parts(other), None, "{other}");
        }
    }

    #[test]
    fn flags_are_not_divided_and_knobs_are_left_out() {
        assert_eq!(kind("temp", "crit_alarm").map(|kind| kind.divisor), Some(1.0));
        assert_eq!(kind("temp", "crit").map(|kind| kind.divisor), Some(1000.0));
        for knob in ["auto_point1_pwm", "weight_temp_sel", "reset_history", "label"] {
            assert!(kind("pwm", knob).is_none(), "{knob}");
        }
    }

    #[test]
    fn a_family_with_a_gap_is_given_what_fills_it() {
        for sort in &SORTS {
            for &(element, _) in ELEMENTS {
                let Some(kind) = kind(sort.name, element) else { continue };
                let gap = format!("{:?}", kind.family).contains("{}");
                assert_eq!(gap, kind.gap.is_some(), "{} {element}", sort.name);
            }
        }
    }
}
