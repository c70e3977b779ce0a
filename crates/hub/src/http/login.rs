use std::net::IpAddr;
use std::sync::{Arc, MutexGuard, PoisonError};

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::OwnedSemaphorePermit;
use watchfire_api::agent::{LoginRequest, Message};
use watchfire_api::hub::{HubInfo, LogIn, LoginReply, Me};
use watchfire_identity::limit::{Admission, HOLD, LoginLimiter};
use watchfire_identity::password;
use watchfire_model::Moment;
use watchfire_runtime::http::Peer;
use watchfire_runtime::{Secret, task};

use super::asker::Recall;
use super::guard::{COOKIE, Caller, same_origin};
use super::reply::Refusal;
use super::second::Way;
use super::session::{LIFE, Session};
use super::{App, AppState, client};
use crate::accounts::Account;
use crate::audit::AuditEntry;

/// `POST /api/login`: takes a password, and a code of who has a second factor, and gives a session
/// in a cookie.
pub(super) async fn log_in(
    State(app): State<AppState>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Result<Json<LogIn>, JsonRejection>,
) -> Result<Response, Refusal> {
    same_origin(&headers)?;
    let Json(asked) = body.map_err(|error| Refusal::new(error.status(), error.body_text()))?;
    let address = client::address(peer.remote.ip(), &headers, &app.parts.trusted_proxies);
    let LogIn { username, password, code } = asked;
    let asked = LoginRequest { username, password };
    let login = app.check(address, asked, &Way::Person(code), None).await?;
    app.seat(login.account, address, login.is_proven, &headers)
}

/// `POST /api/logout`
pub(super) async fn log_out(State(app): State<AppState>, caller: Caller) -> Response {
    app.sessions.end(&caller.session_id);
    let cookie = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    ([(header::SET_COOKIE, cookie)], Json(Message::new("logged out"))).into_response()
}

/// `GET /api/me`
pub(super) async fn me(State(app): State<AppState>, caller: Caller) -> Json<Me> {
    Json(Me {
        login: reply(&caller.session),
        hub: HubInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_unix_ms: app.started.unix_ms,
            mail_configured: app.parts.mail_configured,
            disk_full_since_unix_ms: app.parts.disk.full_since().map(|since| since.unix_ms),
        },
    })
}

/// Somebody who has shown who they are.
pub(super) struct Login {
    pub(super) account: Arc<Account>,
    pub(super) at: Moment,
    /// Whether a second factor was shown.
    pub(super) is_proven: bool,
}

impl App {
    /// Opens a session for somebody who has shown who they are, by whatever way; `is_proven` says
    /// that a second factor was among it.
    pub(super) fn seat(
        &self,
        account: Arc<Account>,
        address: IpAddr,
        is_proven: bool,
        headers: &HeaderMap,
    ) -> Result<Response, Refusal> {
        let now = self.parts.clock.now();
        let (id, session) = self.sessions.open(account, address.to_string(), is_proven, now);
        // Whoever changes or removes an account ends its sessions after that. So one of the two
        // sees the other, and no session stands for an account that is no more.
        if !self.people.is(&session.account) {
            self.sessions.end(&id);
            return Err(Refusal::log_in_first());
        }
        let secure =
            headers.get(header::ORIGIN).is_some_and(|o| o.as_bytes().starts_with(b"https:"));
        let secure = if secure { "; Secure" } else { "" };
        let life = LIFE.as_secs();
        let cookie =
            format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Strict; Max-Age={life}{secure}");
        Ok(([(header::SET_COOKIE, cookie)], Json(reply(&session))).into_response())
    }

