//! Units of systemd, asked over D-Bus.

mod bus;
mod failures;
mod manager;
mod message;
mod recorded;
#[cfg(test)]
mod tests;
mod units;

use std::path::Path;
use std::time::Duration;

use self::bus::Bus;
use self::failures::Failures;
use self::manager::{Manager, read_details, read_failures, read_state, read_types, read_units};
use self::units::{STATES, Units};
use super::local_socket::{Deadline, WITHIN};
use super::{Collector, Outcome, Pace, Reading};
use crate::record::RecordedPath;
use crate::series::Family;
use crate::source::Source;
use crate::text::fraction;
use crate::{CollectError, Root};

pub use self::failures::FailedUnit;
pub use self::recorded::SYSTEMD_PATH;
pub use self::recorded::systemd_table;

static UNIT_STATE: Family =
    Family::gauge("node_systemd_unit_state", "Systemd unit", &["name", "state", "type"]);
/// Of failed units alone: on many servers together they are few, and all units are not.
static UNIT_FAILED: Family =
    Family::gauge("watchfire_systemd_unit_failed", "Systemd unit that failed", &["name", "type"]);
static UNITS: Family =
    Family::gauge("node_systemd_units", "Summary of systemd unit states", &["state"]);
static RUNNING: Family = Family::gauge(
    "node_systemd_system_running",
    "Whether the system is operational (see 'systemctl is-system-running')",
    &[],
);
static RESTARTS: Family = Family::counter(
    "node_systemd_service_restart_total",
    "Service unit count of Restart triggers",
    &["name"],
);
static LAST_TRIGGER: Family = Family::gauge(
    "node_systemd_timer_last_trigger_seconds",
    "Seconds since epoch of last trigger.",
    &["name"],
);
static VERSION: Family =
    Family::gauge("node_systemd_version", "Detected systemd version", &["version"]);

/// There while systemd runs as the first process (`sd_booted(3)`).
const BOOTED: &str = "run/systemd/system";
/// How long an agent that ends waits for systemd to say whether the machine does.
const LAST_QUESTION: Duration = Duration::from_millis(300);

/// True when systemd says that it shuts the live machine down. Without an answer
/// it does not.
pub(crate) fn is_stopping(root: &Root) -> bool {
    if !root.is_live() || !root.join(BOOTED).is_dir() {
        return false;
    }
    let state = Deadline::begin(LAST_QUESTION).map_err(drop).and_then(|deadline| {
        let (mut bus, _) = Bus::open(root, &deadline).map_err(drop)?;
        read_state(&mut bus).map_err(drop)
    });
    state.is_ok_and(|state| state == "stopping")
}

/// The state of units, and how often services were restarted.
///
/// A reading is one connection and few rounds of calls, because an open one
/// would be sent every change. Types come with a call for each service when it
/// is first seen, restarts with one for each that is new or changed and for some
/// others in turn.
#[derive(Debug)]
pub(super) struct SystemdCollector {
    recorded: Source,
    manager: Manager,
    units: Units,
    failures: Failures,
}

impl SystemdCollector {
    pub(super) fn new() -> Self {
        Self {
            recorded: Source::new(SYSTEMD_PATH),
            manager: Manager::default(),
            units: Units::default(),
            failures: Failures::default(),
        }
    }

    fn ask(&mut self, reading: &mut Reading<'_>) -> Result<(), CollectError> {
        let root = reading.root;
        let refused = |error| CollectError::unreadable(&root.join(BOOTED), error);
        let deadline = Deadline::begin(WITHIN).map_err(refused)?;
        let (mut bus, path) = Bus::open(root, &deadline)?;
        self.ask_on(&mut bus, &path, reading)
    }

    /// The states are worth telling without the details.
    fn ask_on(
        &mut self,
        bus: &mut Bus<'_>,
        path: &Path,
        reading: &mut Reading<'_>,
    ) -> Result<(), CollectError> {
        let unreadable = |error| CollectError::unreadable(path, error);
        read_units(bus, &mut self.manager, &mut self.units).map_err(unreadable)?;
        if let Err(error) = read_types(bus, &mut self.units.untyped())
            .and_then(|()| read_failures(bus, &mut self.units.failed()))
        {
            reading.note(&unreadable(error));
        } else if let Err(error) = read_details(bus, &mut self.units.due()) {
            self.units.ask_again();
            reading.note(&unreadable(error));
        }
        Ok(())
    }

    fn put(&self, reading: &mut Reading<'_>) {
        if let Some(number) = version_number(&self.manager.version) {
            reading.put(&VERSION, &[self.manager.version.as_bytes()], number);
        }
        let running = self.manager.system_state == "running";
        reading.put(&RUNNING, &[], f64::from(u8::from(running)));
        for (state, count) in STATES.iter().zip(self.units.counts) {
            reading.put(&UNITS, &[state.as_bytes()], f64::from(count));
        }
        for (state, &count) in &self.units.others {
            reading.put(&UNITS, &[state.as_bytes()], f64::from(count));
        }
        // Which ones are left out was chosen when they were listed.
        reading.limit(self.units.by_name.len());
        for (name, unit) in self.units.told() {
            let (name, details) = (name.as_bytes(), &unit.details);
            let kind = details.service_type.as_deref().unwrap_or_default();
            for state in STATES {
                let labels = [name, state.as_bytes(), kind.as_bytes()];
                reading.put(&UNIT_STATE, &labels, f64::from(u8::from(unit.active == state)));
            }
            if unit.active == "failed" {
                reading.put(&UNIT_FAILED, &[name, kind.as_bytes()], 1.0);
            }
            if let Some(restarts) = details.restarts {
                reading.put(&RESTARTS, &[name], f64::from(restarts));
            }
            if let Some(micros) = details.last_trigger {
                reading.put(&LAST_TRIGGER, &[name], crate::rate::as_f64(micros) / 1e6);
            }
        }
    }
}

impl Collector for SystemdCollector {
    fn name(&self) -> &'static str {
        "systemd"
    }

    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn paths(&self) -> &'static [RecordedPath] {
        // It is asked, not read: `systemd_table` records the answers.
        &[]
    }

    fn failed_unit(&mut self) -> Option<String> {
        self.failures.next()
    }

    fn told_failures(&self) -> Vec<FailedUnit> {
        self.failures.told()
    }

    fn resume_failures(&mut self, told: &[FailedUnit]) {
        self.failures.resume(told);
    }

    fn collect(&mut self, reading: &mut Reading<'_>) -> Result<Outcome, CollectError> {
        if reading.root.is_live() {
            if !reading.root.join(BOOTED).is_dir() {
                return Ok(Outcome::NotHere);
            }
            self.ask(reading)?;
        } else {
            let Some(table) = self.recorded.read_if_there(reading.root)? else {
                return Ok(Outcome::NotHere);
            };
            recorded::read(table, &mut self.manager, &mut self.units);
        }
        let failed = self.units.failed().into_iter();
        self.failures
            .note(failed.map(|(name, unit)| (name.to_owned(), unit.details.failed_at)).collect());
        self.put(reading);
        Ok(Outcome::Read)
    }
}

/// `252.22-1~deb12u1` is 252.22.
fn version_number(version: &str) -> Option<f64> {
    let from = version.find(|letter: char| letter.is_ascii_digit())?;
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let text = &version[from..];
    let whole = digits(text);
    let part = match text[whole..].strip_prefix('.').map(digits) {
        Some(part @ 1..) => 1 + part,
        _ => 0,
    };
    fraction(&text.as_bytes()[..whole + part])
}
