//! An Alertmanager of one's own, which then tells whom it tells:
//! `alertmanagers://USER:PASSWORD@alerts.example.org/PREFIX?team=ops`

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::channel::act::{self, Act};
use crate::channel::document::rfc3339;
use crate::channel::list::Parsed;
use crate::channel::passed_on::Target;
use crate::channel::text::{self, Limit};
use crate::channel::{Address, Auth, Request, WebChannel};
use crate::{Outgoing, clean};

pub(crate) const SHAPES: &[&str] = &[
    "alertmanager://HOST:9093",
    "alertmanagers://USER:PASSWORD@HOST/PREFIX?LABEL=VALUE",
    "alertmanagers://TOKEN@HOST",
];

const TEXT: Limit = Limit::Units(16 * 1024);

/// An alert that nobody repeats ends by itself after this: longer than any trouble that is
/// looked after, and not for ever when its end is lost.
const LASTS: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long something that is only told is shown.
const SHOWN: Duration = Duration::from_secs(15 * 60);

#[derive(Debug)]
struct Alertmanager {
    url: String,
    auth: Auth,
    /// Its fields are labels of the user's, for routes.
    target: Target,
}

/// Reads such a URL.
pub(crate) fn parse(address: &Address) -> Parsed<dyn WebChannel> {
    let target = Target::of(address, address.scheme == "alertmanagers", &[])?;
    for (name, _) in &target.fields {
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !starts || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err("what stands in the query are labels: ?team=ops".to_owned());
        }
    }
    Ok(Box::new(Alertmanager {
        url: format!("{}/api/v2/alerts", target.url.trim_end_matches('/')),
        auth: Auth::of(address),
        target,
    }))
}

impl Alertmanager {
    /// What tells this alert from others: the same when it begins and when it ends.
    fn labels(&self, message: &Outgoing<'_>, act: Act) -> Map<String, Value> {
        let (name, severity) = match act {
            Act::Open | Act::Close => ("WatchfireIncident", "critical"),
            Act::Tell => ("WatchfireNotice", "info"),
        };
        let mut labels = Map::new();
        labels.insert("alertname".to_owned(), json!(name));
        labels.insert("severity".to_owned(), json!(severity));
        labels.insert("incident".to_owned(), json!(act::thread(message)));
        if let Some(server) = message.server.map(clean::line) {
            labels.insert("server".to_owned(), json!(server));
        }
        for (name, value) in &self.target.fields {
            labels.insert(name.clone(), json!(value));
        }
        labels
    }
}

impl WebChannel for Alertmanager {
    fn request(&self, message: &Outgoing<'_>) -> Result<Request, String> {
        let act = Act::of(message);
        let words = text::plain(message, TEXT);
        let mut alert = json!({
            "labels": self.labels(message, act),
            "annotations": { "summary": words.subject, "description": words.text },
        });
        if let Some(link) = &words.link {
            alert["generatorURL"] = json!(link);
        }
        // The end is told without a begin: the Alertmanager knows that.
        if act != Act::Close {
            alert["startsAt"] = json!(rfc3339(message.unix_ms));
        }
        alert["endsAt"] = json!(rfc3339(ends(message.unix_ms, act)));
        let request = Request::post_json(self.url.clone(), json!([alert]));
        Ok(self.target.headed(request.with_auth(self.auth.clone())))
    }
}

fn ends(at_ms: i64, act: Act) -> i64 {
    let lasts = match act {
        Act::Open => LASTS,
        Act::Tell => SHOWN,
        Act::Close => Duration::ZERO,
    };
    at_ms.saturating_add(i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX))
}
