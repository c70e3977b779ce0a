//! Second factors: at the login, and anew for what is more than usual.

use std::time::Duration;

use axum::http::StatusCode;
use watchfire_identity::{Action, Object};
use watchfire_model::Moment;

use super::App;
use super::guard::Caller;
use super::reply::Refusal;
use super::session::Session;
use crate::accounts::Account;
use crate::factors::Checked;

/// What a page and a command line ask their user for.
pub(super) const CODE: &str = "code";
pub(super) const PASSWORD: &str = "password";
pub(super) const SECOND_FACTOR: &str = "second_factor";

const CODE_NEEDED: &str = "a code of your authenticator app is needed, or a recovery code";
const CODE_WRONG: &str = "the code is wrong or was used: wait for the next one";
const FOR_PROGRAMS: &str = "this user has a second factor, which a program cannot show: make a \
     token for it, at the page or by `watchfire token make`";

/// How somebody shows who they are.
pub(super) enum Way {
    /// A person, with what they typed as a code.
    Person(Option<String>),
    /// A program, with the password alone.
    Program,
    /// Somebody with a session, with the password once more.
    Again,
}

impl App {
    /// What stands between somebody who has shown the right password and the login: true when a
    /// second factor was shown.
    pub(super) async fn second(
        &self,
        account: &Account,
        way: &Way,
        now: Moment,
    ) -> Result<bool, Refusal> {
        if !self.parts.factors.has(&account.name) {
            return Ok(false);
        }
        match way {
            Way::Again => Ok(false),
            Way::Program => Err(Refusal::new(StatusCode::FORBIDDEN, FOR_PROGRAMS)),
            Way::Person(None) => {
                Err(Refusal::new(StatusCode::UNAUTHORIZED, CODE_NEEDED).needs(CODE))
            }
            Way::Person(Some(code)) => {
                self.check_code(account, code, StatusCode::UNAUTHORIZED, now).await.map(|()| true)
            }
        }
    }

    /// Checks a code and uses it up; a wrong one is answered with `no`.
    pub(super) async fn check_code(
        &self,
        account: &Account,
        code: &str,
        no: StatusCode,
        now: Moment,
    ) -> Result<(), Refusal> {
        let user = &account.name;
        match self.parts.factors.check(user, code, now).await.map_err(Refusal::fault)? {
            Checked::Right => Ok(()),
            Checked::Recovered(left) => {
                tracing::warn!(?user, left, "a recovery code was used");
                Ok(())
            }
            Checked::Wrong => {
                tracing::warn!(?user, "a second factor was refused");
                Err(Refusal::new(no, CODE_WRONG).needs(CODE))
            }
            Checked::TooMany(wait) => Err(too_many_codes(wait)),
        }
    }

    /// Refuses what is more than usual to a session whose user has not shown for a while who it
    /// is: with a second factor where there is one, else with the password.
    pub(super) fn recent(&self, caller: &Caller) -> Result<(), Refusal> {
        let (session, now) = (&caller.session, self.parts.clock.now());
        if self.parts.factors.has(&session.account.name) {
            return match session.is_proven(now) {
                true => Ok(()),
                false => Err(step_up()),
            };
        }
        if session.is_confirmed(now) {
            return Ok(());
        }
        let what = "say once more who you are, with your password: POST /api/step-up";
        Err(Refusal::new(StatusCode::FORBIDDEN, what).needs(PASSWORD))
    }

    /// Refuses to run what nobody signed (abuse row A19), unless the user of `session` showed a
    /// second factor a short while ago. `None` is a program with a password, or with a token that
    /// a password alone got.
    pub(super) fn may_run_unsigned(&self, session: Option<&Session>) -> Result<(), Refusal> {
        if !self.parts.unsigned_runs_need_proof {
            return Ok(());
        }
        let Some(session) = session else {
            let what = "what nobody signed is run for a session with a second factor, or for a \
                 token with the scope run: `watchfire token make --scope run`; or sign it";
            return Err(Refusal::new(StatusCode::FORBIDDEN, what).needs(SECOND_FACTOR));
        };
        let now = self.parts.clock.now();
        match (session.is_proven(now), self.parts.factors.has(&session.account.name)) {
            (true, _) => Ok(()),
            (false, true) => Err(step_up()),
            (false, false) => {
                let what = "what nobody signed is run for users with a second factor alone: turn \
                     one on, at the page or by `watchfire totp on`, or sign the command; \
                     unsigned_runs in hub.toml can allow it without";
                Err(Refusal::new(StatusCode::FORBIDDEN, what).needs(SECOND_FACTOR))
            }
        }
    }
}

impl Caller {
    /// Refuses who may not do that to all servers together.
    pub(super) fn may_whole(&self, action: Action) -> Result<(), Refusal> {
        Refusal::unless(self.session.account.may(action, &Object::Whole), "thing")
    }
}

fn step_up() -> Refusal {
    let what = "this wants a code of your authenticator app that is not older than five minutes: \
         POST /api/step-up";
    Refusal::new(StatusCode::FORBIDDEN, what).needs(CODE)
}

pub(super) fn too_many_codes(wait: Duration) -> Refusal {
    let what = "too many wrong codes of this user; wait, or ask an administrator to reset it";
    Refusal::new(StatusCode::TOO_MANY_REQUESTS, what).retry_after(wait.as_secs() + 1)
}
