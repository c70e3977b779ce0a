//! When and by which ways users are told, and when nobody is.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use watchfire_alert::told::{Awake, Hours, Maintenance, Way, Window};
use watchfire_model::Severity;
use watchfire_runtime::config::{Located, Problem, Spanned, closest};

use super::super::file::{MaintenanceTable, WayTable};
use super::Checker;

impl Checker<'_> {
    pub(super) fn awake(
        &mut self,
        working: Option<Spanned<String>>,
        quiet: Option<Spanned<String>>,
        wakes: Option<Spanned<String>>,
    ) -> Option<Awake> {
        let working = self.hours(working);
        let quiet = self.hours(quiet);
        let wakes = self.severity(wakes);
        Some(Awake { working: working?, quiet: quiet?, wakes: wakes? })
    }

    pub(super) fn ways(&mut self, tables: Vec<WayTable>) -> Option<Vec<Way>> {
        let ways: Vec<Option<Way>> = tables.into_iter().map(|table| self.way(table)).collect();
        ways.into_iter().collect()
    }

    fn way(&mut self, table: WayTable) -> Option<Way> {
        let scope = match table.servers {
            Some(servers) => self.scope(Some(servers)).map(Some),
            None => Some(None),
        };
        let severity = self.severity(table.severity);
        let during = self.hours(table.during);
        let channels = self.channels(table.channels);
        let severity = severity?.unwrap_or(Severity::Info);
        Some(Way { scope: scope?, severity, during: during?, channels: channels? })
    }

    pub(super) fn maintenance(
        &mut self,
        table: Spanned<MaintenanceTable>,
        time_zone: &TimeZone,
    ) -> Option<Maintenance> {
        let place = self.source.place(&table.span());
        let table = table.into_inner();
        let scope = self.scope(Some(table.servers));
        let zone = match table.time_zone {
            Some(zone) => self.time_zone(Some(zone))?,
            None => time_zone.clone(),
        };
        let each = self.hours(table.each)?;
        let window = match (each, table.from, table.to) {
            (Some(hours), None, None) => Window::Each(hours, zone),
            (None, Some(from), Some(to)) => self.once(from, to, &zone)?,
            _ => {
                let what = "maintenance is either each week or once";
                let hint = "write each = \"sun 02:00-04:00\", or from and to as in \
                     \"2026-12-24 22:00\"";
                self.problems.push(Problem::new(place, what).hint(hint));
                return None;
            }
        };
        Some(Maintenance { name: table.name.into_inner(), scope: scope?, window })
    }

    fn once(
        &mut self,
        from: Spanned<String>,
        to: Spanned<String>,
        zone: &TimeZone,
    ) -> Option<Window> {
        let end = self.source.locate(to.clone());
        let (from, to) = (self.moment(from, zone)?, self.moment(to, zone)?);
        if from < to {
            return Some(Window::Once(from, to));
        }
        let problem = end.problem("maintenance ends before it begins");
        self.problems.push(problem.hint("write a later day and time in `to`"));
        None
    }

    fn moment(&mut self, text: Spanned<String>, zone: &TimeZone) -> Option<i64> {
        let text = self.source.locate(text);
        // An offset would be read over in silence, so only these are taken.
        let forms = ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M"];
        let civil = forms.iter().find_map(|form| DateTime::strptime(form, &text.value).ok());
        let at = civil.and_then(|civil| civil.to_zoned(zone.clone()).ok());
        let refused = || {
            text.problem(format!("{:?} is no day and time", text.value))
                .hint("write it like \"2026-12-24 22:00\"")
        };
        self.noted(at.map(|at| at.timestamp().as_millisecond()).ok_or_else(refused))
    }

    /// No hours are none, and not a mistake.
    pub(super) fn hours(&mut self, text: Option<Spanned<String>>) -> Option<Option<Hours>> {
        let Some(text) = text else { return Some(None) };
        let text = self.source.locate(text);
        let read = Hours::parse(&text.value);
        self.noted(read.map_err(|error| hours_problem(&text, &error.part, error.why))).map(Some)
    }

    pub(super) fn severity(&mut self, word: Option<Spanned<String>>) -> Option<Option<Severity>> {
        let Some(word) = word else { return Some(None) };
        let word = self.source.locate(word);
        let known = Severity::parse(&word.value).ok_or_else(|| severity_problem(&word));
        self.noted(known).map(Some)
    }
}

fn hours_problem(text: &Located<String>, part: &str, why: &str) -> Problem {
    text.problem(format!("{part:?} is no time of the week: {why}"))
        .hint("write hours like \"mon-fri 08:00-18:00, sat 10:00-14:00\"")
}

fn severity_problem(word: &Located<String>) -> Problem {
    let words = Severity::ALL.map(Severity::as_str);
    let hint = match closest(&word.value, &words) {
        Some(close) => format!("did you mean {close:?}?"),
        None => "there are \"info\", \"warning\" and \"critical\"".to_owned(),
    };
    word.problem(format!("{:?} is no severity", word.value)).hint(hint)
}
