//! Who changes something: a person at our own page, or a program with a password or with a token
//! that was given for changes.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;
use watchfire_identity::{Action, Object, Scope as TokenScope};
use watchfire_model::Labels;

use super::asker::challenged;
use super::guard::{of_our_page, same_origin};
use super::reply::Refusal;
use super::{App, AppState};
use crate::accounts::Account;

/// Somebody who may change something, as far as the role lets: a handler asks
/// [`may`](Changer::may) before it looks at anything else, so that a no says nothing of what
/// there is, and [`sees`](Changer::sees) for each server that a change is about.
///
/// A session counts only with its CSRF value, whatever the method; a request that another
/// site's page made never counts, whatever it shows.
pub(super) struct Changer {
    pub(super) account: Arc<Account>,
}

impl Changer {
    /// Refuses what the role does not allow.
    pub(super) fn may(&self, action: Action) -> Result<(), Refusal> {
        Refusal::unless(self.account.may(action, &Object::Any), "thing")
    }

    /// True when the changer may know of a server with these labels.
    pub(super) fn sees(&self, labels: &Labels) -> bool {
        self.account.sees(labels)
    }
}

impl FromRequestParts<AppState> for Changer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Response> {
        let account = app.changing(parts).await;
        let account = match account {
            Ok(account) => app.record_change(parts, &account).await.map(|()| account),
            refused => refused,
        };
        let account = account.map_err(|refusal| challenged(refusal, &parts.headers))?;
        Ok(Self { account })
    }
}

impl App {
    async fn changing(&self, parts: &Parts) -> Result<Arc<Account>, Refusal> {
        if let Some(account) = self.shown(parts, TokenScope::Change).await? {
            // A browser keeps no token, but whoever gave it to a page has to mean it.
            same_origin(&parts.headers)?;
            return Ok(account);
        }
        let (_, session) = self.session_of(parts).ok_or_else(Refusal::log_in_first)?;
        of_our_page(&parts.headers, &session)?;
        Ok(session.account)
    }
}
