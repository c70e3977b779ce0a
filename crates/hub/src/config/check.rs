//! From the file's text to a config that holds: every mistake is noted, and
//! all are told together.

mod automatic;
mod disk;
mod escalate;
mod fallback;
mod heartbeat;
mod mail;
mod messages;
mod notify;
mod plain;
mod proxies;
mod rules;
mod secret;
mod sender;
mod server;
mod service;
mod told;
mod unsigned_runs;
mod user;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use watchfire_model::{Channel, Server};
use watchfire_notify::{ChannelError, FromFile, Notifier, schemes};
use watchfire_runtime::Clock;
use watchfire_runtime::config::{
    Located, Outside, Overrides, Place, Problem, Problems, Source, Spanned, duration,
    socket_address,
};

pub(super) use plain::WORDS;

use super::file::{HubFile, RemedyTable, ScheduleTable};
use super::{HubConfig, Sender, User, WatchedServer};
use crate::terminal;

const DEFAULT_LISTEN: &str = "127.0.0.1:5100";
const DEFAULT_DATA: &str = "/var/lib/watchfire";
const DEFAULT_DOWN_AFTER: &str = "5s";

/// Below this a single delayed packet would be an outage.
const SHORTEST_DOWN_AFTER: Duration = Duration::from_secs(4);
/// Above this nobody would call it monitoring.
const LONGEST_DOWN_AFTER: Duration = Duration::from_secs(3600);

