use std::time::Duration;

use watchfire_model::Channel;

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
}

/// The stages that are due and not gone through: how many there are by now, and when the next
/// one is. `told` ago the user was first told; `done` stages were gone through.
///
/// After a long absence of the hub several may be due: they are told together, in order.
#[must_use]
pub fn due_stage(
    escalation: &Escalation,
    told: Duration,
    done: usize,
) -> (&[Stage], Option<Duration>) {
    let stages = &escalation.stages;
    let due = stages.iter().take_while(|stage| stage.after <= told).count();
    let next = stages.get(due.max(done)).map(|stage| stage.after.saturating_sub(told));
    (&stages[done.min(due)..due], next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_is_due_once_and_in_its_time() {
        let minutes = |count| Duration::from_secs(count * 60);
        let stage = |after: u64| Stage { after: minutes(after), user: None, channels: vec![] };
        let two = Escalation { stages: vec![stage(10), stage(30)] };
        for (told, done, due, next) in [
            (0, 0, 0, Some(10)),
            (9, 0, 0, Some(1)),
            (10, 0, 1, Some(20)),
            (10, 1, 0, Some(20)),
            (31, 1, 1, None),
            (31, 0, 2, None),
            (31, 2, 0, None),
            // The escalation was made shorter meanwhile.
            (31, 5, 0, None),
        ] {
            let (found, after) = due_stage(&two, minutes(told), done);
            assert_eq!((found.len(), after), (due, next.map(minutes)), "{told} min, {done} done");
        }
        assert_eq!(due_stage(&Escalation::default(), minutes(9), 0), (&[][..], None));
    }
}
