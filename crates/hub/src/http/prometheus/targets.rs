//! The servers as Prometheus would show what it scrapes.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use serde_json::json;
use watchfire_identity::Action;
use watchfire_model::{Labels, Moment, Presence};

use super::answer;
use super::notes::Notes;
use super::params::Params;
use crate::fleet::Fleet;
use crate::http::AppState;
use crate::http::asker::Asker;

/// The `job` of a server whose labels name none.
const JOB: &str = "node";
/// What Prometheus writes for a moment that never was.
const NEVER: &str = "0001-01-01T00:00:00Z";
/// Agents tell a tick each second.
const INTERVAL: &str = "1s";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    discovered_labels: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    scrape_pool: String,
    scrape_url: String,
    global_url: String,
    last_error: String,
    last_scrape: String,
    last_scrape_duration: f64,
    health: &'static str,
    scrape_interval: &'static str,
    scrape_timeout: &'static str,
}

/// `/api/v1/targets?state=active|dropped|any&scrapePool=`: the servers that the asker may know of.
pub(super) async fn targets(State(app): State<AppState>, asker: Asker, params: Params) -> Response {
    let state = params.get("state").map(str::to_ascii_lowercase);
    let wants_active = matches!(state.as_deref(), None | Some("any" | "active"));
    let pool = params.get("scrapePool");
    let fleet = &app.parts.fleet;
    let indices =
        if wants_active && asker.may(Action::ViewFleet) { fleet.indices() } else { Vec::new() };
    let known = indices.into_iter().filter(|index| asker.sees(&fleet.config(*index).server.labels));
    let mut active: Vec<Target> = known.map(|index| target(fleet, index)).collect();
    active.retain(|target| pool.is_none_or(|pool| target.scrape_pool == pool));
    active.sort_by(|one, other| one.labels.get("instance").cmp(&other.labels.get("instance")));
    let data = json!({
        "activeTargets": active,
        "droppedTargets": [],
        "droppedTargetCounts": {},
    });
    answer::data(&data, &Notes::default())
}

fn target(fleet: &Fleet, index: usize) -> Target {
    let config = fleet.config(index);
    let name = config.server.name.as_str();
    let snapshot = fleet.snapshot(index);
    let labels = labels(name, &config.server.labels);
    let scrape_url = format!("stream:{name}");
    let health = health(snapshot.presence);
    let last_error = match health {
        "down" => format!("the server is {}", snapshot.presence),
        _ => String::new(),
    };
    Target {
        discovered_labels: BTreeMap::from([("__address__".to_owned(), name.to_owned())]),
        scrape_pool: labels.get("job").cloned().unwrap_or_default(),
        labels,
        global_url: scrape_url.clone(),
        scrape_url,
        last_error,
        last_scrape: snapshot.last_sign.map_or_else(|| NEVER.to_owned(), rfc3339),
        last_scrape_duration: 0.0,
        health,
        scrape_interval: INTERVAL,
        scrape_timeout: INTERVAL,
    }
}

/// As series of the server have them: `instance` is its name.
fn labels(name: &str, own: &Labels) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([("job".to_owned(), JOB.to_owned())]);
    let own = own.iter().filter(|(label, _)| *label != "name");
    labels.extend(own.map(|(label, value)| (label.to_owned(), value.to_owned())));
    labels.insert("instance".to_owned(), name.to_owned());
    labels
}

/// A server that is late has told something a moment ago.
fn health(presence: Presence) -> &'static str {
    match presence {
        Presence::Up | Presence::Late => "up",
        Presence::Unknown => "unknown",
        Presence::Down | Presence::AgentDown | Presence::Unreachable | Presence::Leaving => "down",
    }
}

fn rfc3339(at: Moment) -> String {
    let at = jiff::Timestamp::from_millisecond(at.unix_ms);
    at.map_or_else(|_| NEVER.to_owned(), |at| at.to_string())
}
