//! What is known of units from one reading to the next.

use std::collections::BTreeMap;

use super::super::MAX_DEVICES;

/// The kinds of units whose state is told. Devices, scopes and slices are left
/// out: there are many, and they neither fail nor run anything of their own.
const KINDS: [&str; 7] = [".service", ".socket", ".timer", ".target", ".path", ".mount", ".swap"];

/// Mounts of containers and sessions, which come and go by the hundred.
const PASSING_MOUNTS: [&str; 9] = [
    "run-containerd-",
    "run-credentials-",
    "run-docker-",
    "run-netns-",
    "run-user-",
    "var-lib-containerd-",
    "var-lib-containers-",
    "var-lib-docker-",
    "var-lib-kubelet-",
];

/// The states that always have a series, in this order.
pub(super) const STATES: [&str; 5] = ["active", "activating", "deactivating", "inactive", "failed"];

/// How many units that are new or changed are asked for more in one reading.
/// The types of services are asked of all, because they name the series.
const CHANGED_ASKED: usize = 32;
/// How many units are asked again in one reading though nothing showed that
/// they changed: a service can restart between two readings.
const SWEPT: usize = 8;

/// One unit as systemd lists it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed<'a> {
    pub(super) name: &'a str,
    pub(super) load: &'a str,
    pub(super) active: &'a str,
    pub(super) sub: &'a str,
    /// The path of its object; empty when recorded.
    pub(super) path: &'a str,
}

/// What else is known of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Details {
    /// How a service starts: `simple`, `notify`, …; `None` until systemd was
    /// asked, and empty for good where it did not tell.
    pub(super) service_type: Option<String>,
    /// How often a service was restarted without being told to.
    pub(super) restarts: Option<u32>,
    /// When a timer went off, in microseconds since 1970; zero for never.
    pub(super) last_trigger: Option<u64>,
    /// When a unit that failed did so, in microseconds since 1970.
    pub(super) failed_at: Option<u64>,
}

/// A unit whose state is told.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) active: String,
    pub(super) sub: String,
    pub(super) path: String,
    pub(super) details: Details,
    /// False when too many units stand before it.
    chosen: bool,
    /// The round in which it was listed last.
    seen: u64,
    /// The round in which it was asked last, zero when it has to be.
    asked: u64,
}

/// All units, by name.
#[derive(Debug, Default)]
pub(super) struct Units {
    round: u64,
    pub(super) by_name: BTreeMap<String, Unit>,
    /// How many units of all kinds are in each of [`STATES`].
    pub(super) counts: [u32; STATES.len()],
    /// The same of states that are rare, such as `reloading`.
    pub(super) others: BTreeMap<String, u32>,
}

impl Units {
    /// Begins a new list.
    pub(super) fn begin(&mut self) {
        self.round += 1;
        self.counts = [0; STATES.len()];
        self.others.clear();
    }

    /// Takes one unit of the list. The details are kept when it is known.
    pub(super) fn list(&mut self, listed: Listed<'_>) -> Option<&mut Details> {
        match STATES.iter().position(|&state| state == listed.active) {
            Some(state) => self.counts[state] += 1,
            None => *self.others.entry(listed.active.to_owned()).or_default() += 1,
        }
        if listed.load != "loaded" || !is_told(listed.name) {
            return None;
        }
        if !self.by_name.contains_key(listed.name) {
            self.by_name.insert(listed.name.to_owned(), Unit::new());
        }
        let unit = self.by_name.get_mut(listed.name)?;
        unit.seen = self.round;
        if unit.active != listed.active || unit.sub != listed.sub || unit.path != listed.path {
            unit.asked = 0;
            set(&mut unit.active, listed.active);
            set(&mut unit.sub, listed.sub);
            set(&mut unit.path, listed.path);
        }
        Some(&mut unit.details)
    }

    /// Says how many units are in a state, whatever the list said.
    pub(super) fn set_count(&mut self, state: &str, count: u32) {
        match STATES.iter().position(|&known| known == state) {
            Some(known) => self.counts[known] = count,
            None => drop(self.others.insert(state.to_owned(), count)),
        }
    }

    /// Ends the list: what is not on it is gone.
    pub(super) fn end(&mut self) {
        let round = self.round;
        self.by_name.retain(|_, unit| unit.seen == round);
        self.choose();
    }

