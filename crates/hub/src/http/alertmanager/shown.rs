//! The alerts that somebody may see, as Alertmanager shows them.

use watchfire_alert::Recipient;
use watchfire_alert::told::{News, Telling};
use watchfire_identity::Action;
use watchfire_model::{Labels, Moment, ServerName, Severity};
use watchfire_runtime::task;

use super::error::AmError;
use super::shapes::{AlertStatus, GettableAlert, Pairs, Receiver, moment};
use crate::alerts::{ActiveAlert, labels_of};
use crate::desk::severity;
use crate::fleet::Fleet;
use crate::foreign::Foreign;
use crate::http::AppState;
use crate::http::asker::Asker;
use crate::muting::labels_of_trouble;
use crate::reader::Reader;

/// The receiver of what nobody is told of that the asker may know of.
pub(super) const OTHERS: &str = "watchfire";
/// What goes on without an end that is known is shown to end so much later than now.
const USUAL_END_MS: i64 = 5 * 60 * 1000;

/// What `work` makes of all alerts that fire and that the asker may see. There may be tens of
/// thousands, so this is done by a thread of its own, and for few at a time.
pub(super) async fn of_shown<T: Send + 'static>(
    app: AppState,
    asker: Asker,
    work: impl FnOnce(Vec<GettableAlert>) -> T + Send + 'static,
) -> Result<T, AmError> {
    let turn = app.posting.look(&app.parts.clock).await?;
    let looking = task::blocking("show alerts", move || {
        let _turn = turn;
        work(shown(&app, &asker))
    });
    looking.await.map_err(AmError::fault)
}

/// All alerts that fire and that the asker may see: first the servers in trouble.
fn shown(app: &AppState, asker: &Asker) -> Vec<GettableAlert> {
    let now = app.parts.clock.now();
    let servers = app.parts.fleet.indices().into_iter();
    let troubles = servers.filter_map(|index| trouble(app, asker, index, now));
    let active = app.parts.alerts.active();
    let active = active.all();
    let alerts = active.iter().filter_map(|alert| of_alert(app, asker, alert, now));
    troubles.chain(alerts).collect()
}

/// The users that the asker may know of: oneself, or with the role for it all.
pub(super) fn known_recipients<'a>(
    app: &'a AppState,
    asker: &'a Asker,
) -> impl Iterator<Item = &'a Recipient> {
    let knows_all = asker.may(Action::ViewDeliveries);
    let known = move |user: &&Recipient| knows_all || user.name == asker.account.name;
    app.parts.recipients.iter().filter(known)
}

/// The trouble of a server itself.
fn trouble(app: &AppState, asker: &Asker, index: usize, now: Moment) -> Option<GettableAlert> {
    let fleet = &app.parts.fleet;
    let config = fleet.config(index);
    let labels = &config.server.labels;
    if !asker.sees(labels) {
        return None;
    }
    let snapshot = fleet.snapshot(index);
    let (_, cause) = snapshot.incident?;
    let trouble = labels_of_trouble(labels);
    let cause = Reader::new(fleet, &asker.account.scope).words(&cause);
    let silenced_by = silenced_by(app, &trouble, labels, now);
    let mute = app.parts.muting.of_server(labels, now).filter(|_| silenced_by.is_empty());
    let shown = pairs(trouble.iter());
    Some(GettableAlert {
        annotations: Pairs::from([("summary".to_owned(), cause)]),
        ends_at: moment(now.unix_ms.saturating_add(USUAL_END_MS)),
        fingerprint: fingerprint(&shown),
        receivers: receivers(app, asker, &trouble, labels, severity(labels), now),
        starts_at: moment(snapshot.since.unix_ms),
        status: status(silenced_by, Vec::new(), mute.into_iter().map(|mute| mute.why).collect()),
        updated_at: moment(snapshot.since.unix_ms),
        generator_url: String::new(),
        labels: shown,
    })
}

