//! What systemd answered, in a recorded root.

use std::fmt::Write;

use super::bus::Bus;
use super::manager::{Manager, read_details, read_failures, read_types, read_units};
use super::units::{Details, Listed, STATES, Units};
use super::{BOOTED, Deadline, WITHIN};
use crate::text::{escape, lines, number, printable, unescape};
use crate::{CollectError, Root};

/// Where the answers of systemd are, below a recorded root.
///
/// Lines of fields between tabs, white space and backslashes in them as octal
/// escapes as in `mountinfo`: `version` and the version; `state` and the state
/// of the system; for each unit `unit`, its name, load, active and sub state,
/// the type and the restarts of a service, when a timer went off last, and when a
/// unit failed, both in microseconds since 1970; `count`, a state and how many units of all kinds are
/// in it, which stands for counting the lines. What does not exist is empty.
pub const SYSTEMD_PATH: &str = "recorded/systemd";

/// The most rounds of questions that a recording takes.
const MAX_ROUNDS: usize = 64;

/// The content of [`SYSTEMD_PATH`] for this machine, `None` where systemd does
/// not run.
///
/// # Errors
///
/// When systemd runs and does not answer.
pub fn systemd_table() -> Result<Option<String>, CollectError> {
    let root = Root::live();
    if !root.join(BOOTED).is_dir() {
        return Ok(None);
    }
    let mut manager = Manager::default();
    let mut units = Units::default();
    for _ in 0..MAX_ROUNDS {
        let deadline = Deadline::begin(WITHIN)
            .map_err(|error| CollectError::unreadable(&root.join(BOOTED), error))?;
        let (mut bus, path) = Bus::open(&root, &deadline)?;
        let unreadable = |error| CollectError::unreadable(&path, error);
        read_units(&mut bus, &mut manager, &mut units).map_err(unreadable)?;
        read_types(&mut bus, &mut units.untyped()).map_err(unreadable)?;
        read_failures(&mut bus, &mut units.failed()).map_err(unreadable)?;
        read_details(&mut bus, &mut units.due()).map_err(unreadable)?;
        if units.all_were_asked() {
            break;
        }
    }
    Ok(Some(write(&manager, &units)))
}

pub(super) fn write(manager: &Manager, units: &Units) -> String {
    let mut table = String::new();
    let _ = writeln!(table, "version\t{}", escape(manager.version.as_bytes()));
    let _ = writeln!(table, "state\t{}", escape(manager.system_state.as_bytes()));
    let others = units.others.iter().map(|(state, count)| (state.as_str(), *count));
    for (state, count) in STATES.into_iter().zip(units.counts).chain(others) {
        let _ = writeln!(table, "count\t{}\t{count}", escape(state.as_bytes()));
    }
    for (name, unit) in &units.by_name {
        let Details { service_type, restarts, last_trigger, failed_at } = &unit.details;
        let restarts = restarts.map(|count| count.to_string()).unwrap_or_default();
        let micros = |at: &Option<u64>| at.map(|micros| micros.to_string()).unwrap_or_default();
        let (last_trigger, failed_at) = (micros(last_trigger), micros(failed_at));
        let [name, active, sub, kind] =
            [name, &unit.active, &unit.sub, service_type.as_deref().unwrap_or_default()]
                .map(|text| escape(text.as_bytes()));
        let _ = writeln!(
            table,
            "unit\t{name}\tloaded\t{active}\t{sub}\t{kind}\t{restarts}\t{last_trigger}\t{failed_at}"
        );
    }
    table
}

/// Reads what [`write`] wrote. Lines of another form are left out.
pub(super) fn read(table: &[u8], manager: &mut Manager, units: &mut Units) {
    units.begin();
    let mut counts = Vec::new();
    for line in lines(table) {
        let mut fields = line.split(|&byte| byte == b'\t');
        let kind = fields.next().unwrap_or_default();
        let mut next = || fields.next().map(|field| printable(&unescape(field)));
        match kind {
            b"version" => manager.version = next().unwrap_or_default(),
            b"state" => manager.system_state = next().unwrap_or_default(),
            b"count" => counts.extend(read_count(next)),
            b"unit" => drop(read_unit(next, units)),
            _ => {}
        }
    }
    units.end();
    for (state, count) in counts {
        units.set_count(&state, count);
    }
}

fn read_count(mut next: impl FnMut() -> Option<String>) -> Option<(String, u32)> {
    let state = next()?;
    Some((state, next()?.parse().ok()?))
}

fn read_unit(mut next: impl FnMut() -> Option<String>, units: &mut Units) -> Option<()> {
    let (name, load, active, sub) = (next()?, next()?, next()?, next()?);
    let listed = Listed { name: &name, load: &load, active: &active, sub: &sub, path: "" };
    let details = units.list(listed)?;
    details.service_type = Some(next().unwrap_or_default());
    let mut count = || next().and_then(|text| number(text.as_bytes()));
    details.restarts = count().and_then(|count| u32::try_from(count).ok());
    details.last_trigger = count();
    details.failed_at = count();
    Some(())
}
