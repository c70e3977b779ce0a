use super::sysfs::{copy, numbered, value};
use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::folder::{Folder, Names};
use crate::record::RecordedPath;
use crate::series::Family;

static INFO: Family = Family::gauge(
    "node_watchdog_info",
    "Info of /sys/class/watchdog/<watchdog>",
    &["name", "identity", "options", "pretimeout_governor", "state", "status"],
);
/// The files behind the labels of [`INFO`] but the first.
const INFO_FILES: [&[u8]; 5] =
    [b"identity", b"options", b"pretimeout_governor", b"state", b"status"];

/// The files that hold a number, and their metrics.
static NUMBERS: [(&[u8], Family); 7] = [
    (
        b"access_cs0",
        gauge("node_watchdog_access_cs0", "Value of /sys/class/watchdog/<watchdog>/access_cs0"),
    ),
    (
        b"bootstatus",
        gauge("node_watchdog_bootstatus", "Value of /sys/class/watchdog/<watchdog>/bootstatus"),
    ),
    (
        b"fw_version",
        gauge("node_watchdog_fw_version", "Value of /sys/class/watchdog/<watchdog>/fw_version"),
    ),
    (
        b"nowayout",
        gauge("node_watchdog_nowayout", "Value of /sys/class/watchdog/<watchdog>/nowayout"),
    ),
    (
        b"pretimeout",
        gauge(
            "node_watchdog_pretimeout_seconds",
            "Value of /sys/class/watchdog/<watchdog>/pretimeout",
        ),
    ),
    (
        b"timeleft",
        gauge("node_watchdog_timeleft_seconds", "Value of /sys/class/watchdog/<watchdog>/timeleft"),
    ),
    (
        b"timeout",
        gauge("node_watchdog_timeout_seconds", "Value of /sys/class/watchdog/<watchdog>/timeout"),
    ),
];

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family::gauge(name, help, &["name"])
}

/// Watchdogs of the hardware, which restart a machine that hangs. Reading
/// these files does not count as a sign that it does not.
#[derive(Debug)]
pub(super) struct WatchdogCollector {
    class: Folder,
    names: Names,
    values: [Vec<u8>; INFO_FILES.len()],
}

impl WatchdogCollector {
    pub(super) fn new() -> Self {
        Self {
            class: Folder::new("sys/class/watchdog"),
            names: Names::default(),
            values: Default::default(),
        }
    }
}

impl Collector for WatchdogCollector {
    fn name(&self) -> &'static str {
        "watchdog"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const {
            &[
                whole("sys/class/watchdog/watchdog*/identity"),
                whole("sys/class/watchdog/watchdog*/options"),
                whole("sys/class/watchdog/watchdog*/pretimeout_governor"),
                whole("sys/class/watchdog/watchdog*/state"),
                whole("sys/class/watchdog/watchdog*/status"),
                whole("sys/class/watchdog/watchdog*/access_cs0"),
                whole("sys/class/watchdog/watchdog*/bootstatus"),
                whole("sys/class/watchdog/watchdog*/fw_version"),
                whole("sys/class/watchdog/watchdog*/nowayout"),
                whole("sys/class/watchdog/watchdog*/pretimeout"),
                whole("sys/class/watchdog/watchdog*/timeleft"),
                whole("sys/class/watchdog/watchdog*/timeout"),
            ]
        }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        if !self.class.open(reading.root)? {
            return Ok(Outcome::NotHere);
        }
        let Self { class, names, values } = self;
        class.list(&[], names);
        let is_watchdog = |name: &&[u8]| numbered(name, b"watchdog").is_some();
        let all = names.iter().filter(is_watchdog).count();
        for name in names.iter().filter(is_watchdog).take(reading.limit(all)) {
            for (value, file) in values.iter_mut().zip(INFO_FILES) {
                copy(class, &[name, file], value);
            }
            let [identity, options, governor, state, status] = &*values;
            reading.put(&INFO, &[name, identity, options, governor, state, status], 1.0);
            for (file, family) in &NUMBERS {
                if let Some(value) = value(class, &[name, file]) {
                    reading.put(family, &[name], value);
                }
            }
        }
        Ok(if all == 0 { Outcome::NotHere } else { Outcome::Read })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    #[test]
    fn a_watchdog_that_runs_and_one_that_says_nothing() {
        let mut bench = Bench::new(&[("sys/class/watchdog/watchdog1/uevent", "")]);
        for (file, content) in [
            ("identity", "Software Watchdog\n"),
            ("options", "0x8380\n"),
            ("state", "active\n"),
            ("status", "0x8000\n"),
            ("bootstatus", "32\n"),
            ("nowayout", "0\n"),
            ("timeout", "60\n"),
            ("timeleft", "49\n"),
            ("pretimeout", "x\n"),
        ] {
            bench.write(&format!("sys/class/watchdog/watchdog0/{file}"), content);
        }
        let expected = [
            r#"node_watchdog_bootstatus{name="watchdog0"} 32"#,
            r#"node_watchdog_info{identity="Software Watchdog",name="watchdog0",options="0x8380",state="active",status="0x8000"} 1"#,
            r#"node_watchdog_info{name="watchdog1"} 1"#,
            r#"node_watchdog_nowayout{name="watchdog0"} 0"#,
            r#"node_watchdog_timeleft_seconds{name="watchdog0"} 49"#,
            r#"node_watchdog_timeout_seconds{name="watchdog0"} 60"#,
        ];
        assert_eq!(bench.read(&mut WatchdogCollector::new(), 0), expected);
    }

    #[test]
    fn a_machine_without_watchdogs() {
        let mut bench = Bench::new(&[]);
        bench.read(&mut WatchdogCollector::new(), 0);
        assert_eq!((bench.outcome, bench.faults.len()), (Some(Outcome::NotHere), 0));
    }
}
