//! Who may log in, for administrators of every server; and one's own password.
//!
//! What is changed holds at once: the user's sessions end, and their streams with them, and tokens
//! are asked of the account as it is now.

use std::net::IpAddr;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use watchfire_api::agent::Message;
use watchfire_api::users::{GivenPassword, NewUser, PasswordChange, UserChange, UserList, UserRow};
use watchfire_identity::password::{self, PasswordHash};
use watchfire_identity::{Action, Role};
use watchfire_runtime::http::Peer;
use watchfire_runtime::{Secret, task};
use watchfire_store::{StoreError, StoredUser};

use super::guard::Caller;
use super::reply::Refusal;
use super::totp::entry;
use super::{App, AppState, client, to_the_end};
use crate::people::{Change, NoUser, Person, matchers_of};

/// The shortest password that users may choose, in characters.
const SHORTEST: usize = 10;

/// `GET /api/users`
pub(super) async fn list(
    State(app): State<AppState>,
    caller: Caller,
) -> Result<Json<UserList>, Refusal> {
    caller.may_whole(Action::ManageUsers)?;
    let users = app.people.all().iter().map(|person| app.row(person)).collect();
    Ok(Json(UserList { users }))
}

/// `POST /api/users`: with a password that the user is to change.
pub(super) async fn add(
    State(app): State<AppState>,
    caller: Caller,
    body: Result<Json<NewUser>, JsonRejection>,
) -> Result<(StatusCode, Json<GivenPassword>), Refusal> {
    app.may_manage(&caller)?;
    let Json(wish) = body.map_err(|error| Refusal::new(error.status(), error.body_text()))?;
    let mut entry = entry(&caller, "user.add", &wish.name);
    entry.detail = format!("{} for {}", wish.role, wish.servers.join(" "));
    let (password, hash) = app.new_password().await?;
    let given = GivenPassword { user: wish.name.clone(), password };
    let user = StoredUser {
        name: wish.name,
        role: wish.role,
        password_hash: hash.as_str().to_owned(),
        servers: wish.servers,
    };
    to_the_end(async move {
        let now = app.parts.clock.now();
        app.people.add(user, entry, now).await
    })
    .await??;
    Ok((StatusCode::CREATED, Json(given)))
}

/// `PATCH /api/users/{name}`
pub(super) async fn change(
    State(app): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
    body: Result<Json<UserChange>, JsonRejection>,
) -> Result<Json<UserRow>, Refusal> {
    app.may_manage(&caller)?;
    let Json(wish) = body.map_err(|error| Refusal::new(error.status(), error.body_text()))?;
    let role: Option<Role> = wish.role.map(|word| word.parse()).transpose().map_err(wrong)?;
    let mut entry = entry(&caller, "user.change", &name);
    let words = [
        role.map(|role| role.to_string()),
        wish.servers.as_ref().map(|servers| format!("for {}", servers.join(" "))),
    ];
    entry.detail = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let change = Change { role, servers: wish.servers, password: None };
    let row = to_the_end(async move {
        app.people.change(&name, change, entry, app.parts.clock.now()).await?;
        app.sessions.end_of(&name, None);
        let person = app.people.person(&name).ok_or(NoUser::Unknown)?;
        Ok::<_, NoUser>(app.row(&person))
    });
    Ok(Json(row.await??))
}

