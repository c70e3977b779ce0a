//! Questions that another store answers, for a fleet whose history outgrew this machine.
//!
//! What a user may see is decided here: to every selector the servers in the user's scope are
//! added before a question leaves, so the other store needs to know no user.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use watchfire_model::{MatchOp, Matcher, Scope};
use watchfire_notify::web::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use watchfire_notify::web::{Answer, Web};
use watchfire_notify::{ChannelError, Timeouts};
use watchfire_promql::{Features, Query};
use watchfire_runtime::Clock;
use watchfire_runtime::net::Resolver;

use super::answer::json;
use super::error::{ApiError, Kind};
use super::params::Params;
use crate::config::Service;
use crate::dial::Rarely;
use crate::fleet::Fleet;
use crate::http::asker::Asker;

/// Questions that are asked there, and answers that are being taken, at a time; further ones are
/// told to come again.
const AT_A_TIME: usize = 8;
/// The longest answer, in bytes: all together 128 MiB, and twice that while they come.
const MAX_ANSWER: usize = 16 << 20;
/// What is handed on of a question. Other stores know more parameters, and some of them name
/// series as well.
const PASSED: [&str; 9] =
    ["query", "time", "start", "end", "step", "timeout", "limit", "lookback_delta", "match[]"];
/// The longest question with its fences, in bytes.
const MAX_FENCED: usize = 1 << 20;
/// The most servers of a user who does not see all of them: each is named in the question.
const MAX_NAMED: usize = 500;
/// Every series, for listings that name none.
const EVERY: &str = "{__name__!=\"\"}";

/// Asks another store.
pub(crate) struct Elsewhere {
    service: Service,
    web: Web,
    headers: HeaderMap,
    turns: Arc<Semaphore>,
    failures: Rarely,
    /// Questions that found no turn.
    refused: Rarely,
    clock: Clock,
}

