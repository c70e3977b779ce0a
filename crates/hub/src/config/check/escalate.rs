//! Who is told when nobody looks after what a user was told of.

use std::time::Duration;

use watchfire_alert::told::{Escalation, Stage};
use watchfire_identity::{Action, role_allows};
use watchfire_model::Severity;
use watchfire_runtime::config::{Located, Place, Problem, Spanned, closest, duration};

use super::super::User;
use super::super::file::EscalateTable;
use super::Checker;

/// Stages of one user.
const MAX_STAGES: usize = 8;
/// How long a stage waits, the least and the most.
const SHORTEST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(24 * 3600);

impl Checker<'_> {
    pub(super) fn escalation(&mut self, tables: Vec<Spanned<EscalateTable>>) -> Option<Escalation> {
        let mut stages: Vec<Stage> = Vec::with_capacity(tables.len().min(MAX_STAGES));
        let mut whole = true;
        for (number, table) in tables.into_iter().enumerate() {
            let place = self.source.place(&table.span());
            if number == MAX_STAGES {
                let problem = Problem::new(place, "a user has eight stages at most");
                self.problems.push(problem.hint("remove some of the [[user.escalate]]"));
                return None;
            }
            let Some(stage) = self.stage(table.into_inner()) else {
                whole = false;
                continue;
            };
            if stages.last().is_some_and(|last| last.after > stage.after) {
                let problem = Problem::new(place, "this stage is earlier than the one before it");
                self.problems.push(problem.hint("put the stages in the order of their `after`"));
                whole = false;
            }
            stages.push(stage);
        }
        whole.then_some(Escalation { stages })
    }

    fn stage(&mut self, table: EscalateTable) -> Option<Stage> {
        let after = self.wait(table.after);
        let user = table.user.map(|user| self.source.locate(user));
        let channels = self.channels(table.channels);
        let severity = self.severity(table.severity);
        if let Some(user) = &user {
            self.escalated.push((user.clone(), channels.as_ref().is_some_and(Vec::is_empty)));
        }
        Some(Stage {
            after: after?,
            user: user.map(|user| user.value),
            channels: channels?,
            severity: severity?.unwrap_or(Severity::Critical),
        })
    }

    fn wait(&mut self, after: Spanned<String>) -> Option<Duration> {
        let located = self.source.locate(after);
        let read = self.noted(duration(&located))?;
        if (SHORTEST..=LONGEST).contains(&read) {
            return Some(read);
        }
        let problem = located.problem(format!("{:?} is not between 10s and 24h", located.value));
        self.problems.push(problem.hint("write how long nobody answers, as in \"10m\""));
        None
    }

    /// Once all users are known: whether those are, to whom escalations lead.
    pub(super) fn check_escalations(&mut self, users: &[(User, Place)]) {
        let names: Vec<&str> = users.iter().map(|(user, _)| user.name.as_str()).collect();
        for (named, by_own) in std::mem::take(&mut self.escalated) {
            match users.iter().find(|(user, _)| user.name == named.value) {
                None => self.problems.push(unknown(&named, &names)),
                Some((user, _)) if by_own && !user.has_channel() => {
                    let what = format!("user {:?} has no channel to be told by", user.name);
                    self.warnings.push(named.problem(what).hint("add channels to that user"));
                }
                Some(_) => {}
            }
        }
        for (user, place) in users {
            let may = role_allows(user.role, Action::Acknowledge);
            if !may && !user.escalation.stages.is_empty() {
                let what = format!(
                    "user {:?} cannot acknowledge, so others are told of all that is not over by \
                     then",
                    user.name
                );
                let problem = Problem::new(place.clone(), what);
                self.warnings.push(problem.hint("add role = \"operator\""));
            }
        }
    }
}

fn unknown(named: &Located<String>, names: &[&str]) -> Problem {
    let hint = match closest(&named.value, names) {
        Some(close) => format!("did you mean {close:?}?"),
        None => "write the name of one of the [[user]]s".to_owned(),
    };
    named.problem(format!("there is no user {:?}", named.value)).hint(hint)
}
