//! `POST /run`: a command by somebody who may log in here, under the same policy as any other.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Method, Request, Response, StatusCode};
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use watchfire_identity::command::{CommandId, TargetProof};
use watchfire_identity::token::Claims;
use watchfire_identity::{Scope, SystemRandomness};
use watchfire_wire::limits::MAX_STDIN_BYTES;
use watchfire_wire::{
    Command, Exit, Message, OpenWork, OutputStream, RunbookWork, SignedWork, Work,
};

use super::auth::{Place, authorise};
use super::reply::Refusal;
use super::{App, reply};
use crate::runner::Running;

/// The longest body: an envelope in base64, with its input.
const MAX_BODY_BYTES: usize = 2 << 20;
/// How long the body may take to come.
const BODY_TIME: Duration = Duration::from_secs(10);
/// How much of what a command says is kept for the answer.
const MAX_OUTPUT_BYTES: usize = 4 << 20;
/// How long a command may take whose caller waits for it.
pub(super) const RUN_TIME: Duration = Duration::from_secs(330);
const LONGEST_TIMEOUT_S: u32 = 300;

/// Its numbers are our own: no hub's command has such a large one.
static NEXT_RUN: AtomicU64 = AtomicU64::new(1 << 48);

/// What is asked for: one of the three.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunRequest {
    argv: Option<Vec<String>>,
    runbook: Option<String>,
    command: Option<SignedRequest>,
    #[serde(default)]
    params: BTreeMap<String, String>,
    user: Option<String>,
    folder: Option<String>,
    #[serde(default)]
    timeout_s: u32,
    /// Text for its standard input.
    stdin: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignedRequest {
    /// The signed bytes, in base64.
    envelope: String,
    signatures: Vec<String>,
    proof: TargetProof,
}

/// How it ended.
#[derive(Debug, Default, Serialize)]
struct RunReply {
    exit_code: Option<i32>,
    signal: Option<u32>,
    stdout: String,
    stderr: String,
    /// Where it was not UTF-8: the bytes themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    stdout_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stderr_base64: Option<String>,
    began_unix_ms: i64,
    ended_unix_ms: i64,
    user_us: u64,
    system_us: u64,
    peak_rss_bytes: u64,
    truncated: bool,
    timed_out: bool,
    canceled: bool,
}

pub(super) async fn run(app: &App, request: Request<Body>) -> Result<Response<Body>, Refusal> {
    let (parts, body) = request.into_parts();
    let claims = authorise(app, &parts, Place::Header, &[Scope::Run, Scope::Read])?;
    if parts.method != Method::POST {
        return Err(reply::wrong_method("POST").into());
    }
    let Some(runner) = &app.runner else {
        return Err(forbidden("this server runs no commands: its policy is off"));
    };
    authorise(app, &parts, Place::Header, &[Scope::Run])?;
    let body = app.clock.within(BODY_TIME, to_bytes(body, MAX_BODY_BYTES)).await;
    let body = body.and_then(Result::ok).ok_or_else(|| {
        let words = format!("the body has not come whole, or has more than {MAX_BODY_BYTES} bytes");
        reply::closing(StatusCode::BAD_REQUEST, words)
    })?;
    let command = read(&body, &claims)?;
    let running = runner.run(command).await.map_err(|error| {
        tracing::warn!(%error, "the runner does not answer");
        unavailable()
    })?;
    collect(running).await
}

