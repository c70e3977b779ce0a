use std::time::Duration;

use watchfire_runtime::config::{Problem, Spanned, duration};

use super::super::file::HeartbeatTable;
use super::super::{Heartbeat, is_loopback_url};
use super::Checker;

/// How often it beats unless the file says so, and the least and the most.
const USUAL: Duration = Duration::from_secs(60);
const SHORTEST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(3600);

impl Checker<'_> {
    pub(super) fn heartbeat(&mut self, table: HeartbeatTable) -> Option<Heartbeat> {
        let url = self.heartbeat_url(table.url);
        let every = match table.every {
            Some(every) => self.every(every),
            None => Some(USUAL),
        };
        Some(Heartbeat { url: url?, every: every? })
    }

    /// The address is a secret: who knows it can make a dead hub seem alive.
    fn heartbeat_url(&mut self, url: Spanned<String>) -> Option<watchfire_runtime::Secret> {
        let located = self.source.locate(url);
        let expanded = self.expanded(&located);
        let url = self.noted(expanded)?;
        let text = url.expose().trim();
        let odd = |c: char| c.is_whitespace() || c.is_control() || c == '@';
        let is_safe = text.starts_with("https://") || is_loopback_url(text);
        if is_safe && text.len() > "https://".len() && !text.contains(odd) {
            return Some(watchfire_runtime::Secret::new(text));
        }
        let problem: Problem = located.problem("this is no address that is asked over TLS");
        let hint = "write \"https://hc.example.org/ping/…\", or \"${file:heartbeat-url}\"";
        self.problems.push(problem.hint(hint));
        None
    }

    fn every(&mut self, every: Spanned<String>) -> Option<Duration> {
        let located = self.source.locate(every);
        let read = self.noted(duration(&located))?;
        if (SHORTEST..=LONGEST).contains(&read) {
            return Some(read);
        }
        let problem = located.problem(format!("{:?} is not between 10s and 1h", located.value));
        self.problems.push(problem.hint("60s is the default"));
        None
    }
}