/// `DELETE /api/users/{name}`
pub(super) async fn remove(
    State(app): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Message>, Refusal> {
    app.may_manage(&caller)?;
    let entry = entry(&caller, "user.remove", &name);
    to_the_end(async move {
        app.people.remove(&name, entry, app.parts.clock.now()).await?;
        app.sessions.end_of(&name, None);
        app.tokens.end_of(&name);
        app.parts.factors.forget(&name);
        Ok::<_, NoUser>(())
    })
    .await??;
    Ok(Json(Message::new("the user is removed")))
}

/// `POST /api/users/{name}/password`: a new one, for who has forgotten theirs.
pub(super) async fn new_password(
    State(app): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<GivenPassword>, Refusal> {
    app.may_manage(&caller)?;
    let entry = entry(&caller, "user.password", &name);
    let (password, hash) = app.new_password().await?;
    let user = name.clone();
    to_the_end(async move {
        let change = Change { password: Some(hash), ..Change::default() };
        app.people.change(&name, change, entry, app.parts.clock.now()).await?;
        app.sessions.end_of(&name, None);
        app.tokens.end_of(&name);
        Ok::<_, NoUser>(())
    })
    .await??;
    Ok(Json(GivenPassword { user, password }))
}

/// `DELETE /api/users/{name}/totp`: for who has lost app and recovery codes.
pub(super) async fn reset_totp(
    State(app): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Message>, Refusal> {
    app.may_manage(&caller)?;
    app.people.find(&name).ok_or(NoUser::Unknown)?;
    let entry = entry(&caller, "totp.reset", &name);
    let was_on = to_the_end(async move {
        let was_on = app.parts.factors.turn_off(&name, entry, app.parts.clock.now()).await?;
        app.sessions.end_of(&name, None);
        Ok::<_, StoreError>(was_on)
    });
    if !was_on.await?.map_err(Refusal::fault)? {
        return Err(Refusal::new(StatusCode::CONFLICT, "this user has no second factor"));
    }
    Ok(Json(Message::new("the second factor is off: the password alone logs in")))
}

/// `POST /api/password`: one's own. Other sessions and all tokens end with the old one.
pub(super) async fn own_password(
    State(app): State<AppState>,
    caller: Caller,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Result<Json<PasswordChange>, JsonRejection>,
) -> Result<Json<Message>, Refusal> {
    let Json(wish) = body.map_err(|error| Refusal::new(error.status(), error.body_text()))?;
    let name = caller.session.account.name.clone();
    match app.people.person(&name) {
        Some(person) if !person.is_locked => {}
        Some(_) => return Err(NoUser::Locked(name).into()),
        None => return Err(NoUser::Unknown.into()),
    }
    if app.parts.factors.has(&name) {
        app.recent(&caller)?;
    }
    if wish.new.chars().count() < SHORTEST {
        return Err(wrong(format!("a password has at least {SHORTEST} characters")));
    }
    if wish.new.contains(&name) || wish.new == wish.old {
        return Err(wrong("the new password is to be another one, without your name in it"));
    }
    let address: IpAddr = client::address(peer.remote.ip(), &headers, &app.parts.trusted_proxies);
    app.password_again(&caller, address, wish.old).await?;
    let hash = app.hashed(Secret::new(wish.new)).await?;
    to_the_end(async move {
        let entry = entry(&caller, "password", &name);
        let change = Change { password: Some(hash), ..Change::default() };
        let account = app.people.change(&name, change, entry, app.parts.clock.now()).await?;
        app.sessions.end_of(&name, Some(&caller.session.mark));
        app.sessions.renew(&caller.session_id, account);
        app.tokens.end_of(&name);
        Ok::<_, NoUser>(())
    })
    .await??;
    Ok(Json(Message::new("the password is changed; other sessions and all tokens are ended")))
}

impl App {
    /// Refuses who may not change users, or has not shown for a while who they are.
    fn may_manage(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.may_whole(Action::ManageUsers)?;
        self.recent(caller)
    }

    async fn new_password(&self) -> Result<(String, PasswordHash), Refusal> {
        let password = password::generate();
        let hash = self.hashed(Secret::new(password.clone())).await?;
        Ok((password, hash))
    }

    /// It takes a turn among the logins: each takes 19 MiB and a core.
    async fn hashed(&self, password: Secret) -> Result<PasswordHash, Refusal> {
        let turn = self.hashing.clone().acquire_owned().await.map_err(Refusal::fault)?;
        let hashed = task::blocking("hash a password", move || {
            let hashed = password::hash(password.expose());
            drop(turn);
            hashed
        });
        hashed.await.map_err(Refusal::fault)?.map_err(wrong)
    }

    fn row(&self, person: &Person) -> UserRow {
        let (account, now) = (&person.account, self.parts.clock.now());
        let sessions = self.sessions.all(now);
        UserRow {
            name: account.name.clone(),
            role: account.role.to_string(),
            servers: matchers_of(account),
            locked: person.is_locked,
            totp: self.parts.factors.has(&account.name),
            sessions: sessions.iter().filter(|one| one.account.name == account.name).count(),
            tokens: self.tokens.all(now).iter().filter(|one| one.user == account.name).count(),
        }
    }
}

fn wrong(why: impl std::fmt::Display) -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, why.to_string())
}

impl From<NoUser> for Refusal {
    fn from(error: NoUser) -> Self {
        match &error {
            NoUser::Unknown => Self::not_found("user"),
            NoUser::Locked(_) | NoUser::Exists(_) | NoUser::LastAdmin => {
                Self::new(StatusCode::CONFLICT, error.to_string())
            }
            NoUser::Store(StoreError::TooMany { .. }) => {
                Self::new(StatusCode::CONFLICT, error.to_string())
            }
            NoUser::Name | NoUser::Wrong(_) => wrong(error),
            NoUser::Store(error) => Self::fault(error),
        }
    }
}
