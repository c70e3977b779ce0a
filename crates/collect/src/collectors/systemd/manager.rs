//! What systemd is asked, and how its answers are read.

use std::io;

use super::bus::{Answer, Bus};
use super::message::{Call, Cursor, Malformed, is_object_path};
use super::units::{Listed, Unit, Units};

/// How many answers are waited for at once: the system bus lets nobody wait
/// for more than 128 (`max_replies_per_connection` of `dbus-daemon(1)`).
const MAX_CALLS: usize = 64;

const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const UNIT: &str = "org.freedesktop.systemd1.Unit";
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

/// Asks for the state of systemd alone.
pub(super) fn read_state(bus: &mut Bus<'_>) -> io::Result<String> {
    let mut state = String::new();
    bus.ask(&[property(MANAGER_PATH, &[MANAGER, "SystemState"])], |_, answer| {
        if let Ok((signature, body)) = answer {
            string(signature, body)?.clone_into(&mut state);
        }
        Ok(())
    })?;
    Ok(state)
}

/// Asks for the types of services, which are `untyped`.
///
/// A type that systemd does not tell is empty for good. When it answers
/// nothing at all, that holds for all of them; when it was only too slow, those
/// that are left are asked in the next reading.
pub(super) fn read_types(bus: &mut Bus<'_>, untyped: &mut [(&str, &mut Unit)]) -> io::Result<()> {
    for (_, unit) in untyped.iter_mut().filter(|(_, unit)| !is_object_path(&unit.path)) {
        unit.details.service_type = Some(String::new());
    }
    let mut answered = false;
    for part in untyped.chunks_mut(MAX_CALLS) {
        if let Err(error) = read_some_types(bus, part, &mut answered) {
            if !answered {
                untyped.iter_mut().for_each(|(_, unit)| {
                    unit.details.service_type.get_or_insert_default();
                });
            }
            return Err(error);
        }
    }
    Ok(())
}

fn read_some_types(
    bus: &mut Bus<'_>,
    units: &mut [(&str, &mut Unit)],
    answered: &mut bool,
) -> io::Result<()> {
    let of: Vec<usize> =
        (0..units.len()).filter(|&at| units[at].1.details.service_type.is_none()).collect();
    let paths: Vec<String> = of.iter().map(|&at| units[at].1.path.clone()).collect();
    let questions: Vec<Call<'_>> =
        paths.iter().map(|path| property(path, &[SERVICE, "Type"])).collect();
    bus.ask(&questions, |number, answer| {
        let told = answer.ok().and_then(|(signature, body)| string(signature, body).ok());
        units[of[number]].1.details.service_type = Some(told.unwrap_or_default().to_owned());
        *answered = true;
        Ok(())
    })
}

/// Asks for the details of `units`, at most [`MAX_CALLS`] of them. What a unit
/// does not have stays unknown.
pub(super) fn read_details(bus: &mut Bus<'_>, units: &mut [(&str, &mut Unit)]) -> io::Result<()> {
    let of: Vec<usize> = (0..units.len()).filter(|&at| is_object_path(&units[at].1.path)).collect();
    let paths: Vec<String> = of.iter().map(|&at| units[at].1.path.clone()).collect();
    let asks = of.iter().zip(&paths).map(|(&at, path)| match units[at].0.ends_with(".timer") {
        true => property(path, &[TIMER, "LastTriggerUSec"]),
        false => property(path, &[SERVICE, "NRestarts"]),
    });
    let questions: Vec<Call<'_>> = asks.collect();
    bus.ask(&questions, |number, answer| {
        let (name, unit) = &mut units[of[number]];
        take_detail(name, unit, answer)
    })
}

/// Asks since when `failed` units are as they are, those first of which it is not known, and at
/// most [`MAX_CALLS`] of them: a unit may have failed again since the last reading.
pub(super) fn read_failures(bus: &mut Bus<'_>, failed: &mut [(&str, &mut Unit)]) -> io::Result<()> {
    let mut of: Vec<usize> =
        (0..failed.len()).filter(|&at| is_object_path(&failed[at].1.path)).collect();
    of.sort_by_key(|&at| failed[at].1.details.failed_at.is_some());
    of.truncate(MAX_CALLS);
    let paths: Vec<String> = of.iter().map(|&at| failed[at].1.path.clone()).collect();
    let questions: Vec<Call<'_>> =
        paths.iter().map(|path| property(path, &[UNIT, "StateChangeTimestamp"])).collect();
    bus.ask(&questions, |number, answer| {
        let Ok((signature, mut body)) = answer else { return Ok(()) };
        variant(signature, &mut body, "t")?;
        failed[of[number]].1.details.failed_at = Some(body.u64()?).filter(|&at| at > 0);
        Ok(())
    })
}

fn take_detail(name: &str, unit: &mut Unit, answer: Answer<'_>) -> Result<(), Malformed> {
    // A unit can be gone by now, and an old systemd counts no restarts.
    let Ok((signature, mut body)) = answer else { return Ok(()) };
    if name.ends_with(".timer") {
        variant(signature, &mut body, "t")?;
        unit.details.last_trigger = Some(body.u64()?);
    } else {
        variant(signature, &mut body, "u")?;
        unit.details.restarts = Some(body.u32()?);
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