    /// The account, when name and password are right, and the second factor where `way` wants
    /// one. Known and unknown names take the same way and the same time. With `recall`, a
    /// password that was right a moment ago is not worked through again.
    pub(super) async fn check(
        &self,
        address: IpAddr,
        asked: LoginRequest,
        way: &Way,
        recall: Option<&Recall>,
    ) -> Result<Login, Refusal> {
        let place = self.waiting.clone().try_acquire_owned().map_err(|_| {
            Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too many are logging in; try again")
                .retry_after(1)
        })?;
        let known = self.people.find(&asked.username);
        // A password that is no more is no equal login.
        let hash = known.as_ref().map_or(password::decoy(), |account| &account.password);
        let recalled = recall.map(|recall| (recall, recall.known(address, &asked, hash)));
        // Equal logins wait for the first of them, or all would count as wrong until it is right.
        let turn = match recalled {
            Some((recall, known)) => Some(recall.place(known).await),
            None => None,
        };
        let LoginRequest { username: user, password } = asked;
        let came = self.parts.clock.now();
        let remembered = recalled.is_some_and(|(recall, known)| recall.holds(known, came));
        let admission = self.limiter().admit(came, address, &user, known.is_some());
        let right = match admission {
            Admission::Open | Admission::Quiet(_) if remembered => true,
            Admission::Open | Admission::Quiet(_) => {
                self.verify(place, known.clone(), Secret::new(password)).await?
            }
            Admission::Refused(_) => {
                // Whoever is only held up takes no place.
                drop(place);
                false
            }
        };
        let known = match known {
            Some(known) if right => known,
            known => {
                let now = self.parts.clock.now();
                self.limiter().settle(now, address, &user, admission, false);
                return Err(self.refuse(address, known.as_deref(), came, admission, way).await);
            }
        };
        let now = self.parts.clock.now();
        // Half of what is needed is no right login: it must not make room for more tries.
        let second = self.second(&known, way, now).await;
        self.limiter().settle(now, address, &user, admission, second.is_ok());
        let is_proven = match second {
            Ok(is_proven) => is_proven,
            Err(refusal) => {
                let outcome = "refused: no second factor";
                self.audit.note_refused(of_login(&known.name, way, address, outcome)).await;
                return Err(refusal);
            }
        };
        if let Some((recall, login)) = recalled
            && !remembered
        {
            recall.keep(login, now);
        }
        drop(turn);
        if !remembered {
            tracing::info!(user = ?known.name, %address, "logged in");
            self.audit.note_login(of_login(&known.name, way, address, "ok")).await;
        }
        Ok(Login { account: known, at: now, is_proven })
    }

    /// The no to a try that came at `came`.
    async fn refuse(
        &self,
        address: IpAddr,
        known: Option<&Account>,
        came: Moment,
        admission: Admission,
        way: &Way,
    ) -> Refusal {
        // A name that nobody has may be a password typed into the wrong field.
        let user = known.map_or("(unknown)", |known| known.name.as_str());
        let outcome = match admission {
            Admission::Open => "refused",
            Admission::Quiet(_) | Admission::Refused(_) => "refused: too many tries",
        };
        self.audit.note_refused(of_login(user, way, address, outcome)).await;
        match admission {
            Admission::Open => {
                tracing::warn!(?user, %address, "a login was refused");
                Refusal::new(StatusCode::UNAUTHORIZED, "the user or the password is wrong")
            }
            Admission::Quiet(wait) | Admission::Refused(wait) => {
                tracing::debug!(%address, "a login is refused after too many wrong ones");
                self.parts.clock.sleep_until(came.after(HOLD)).await;
                Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too many tries; wait a moment")
                    .retry_after(wait.as_secs() + 1)
            }
        }
    }

    /// An unknown name costs as much work as a wrong password, so that the time
    /// tells nothing. The places are held by the work itself: it goes on when
    /// the stranger hangs up, and hanging up must not make room for more of it.
    async fn verify(
        &self,
        place: OwnedSemaphorePermit,
        account: Option<Arc<Account>>,
        password: Secret,
    ) -> Result<bool, Refusal> {
        let turn = self.hashing.clone().acquire_owned().await.map_err(Refusal::fault)?;
        task::blocking("check a password", move || {
            let hash = account.as_ref().map_or(password::decoy(), |account| &account.password);
            let right = hash.verify(password.expose());
            drop((turn, place));
            right
        })
        .await
        .map_err(Refusal::fault)
    }

    fn limiter(&self) -> MutexGuard<'_, LoginLimiter> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn of_login(user: &str, way: &Way, address: IpAddr, outcome: &str) -> AuditEntry {
    let action = if matches!(way, Way::Again) { "step-up" } else { "login" };
    AuditEntry {
        who: user.to_owned(),
        action: action.to_owned(),
        from: address.to_string(),
        outcome: outcome.to_owned(),
        ..AuditEntry::default()
    }
}

fn reply(session: &Session) -> LoginReply {
    LoginReply {
        user: session.account.name.clone(),
        role: session.account.role.to_string(),
        csrf: session.csrf.clone(),
    }
}
