//! Files of rules: those that are read, to be looked at, and those that are made.
//!
//! Rules ask about all servers, so who does not see all of them sees the built-in file alone and
//! changes none.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::StringRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use watchfire_alert::rules::{BUILT_IN_FILE, RuleError, RuleFile};
use watchfire_api::rule_files::{
    CheckedGroup, RuleCheck, RuleFault, RuleFileList, RuleFileRow, RuleFileText, RuleRefusal,
};
use watchfire_identity::{Action, Object, Verdict};
use watchfire_runtime::task;
use watchfire_store::MAX_RULE_FILE_BYTES;

use super::AppState;
use super::asker::Asker;
use super::changer::Changer;
use super::reply::Refusal;
use crate::accounts::Account;
use crate::config::Locked;
use crate::rules::{Expected, MadeFile, NoFile};

/// The largest text, in bytes.
pub(super) const MAX_BODY_BYTES: usize = MAX_RULE_FILE_BYTES;
/// How many texts are read at a time that somebody wants to have checked.
pub(super) const AT_A_TIME: usize = 2;
const VERSION_FIRST: &str = "say what you change: If-Match with the version that GET showed as \
     ETag, or If-None-Match: * for a new file";

/// `GET /api/rules/files`
pub(super) async fn list(State(app): State<AppState>, asker: Asker) -> Json<RuleFileList> {
    let files = app.parts.rules.files();
    let locked = files.locked.iter().filter(|one| sees(&asker.account, &one.file));
    let locked = locked.map(locked_row);
    let made = if sees_all(&asker.account) { app.parts.made.all() } else { Vec::new() };
    let made = made.iter().map(|one| made_row(one, files.has_made));
    let may_change = files.has_made && may_edit(&asker.account);
    Json(RuleFileList { files: locked.chain(made).collect(), may_change })
}

/// `GET /api/rules/files/{name}`
pub(super) async fn one(
    State(app): State<AppState>,
    asker: Asker,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    let files = app.parts.rules.files();
    let locked = files.locked.iter().find(|one| *one.file.name == *name);
    if let Some(one) = locked.filter(|one| sees(&asker.account, &one.file)) {
        return Ok(Json(locked_text(one)).into_response());
    }
    let made = app.parts.made.find(&name).filter(|_| sees_all(&asker.account));
    let made = made.ok_or_else(|| Refusal::not_found("file"))?;
    Ok(shown(StatusCode::OK, &made, files.has_made))
}

/// `PUT /api/rules/files/{name}` with the file as its body. It is evaluated when the answer is 200
/// or 201, and will be soon when it is 202.
pub(super) async fn put(
    State(app): State<AppState>,
    changer: Changer,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Result<String, StringRejection>,
) -> Result<Response, Refused> {
    app.may_edit(&changer, &name)?;
    let expected = expected(&headers)?;
    let text = body.map_err(too_much)?;
    let status = match expected {
        Expected::Nothing => StatusCode::CREATED,
        _ => StatusCode::OK,
    };
    let user = &changer.account.name;
    let (file, is_taken_up) = app.parts.made.put(&name, text, user, expected).await?;
    Ok(shown(if is_taken_up { status } else { StatusCode::ACCEPTED }, &file, true))
}

/// `DELETE /api/rules/files/{name}`
pub(super) async fn remove(
    State(app): State<AppState>,
    changer: Changer,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Refused> {
    app.may_edit(&changer, &name)?;
    let expected = expected(&headers)?;
    let is_taken_up = app.parts.made.remove(&name, &changer.account.name, expected).await?;
    Ok(if is_taken_up { StatusCode::NO_CONTENT } else { StatusCode::ACCEPTED })
}

/// `POST /api/rules/check` with a file as its body. It changes nothing.
pub(super) async fn check(
    State(app): State<AppState>,
    _asker: Asker,
    body: Result<String, StringRejection>,
) -> Result<Json<RuleCheck>, Refusal> {
    let text = body.map_err(too_much)?;
    let place = app.checking.clone().acquire_owned().await.map_err(Refusal::fault)?;
    let reading = task::blocking("check rules", move || {
        // The work itself holds it: hanging up must not make room for more of it.
        let _held = place;
        checked(RuleFile::parse("rules", &text))
    });
    Ok(Json(reading.await.map_err(Refusal::fault)?))
}

/// A no to a change, with what is wrong with the file.
#[derive(Debug)]
pub(super) enum Refused {
    Plain(Refusal),
    Faults(Vec<RuleFault>),
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Plain(refusal)
    }
}

