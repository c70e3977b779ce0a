//! `[[schedule]]` and `[[remedy]]`: what the hub has run of its own accord.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use watchfire_alert::told::Hours;
use watchfire_identity::{Action, role_allows};
use watchfire_model::Scope;
use watchfire_runtime::config::{Located, Spanned};

use super::super::User;
use super::super::automatic::{Remedy, Schedule, Task};
use super::super::file::{RemedyTable, ScheduleTable};
use super::Checker;

/// How often a remedy is run in an hour at the most, where nothing else is said.
const USUAL_PER_HOUR: u64 = 5;

/// What both tables have.
struct Words {
    name: Spanned<String>,
    runbook: Spanned<String>,
    params: BTreeMap<String, Spanned<String>>,
    servers: Option<Vec<Spanned<String>>>,
    user: Spanned<String>,
}

impl Checker<'_> {
    pub(super) fn schedule(
        &mut self,
        table: ScheduleTable,
        users: &[&User],
        time_zone: &TimeZone,
    ) -> Option<Schedule> {
        let zone = match table.time_zone {
            Some(zone) => self.time_zone(Some(zone)),
            None => Some(time_zone.clone()),
        };
        let each = self.source.locate(table.each.clone());
        let hours = self.hours(Some(table.each)).flatten();
        let hours = hours.and_then(|hours| self.ending(&each, hours, zone.as_ref()?));
        let pace = (
            self.count(table.at_most, "at_most", u32::MAX),
            self.count(table.batch_percent, "batch_percent", 100),
            self.count(table.stop_after, "stop_after", u32::MAX),
        );
        let (name, runbook, params) = (table.name, table.runbook, table.params);
        let words = Words { name, runbook, params, servers: Some(table.servers), user: table.user };
        let task = self.task(words, users);
        let (at_most, batch_percent, stop_after) = (pace.0?, pace.1?, pace.2?);
        Some(Schedule {
            task: task?,
            each: hours?,
            time_zone: zone?,
            at_most: at_most.map(|most| most as usize),
            batch_percent,
            stop_after: stop_after.map(|most| most as usize),
        })
    }

    /// By its name it is known which of them began already.
    pub(super) fn check_names(&mut self, names: &[Spanned<String>]) {
        let mut seen = BTreeSet::new();
        for name in names {
            let name = self.source.locate(name.clone());
            if !seen.insert(name.value.clone()) {
                let problem = name.problem(format!("{:?} is there twice", name.value));
                self.problems.push(problem.hint("give each its own name"));
            }
        }
    }

    pub(super) fn remedy(&mut self, table: RemedyTable, users: &[&User]) -> Option<Remedy> {
        let start = table.start.map(|start| self.source.locate(start));
        let is_run = match start.as_ref().map(|start| start.value.as_str()) {
            None | Some("offer") => Some(false),
            Some("run") => Some(true),
            Some(other) => {
                let at = start.as_ref().expect("it is the one that was read");
                let problem = at.problem(format!("{other:?} is no way to start a remedy"));
                let hint = "write \"offer\" to tell people of it, or \"run\" to have it run";
                self.problems.push(problem.hint(hint));
                None
            }
        };
        let per_hour = self.count(table.per_hour, "per_hour", 1000);
        let (name, runbook, params) = (table.name, table.runbook, table.params);
        let words = Words { name, runbook, params, servers: table.servers, user: table.user };
        let task = self.task(words, users);
        let per_hour = per_hour?.map_or(USUAL_PER_HOUR, u64::from);
        Some(Remedy { task: task?, alert: table.alert, is_run: is_run?, per_hour })
    }

    fn task(&mut self, words: Words, users: &[&User]) -> Option<Task> {
        let servers = match words.servers {
            Some(servers) => self.scope(Some(servers)),
            None => Some(Scope::everything()),
        };
        let name = self.named(words.name, "a name");
        let runbook = self.named(words.runbook, "the name of a runbook");
        let user = self.source.locate(words.user);
        let found = users.iter().find(|known| known.name == user.value);
        let may = found.filter(|user| role_allows(user.role, Action::Run));
        if may.is_none() {
            let what = match found {
                None => format!("there is no user {:?}", user.value),
                Some(_) => format!("the user {:?} may run nothing", user.value),
            };
            let hint = "name a [[user]] with the role \"operator\" or \"admin\": it is run on \
                 that user's behalf, on servers that the user sees";
            self.problems.push(user.problem(what).hint(hint));
        }
        let params = words.params.into_iter().map(|(key, value)| (key, value.into_inner()));
        Some(Task {
            name: name?,
            runbook: runbook?,
            params: params.collect(),
            servers: servers?,
            scope: may?.scope.clone(),
            user: user.value,
        })
    }

    fn named(&mut self, text: Spanned<String>, what: &str) -> Option<String> {
        let text = self.source.locate(text);
        let is_good = !text.value.is_empty()
            && text.value.len() <= 64
            && !text.value.contains(|letter: char| letter.is_control());
        let refused = || {
            text.problem(format!("{:?} is not {what}", text.value))
                .hint("write 1 to 64 bytes that can be read")
        };
        let is_good = is_good.then(|| text.value.clone()).ok_or_else(refused);
        self.noted(is_good)
    }

    fn count(&mut self, value: Option<Spanned<u32>>, key: &str, most: u32) -> Option<Option<u32>> {
        let Some(value) = value else { return Some(None) };
        let value = self.source.locate(value);
        let refused = || {
            let to = if most == u32::MAX { " or more".to_owned() } else { format!(" to {most}") };
            value
                .problem(format!("{} is no good {key}", value.value))
                .hint(format!("write 1{to}, or leave it out"))
        };
        let good = (1..=most).contains(&value.value).then_some(value.value).ok_or_else(refused);
        self.noted(good).map(Some)
    }

    /// Times without an end have no beginning either, at which something could be run.
    fn ending(&mut self, text: &Located<String>, hours: Hours, zone: &TimeZone) -> Option<Hours> {
        let some = Timestamp::UNIX_EPOCH.as_millisecond();
        let refused = || {
            text.problem(format!("{:?} never ends, so that nothing can begin in it", text.value))
                .hint("write times such as \"03:00-04:00\" or \"sun 02:00-03:00\"")
        };
        let ends = hours.next(some, false, zone).is_some();
        self.noted(ends.then_some(hours).ok_or_else(refused))
    }
}
