//! What systemd is asked, and how its answers are read.

use std::io;

use super::bus::{Answer, Bus};
use super::message::{Call, Cursor, Malformed, is_object_path};
use super::units::{Listed, Unit, Units};

const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const SERVICE: &str = "org.freedesktop.systemd1.Service";
const TIMER: &str = "org.freedesktop.systemd1.Timer";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// What systemd tells of itself.
#[derive(Debug, Default)]
pub(super) struct Manager {
    pub(super) version: String,
    /// `running`, `degraded`, …
    pub(super) system_state: String,
}

/// Reads the state of systemd and the list of its units.
pub(super) fn read_units(
    bus: &mut Bus<'_>,
    manager: &mut Manager,
    units: &mut Units,
) -> io::Result<()> {
    let get = |arguments| property(MANAGER_PATH, arguments);
    let list = call(MANAGER_PATH, MANAGER, "ListUnits", &[]);
    let questions = [get(&[MANAGER, "Version"]), get(&[MANAGER, "SystemState"]), list];
    let mut refused = None;
    bus.ask(&questions, |number, answer| {
        let (signature, body) = match answer {
            Ok(answer) => answer,
            Err(name) => {
                refused = Some(name.to_owned());
                return Ok(());
            }
        };
        match number {
            0 => string(signature, body).map(|text| text.clone_into(&mut manager.version)),
            1 => string(signature, body).map(|text| text.clone_into(&mut manager.system_state)),
            _ => list_units(signature, body, units),
        }
    })?;
    refused.map_or(Ok(()), |name| Err(io::Error::other(format!("it refused to tell: {name}"))))
}

/// Asks for the details of `units`. What a unit does not have stays unknown.
pub(super) fn read_details(bus: &mut Bus<'_>, units: &mut [(&str, &mut Unit)]) -> io::Result<()> {
    let paths: Vec<String> = units.iter().map(|(_, unit)| unit.path.clone()).collect();
    let (mut questions, mut of) = (Vec::new(), Vec::new());
    for (number, (name, unit)) in units.iter().enumerate() {
        if !is_object_path(&unit.path) {
            continue;
        }
        let wanted: &[&[&str]] = match name.ends_with(".timer") {
            true => &[&[TIMER, "LastTriggerUSec"]],
            false if unit.details.service_type.is_empty() => {
                &[&[SERVICE, "NRestarts"], &[SERVICE, "Type"]]
            }
            false => &[&[SERVICE, "NRestarts"]],
        };
        for arguments in wanted {
            questions.push(property(&paths[number], arguments));
            of.push((number, arguments[1]));
        }
    }
    bus.ask(&questions, |number, answer| {
        let (unit, name) = of[number];
        take_detail(units[unit].1, name, answer)
    })
}

fn take_detail(unit: &mut Unit, name: &str, answer: Answer<'_>) -> Result<(), Malformed> {
    // A unit can be gone by now, and an old systemd counts no restarts.
    let Ok((signature, mut body)) = answer else { return Ok(()) };
    match name {
        "Type" => string(signature, body)?.clone_into(&mut unit.details.service_type),
        "NRestarts" => {
            variant(signature, &mut body, "u")?;
            unit.details.restarts = Some(body.u32()?);
        }
        _ => {
            variant(signature, &mut body, "t")?;
            unit.details.last_trigger = Some(body.u64()?);
        }
    }
    Ok(())
}

fn property<'a>(path: &'a str, arguments: &'a [&'a str]) -> Call<'a> {
    call(path, PROPERTIES, "Get", arguments)
}

/// Systemd is the one that is called, where a bus must be told.
fn call<'a>(
    path: &'a str,
    interface: &'a str,
    member: &'a str,
    arguments: &'a [&'a str],
) -> Call<'a> {
    Call { destination: None, path, interface, member, arguments }
}

/// Each unit is its name, description, load state, active state, sub state,
/// the unit it follows, its path, and the number, kind and path of its job.
fn list_units(signature: &str, mut body: Cursor<'_>, units: &mut Units) -> Result<(), Malformed> {
    if signature != "a(ssssssouso)" {
        return Err(Malformed("the list of units is of another form"));
    }
    let mut array = body.array(8)?;
    units.begin();
    while !array.is_at_end() {
        array.align(8)?;
        let name = array.string()?;
        array.string()?;
        let (load, active, sub) = (array.string()?, array.string()?, array.string()?);
        array.string()?;
        let path = array.string()?;
        array.u32()?;
        array.string()?;
        array.string()?;
        units.list(Listed { name, load, active, sub, path });
    }
    units.end();
    Ok(())
}

fn variant(signature: &str, body: &mut Cursor<'_>, kind: &str) -> Result<(), Malformed> {
    if signature != "v" || body.signature()? != kind {
        return Err(Malformed("a property is of another kind"));
    }
    Ok(())
}

fn string<'a>(signature: &str, mut body: Cursor<'a>) -> Result<&'a str, Malformed> {
    variant(signature, &mut body, "s")?;
    body.string()
}