impl From<NoFile> for Refused {
    fn from(error: NoFile) -> Self {
        let status = match &error {
            NoFile::Faults(errors) => return Self::Faults(errors.iter().map(fault).collect()),
            NoFile::Unknown => return Self::Plain(Refusal::not_found("file")),
            NoFile::Store(error) => return Self::Plain(Refusal::fault(error)),
            NoFile::Stale => StatusCode::PRECONDITION_FAILED,
            NoFile::Alone => StatusCode::CONFLICT,
            NoFile::BadName | NoFile::TooMany(_) => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::Plain(Refusal::new(status, error.to_string()))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let faults = match self {
            Self::Plain(refusal) => return refusal.into_response(),
            Self::Faults(faults) => faults,
        };
        let first = faults.first();
        let first = first.map(|one| format!("{}:{}: {}", one.line, one.column, one.words));
        let message = first.unwrap_or_else(|| "the file is not valid".to_owned());
        (StatusCode::UNPROCESSABLE_ENTITY, Json(RuleRefusal { message, faults })).into_response()
    }
}

impl super::App {
    /// Refuses whoever may not change files, and changes of files that are not made.
    fn may_edit(&self, changer: &Changer, name: &str) -> Result<(), Refusal> {
        changer.may(Action::EditRules)?;
        if !sees_all(&changer.account) {
            let why = "rules ask about all servers, and you do not see all of them";
            return Err(Refusal::new(StatusCode::FORBIDDEN, why));
        }
        let files = self.parts.rules.files();
        if files.locked.iter().any(|one| *one.file.name == *name) {
            let why = format!("{name} is not made here: change it where it lies");
            return Err(Refusal::new(StatusCode::CONFLICT, why));
        }
        Ok(())
    }
}

fn sees_all(account: &Account) -> bool {
    account.scope.is_everything()
}

fn sees(account: &Account, file: &RuleFile) -> bool {
    sees_all(account) || *file.name == *BUILT_IN_FILE
}

fn may_edit(account: &Account) -> bool {
    account.may(Action::EditRules, &Object::Whole) == Verdict::Yes
}

/// What a change says of what it changes (RFC 9110 section 13.1).
fn expected(headers: &HeaderMap) -> Result<Expected, Refusal> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    match (text(header::IF_MATCH), text(header::IF_NONE_MATCH)) {
        (None, Some("*")) => Ok(Expected::Nothing),
        (Some("*"), None) => Ok(Expected::Anything),
        (Some(tag), None) => {
            let version = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
            Ok(Expected::Version(version.unwrap_or(tag).to_owned()))
        }
        _ => Err(Refusal::new(StatusCode::PRECONDITION_REQUIRED, VERSION_FIRST)),
    }
}

fn too_much(error: StringRejection) -> Refusal {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let what = format!("a file that is made has {MAX_BODY_BYTES} bytes at the most");
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, what)
        }
        status => Refusal::new(status, error.body_text()),
    }
}

fn shown(status: StatusCode, file: &Arc<MadeFile>, is_evaluated: bool) -> Response {
    let (warnings, faults) = match &file.read {
        Ok(read) => (read.duplicates(), &[][..]),
        Err(faults) => (Vec::new(), &faults[..]),
    };
    let text = RuleFileText {
        row: made_row(file, is_evaluated),
        text: file.stored.text.clone(),
        faults: faults.iter().map(fault).collect(),
        warnings: warnings.iter().map(fault).collect(),
    };
    let tag = format!("\"{}\"", file.version);
    (status, [(header::ETAG, tag)], Json(text)).into_response()
}

fn made_row(file: &Arc<MadeFile>, is_evaluated: bool) -> RuleFileRow {
    let read = file.read.as_ref().ok();
    RuleFileRow {
        name: file.stored.name.clone(),
        kind: "made".to_owned(),
        groups: read.map_or(0, |read| read.groups.len()),
        rules: read.map_or(0, RuleFile::rule_count),
        version: Some(file.version.clone()),
        author: Some(file.stored.author.clone()),
        changed_unix_ms: Some(file.stored.changed_unix_ms),
        evaluated: is_evaluated && read.is_some(),
    }
}

fn locked_row(one: &Locked) -> RuleFileRow {
    let kind = if *one.file.name == *BUILT_IN_FILE { "built-in" } else { "config" };
    RuleFileRow {
        name: one.file.name.to_string(),
        kind: kind.to_owned(),
        groups: one.file.groups.len(),
        rules: one.file.rule_count(),
        version: None,
        author: None,
        changed_unix_ms: None,
        evaluated: true,
    }
}

fn locked_text(one: &Locked) -> RuleFileText {
    RuleFileText {
        row: locked_row(one),
        text: one.text.to_string(),
        faults: Vec::new(),
        warnings: one.file.duplicates().iter().map(fault).collect(),
    }
}

fn checked(read: Result<RuleFile, Vec<RuleError>>) -> RuleCheck {
    let file = match read {
        Ok(file) => file,
        Err(errors) => {
            let faults = errors.iter().map(fault).collect();
            return RuleCheck { faults, warnings: Vec::new(), groups: Vec::new() };
        }
    };
    let groups = file.groups.iter().map(|group| CheckedGroup {
        name: group.name.clone(),
        interval_ms: group.interval_ms,
        rules: group.rules.len(),
    });
    let warnings = file.duplicates().iter().map(fault).collect();
    RuleCheck { faults: Vec::new(), warnings, groups: groups.collect() }
}

fn fault(error: &RuleError) -> RuleFault {
    let (line, column) = (error.place.line, error.place.column);
    RuleFault { line, column, words: error.words.clone() }
}
