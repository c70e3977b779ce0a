//! How servers came and went before this start of the hub, by what is stored: a
//! server that flaps is not told anew because the hub was restarted.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use watchfire_alert::Flaps;
use watchfire_model::{
    Incident, IncidentId, IncidentKind, IncidentState, Moment, NotificationId, ServerName,
};
use watchfire_store::{IncidentFilter, MAX_PAGE, Store, StoreError};

/// How far back it is looked. Outages before that are not in the sums of a digest.
const LOOK_BACK: Duration = Duration::from_secs(3600);
/// How many incidents are looked through at the most.
const MAX_INCIDENTS: usize = 20 * MAX_PAGE;

/// What is known of servers that came and went.
#[derive(Debug, Default)]
pub(super) struct Before {
    /// How each did, and when it last did.
    pub(super) flaps: HashMap<ServerName, (Flaps, Moment)>,
    /// Where each user was told that a server flaps.
    pub(super) threads: HashMap<(String, ServerName), NotificationId>,
}

/// What happened, in the order in which it counts at one moment.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Down,
    Up,
    Told,
}

/// Reads what was stored in the last hour. Moments of another start are placed by the
/// wall clock: monotonic ones of two boots do not compare. What has no place is left
/// out, so that rather a letter too many is sent than one too late.
pub(super) fn read(store: &Store, now: Moment) -> Result<Before, StoreError> {
    let since_ms = now.before(LOOK_BACK).unix_ms;
    let mut before = Before::default();
    let mut events = Vec::new();
    let mut servers: HashMap<IncidentId, ServerName> = HashMap::new();
    for incident in incidents(store, since_ms)? {
        events.push((incident.judged.unix_ms, What::Down, incident.server.clone()));
        if let IncidentState::Closed(at) = incident.state {
            events.push((at.unix_ms, What::Up, incident.server.clone()));
        }
        servers.insert(incident.id, incident.server);
    }
    for letter in store.flapping_since(since_ms)? {
        let Some(server) = letter.incident.and_then(|id| servers.get(&id)) else { continue };
        events.push((letter.created.unix_ms, What::Told, server.clone()));
        let first = letter.thread.unwrap_or(letter.id);
        before.threads.insert((letter.user, server.clone()), first);
    }
    events.sort();
    for (unix_ms, what, server) in events {
        let Some(at) = placed(unix_ms, now) else { continue };
        let (flaps, last) = before.flaps.entry(server).or_insert((Flaps::default(), at));
        *last = at;
        match what {
            What::Told => flaps.told(at),
            // What becomes of the letters was settled then.
            What::Down => _ = flaps.down(at),
            What::Up => _ = flaps.up(at),
        }
    }
    let flapping: HashSet<ServerName> = before
        .flaps
        .iter()
        .filter(|(_, (flaps, _))| flaps.is_flapping())
        .map(|(server, _)| server.clone())
        .collect();
    before.threads.retain(|(_, server), _| flapping.contains(server));
    Ok(before)
}

/// The incidents that were judged since then, as far as there are not too many.
fn incidents(store: &Store, since_ms: i64) -> Result<Vec<Incident>, StoreError> {
    let mut found: Vec<Incident> = Vec::new();
    while found.len() < MAX_INCIDENTS {
        let before_id = found.last().map(|last| last.id);
        let kind = Some(IncidentKind::Presence);
        let filter =
            IncidentFilter { limit: MAX_PAGE, kind, before_id, ..IncidentFilter::default() };
        let page = store.incidents(&filter)?;
        let is_last = page.len() < MAX_PAGE;
        let fresh = page.into_iter().take_while(|one| one.judged.unix_ms >= since_ms);
        let before = found.len();
        found.extend(fresh);
        if is_last || found.len() - before < MAX_PAGE {
            break;
        }
    }
    Ok(found)
}

/// The moment of something stored. `None` for what a clock that was set back puts into
/// the future, and for what was before the machine's start: several outages that lie
/// far apart must not all land at one moment.
fn placed(unix_ms: i64, now: Moment) -> Option<Moment> {
    let ago = u64::try_from(now.unix_ms.saturating_sub(unix_ms)).ok()?;
    let ago = Duration::from_millis(ago);
    (ago <= now.monotonic).then(|| now.before(ago))
}
