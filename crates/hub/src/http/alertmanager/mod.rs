//! The HTTP interface of Alertmanager, version 2, over the hub's alerts and silences: what asks an
//! Alertmanager (`amtool`, Grafana, karma) can ask the hub, and what sends to one (Prometheus,
//! vmalert) can send to it.
//!
//! Who reads sees the alerts and the silences of their own servers; who changes needs a role and a
//! token for that. Trouble of a server itself is shown as an alert `ServerDown`.

mod alerts;
mod error;
mod filter;
mod post;
mod shapes;
mod shown;
mod silences;
mod status;

use axum::routing::{delete, get};

use super::Route;
pub(super) use post::Posting;

/// The paths of Alertmanager.
pub(super) const ROUTES: [Route; 6] = [
    ("/api/v2/alerts", || get(alerts::alerts).post(post::post)),
    ("/api/v2/alerts/groups", || get(alerts::groups)),
    ("/api/v2/silences", || get(silences::list).post(silences::make)),
    ("/api/v2/silence/{id}", || delete(silences::end).get(silences::one)),
    ("/api/v2/status", || get(status::status)),
    ("/api/v2/receivers", || get(status::receivers)),
];
