//! The report of a user's servers, as the first system's driver mailed it.

use std::sync::Arc;
use std::time::Duration;

use watchfire_alert::{PresenceLimits, ReportRow, message_id, report};
use watchfire_model::{
    Content, DeliveryOutcome, Moment, NotificationKind, Presence, Scope, Severity,
};
use watchfire_notify::{FromFile, Notifier, Outgoing};
use watchfire_runtime::{Clock, Shutdown, backoff::Backoff, task};

use crate::config::{HubConfig, User, WatchedServer};
use crate::dial::Dialer;
use crate::events::Events;
use crate::fleet::{Fleet, Snapshot};
use crate::reader::Reader;
use crate::session::Sessions;
use crate::uplink::{self, Reach};
use crate::{terminal, watch};

/// How often a report from the command line is tried on each channel.
const TRIES: u32 = 3;
/// How long after the grace the report waits at the latest. A server may send
/// signs of life and never a whole status, or the hub cannot judge it, for want of
/// descriptors for example; it is reported as it is known by then.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often the fleet is looked at while its servers are asked.
const LOOK: Duration = Duration::from_millis(50);

/// What became of one user's report.
#[derive(Debug, Clone)]
pub struct Reported {
    /// The user.
    pub user: String,
    /// How the last try ended, and on which kind of channel; `None` when the
    /// user has no channel.
    pub outcome: Option<(String, DeliveryOutcome)>,
    /// The words that were sent.
    pub content: Content,
}

/// Asks every server that the users may see, and sends each of `users` a report.
/// It takes at most the grace, 3 s and what sending takes; no hub needs to run.
///
/// # Errors
/// When the mail settings cannot be used.
pub async fn report_now(
    mut config: HubConfig,
    users: Vec<User>,
    clock: &Clock,
) -> Result<Vec<Reported>, watchfire_notify::ChannelError> {
    let notifier = Notifier::new(config.mail.clone(), clock.clone())?;
    let notifier = notifier.with_own(FromFile::new(config.channels()));
    let notifier = notifier.allowing(config.allowed.clone());
    let limits = PresenceLimits::with_down_after(config.down_after);
    let seen =
        |watched: &WatchedServer| users.iter().any(|user| user.scope.holds(&watched.server.labels));
    config.servers.retain(seen);
    let fleet = Fleet::new(config.servers, limits, &[], clock.clone(), Events::new());
    let fleet = Arc::new(fleet);
    let longest = limits.grace.max(limits.down_after) + PATIENCE;
    ask_everyone(&fleet, clock, longest).await;
    let mut reported = Vec::new();
    for user in users {
        let now = clock.now();
        let content = write(&fleet, &user.scope, &user.name, now, &config.public_url, &user);
        let id = message_id(
            NotificationKind::Report,
            &format!("{}", now.unix_ms),
            &user.name,
            &watchfire_identity::random_hex(6),
        );
        let outcome = send(&notifier, &user, &content, &id, clock).await;
        reported.push(Reported { user: user.name, outcome, content });
    }
    Ok(reported)
}

/// The report of the servers in `scope`, as the fleet is now.
pub(crate) fn write(
    fleet: &Fleet,
    scope: &Scope,
    name: &str,
    now: Moment,
    public_url: &str,
    user: &User,
) -> Content {
    let configs = fleet.indices().into_iter().map(|index| (index, fleet.config(index)));
    let snapshots: Vec<(Arc<WatchedServer>, Snapshot)> = configs
        .filter(|(_, config)| scope.holds(&config.server.labels))
        .map(|(index, config)| (config, fleet.snapshot(index)))
        .collect();
    let reader = Reader::new(fleet, scope);
    let rows: Vec<ReportRow<'_>> = snapshots
        .iter()
        .map(|(config, snapshot)| ReportRow {
            server: &config.server,
            presence: snapshot.presence,
            since: Some(snapshot.since),
            status: snapshot.status.as_ref().map(|(_, status)| status.as_ref()),
            cause: snapshot.incident.as_ref().map(|(_, cause)| reader.words(cause)),
            last_sign: snapshot.last_sign,
        })
        .collect();
    report(&rows, name, now, public_url, &user.time_zone)
}

/// Runs the links until every server has answered or been judged, and not for
/// longer than `longest`.
async fn ask_everyone(fleet: &Arc<Fleet>, clock: &Clock, longest: Duration) {
    let (shutdown, end) = Shutdown::new();
    let dialer = Dialer::new(clock.clone());
    let sessions = Sessions::without_history(fleet.clone(), clock.clone());
    let deadline = clock.now().after(longest);
    let mut links: Vec<task::Task<()>> = fleet
        .indices()
        .into_iter()
        .filter_map(|index| {
            let reach = Reach::of(&fleet.config(index))?;
            let (dialer, sessions) = (dialer.clone(), sessions.clone());
            let link =
                uplink::keep(fleet.clone(), index, reach, dialer, sessions, shutdown.clone());
            Some(task::spawn("uplink", link))
        })
        .collect();
    links.push(task::spawn("watch", watch::watch(fleet.clone(), clock.clone(), shutdown)));
    let settled = |index: usize| {
        let now = fleet.snapshot(index);
        let known = !matches!(now.presence, Presence::Unknown | Presence::Late);
        // Rates need two readings, so the first status of a server is not enough.
        let rated = now.status.is_some_and(|(_, status)| status.cpu_percent().is_some());
        known && (rated || now.presence.is_trouble())
    };
    while !fleet.indices().into_iter().all(settled) && clock.now().monotonic < deadline.monotonic {
        clock.sleep(LOOK).await;
    }
    end.request();
    drop(links);
}

async fn send(
    notifier: &Notifier,
    user: &User,
    content: &Content,
    message_id: &str,
    clock: &Clock,
) -> Option<(String, DeliveryOutcome)> {
    let mut last = None;
    for channel in &user.channels {
        let mut pause = Backoff::new(Duration::from_secs(1), Duration::from_secs(4));
        for attempt in 1..=TRIES {
            let outcome = if terminal::is_terminal(channel) {
                terminal::print(content)
            } else {
                let outgoing = Outgoing {
                    content,
                    message_id,
                    references: &[],
                    unix_ms: clock.now().unix_ms,
                    kind: NotificationKind::Report,
                    severity: Severity::Info,
                    server: None,
                    is_over: true,
                };
                notifier.send(channel, &outgoing).await
            };
            let again = matches!(outcome, DeliveryOutcome::Retry { .. }) && attempt < TRIES;
            let accepted = matches!(outcome, DeliveryOutcome::Accepted { .. });
            last = Some((channel.scheme().to_owned(), outcome));
            if accepted {
                return last;
            }
            if !again {
                break;
            }
            clock.sleep(pause.next_pause()).await;
        }
    }
    last
}

#[cfg(test)]
mod tests;
