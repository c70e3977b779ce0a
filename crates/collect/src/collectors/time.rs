use super::{Collector, Outcome, Pace, Reading, whole};
use crate::rate::as_f64;
use crate::record::RecordedPath;
use crate::series::Family;
use crate::source::Source;
use crate::text::words;
use crate::{CollectError, Root};

static SECONDS: Family =
    Family::gauge("node_time_seconds", "System time in seconds since epoch (1970).", &[]);
static AVAILABLE: Family = Family::gauge(
    "node_time_clocksource_available_info",
    "Available clocksources read from '/sys/devices/system/clocksource'.",
    &["device", "clocksource"],
);
static CURRENT: Family = Family::gauge(
    "node_time_clocksource_current_info",
    "Current clocksource read from '/sys/devices/system/clocksource'.",
    &["device", "clocksource"],
);

/// The kernel has this one device for them.
const DEVICE: &[u8] = b"0";

/// After how many readings the clock sources are read again. The kernel gives
/// one up only when it finds it wrong.
const READ_AGAIN: u32 = 60;

/// The time, and what the kernel counts it with.
#[derive(Debug)]
pub(super) struct TimeCollector {
    sources: [ClockSources; 2],
    fresh_for: u32,
}

/// A file of names of clock sources, and what it said.
#[derive(Debug)]
struct ClockSources {
    file: Source,
    family: &'static Family,
    names: Vec<u8>,
}

impl ClockSources {
    fn new(relative: &'static str, family: &'static Family) -> Self {
        Self { file: Source::new(relative), family, names: Vec::new() }
    }

    fn refresh(&mut self, root: &Root) -> Result<(), CollectError> {
        self.names.clear();
        let text = self.file.read_if_there(root)?.unwrap_or_default();
        self.names.extend_from_slice(text);
        Ok(())
    }
}

impl TimeCollector {
    pub(super) fn new() -> Self {
        Self {
            sources: [
                ClockSources::new(PATHS[0].pattern, &AVAILABLE),
                ClockSources::new(PATHS[1].pattern, &CURRENT),
            ],
            fresh_for: 0,
        }
    }
}

const PATHS: [RecordedPath; 2] = [
    whole("sys/devices/system/clocksource/clocksource0/available_clocksource"),
    whole("sys/devices/system/clocksource/clocksource0/current_clocksource"),
];

impl Collector for TimeCollector {
    fn name(&self) -> &'static str {
        "time"
    }

    fn pace(&self) -> Pace {
        Pace::EveryTick
    }

    fn paths(&self) -> &'static [RecordedPath] {
        &PATHS
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        reading.put(&SECONDS, &[], seconds(reading.now.unix_ms));
        if self.fresh_for == 0 {
            for source in &mut self.sources {
                source.refresh(reading.root)?;
            }
            self.fresh_for = READ_AGAIN;
        }
        self.fresh_for -= 1;
        for source in &self.sources {
            for name in words(&source.names) {
                reading.put(source.family, &[DEVICE, name], 1.0);
            }
        }
        Ok(Outcome::Read)
    }
}

/// A clock that was never set can be before 1970.
fn seconds(unix_ms: i64) -> f64 {
    let seconds = as_f64(unix_ms.unsigned_abs()) / 1000.0;
    if unix_ms < 0 { -seconds } else { seconds }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, below};
    use super::*;

    const FOLDER: &str = "sys/devices/system/clocksource/clocksource0";

    #[test]
    fn clock_sources_are_read_again_after_a_while() {
        let mut bench = Bench::new(&[]);
        bench.write(&format!("{FOLDER}/available_clocksource"), "tsc hpet acpi_pm \n");
        bench.write(&format!("{FOLDER}/current_clocksource"), "tsc\n");
        let mut collector = TimeCollector::new();
        let lines = bench.read(&mut collector, 0);
        assert_eq!(lines.len(), 5);
        let current = "node_time_clocksource_current_info{clocksource=";
        assert_eq!(below(&lines, current), [r#""tsc",device="0"} 1"#]);
        bench.write(&format!("{FOLDER}/current_clocksource"), "hpet\n");
        let seen: Vec<_> = (1..=READ_AGAIN)
            .map(|at| below(&bench.read(&mut collector, at.into()), current)[0].contains("hpet"))
            .collect();
        assert_eq!((seen[0], seen[seen.len() - 2], seen[seen.len() - 1]), (false, false, true));
    }

    #[test]
    fn time_alone_where_sources_are_hidden() {
        let mut bench = Bench::new(&[]);
        assert_eq!(bench.read(&mut TimeCollector::new(), 0), ["node_time_seconds 0"]);
        assert!(bench.faults.is_empty());
    }

    #[test]
    fn milliseconds_are_exact_decimals() {
        assert_eq!(seconds(1_700_000_000_123).to_string(), "1700000000.123");
        assert_eq!(seconds(-1500).to_string(), "-1.5");
    }
}