fn read(body: &Bytes, claims: &Claims) -> Result<Command, Refusal> {
    let asked: RunRequest = serde_json::from_slice(body)
        .map_err(|error| bad(format!("this is no JSON of a command: {error}")))?;
    if asked.timeout_s > LONGEST_TIMEOUT_S {
        return Err(bad(format!("timeout_s: at most {LONGEST_TIMEOUT_S} s are waited for here")));
    }
    let asker = format!("{} (at the agent)", claims.user);
    let mut id = *CommandId::new(&mut SystemRandomness).as_bytes();
    let work = match (asked.argv, asked.runbook, asked.command) {
        (Some(argv), None, None) if asked.params.is_empty() => Work::Open(OpenWork {
            argv,
            user: asked.user.unwrap_or_default(),
            folder: asked.folder.unwrap_or_default(),
            timeout_s: asked.timeout_s,
            output_bytes: 0,
            asker,
        }),
        (None, Some(name), None) => {
            Work::Runbook(RunbookWork { name, params: asked.params, asker })
        }
        (None, None, Some(signed)) => {
            let envelope = STANDARD.decode(&signed.envelope);
            let envelope = envelope.map_err(|_| bad("the envelope is no base64".to_owned()))?;
            // Only the runner reads it; here it is but a name for the log.
            if let Ok(read) = watchfire_identity::command::Envelope::from_bytes(&envelope) {
                id = *read.id.as_bytes();
            }
            let TargetProof { index, hashes } = signed.proof;
            Work::Signed(SignedWork { envelope, signatures: signed.signatures, index, hashes })
        }
        _ => {
            let words = "name one of argv, runbook (with params) and command";
            return Err(bad(words.to_owned()));
        }
    };
    let stdin = asked.stdin.unwrap_or_default().into_bytes();
    if stdin.len() > MAX_STDIN_BYTES {
        return Err(bad(format!("stdin has more than {MAX_STDIN_BYTES} bytes")));
    }
    let run = NEXT_RUN.fetch_add(1, Ordering::Relaxed);
    Ok(Command { run, command_id: id, work, stdin })
}

async fn collect(mut running: Running) -> Result<Response<Body>, Refusal> {
    let (mut out, mut err, mut is_full) = (Vec::new(), Vec::new(), false);
    loop {
        match running.events.next().await {
            Some(Message::Output(output)) => {
                if out.len() + err.len() + output.bytes.len() > MAX_OUTPUT_BYTES {
                    is_full = true;
                    running.control.cancel().await;
                    continue;
                }
                match output.stream {
                    OutputStream::Stdout => out.extend(output.bytes),
                    OutputStream::Stderr => err.extend(output.bytes),
                }
            }
            Some(Message::CommandRefused(refused)) => return Err(forbidden(&refused.why)),
            Some(Message::Exit(exit)) => {
                return Ok(Json(answer(&exit, out, err, is_full)).into_response());
            }
            Some(_) => {}
            None => return Err(unavailable()),
        }
    }
}

fn answer(exit: &Exit, out: Vec<u8>, err: Vec<u8>, is_full: bool) -> RunReply {
    let (stdout, stdout_base64) = text(out);
    let (stderr, stderr_base64) = text(err);
    RunReply {
        exit_code: exit.code,
        signal: exit.signal,
        stdout,
        stderr,
        stdout_base64,
        stderr_base64,
        began_unix_ms: exit.began_unix_ms,
        ended_unix_ms: exit.ended_unix_ms,
        user_us: exit.user_us,
        system_us: exit.system_us,
        peak_rss_bytes: exit.peak_rss_bytes,
        truncated: exit.truncated || is_full,
        timed_out: exit.timed_out,
        canceled: exit.canceled && !is_full,
    }
}

fn text(bytes: Vec<u8>) -> (String, Option<String>) {
    match String::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let bytes = error.into_bytes();
            (String::from_utf8_lossy(&bytes).into_owned(), Some(STANDARD.encode(&bytes)))
        }
    }
}

fn bad(words: String) -> Refusal {
    reply::message(StatusCode::UNPROCESSABLE_ENTITY, words).into()
}

fn forbidden(words: &str) -> Refusal {
    reply::message(StatusCode::FORBIDDEN, words).into()
}

fn unavailable() -> Refusal {
    let words = "the runner of this server does not answer: is watchfire-runner.socket there?";
    reply::message(StatusCode::SERVICE_UNAVAILABLE, words).into()
}
