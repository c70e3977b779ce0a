mod chip;
mod families;
mod plan;
#[cfg(test)]
mod tests;

use plan::Plan;

use super::{Collector, Outcome, Pace, Reading, whole};
use crate::CollectError;
use crate::folder::{Folder, Names};
use crate::record::{RecordedPath, Rewrite};

/// After how many readings chips, labels and limits are looked up again. They
/// are most of the files, and hardly any of them ever changes.
const PLAN_AGAIN: u32 = 20;

/// Sensors of `/sys/class/hwmon`: temperatures, fans, voltages, currents,
/// power, humidity, alarms.
///
/// A sensor that does not answer is left out until it does: many sleep, and
/// drivers list inputs to which nothing is wired.
#[derive(Debug)]
pub(super) struct HwmonCollector {
    class: Folder,
    folders: Names,
    plan: Plan,
    /// The folders that the plan was made of.
    planned: Vec<Vec<u8>>,
    fresh_for: u32,
}

impl HwmonCollector {
    pub(super) fn new() -> Self {
        Self {
            class: Folder::new("sys/class/hwmon"),
            folders: Names::default(),
            plan: Plan::default(),
            planned: Vec::new(),
            fresh_for: 0,
        }
    }

    fn plan(&mut self) {
        let same = self.folders.iter().eq(self.planned.iter().map(Vec::as_slice));
        if !same || self.fresh_for == 0 {
            self.planned = self.folders.iter().map(<[u8]>::to_vec).collect();
            self.plan = Plan::make(&mut self.class, &self.planned);
            self.fresh_for = PLAN_AGAIN;
        }
        self.fresh_for -= 1;
    }
}

impl Collector for HwmonCollector {
    fn name(&self) -> &'static str {
        "hwmon"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        const {
            &[
                RecordedPath { pattern: "sys/class/hwmon/hwmon*/device", rewrite: Rewrite::Link },
                whole("sys/class/hwmon/hwmon*/name"),
                whole("sys/class/hwmon/hwmon*/temp*"),
                whole("sys/class/hwmon/hwmon*/in*"),
                whole("sys/class/hwmon/hwmon*/curr*"),
                whole("sys/class/hwmon/hwmon*/power*"),
                whole("sys/class/hwmon/hwmon*/energy*"),
                whole("sys/class/hwmon/hwmon*/humidity*"),
                whole("sys/class/hwmon/hwmon*/fan*"),
                whole("sys/class/hwmon/hwmon*/pwm*"),
                whole("sys/class/hwmon/hwmon*/freq*"),
            ]
        }
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        if !self.class.open(reading.root)? {
            return Ok(Outcome::NotHere);
        }
        self.class.list(&[], &mut self.folders);
        self.plan();
        if self.planned.is_empty() {
            return Ok(Outcome::NotHere);
        }
        reading.limit(self.planned.len());
        self.plan.read(&mut self.class, reading);
        Ok(Outcome::Read)
    }
}
