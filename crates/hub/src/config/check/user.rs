use jiff::tz::TimeZone;
use watchfire_identity::Role;
use watchfire_identity::password::PasswordHash;
use watchfire_model::{Channel, Scope, Selector};
use watchfire_notify::expand;
use watchfire_runtime::config::{Located, Place, Problem, Spanned, closest, time_of_day};

use super::super::User;
use super::super::file::UserTable;
use super::Checker;
use crate::people::is_name;
use crate::self_test::{DAYS, WeekTime};

impl Checker<'_> {
    pub(super) fn user(
        &mut self,
        table: Spanned<UserTable>,
        time_zone: &TimeZone,
    ) -> Option<(User, Place)> {
        let table = table.into_inner();
        let place = self.source.place(&table.name.span());
        let name = self.user_name(table.name);
        if let Some(name) = &name {
            self.note_twice("user", name, &place);
        }
        let role = table.role.map_or(Some(Role::Viewer), |role| self.role(role));
        let password = match table.password_hash {
            Some(hash) => self.password(hash).map(Some),
            None => Some(None),
        };
        let scope = self.scope(table.servers);
        let channels = self.channels(table.channels);
        let report = match table.report {
            Some(report) => {
                let report = self.source.locate(report);
                self.noted(time_of_day(&report)).map(Some)
            }
            None => Some(None),
        };
        let self_test = match table.self_test {
            Some(text) => {
                let text = self.source.locate(text);
                self.noted(week_time(&text)).map(Some)
            }
            None => Some(None),
        };
        let time_zone = match table.time_zone {
            Some(zone) => self.time_zone(Some(zone))?,
            None => time_zone.clone(),
        };
        let awake = self.awake(table.working, table.quiet, table.wakes);
        let ways = self.ways(table.way);
        let escalation = self.escalation(table.escalate);
        let user = User {
            name: name?,
            role: role?,
            password: password?,
            scope: scope?,
            channels: channels?,
            ways: ways?,
            escalation: escalation?,
            awake: awake?,
            report: report?,
            self_test: self_test?,
            time_zone,
        };
        if user.scope.selectors().is_empty() {
            let what = format!("user {:?} has no servers, and is told of none", user.name);
            let warning = Problem::new(place.clone(), what);
            self.warnings.push(warning.hint("add servers = ['*'] for all of them"));
        }
        if user.report.is_some() && user.channels.is_empty() {
            let what = format!("user {:?} has a daily report and no channel for it", user.name);
            self.warnings.push(Problem::new(place.clone(), what));
        }
        Some((user, place))
    }

    fn user_name(&mut self, name: Spanned<String>) -> Option<String> {
        let name = self.source.locate(name);
        if is_name(&name.value) {
            return Some(name.value);
        }
        let problem = name.problem(format!("{:?} is no user name", name.value));
        self.problems
            .push(problem.hint("use up to 64 letters, digits, '.', '-', '_', '+' and '@'"));
        None
    }

    fn role(&mut self, role: Spanned<String>) -> Option<Role> {
        let role = self.source.locate(role);
        if let Ok(known) = role.value.parse() {
            return Some(known);
        }
        let hint = match closest(&role.value, &["viewer", "operator", "admin"]) {
            Some(close) => format!("did you mean {close:?}?"),
            None => "the roles are \"viewer\", \"operator\" and \"admin\"".to_owned(),
        };
        self.problems.push(role.problem(format!("{:?} is no role", role.value)).hint(hint));
        None
    }

    fn password(&mut self, hash: Spanned<String>) -> Option<PasswordHash> {
        let hash = self.source.locate(hash);
        let expanded = self.expanded(&hash);
        let text = self.noted(expanded)?;
        match PasswordHash::parse(text.expose()) {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                let words = error.to_string();
                let words = words.split_once(": make").map_or(&*words, |(what, _)| what);
                self.problems.push(hash.problem(words).hint("make one with: watchfire passwd"));
                None
            }
        }
    }

    /// No `servers` key means none, not all: nobody sees what nobody gave.
    pub(super) fn scope(&mut self, servers: Option<Vec<Spanned<String>>>) -> Option<Scope> {
        let servers = servers.unwrap_or_default();
        let mut selectors = Vec::with_capacity(servers.len());
        let mut whole = true;
        for selector in servers {
            let selector = self.source.locate(selector);
            match Selector::parse(&selector.value) {
                Ok(parsed) => selectors.push(parsed),
                Err(error) => {
                    // Of a pattern's long explanation, the last line says what is wrong.
                    let why = error.why.lines().last().unwrap_or("");
                    let why = why.trim_start_matches("error: ");
                    let at = error.at + 1;
                    let what = format!("{:?} is no matcher: {why}, at byte {at}", selector.value);
                    self.problems.push(
                        selector
                            .problem(what)
                            .hint("write 'role=\"web\"', 'name=\"db-1\"' or '*' for every server"),
                    );
                    whole = false;
                }
            }
        }
        whole.then(|| Scope::new(selectors))
    }

    pub(super) fn channels(&mut self, channels: Vec<Spanned<String>>) -> Option<Vec<Channel>> {
        let mut known = Vec::with_capacity(channels.len());
        for channel in channels {
            let channel = self.source.locate(channel);
            let inside = channel.value.contains("://");
            let expanded = self.expanded_with(&channel, |secret| fit(secret, inside));
            let url = self.noted(expanded)?;
            let url = Channel::new(url.expose().trim());
            // One that is not understood is told of when all are checked.
            for one in expand(&url).unwrap_or_else(|_| vec![url]) {
                self.channels.push(channel.with(one.clone()));
                known.push(one);
            }
        }
        Some(known)
    }
}

/// A time of the week: `mon 08:00`.
fn week_time(text: &Located<String>) -> Result<WeekTime, Problem> {
    let read = || {
        let (day, time) = text.value.trim().split_once(' ')?;
        let (_, day) = DAYS.into_iter().find(|(word, _)| *word == day)?;
        Some(WeekTime { day, minutes: time_of_day(&text.with(time.trim().to_owned())).ok()? })
    };
    read().ok_or_else(|| {
        text.problem(format!("{:?} is no time of the week", text.value))
            .hint("write a day and a time: \"mon 08:00\"")
    })
}

/// A secret as a part of a URL. What would end that part is escaped, but for a slash and a
/// colon: a file may hold several tokens. A file that is the whole URL is taken as it is.
fn fit(secret: &str, inside: bool) -> String {
    if !inside {
        return secret.to_owned();
    }
    secret.replace('%', "%25").replace('@', "%40").replace('?', "%3F")
}
