//! The hub's own records, read through its API.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use watchfire_api::hub::{IncidentDetail, IncidentList, IncidentRow, ServerList};
use watchfire_testkit::ask::Ask;

const PATIENCE: Duration = Duration::from_secs(30);

/// Somebody who has logged in.
pub(crate) struct Page {
    hub: SocketAddr,
    cookie: String,
}

impl Page {
    pub(crate) fn log_in(hub: SocketAddr, user: &str, password: &str) -> anyhow::Result<Self> {
        let body = serde_json::json!({ "username": user, "password": password }).to_string();
        let answer = Ask::post_json("/api/login", &body).send(hub, PATIENCE)?;
        let cookie = answer.header("set-cookie").and_then(|cookie| cookie.split(';').next());
        let cookie = cookie.with_context(|| format!("the login failed: {}", answer.text()))?;
        Ok(Self { hub, cookie: cookie.to_owned() })
    }

    /// How many servers are up.
    pub(crate) fn up(&self) -> anyhow::Result<usize> {
        let list: ServerList = self.read("/api/servers")?;
        Ok(list.servers.iter().filter(|row| row.presence == "up").count())
    }

    /// Every incident with its deliveries, oldest first.
    pub(crate) fn incidents(&self) -> anyhow::Result<Vec<IncidentDetail>> {
        let mut rows: Vec<IncidentRow> = Vec::new();
        loop {
            let before = rows.last().map(|row| format!("&before={}", row.id)).unwrap_or_default();
            let page: IncidentList = self.read(&format!("/api/incidents?limit=100{before}"))?;
            if page.incidents.is_empty() {
                break;
            }
            rows.extend(page.incidents);
        }
        rows.iter().rev().map(|row| self.read(&format!("/api/incidents/{}", row.id))).collect()
    }

    /// What fires, as Prometheus' API tells it.
    pub(crate) fn alerts(&self) -> anyhow::Result<serde_json::Value> {
        self.read("/api/v1/alerts")
    }

    fn read<T: for<'a> serde::Deserialize<'a>>(&self, path: &str) -> anyhow::Result<T> {
        let answer = Ask::get(path).header("Cookie", &self.cookie).send(self.hub, PATIENCE)?;
        ensure!(answer.status == 200, "{path} was answered {}", answer.status);
        Ok(serde_json::from_slice(&answer.body)?)
    }
}
