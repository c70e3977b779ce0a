//! Many servers at once: one message for each user, and the next server still alerts.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use watchfire_api::hub::{IncidentDetail, NotificationRow};
use watchfire_testkit::clock::monotonic;
use watchfire_testkit::process::{Program, Signal};
use watchfire_testkit::smtp::Mail;

use crate::field::{Field, PATIENCE, SERVER};

const USERS: [&str; 5] = ["ada", "bob", "cyd", "dee", "eve"];
/// The design's figure.
const WITHIN: Duration = Duration::from_secs(8);
/// How much longer than the figure more messages are waited for.
const AFTERWARDS: Duration = Duration::from_secs(20);

pub(crate) struct Storm {
    servers: usize,
    /// For each user: how many messages came before the next server failed, and when the last one
    /// was accepted, from the freezing on.
    told: Vec<(usize, Option<Duration>)>,
    names_all: bool,
    /// Incidents, and those of them on which a user finds the channel's result.
    incidents: (usize, usize),
    /// For each user: from the kill of the next server to its message.
    next: Vec<Option<Duration>>,
}

/// Freezes a fleet in one instant. To the hub that is a network that was cut: nothing comes, and
/// no connection is closed.
pub(crate) fn measure(binary: &Path, servers: usize) -> anyhow::Result<Storm> {
    eprintln!("storm: {servers} servers enrol");
    let mut field = Field::start(binary, &USERS, None)?;
    let fleet = Program::new(binary)
        .args(["sim", "--hub", &field.address.to_string(), "--servers", &servers.to_string()])
        .arg("--hub-data")
        .arg(field.folder().join("hub"))
        .arg("--folder")
        .arg(field.folder().join("fleet"))
        .called("fleet")
        .env("WATCHFIRE_LOG", "error")
        .start();
    field.wait_until_up(servers + 1)?;
    std::thread::sleep(Duration::from_secs(5));
    ensure!(field.sink.mails().is_empty(), "mails came before anything failed");

    let cut = fleet.signal(Signal::Stop);
    std::thread::sleep(WITHIN + AFTERWARDS);
    let mails = field.sink.mails();
    let told = USERS.iter().map(|user| {
        let own: Vec<&Mail> = to(&mails, user).collect();
        let last = own.iter().filter_map(|mail| mail.accepted).max();
        (own.len(), last.map(|at| at.saturating_sub(cut)))
    });
    let told: Vec<_> = told.collect();
    let names_all = USERS.iter().all(|user| {
        let subject = format!("{servers} servers");
        to(&mails, user).any(|mail| mail.subject().contains(&subject))
    });
    let all = field.page()?.incidents()?;
    let incidents = (all.len(), all.iter().filter(|one| has_result(one)).count());
    let killed = field.kill_agent();
    let until = monotonic() + PATIENCE;
    let next = loop {
        let mails = field.sink.mails();
        let next: Vec<Option<Duration>> = USERS
            .iter()
            .map(|user| {
                let about = |mail: &&Mail| mail.raw_text().contains(SERVER);
                let found = to(&mails, user).find(about)?;
                found.accepted.map(|at| at.saturating_sub(killed))
            })
            .collect();
        if next.iter().all(Option::is_some) || monotonic() > until {
            break next;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    fleet.kill();
    Ok(Storm { servers, told, names_all, incidents, next })
}

/// The incident shows the channel's own answer to the user who looks, and when it came.
fn has_result(incident: &IncidentDetail) -> bool {
    let told = |one: &NotificationRow| {
        let mut all = one.deliveries.iter();
        all.any(|delivery| delivery.outcome == "accepted" && delivery.ended_unix_ms.is_some())
    };
    incident.notifications.iter().any(|one| one.user == USERS[0] && told(one))
}

fn to<'a>(mails: &'a [Mail], user: &str) -> impl Iterator<Item = &'a Mail> {
    let address = format!("{user}@example.org");
    mails.iter().filter(move |mail| mail.to == [address.as_str()])
}

impl Storm {
    /// One message for each user, in time, that counts all; and the next server told to all.
    pub(crate) fn is_exact(&self) -> bool {
        let once = |(count, last): &(usize, Option<Duration>)| {
            *count == 1 && last.is_some_and(|last| last <= WITHIN)
        };
        let (incidents, with_results) = self.incidents;
        self.names_all
            && (incidents, with_results) == (self.servers, self.servers)
            && self.told.iter().all(once)
            && self.next.iter().all(Option::is_some)
    }

    pub(crate) fn markdown(&self) -> String {
        let seconds = |all: Vec<Option<Duration>>| {
            let all: Option<Vec<f64>> =
                all.into_iter().map(|one| one.map(|one| one.as_secs_f64())).collect();
            all.map_or_else(
                || "not told to all".to_owned(),
                |all| {
                    let least = all.iter().copied().fold(f64::MAX, f64::min);
                    format!("{least:.2} to {:.2} s", all.iter().copied().fold(0.0, f64::max))
                },
            )
        };
        let counts: Vec<usize> = self.told.iter().map(|(count, _)| *count).collect();
        format!(
            "| figure | measured | to hold |\n|---|--:|--:|\n\
             | messages to each of {} users about {} servers that froze at once | {counts:?} | 1 |\n\
             | their subject counts all of them | {} | yes |\n\
             | incidents, and those on which a user finds the channel's answer with its time | {}, {} | {}, {} |\n\
             | frozen → the last of them accepted | {} | 8 s |\n\
             | the next server killed → its message accepted | {} | told to all |\n",
            USERS.len(),
            self.servers,
            if self.names_all { "yes" } else { "**no**" },
            self.incidents.0,
            self.incidents.1,
            self.servers,
            self.servers,
            seconds(self.told.iter().map(|(_, last)| *last).collect()),
            seconds(self.next.clone()),
        )
    }
}
