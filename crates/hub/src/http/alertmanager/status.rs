//! `/api/v2/status` and `/api/v2/receivers`.

use std::fmt::Write;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::shapes::{Receiver, moment};
use super::shown::{OTHERS, known_recipients};
use crate::http::AppState;
use crate::http::asker::Asker;

/// The version whose interface this is; what follows the plus is ours.
const VERSION: &str = concat!("0.28.0+watchfire.", env!("CARGO_PKG_VERSION"));

/// `GET /api/v2/status`
pub(super) async fn status(State(app): State<AppState>, asker: Asker) -> Json<Value> {
    let names = names(&app, &asker);
    Json(json!({
        "cluster": { "peers": [], "status": "disabled" },
        "config": { "original": config(&names) },
        "uptime": moment(app.started.unix_ms),
        "versionInfo": {
            "branch": "",
            "buildDate": "",
            "buildUser": "",
            "goVersion": "",
            "revision": "",
            "version": VERSION,
        },
    }))
}

/// `GET /api/v2/receivers`: the users that the asker may know of.
pub(super) async fn receivers(State(app): State<AppState>, asker: Asker) -> Json<Vec<Receiver>> {
    Json(names(&app, &asker).into_iter().map(|name| Receiver { name }).collect())
}

fn names(app: &AppState, asker: &Asker) -> Vec<String> {
    let known = known_recipients(app, asker).map(|user| user.name.clone());
    std::iter::once(OTHERS.to_owned()).chain(known).collect()
}

/// A config that Alertmanager's programs can read. Who is really told what, `watchfire route` says.
fn config(names: &[String]) -> String {
    let mut text = format!("route:\n  receiver: {OTHERS}\n  group_by: [alertname]\nreceivers:\n");
    for name in names {
        // A JSON string is one of YAML as well; writing to a String cannot fail.
        let _ = writeln!(text, "- name: {}", Value::from(name.as_str()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_fits_into_the_config() {
        let text = config(&[OTHERS.to_owned(), "ad\"a: {x}\n".to_owned()]);
        assert!(text.ends_with("- name: \"watchfire\"\n- name: \"ad\\\"a: {x}\\n\"\n"), "{text}");
    }
}
