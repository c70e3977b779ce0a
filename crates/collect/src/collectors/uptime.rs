use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::record::RecordedPath;
use crate::recorded::parse_uptime;
use crate::series::Family;
use crate::source::Source;

static UPTIME: Family = Family::gauge(
    "watchfire_uptime_seconds",
    "Seconds since boot, with the time the machine was suspended.",
    &[],
);

/// Time since boot from `/proc/uptime`, suspended time included.
#[derive(Debug)]
pub(super) struct UptimeCollector {
    uptime: Source,
}

impl UptimeCollector {
    pub(super) fn new() -> Self {
        Self { uptime: Source::new("proc/uptime") }
    }
}

impl Collector for UptimeCollector {
    fn name(&self) -> &'static str {
        "uptime"
    }

    fn pace(&self) -> Pace {
        Pace::EveryTick
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const { &[whole("proc/uptime")] }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        let seconds = parse_uptime(self.uptime.read(reading.root)?);
        let seconds = seconds.ok_or_else(|| self.uptime.malformed("not a number of seconds"))?;
        reading.put(&UPTIME, &[], seconds);
        Ok(Outcome::Read)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    #[test]
    fn seconds_since_boot() {
        let mut bench = Bench::new(&[("proc/uptime", "2743.76 100.00\n")]);
        assert_eq!(
            bench.read(&mut UptimeCollector::new(), 0),
            ["watchfire_uptime_seconds 2743.76"]
        );
        bench.write("proc/uptime", "soon\n");
        assert!(bench.read(&mut UptimeCollector::new(), 0).is_empty());
        assert!(bench.faults[0].error.ends_with("not a number of seconds"));
    }
}