pub(super) struct Checker<'a> {
    source: &'a Source,
    overrides: &'a Overrides,
    outside: &'a dyn Outside,
    problems: Problems,
    warnings: Vec<Problem>,
    /// The files of secrets that were warned of.
    open_files: HashSet<PathBuf>,
    /// Every user's channels, each with its place.
    channels: Vec<Located<Channel>>,
    /// The users to whom escalations lead, each with its place, and whether by channels of
    /// their own.
    escalated: Vec<(Located<String>, bool)>,
    /// Where each server and each user was first named.
    names: HashMap<(&'static str, String), Place>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(
        source: &'a Source,
        overrides: &'a Overrides,
        outside: &'a dyn Outside,
    ) -> Self {
        Self {
            source,
            overrides,
            outside,
            problems: Problems::new(),
            warnings: Vec::new(),
            open_files: HashSet::new(),
            channels: Vec::new(),
            escalated: Vec::new(),
            names: HashMap::new(),
        }
    }

    pub(super) fn check(mut self, file: HubFile) -> Result<HubConfig, Problems> {
        let listen = self.setting("listen", file.listen, DEFAULT_LISTEN);
        let listen = self.noted(socket_address(&listen));
        let data = self.setting("data", file.data, DEFAULT_DATA);
        let data = self.data_folder(&data);
        let disk = self.disk(file.disk);
        let down_after = self.setting("down_after", file.down_after, DEFAULT_DOWN_AFTER);
        let down_after = self.down_after(&down_after);
        let public_url = file.public_url.map(|url| self.source.locate(url));
        let public_url = self.overrides.pick("public_url", public_url);
        let public_url = self.public_url(public_url, listen);
        let plain = self.plain(file.plain);
        let unsigned_runs = self.unsigned_runs(file.unsigned_runs);
        let time_zone = self.time_zone(file.time_zone).unwrap_or(TimeZone::system());
        let rules = self.rules(file.rules, file.builtin_rules);
        let trusted_proxies = self.trusted_proxies(file.trusted_proxies);
        let remote_writes = self.remote_writes(file.remote_write);
        let read_from = file.history.and_then(|table| self.history(table));
        let heartbeat = match file.heartbeat {
            Some(table) => self.heartbeat(table).map(Some),
            None => Some(None),
        };
        let messages = self.messages(file.messages);
        let has_mail = file.mail.is_some();
        let mail = file.mail.and_then(|mail| self.mail(mail));
        let (allowed, budget) = self.notify(file.notify);
        let fallback = match file.fallback {
            Some(table) => self.fallback(table, &allowed).map(Some),
            None => Some(None),
        };
        let servers: Vec<_> =
            file.server.into_iter().filter_map(|table| self.server(table)).collect();
        let senders: Vec<_> =
            file.sender.into_iter().filter_map(|table| self.push_sender(table)).collect();
        self.check_tokens(&senders);
        let users: Vec<_> =
            file.user.into_iter().filter_map(|table| self.user(table, &time_zone)).collect();
        let maintenance: Vec<_> = file
            .maintenance
            .into_iter()
            .filter_map(|table| self.maintenance(table, &time_zone))
            .collect();
        let known: Vec<&User> = users.iter().map(|(user, _)| user).collect();
        let names = |table: &RemedyTable| table.name.clone();
        self.check_names(&file.remedy.iter().map(names).collect::<Vec<_>>());
        let names = |table: &ScheduleTable| table.name.clone();
        self.check_names(&file.schedule.iter().map(names).collect::<Vec<_>>());
        let schedules = file.schedule.into_iter();
        let schedules: Vec<_> =
            schedules.filter_map(|table| self.schedule(table, &known, &time_zone)).collect();
        let remedies = file.remedy.into_iter();
        let remedies: Vec<_> = remedies.filter_map(|table| self.remedy(table, &known)).collect();
        if let Ok(notifier) = Notifier::new(mail.clone(), Clock::system()) {
            let own = FromFile::new(self.channels.iter().map(|channel| &channel.value));
            let notifier = notifier.with_own(own).allowing(allowed.clone());
            self.check_channels(&notifier, has_mail);
        }
        self.check_escalations(&users);
        self.warn_about_scopes(&users, &servers, &senders);
        let config = || {
            Some(HubConfig {
                listen: listen?,
                data: data?,
                disk: disk?,
                down_after: down_after?,
                public_url: public_url?,
                plain: plain?,
                unsigned_runs_need_proof: unsigned_runs?,
                trusted_proxies,
                servers: servers.into_iter().map(|(server, _)| server).collect(),
                senders: senders.into_iter().map(|(sender, _)| sender).collect(),
                maintenance,
                schedules,
                remedies,
                users: users.into_iter().map(|(user, _)| user).collect(),
                mail,
                allowed,
                budget,
                remote_writes,
                read_from,
                messages,
                heartbeat: heartbeat?,
                rules: rules?,
                fallback: fallback?,
                warnings: self.warnings,
            })
        };
        self.problems.into_result(config())
    }

    /// Takes a checked value, or notes why there is none.
    fn noted<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        self.problems.take(result)
    }

    fn setting(&self, key: &str, file: Option<Spanned<String>>, default: &str) -> Located<String> {
        let file = file.map(|value| self.source.locate(value));
        self.overrides.pick(key, file).unwrap_or_else(|| Located::default_value(default.to_owned()))
    }

    fn data_folder(&mut self, value: &Located<String>) -> Option<PathBuf> {
        if value.value.trim().is_empty() {
            let problem = value.problem("the data folder has no name");
            self.problems.push(problem.hint("write a path: \"/var/lib/watchfire\""));
            return None;
        }
        let from_file = matches!(value.place, Place::File { .. });
        let base = if from_file { self.source.folder().to_owned() } else { PathBuf::new() };
        Some(base.join(&value.value))
    }

    fn down_after(&mut self, value: &Located<String>) -> Option<Duration> {
        let read = self.noted(duration(value))?;
        if (SHORTEST_DOWN_AFTER..=LONGEST_DOWN_AFTER).contains(&read) {
            return Some(read);
        }
        let problem = value.problem(format!("{:?} is not between 4s and 1h", value.value));
        self.problems.push(problem.hint("5s is the default, and what the page is tuned for"));
        None
    }

    fn public_url(
        &mut self,
        value: Option<Located<String>>,
        listen: Option<SocketAddr>,
    ) -> Option<String> {
        let Some(value) = value else {
            return Some(own_url(listen?));
        };
        let url = value.value.trim().trim_end_matches('/');
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let clean = |rest: &str| {
            !rest.is_empty()
                && !rest.starts_with('/')
                && !rest.contains(|c: char| {
                    c.is_whitespace() || c.is_control() || "?#\"'<>@".contains(c)
                })
        };
        if rest.is_some_and(clean) {
            return Some(url.to_owned());
        }
        let problem = if url.contains('@') {
            // What stands before the @ may be a password.
            value.problem("the page's address has no user and no password in it")
        } else {
            value.problem(format!("{:?} is no address of a page", value.value))
        };
        self.problems.push(problem.hint("write \"https://watchfire.example.org\""));
        None
    }

    fn time_zone(&mut self, value: Option<Spanned<String>>) -> Option<TimeZone> {
        let value = self.source.locate(value?);
        let zone = TimeZone::get(&value.value).map_err(|_| {
            value
                .problem(format!("{:?} is no time zone", value.value))
                .hint("write its name as in \"Europe/Berlin\" or \"UTC\"")
        });
        self.noted(zone)
    }

    /// Notes a name that an earlier server or user has already.
    fn note_twice(&mut self, what: &'static str, name: &str, place: &Place) {
        match self.names.get(&(what, name.to_owned())) {
            None => {
                self.names.insert((what, name.to_owned()), place.clone());
            }
            Some(first) => {
                let hint = format!("the first one is at {first}");
                let what = format!("there is a {what} named {name:?} already");
                self.problems.push(Problem::new(place.clone(), what).hint(hint));
            }
        }
    }

    fn check_channels(&mut self, notifier: &Notifier, has_mail: bool) {
        for channel in std::mem::take(&mut self.channels) {
            if terminal::is_terminal(&channel.value) {
                continue;
            }
            match notifier.check(&channel.value) {
                // A broken [mail] was told already; its users' channels are no second mistake.
                Ok(()) | Err(ChannelError::MailNotConfigured) if has_mail => {}
                Ok(()) => {}
                Err(error) => self.problems.push(channel_problem(&channel, &error)),
            }
        }
    }

    fn warn_about_scopes(
        &mut self,
        users: &[(User, Place)],
        servers: &[(WatchedServer, Place)],
        senders: &[(Sender, Place)],
    ) {
        let watched = servers.iter().map(|(watched, _)| &watched.server);
        let known: Vec<&Server> =
            watched.chain(senders.iter().map(|(sender, _)| &sender.server)).collect();
        for (user, place) in users {
            for selector in user.scope.selectors() {
                if !known.iter().any(|server| selector.selects(&server.labels)) {
                    let what =
                        format!("user {:?}: {:?} selects no server", user.name, selector.as_str());
                    self.warnings.push(Problem::new(place.clone(), what));
                }
            }
        }
    }
}