    /// Chooses the units that are told: failed ones before those that run or
    /// are about to, those before the rest, and by name among equals.
    fn choose(&mut self) {
        let mut units: Vec<&mut Unit> = self.by_name.values_mut().collect();
        // The sort is stable, so that names keep their order.
        units.sort_by_key(|unit| unit.rank());
        for (place, unit) in units.into_iter().enumerate() {
            unit.chosen = place < MAX_DEVICES;
        }
    }

    /// The units whose state is told now, by name. A service waits until its
    /// type is known: with another label it would be another series.
    pub(super) fn told(&self) -> impl Iterator<Item = (&str, &Unit)> {
        let told = self.by_name.iter().filter(|(name, unit)| unit.chosen && !unit.waits(name));
        told.map(|(name, unit)| (name.as_str(), unit))
    }

    /// The services whose type has to be asked, failed ones first.
    pub(super) fn untyped(&mut self) -> Vec<(&str, &mut Unit)> {
        let mut all: Vec<(&str, &mut Unit)> = self
            .by_name
            .iter_mut()
            .map(|(name, unit)| (name.as_str(), unit))
            .filter(|(name, unit)| unit.chosen && unit.waits(name))
            .collect();
        all.sort_by_key(|(_, unit)| unit.rank());
        all
    }

    /// The units that have failed, by name.
    pub(super) fn failed(&mut self) -> Vec<(&str, &mut Unit)> {
        let all = self.by_name.iter_mut().map(|(name, unit)| (name.as_str(), unit));
        all.filter(|(_, unit)| unit.chosen && unit.active == "failed").collect()
    }

    /// The units to ask for details now: those that are new or changed, failed
    /// ones first, and some others that were not asked for long. They count as
    /// asked.
    pub(super) fn due(&mut self) -> Vec<(&str, &mut Unit)> {
        let round = self.round;
        let mut all: Vec<(&str, &mut Unit)> = self
            .by_name
            .iter_mut()
            .map(|(name, unit)| (name.as_str(), unit))
            .filter(|(name, unit)| unit.chosen && has_details(name))
            .filter(|(_, unit)| unit.asked == 0 || unit.moves())
            .collect();
        all.sort_by_key(|(_, unit)| (unit.asked, unit.active != "failed"));
        let changed = all.iter().take_while(|(_, unit)| unit.asked == 0).count();
        if changed > CHANGED_ASKED {
            all.truncate(CHANGED_ASKED);
        } else {
            all.truncate(changed + SWEPT);
        }
        for (_, unit) in &mut all {
            unit.asked = round;
        }
        all
    }

    /// True when the details of every unit that is told and has some are known.
    pub(super) fn all_were_asked(&self) -> bool {
        let mut chosen = self.by_name.iter().filter(|(_, unit)| unit.chosen);
        chosen.all(|(name, unit)| unit.asked > 0 && !unit.waits(name) || !has_details(name))
    }

    /// Forgets that the units were asked, because no answer came.
    pub(super) fn ask_again(&mut self) {
        let round = self.round;
        self.by_name
            .values_mut()
            .filter(|unit| unit.asked == round)
            .for_each(|unit| unit.asked = 0);
    }
}

impl Unit {
    fn new() -> Self {
        Self {
            active: String::new(),
            sub: String::new(),
            path: String::new(),
            details: Details::default(),
            chosen: false,
            seen: 0,
            asked: 0,
        }
    }

    /// Where it stands when not all can be told, the lowest first.
    fn rank(&self) -> u8 {
        match self.active.as_str() {
            "failed" => 0,
            "inactive" => 2,
            _ => 1,
        }
    }

    /// True for a service whose type was not asked yet.
    fn waits(&self, name: &str) -> bool {
        name.ends_with(".service") && self.details.service_type.is_none()
    }

    /// A unit that is inactive tells nothing new until its state changes.
    fn moves(&self) -> bool {
        self.active != "inactive"
    }
}

fn set(text: &mut String, to: &str) {
    text.clear();
    text.push_str(to);
}

fn is_told(name: &str) -> bool {
    KINDS.iter().any(|kind| name.ends_with(kind))
        && !(name.ends_with(".mount") && PASSING_MOUNTS.iter().any(|start| name.starts_with(start)))
}

