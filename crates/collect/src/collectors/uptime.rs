use std::time::Duration;

use watchfire_model::Status;

use super::{Collector, Sample, whole};
use crate::CollectError;
use crate::record::RecordedPath;
use crate::recorded::parse_uptime;
use crate::source::Source;

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

    fn paths(&self) -> &'static [RecordedPath] {
        const { &[whole("proc/uptime")] }
    }

    fn collect(
        &mut self,
        sample: &mut Sample<'_>,
        status: &mut Status,
    ) -> Result<(), CollectError> {
        let seconds = parse_uptime(self.uptime.read(sample.root)?);
        status.uptime = seconds
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .ok_or_else(|| self.uptime.malformed("not a number of seconds"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;

    #[test]
    fn seconds_and_hundredths() {
        let mut bench = Bench::new(&[("proc/uptime", "3661.25 1000.00\n")]);
        let status = bench.read(&mut UptimeCollector::new(), 0);
        assert_eq!(status.uptime, Duration::from_millis(3_661_250));
    }

    #[test]
    fn a_number_too_large_for_a_duration_is_a_fault() {
        let mut bench = Bench::new(&[("proc/uptime", "1e300 0\n")]);
        assert_eq!(bench.read(&mut UptimeCollector::new(), 0).uptime, Duration::ZERO);
        assert_eq!(bench.faults.len(), 1);
    }
}
