//! Rules and their alerts, for one user.
//!
//! Who sees all servers is shown all. Others are shown the alerts of their servers, the hub's own
//! rules, and of the rules in files those that have such an alert: what else a file says names servers
//! that they may not know of.

mod wanted;
mod written;

use axum::extract::State;
use axum::response::Response;

use super::answer;
use super::body::Items;
use super::error::ApiError;
use super::params::Params;
use crate::http::AppState;
use crate::http::asker::Asker;
use wanted::{Page, Wanted};
use written::Eyes;

/// So many bytes of text count as a value of an answer.
const BYTES_OF_A_VALUE: usize = 16;

/// `/api/v1/rules?type=&rule_name[]=&rule_group[]=&file[]=&match[]=&exclude_alerts=&group_limit=
/// &group_next_token=`
pub(super) async fn rules(
    State(app): State<AppState>,
    asker: Asker,
    params: Params,
) -> Result<Response, ApiError> {
    let wanted = Wanted::of(&params)?;
    let page = Page::of(&params)?;
    let eyes = Eyes::of(&asker, &app.parts.fleet);
    let (mut groups, mut next) = (Vec::new(), None);
    let all = app.parts.rules.groups();
    for watched in all.iter().skip(page.start(&all)?) {
        let group = watched.group();
        if !wanted.has_group(&group) {
            continue;
        }
        let Some(text) = written::group(watched, &wanted, &eyes) else { continue };
        if page.is_full(groups.len()) {
            next = Some(wanted::token(&group));
            break;
        }
        groups.push(text);
    }
    let more = next.map_or_else(String::new, |token| format!(",\"groupNextToken\":\"{token}\""));
    sent(&app, "groups", groups, &more)
}

/// `/api/v1/alerts`
pub(super) async fn alerts(
    State(app): State<AppState>,
    asker: Asker,
) -> Result<Response, ApiError> {
    let eyes = Eyes::of(&asker, &app.parts.fleet);
    let groups = app.parts.rules.groups();
    let alerts = groups.iter().flat_map(|watched| written::alerts(watched, &eyes)).collect();
    sent(&app, "alerts", alerts, "")
}

fn sent(app: &AppState, name: &str, items: Vec<Vec<u8>>, more: &str) -> Result<Response, ApiError> {
    let bytes: usize = items.iter().map(Vec::len).sum();
    let room = app.questions.room_for(bytes / BYTES_OF_A_VALUE, &app.parts.clock)?;
    Ok(answer::object(name, Items::Written(items.into_iter()), more, room))
}
