//! I5: a command is executed at most once on each server.

use std::collections::HashSet;

use super::{Event, Invariant, Verdict};

/// Command ids and the servers that executed them.
#[derive(Debug, Default)]
pub(super) struct Commands(HashSet<(String, String)>);

impl Commands {
    pub(super) fn feed(&mut self, event: &Event) -> Verdict {
        let Event::Executed { command, server } = event else { return Ok(()) };
        if self.0.insert((command.clone(), server.clone())) {
            return Ok(());
        }
        Err((Invariant::I5, format!("{server} executed command {command} twice")))
    }
}
