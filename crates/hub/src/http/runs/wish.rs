//! What somebody wants to be run, out of what was sent.

use std::time::Duration;

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use watchfire_api::runs::{RunWish, WorkWish};
use watchfire_model::Selector;
use watchfire_wire::limits::{
    MAX_ARGS, MAX_ARGV_BYTES, MAX_NAME_BYTES, MAX_PARAMS, MAX_PATH_BYTES, MAX_STDIN_BYTES,
};
use watchfire_wire::{OpenWork, RunbookWork};

use crate::http::reply::Refusal;
use crate::runs::{Job, Pace, Servers, Wish};

pub(super) fn wanted(wish: RunWish, user: &str) -> Result<Wish, Refusal> {
    let servers = match (wish.servers, wish.matchers) {
        (names, None) => Servers::Named(names),
        (names, Some(text)) if names.is_empty() => {
            let selector = Selector::parse(&text);
            Servers::Fitting(selector.map_err(|error| wrong(format!("{text:?}: {error}")))?)
        }
        _ => return Err(wrong("name servers or write matchers, one of them")),
    };
    let stdin =
        wish.stdin.as_deref().map_or_else(|| Ok(Vec::new()), |text| bytes(text, "stdin"))?;
    if stdin.len() > MAX_STDIN_BYTES {
        return Err(wrong(format!("a command reads {MAX_STDIN_BYTES} bytes at the most")));
    }
    if wish.batch_percent.is_some_and(|percent| !(1..=100).contains(&percent)) {
        return Err(wrong("a batch is 1 to 100 percent of the servers"));
    }
    if wish.at_most == Some(0) || wish.stop_after == Some(0) {
        return Err(wrong("at_most and stop_after are 1 or more"));
    }
    let pace = Pace {
        at_most: wish.at_most.map(|most| most as usize),
        batch_percent: wish.batch_percent,
        stop_after: wish.stop_after.map(|most| most as usize),
    };
    let when_up = wish.when_up_s.map(Duration::from_secs);
    Ok(Wish { servers, job: job(wish.work, user)?, stdin, pace, when_up })
}

fn job(work: WorkWish, user: &str) -> Result<Job, Refusal> {
    Ok(match work {
        WorkWish::Signed { envelope, signatures } => {
            Job::signed(bytes(&envelope, "envelope")?, signatures)?
        }
        WorkWish::Runbook { name, params } => {
            let fits = |text: &str, most: usize| text.len() <= most && !text.contains('\0');
            let good = params.len() <= MAX_PARAMS
                && params
                    .iter()
                    .all(|(name, value)| fits(name, MAX_NAME_BYTES) && fits(value, MAX_PATH_BYTES));
            if !good || name.is_empty() || !fits(&name, MAX_NAME_BYTES) {
                return Err(wrong(format!(
                    "a runbook has a name, and {MAX_PARAMS} parameters of {MAX_PATH_BYTES} bytes \
                     at the most, without NUL"
                )));
            }
            Job::Runbook(RunbookWork { name, params, asker: user.to_owned() })
        }
        WorkWish::Open { argv, user: run_as, folder, timeout_s, output_bytes } => {
            let all: usize = argv.iter().map(|word| word.len() + 1).sum();
            let (run_as, folder) = (run_as.unwrap_or_default(), folder.unwrap_or_default());
            let texts = argv.iter().chain([&run_as, &folder]);
            let has_nul = texts.into_iter().any(|word| word.contains('\0'));
            let good = argv.first().is_some_and(|program| !program.is_empty())
                && argv.len() <= MAX_ARGS
                && all <= MAX_ARGV_BYTES
                && run_as.len() <= MAX_NAME_BYTES
                && folder.len() <= MAX_PATH_BYTES;
            if !good || has_nul {
                return Err(wrong(format!(
                    "a command is a program and its arguments, {MAX_ARGS} and {MAX_ARGV_BYTES} \
                     bytes at the most, without NUL"
                )));
            }
            Job::Open(OpenWork {
                argv,
                user: run_as,
                folder,
                timeout_s: timeout_s.unwrap_or(0),
                output_bytes: output_bytes.unwrap_or(0),
                asker: user.to_owned(),
            })
        }
    })
}

fn bytes(text: &str, what: &str) -> Result<Vec<u8>, Refusal> {
    STANDARD.decode(text).map_err(|_| wrong(format!("{what} is not in base64")))
}

fn wrong(why: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, why)
}