/// The channel's own text is left out of it, for it may hold a secret.
fn channel_problem(channel: &Located<Channel>, error: &ChannelError) -> Problem {
    match error {
        ChannelError::UnknownScheme { .. } if !channel.value.as_str().contains(':') => channel
            .problem("a channel begins with its kind and a colon")
            .hint("write \"mailto:ada@example.org\" or \"terminal:\""),
        ChannelError::UnknownScheme { scheme, shapes } if shapes.is_empty() => channel
            .problem(format!("there is no channel {scheme:?}"))
            .hint(format!("this version has terminal, {}", schemes().join(", "))),
        ChannelError::UnknownScheme { scheme, shapes } => channel
            .problem(format!("there is no channel {scheme:?}"))
            .hint(format!("write {}", shapes.join(" or "))),
        ChannelError::BadUrl { channel: name, why, shapes } => channel
            .problem(format!("this is no {name} channel: {why}"))
            .hint(format!("write {}", shapes.join(" or "))),
        ChannelError::Blocked { host, what } => {
            let what = format!("this channel leads to {host}, which is {what}");
            let hint = format!("if that is meant, add [notify] with allow = [{host:?}]");
            channel.problem(what).hint(hint)
        }
        ChannelError::MailNotConfigured => channel
            .problem("a mailto: channel needs a way to send mail, and there is no [mail]")
            .hint("add [mail] with from and smtp, or use \"terminal:\""),
        error => channel
            .problem(format!("this channel does not work: {error}"))
            .hint("write one address and nothing else: \"mailto:ada@example.org\""),
    }
}

/// The address of the page when none is configured. A wildcard is no address
/// to link to, so this machine's name stands in for it.
fn own_url(listen: SocketAddr) -> String {
    if listen.ip().is_unspecified() {
        let uname = rustix::system::uname();
        let name = uname.nodename().to_str().unwrap_or("localhost");
        format!("http://{name}:{}", listen.port())
    } else {
        format!("http://{listen}")
    }
}