fn has_details(name: &str) -> bool {
    name.ends_with(".service") || name.ends_with(".timer")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(units: &mut Units, rows: &[(&str, &str)]) {
        units.begin();
        for &(name, active) in rows {
            units.list(Listed { name, load: "loaded", active, sub: "x", path: "/x" });
        }
        units.end();
    }

    fn asked(units: &mut Units) -> Vec<String> {
        units.due().into_iter().map(|(name, _)| name.to_owned()).collect()
    }

    #[test]
    fn only_units_that_can_fail_are_told_and_all_are_counted() {
        let mut units = Units::default();
        list(
            &mut units,
            &[
                ("a.service", "active"),
                ("x.device", "active"),
                ("var-lib-docker-overlay2-ab-merged.mount", "active"),
                ("srv.mount", "failed"),
                ("b.scope", "reloading"),
            ],
        );
        assert_eq!(units.by_name.keys().collect::<Vec<_>>(), ["a.service", "srv.mount"]);
        assert_eq!((units.counts, units.others["reloading"]), ([3, 0, 0, 0, 1], 1));
        units.begin();
        let masked =
            Listed { name: "m.service", load: "masked", active: "inactive", sub: "", path: "" };
        assert!(units.list(masked).is_none());
        units.end();
        assert!(units.by_name.is_empty());
    }

    #[test]
    fn changed_units_are_asked_and_the_others_in_turn() {
        let mut units = Units::default();
        let names: Vec<String> = (0..20).map(|number| format!("{number:02}.service")).collect();
        let mut rows: Vec<(&str, &str)> =
            names.iter().map(|name| (name.as_str(), "active")).collect();
        list(&mut units, &rows);
        assert_eq!(asked(&mut units).len(), 20);
        let mut swept = Vec::new();
        for _ in 0..3 {
            list(&mut units, &rows);
            swept.extend(asked(&mut units));
        }
        assert_eq!(swept.len(), 3 * SWEPT);
        swept.sort();
        swept.dedup();
        assert_eq!(swept.len(), 20, "each has its turn");
        rows[13].1 = "failed";
        list(&mut units, &rows);
        assert_eq!(asked(&mut units)[0], "13.service");
    }

    #[test]
    fn a_flood_of_new_units_is_asked_bit_by_bit() {
        let mut units = Units::default();
        let names: Vec<String> = (0..100).map(|number| format!("{number:03}.service")).collect();
        let mut rows: Vec<(&str, &str)> =
            names.iter().map(|name| (name.as_str(), "inactive")).collect();
        rows[99].1 = "failed";
        let mut turns = Vec::new();
        for _ in 0..5 {
            list(&mut units, &rows);
            turns.push(asked(&mut units).len());
        }
        assert_eq!(turns, [CHANGED_ASKED, CHANGED_ASKED, CHANGED_ASKED, 4 + 1, 1]);
        list(&mut units, &rows);
        assert_eq!(asked(&mut units), ["099.service"], "the inactive ones tell nothing new");
    }

    #[test]
    fn failed_units_are_never_the_ones_left_out() {
        let mut units = Units::default();
        let names: Vec<String> = (0..MAX_DEVICES).map(|n| format!("a{n:04}.socket")).collect();
        let mut rows: Vec<(&str, &str)> =
            names.iter().map(|name| (name.as_str(), "inactive")).collect();
        rows.extend([("x.socket", "inactive"), ("y.socket", "activating"), ("z.socket", "failed")]);
        list(&mut units, &rows);
        let told: Vec<&str> = units.told().map(|(name, _)| name).collect();
        assert_eq!(told.len(), MAX_DEVICES);
        assert_eq!(told[MAX_DEVICES - 3..], ["a0509.socket", "y.socket", "z.socket"]);
        assert!(told.is_sorted());
    }

    #[test]
    fn a_service_is_told_when_its_type_was_asked() {
        let mut units = Units::default();
        list(
            &mut units,
            &[("a.service", "active"), ("b.socket", "active"), ("c.service", "failed")],
        );
        assert_eq!(units.told().map(|(name, _)| name).collect::<Vec<_>>(), ["b.socket"]);
        let mut untyped = units.untyped();
        assert_eq!(
            untyped.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            ["c.service", "a.service"]
        );
        untyped[0].1.details.service_type = Some(String::new());
        assert_eq!(units.told().count(), 2);
    }

    #[test]
    fn what_was_not_answered_is_asked_again() {
        let mut units = Units::default();
        list(&mut units, &[("a.service", "inactive")]);
        assert_eq!(asked(&mut units).len(), 1);
        units.ask_again();
        list(&mut units, &[("a.service", "inactive")]);
        assert_eq!(asked(&mut units).len(), 1);
    }
}
