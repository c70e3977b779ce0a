//! `GET /api/v2/alerts` and `/api/v2/alerts/groups`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;

use super::error::AmError;
use super::filter::Asked;
use super::shapes::{AlertGroup, GettableAlert, Receiver};
use super::shown::of_shown;
use crate::http::AppState;
use crate::http::asker::Asker;

/// `GET /api/v2/alerts?filter=&active=&silenced=&inhibited=&muted=&receiver=`
pub(super) async fn alerts(
    State(app): State<AppState>,
    asker: Asker,
    asked: Asked,
) -> Result<Json<Vec<GettableAlert>>, AmError> {
    let fitting = move |mut alerts: Vec<GettableAlert>| {
        alerts.retain(|one| is_asked(one, &asked));
        alerts
    };
    Ok(Json(of_shown(app, asker, fitting).await?))
}

/// `GET /api/v2/alerts/groups`, with the same parameters: what is told together, by receiver and
/// name of the alert.
pub(super) async fn groups(
    State(app): State<AppState>,
    asker: Asker,
    asked: Asked,
) -> Result<Json<Vec<AlertGroup>>, AmError> {
    Ok(Json(of_shown(app, asker, move |alerts| grouped(alerts, &asked)).await?))
}

fn grouped(alerts: Vec<GettableAlert>, asked: &Asked) -> Vec<AlertGroup> {
    let mut groups: BTreeMap<(String, String), Vec<GettableAlert>> = BTreeMap::new();
    for alert in alerts {
        if !is_asked(&alert, asked) {
            continue;
        }
        let name = alert.labels.get("alertname").cloned().unwrap_or_default();
        for Receiver { name: receiver } in &alert.receivers {
            if asked.fits_receiver(receiver) {
                let group = groups.entry((name.clone(), receiver.clone())).or_default();
                group.push(alert.clone());
            }
        }
    }
    let group = |((name, receiver), alerts)| AlertGroup {
        alerts,
        labels: BTreeMap::from([("alertname".to_owned(), name)]),
        receiver: Receiver { name: receiver },
    };
    groups.into_iter().map(group).collect()
}

fn is_asked(alert: &GettableAlert, asked: &Asked) -> bool {
    let status = &alert.status;
    (asked.active || status.state != "active")
        && (asked.silenced || status.silenced_by.is_empty())
        && (asked.inhibited || status.inhibited_by.is_empty())
        && (asked.muted || status.muted_by.is_empty())
        && alert.receivers.iter().any(|one| asked.fits_receiver(&one.name))
        && asked.fits(|label| alert.labels.get(label).map(String::as_str))
}
