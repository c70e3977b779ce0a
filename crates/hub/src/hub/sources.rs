//! What answers questions about series.

use std::sync::Arc;

use watchfire_model::Scope;
use watchfire_runtime::Clock;

use crate::archive::Archive;
use crate::config::Service;
use crate::pushed::{Senders, United};
use crate::{http, rules};

/// What agents told and what senders pushed, each for one user's scope.
pub(super) fn sources(archive: Archive, senders: Senders) -> http::Sources {
    Arc::new(move |scope| {
        let pushed = archive.pushed(senders.of(scope));
        Box::new(United(archive.source(scope), pushed))
    })
}

/// What rules ask: they are about all servers.
pub(super) fn of_everything(sources: http::Sources) -> rules::SourceOf {
    Arc::new(move || sources(&Scope::everything()))
}

/// Who answers questions instead. Where that cannot be, the hub answers from what it has.
pub(super) fn elsewhere(service: Service, clock: &Clock) -> Option<http::Elsewhere> {
    let made = http::Elsewhere::new(service, clock.clone());
    made.inspect_err(|error| tracing::error!(%error, "the history is read here alone")).ok()
}
