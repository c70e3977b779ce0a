use std::time::Duration;

use watchfire_model::{Channel, Severity};

/// Who is told when nobody takes care of an incident.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Escalation {
    /// In the order of time.
    pub stages: Vec<Stage>,
}

/// One more way to find somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// So long after the user was first told, without an acknowledgement.
    pub after: Duration,
    /// Another user, who is told in their own way; `None` is the user again.
    pub user: Option<String>,
    /// The channels to use instead of that user's own; empty for those.
    pub channels: Vec<Channel>,
    /// How bad an incident must be at least.
    pub severity: Severity,
}

/// The stages that are due and not gone through, by their places: those of an incident that bad
/// whose user was first told `told` ago, but for the `done` ones.
///
/// After a long absence of the hub several may be due: they are told together, in order.
#[must_use]
pub fn due_stages(
    escalation: &Escalation,
    severity: Severity,
    told: Duration,
    done: &[usize],
) -> Vec<usize> {
    let stages = escalation.stages.iter().enumerate();
    let due = stages.filter(|(_, stage)| stage.after <= told && severity >= stage.severity);
    due.map(|(place, _)| place).filter(|place| !done.contains(place)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_is_due_once_in_its_time_and_for_what_is_bad_enough() {
        let minutes = |count| Duration::from_secs(count * 60);
        let stage = |after: u64, severity| Stage {
            after: minutes(after),
            user: None,
            channels: vec![],
            severity,
        };
        let (warning, critical) = (Severity::Warning, Severity::Critical);
        let two = Escalation { stages: vec![stage(10, critical), stage(30, warning)] };
        for (severity, told, done, due) in [
            (critical, 0, vec![], vec![]),
            (critical, 9, vec![], vec![]),
            (critical, 10, vec![], vec![0]),
            (critical, 10, vec![0], vec![]),
            (critical, 31, vec![0], vec![1]),
            (critical, 31, vec![], vec![0, 1]),
            (critical, 31, vec![0, 1], vec![]),
            (warning, 31, vec![], vec![1]),
            // It was less bad when the second one was gone through.
            (critical, 31, vec![1], vec![0]),
            (Severity::Info, 31, vec![], vec![]),
            // The escalation was made shorter meanwhile.
            (critical, 31, vec![0, 1, 5], vec![]),
        ] {
            let found = due_stages(&two, severity, minutes(told), &done);
            assert_eq!(found, due, "{severity} {told} min, {done:?} done");
        }
        assert!(due_stages(&Escalation::default(), critical, minutes(9), &[]).is_empty());
    }
}
