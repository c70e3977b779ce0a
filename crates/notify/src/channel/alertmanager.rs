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

/// By how much the end of an alert is told earlier than it was: one that lies in the future by the
/// Alertmanager's clock ends nothing, because there the end that the beginning named is later and
/// rules. The words say when it was.
const SURELY_PAST: Duration = Duration::from_secs(60 * 60);

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
    /// What tells this alert from others: the same when it begins and when it ends. The server is
    /// none of it: a letter about several names none, and the last one that comes back does.
    fn labels(&self, message: &Outgoing<'_>, act: Act) -> Map<String, Value> {
        let (name, severity) = match act {
            Act::Open | Act::Close => ("WatchfireIncident", "critical"),
            Act::Tell => ("WatchfireNotice", "info"),
        };
        let mut labels = Map::new();
        labels.insert("alertname".to_owned(), json!(name));
        labels.insert("severity".to_owned(), json!(severity));
        labels.insert("incident".to_owned(), json!(act::thread(message)));
        if act == Act::Tell {
            // It has no end to be found again by, and the next one must not take its place.
            labels.insert("message".to_owned(), json!(clean::id(message.message_id)));
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
        if let Some(server) = message.server.map(clean::line) {
            alert["annotations"]["server"] = json!(server);
        }
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
    let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    match act {
        Act::Open => at_ms.saturating_add(ms(LASTS)),
        Act::Tell => at_ms.saturating_add(ms(SHOWN)),
        Act::Close => at_ms.saturating_sub(ms(SURELY_PAST)),
    }
}

#[cfg(test)]
mod tests {
    use watchfire_model::NotificationKind;

    use super::*;
    use crate::channel::Body;
    use crate::testing::{content, outgoing};

    fn alert(message: &Outgoing<'_>) -> Value {
        let address = Address::parse("alertmanagers://am.example.org?team=ops").unwrap();
        let request = parse(&address).unwrap().request(message).unwrap();
        match request.body {
            Body::Json(body) => body[0].clone(),
            _ => panic!("it is JSON"),
        }
    }

    #[test]
    fn the_last_server_of_many_ends_the_alert_that_their_letter_opened() {
        let words = content("subject", "text");
        let group = ["down.group-7.ada@hub".to_owned()];
        let down = Outgoing { message_id: &group[0], ..outgoing(&words) };
        let last = Outgoing {
            kind: NotificationKind::Recovered,
            message_id: "recovered.9.ada@hub",
            references: &group,
            server: Some("web-9"),
            ..outgoing(&words)
        };
        assert_eq!(alert(&down)["labels"], alert(&last)["labels"]);
        assert_eq!(alert(&last)["annotations"]["server"], "web-9");
        // Those before it are told one beside the other.
        let one = Outgoing { is_over: false, ..last };
        let other = Outgoing { message_id: "recovered.8.ada@hub", ..one };
        assert_ne!(alert(&one)["labels"], alert(&other)["labels"]);
    }

    #[test]
    fn an_end_is_past_by_the_clock_of_an_alertmanager_that_is_behind() {
        let words = content("subject", "text");
        let down = ["down.7.ada@hub".to_owned()];
        let at_ms = 1_763_777_565_000;
        let back = Outgoing {
            kind: NotificationKind::Recovered,
            references: &down,
            unix_ms: at_ms,
            ..outgoing(&words)
        };
        let ends_at: jiff::Timestamp = alert(&back)["endsAt"].as_str().unwrap().parse().unwrap();
        let clock_behind_ms = at_ms - 59 * 60 * 1000;
        assert!(ends_at.as_millisecond() < clock_behind_ms);
        assert!(alert(&back).get("startsAt").is_none(), "a begin after it would be an error");
    }
}
