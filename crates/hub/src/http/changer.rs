//! Who changes something: a person at our own page, or a program with a password or with a token
//! that was given for changes.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;
use watchfire_identity::{Action, Object, Scope as TokenScope};
use watchfire_model::Labels;

use super::asker::{Shown, challenged};
use super::guard::{of_our_page, same_origin};
use super::reply::Refusal;
use super::session::Session;
use super::{App, AppState};
use crate::accounts::Account;

/// Where commands are.
const COMMANDS: &str = "/api/runs";

/// Somebody who may change something, as far as the role lets: a handler asks
/// [`may`](Changer::may) before it looks at anything else, so that a no says nothing of what
/// there is, and [`sees`](Changer::sees) for each server that a change is about.
///
/// A session counts only with its CSRF value, whatever the method; a request that another
/// site's page made never counts, whatever it shows.
pub(super) struct Changer {
    pub(super) account: Arc<Account>,
    how: How,
}

/// By what a changer is known.
enum How {
    Session(Session),
    /// A token of a program, by name.
    Token(String),
    /// A password, or a token that a password alone got.
    Password,
}

impl Changer {
    /// Refuses what the role does not allow.
    pub(super) fn may(&self, action: Action) -> Result<(), Refusal> {
        Refusal::unless(self.account.may(action, &Object::Any), "thing")
    }

    /// Refuses to run what nobody signed, unless a second factor was shown a short while ago, or a
    /// token that was made so.
    pub(super) fn may_run_unsigned(&self, app: &App) -> Result<(), Refusal> {
        match &self.how {
            How::Token(_) => Ok(()),
            How::Session(session) => app.may_run_unsigned(Some(session)),
            How::Password => app.may_run_unsigned(None),
        }
    }

    fn token(&self) -> Option<&str> {
        match &self.how {
            How::Token(name) => Some(name),
            How::Session(_) | How::Password => None,
        }
    }

    /// True when the changer may know of a server with these labels.
    pub(super) fn sees(&self, labels: &Labels) -> bool {
        self.account.sees(labels)
    }
}

impl FromRequestParts<AppState> for Changer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Response> {
        let changer = match app.changing(parts).await {
            Ok(changer) => {
                let recorded = app.record_change(parts, &changer.account, changer.token()).await;
                recorded.map(|()| changer)
            }
            refused => refused,
        };
        changer.map_err(|refusal| challenged(refusal, &parts.headers))
    }
}

impl App {
    async fn changing(&self, parts: &Parts) -> Result<Changer, Refusal> {
        // Commands have a scope of their own: what restarts a service is not what mutes an alert.
        let is_command = parts.uri.path().starts_with(COMMANDS);
        let scope = if is_command { TokenScope::Run } else { TokenScope::Change };
        if let Some(Shown { account, token }) = self.shown(parts, scope).await? {
            // A browser keeps no token, but whoever gave it to a page has to mean it.
            same_origin(&parts.headers)?;
            return Ok(Changer { account, how: token.map_or(How::Password, How::Token) });
        }
        let (_, session) = self.session_of(parts).ok_or_else(Refusal::log_in_first)?;
        of_our_page(&parts.headers, &session)?;
        Ok(Changer { account: session.account.clone(), how: How::Session(session) })
    }
}