fn of_alert(
    app: &AppState,
    asker: &Asker,
    alert: &ActiveAlert,
    now: Moment,
) -> Option<GettableAlert> {
    let fleet = &app.parts.fleet;
    let labels = labels_of(fleet, alert.server.as_ref(), &alert.labels);
    let config = match &alert.server {
        // One of a server that is watched no more is for nobody, as its incident is.
        Some(server) => Some(fleet.config(fleet.index(server)?)),
        None => None,
    };
    // Of an alert about a server that server's labels decide, and else its own.
    let theirs = config.as_ref().map_or(&labels, |config| &config.server.labels);
    if !asker.sees(theirs) {
        return None;
    }
    let silenced_by = silenced_by(app, &labels, theirs, now);
    let down = alert.server.as_ref().and_then(|server| down_alert(fleet, server));
    // What its sender called over is, unless its server cannot say so.
    if down.is_none() && alert.ends_ms.is_some_and(|end| end <= now.unix_ms) {
        return None;
    }
    let why = alert.muted.as_ref().filter(|_| silenced_by.is_empty());
    let (inhibited_by, muted_by) = match (why, down) {
        (None, _) => (Vec::new(), Vec::new()),
        (Some(_), Some(down)) => (vec![down], Vec::new()),
        (Some(why), None) => (Vec::new(), vec![why.to_string()]),
    };
    let foreign = Foreign::new(fleet, &asker.account.scope);
    let told = alert.annotations.iter();
    let ends_ms = alert.ends_ms.unwrap_or(now.unix_ms.saturating_add(USUAL_END_MS));
    let shown = pairs(alert.labels.iter());
    Some(GettableAlert {
        annotations: told
            .map(|(name, text)| (name.clone(), foreign.redact(text).into_owned()))
            .collect(),
        ends_at: moment(ends_ms),
        fingerprint: fingerprint(&shown),
        receivers: receivers(app, asker, &labels, theirs, alert.severity, now),
        starts_at: moment(alert.starts_ms),
        status: status(silenced_by, inhibited_by, muted_by),
        updated_at: moment(alert.updated_ms),
        generator_url: foreign.generator_url(&alert.source, &alert.generator_url),
        labels: shown,
    })
}

/// The fingerprint of the alert that says that a server is in trouble, while it is.
fn down_alert(fleet: &Fleet, server: &ServerName) -> Option<String> {
    let index = fleet.index(server)?;
    fleet.snapshot(index).incident?;
    let trouble = labels_of_trouble(&fleet.config(index).server.labels);
    Some(fingerprint(&pairs(trouble.iter())))
}

fn silenced_by(app: &AppState, labels: &Labels, theirs: &Labels, now: Moment) -> Vec<String> {
    let silences = app.parts.muting.silences();
    let mute = silences.iter().filter(|one| one.mutes(labels, theirs, now));
    mute.map(|one| one.id.clone()).collect()
}

/// Who is told of it, as far as the asker may know.
fn receivers(
    app: &AppState,
    asker: &Asker,
    labels: &Labels,
    theirs: &Labels,
    severity: Severity,
    now: Moment,
) -> Vec<Receiver> {
    let news = News { labels, severity };
    let is_told = |user: &&Recipient| {
        user.scope.holds(theirs) && matches!(user.telling(&news, now.unix_ms), Telling::Told { .. })
    };
    let told = known_recipients(app, asker).filter(is_told);
    let mut names: Vec<Receiver> = told.map(|user| Receiver { name: user.name.clone() }).collect();
    if names.is_empty() {
        names.push(Receiver { name: OTHERS.to_owned() });
    }
    names
}

fn status(
    silenced_by: Vec<String>,
    inhibited_by: Vec<String>,
    muted_by: Vec<String>,
) -> AlertStatus {
    let is_active = silenced_by.is_empty() && inhibited_by.is_empty() && muted_by.is_empty();
    let state = if is_active { "active" } else { "suppressed" };
    AlertStatus { inhibited_by, muted_by, silenced_by, state }
}

fn pairs<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> Pairs {
    labels.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Prometheus' fingerprint of labels: FNV-1a over all names and values, each with a byte after it
/// that no text has.
fn fingerprint(labels: &Pairs) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    for text in labels.iter().flat_map(|(name, value)| [name, value]) {
        text.bytes().chain([0xff]).for_each(&mut add);
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Alertmanager 0.25 says of the same labels.
    #[test]
    fn a_fingerprint_is_alertmanagers() {
        let labels = |all: &[(&str, &str)]| pairs(all.iter().copied());
        let foo = labels(&[("alertname", "Foo"), ("node", "bar"), ("sev", "a b")]);
        assert_eq!(fingerprint(&foo), "1fb4231f2d5cca88");
        assert_eq!(fingerprint(&labels(&[("a", "b")])), "d2b371819297f98a");
    }
}