impl Elsewhere {
    pub(crate) fn new(service: Service, clock: Clock) -> Result<Self, ChannelError> {
        let resolver = Resolver::system(std::time::Duration::ZERO, clock.clone());
        let web = Web::new(service.is_plain(), Timeouts::default(), resolver)?;
        let mut headers = HeaderMap::new();
        if let Some(authorization) = service.authorization() {
            let bad = |_| ChannelError::Setup("the login does not fit a header".to_owned());
            let mut value = HeaderValue::from_str(authorization.expose()).map_err(bad)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let turns = Arc::new(Semaphore::new(AT_A_TIME));
        let (failures, refused) = (Rarely::default(), Rarely::default());
        Ok(Self { service, web, headers, turns, failures, refused, clock })
    }

    /// Asks what is asked here, about the servers of the asker alone. `None` when the asker has
    /// none: then there is nothing to ask about.
    pub(super) async fn ask(
        &self,
        path: &str,
        params: &Params,
        asker: &Asker,
        fleet: &Fleet,
    ) -> Result<Option<Response>, ApiError> {
        let turn = self.turns.clone().try_acquire_owned().map_err(|_| self.busy())?;
        let form = match Fence::around(&asker.account.scope, fleet)? {
            Fence::None => passed(params).cloned().collect(),
            Fence::Servers(fence) => fenced(path, params, &fence)?,
            Fence::Nothing => return Ok(None),
        };
        let url = format!("{}{path}", self.service.url);
        let headers = self.headers.clone();
        // Some stores take no POST for the values of a label.
        let asked = if path.starts_with("/api/v1/label/") {
            self.web.get(&url, headers, &form, MAX_ANSWER).await
        } else {
            self.web.post_form(&url, headers, &form, MAX_ANSWER).await
        };
        match asked {
            Ok(answer) => self.passed_on(answer, turn).map(Some),
            Err(why) => Err(self.failed(&why.to_string())),
        }
    }

    fn busy(&self) -> ApiError {
        if let Some(times) = self.refused.note(self.clock.now()) {
            tracing::warn!(times, "questions to the other store are refused");
        }
        ApiError::new(Kind::Unavailable, "too many questions are being answered: come again")
    }

    /// The turn is over when the client has taken the answer.
    fn passed_on(&self, answer: Answer, turn: OwnedSemaphorePermit) -> Result<Response, ApiError> {
        let is_json = answer.content_type.as_deref().is_some_and(|kind| kind.contains("json"));
        let status = StatusCode::from_u16(answer.status).ok();
        // Its logins are ours to mend, and no business of who asks here.
        let is_answer = |status: &StatusCode| {
            is_json && !status.is_redirection() && !matches!(status.as_u16(), 401 | 403)
        };
        let status = status.filter(is_answer);
        let Some(status) = status else {
            return Err(self.failed(&format!("it answered with {}", answer.status)));
        };
        if answer.body.len() >= MAX_ANSWER {
            let what = "the answer is too long: ask for a shorter time or fewer series";
            return Err(ApiError::new(Kind::Execution, what));
        }
        Ok(json(status, answer.body, turn))
    }

    fn failed(&self, why: &str) -> ApiError {
        if let Some(times) = self.failures.note(self.clock.now()) {
            let from = &self.service.url;
            tracing::warn!(why, times, from, "the history cannot be read from there");
        }
        let what = "the store that has the history does not answer; the hub's log says why";
        ApiError::new(Kind::Unavailable, what)
    }
}

/// What keeps an asker to the series of the servers in a scope.
enum Fence {
    /// Nothing: it is every server.
    None,
    /// These alone.
    Servers(Matcher),
    /// There is none.
    Nothing,
}

impl Fence {
    fn around(scope: &Scope, fleet: &Fleet) -> Result<Self, ApiError> {
        if scope.is_everything() {
            return Ok(Self::None);
        }
        let configs = fleet.indices().into_iter().map(|index| fleet.config(index));
        let seen = configs.filter(|one| scope.holds(&one.server.labels));
        let names: Vec<String> = seen.map(|one| escaped(one.server.name.as_str())).collect();
        if names.is_empty() {
            return Ok(Self::Nothing);
        }
        if names.len() > MAX_NAMED {
            let what = format!("you see more than {MAX_NAMED} servers, and not all of them");
            return Err(ApiError::new(Kind::Execution, what));
        }
        let matcher = Matcher::new("instance", MatchOp::Matches, &names.join("|"));
        matcher.map(Self::Servers).map_err(ApiError::fault)
    }
}

/// A name within a pattern.
fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for c in name.chars() {
        if !c.is_alphanumeric() && c != '_' {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

fn passed(params: &Params) -> impl Iterator<Item = &(String, String)> {
    params.pairs().iter().filter(|(name, _)| PASSED.contains(&name.as_str()))
}

/// The parameters with the fence around every selector.
fn fenced(path: &str, params: &Params, fence: &Matcher) -> Result<Vec<(String, String)>, ApiError> {
    let mut form = Vec::new();
    let mut room = MAX_FENCED;
    for (name, value) in passed(params) {
        let is_selector = matches!(name.as_str(), "query" | "match[]");
        let value =
            if is_selector { restricted(name, value, fence, &mut room)? } else { value.clone() };
        form.push((name.clone(), value));
    }
    let is_listing = !path.starts_with("/api/v1/query");
    if is_listing && !form.iter().any(|(name, _)| name == "match[]") {
        form.push(("match[]".to_owned(), restricted("match[]", EVERY, fence, &mut room)?));
    }
    Ok(form)
}

/// The question with the fence around its selectors, if there is `room` for all of it.
fn restricted(
    name: &str,
    text: &str,
    fence: &Matcher,
    room: &mut usize,
) -> Result<String, ApiError> {
    let query = Query::parse(text, Features::default())
        .map_err(|error| ApiError::parameter(name, error))?;
    let fences = query.selectors().len().saturating_mul(fence.value().len() + text.len());
    *room = room.checked_sub(fences).ok_or_else(|| {
        let what = "the question has too many selectors for the servers that you see";
        ApiError::new(Kind::Execution, what)
    })?;
    Ok(query.restricted(fence).text().to_owned())
}
