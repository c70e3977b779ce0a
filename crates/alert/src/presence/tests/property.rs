use proptest::prelude::*;

use watchfire_model::{Incident, IncidentId, IncidentKind, IncidentState, Severity};

use super::*;
use crate::{IncidentStep, incident_step};

#[derive(Debug, Clone)]
enum Step {
    Pass(u64),
    Stall(u64),
    StallCountedAfterASign(u64),
    Sign,
    Pulse,
    Goodbye(usize),
    Saw(usize, usize),
    AskNeighbours,
    Check,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0_u64..4000).prop_map(Step::Pass),
        1 => (0_u64..200_000).prop_map(Step::Pass),
        1 => (0_u64..20_000).prop_map(Step::Stall),
        1 => (0_u64..20_000).prop_map(Step::StallCountedAfterASign),
        2 => Just(Step::Sign),
        1 => Just(Step::Pulse),
        1 => (0_usize..3).prop_map(Step::Goodbye),
        3 => (0_usize..4, 0..Sight::ALL.len()).prop_map(|(by, kind)| Step::Saw(by, kind)),
        1 => Just(Step::AskNeighbours),
        4 => Just(Step::Check),
    ];
    proptest::collection::vec(step, 0..60)
}

/// The naive model: it knows for each silence how long the hub was truly awake in it,
/// and keeps the incident that the changes make.
#[derive(Default)]
struct Model {
    now_ms: u64,
    stalled_ms: u64,
    silence_ms: u64,
    /// How long the silence may last after what was said.
    limit_ms: u64,
    /// The awake time since the last goodbye; `None` once the server was heard again.
    said_ms: Option<u64>,
    /// How much a sign read before its standstill was counted may add.
    slack_ms: u64,
    /// How often the neighbours were asked in this silence.
    asked: usize,
    incident: Option<Incident>,
}

impl Model {
    fn now(&self) -> HubTime {
        stalled(self.now_ms, self.stalled_ms)
    }

    fn add(&mut self, ms: u64) {
        self.now_ms += ms;
        self.silence_ms += ms;
        self.said_ms = self.said_ms.map(|said| said + ms);
    }

    /// Time passes while the hub runs; it checks whenever a check is due.
    fn pass(&mut self, ms: u64, machine: &mut PresenceMachine) -> Result<(), TestCaseError> {
        let end = self.now_ms + ms;
        loop {
            let due =
                machine.next_check().map(|due| due.monotonic.saturating_sub(moment(0).monotonic));
            let due_ms = due.map(|due| u64::try_from(due.as_millis()).unwrap());
            let Some(due_ms) = due_ms.filter(|due| *due <= end) else { break };
            self.add(due_ms.saturating_sub(self.now_ms));
            self.check(machine)?;
            let later =
                machine.next_check().is_none_or(|next| next.monotonic > self.now().at.monotonic);
            prop_assert!(later, "a check that was due must not be due again at once");
        }
        self.add(end - self.now_ms);
        Ok(())
    }

    /// Invariants I1 and I2: no verdict before its time, and none later.
    fn check(&mut self, machine: &mut PresenceMachine) -> Result<(), TestCaseError> {
        let before = machine.presence();
        let change = machine.check(self.now());
        let after = machine.presence();
        if after.is_trouble() && !before.is_trouble() {
            let silence = self.silence_ms;
            prop_assert!(silence >= self.limit_ms, "judged after {silence} ms");
        }
        prop_assert!(
            after.is_trouble() || self.silence_ms < self.limit_ms + self.slack_ms,
            "not judged after {} ms",
            self.silence_ms
        );
        self.told(change)
    }

    /// Invariant I3: each user is told down and up in turn, and a change only between.
    fn told(&mut self, change: Option<Transition>) -> Result<(), TestCaseError> {
        let Some(change) = change else { return Ok(()) };
        prop_assert_ne!(change.from, change.to);
        let step = incident_step(&change, self.incident.as_ref());
        match step {
            Some(IncidentStep::Open(new)) => {
                prop_assert!(self.incident.is_none(), "told twice");
                self.incident = Some(Incident {
                    kind: IncidentKind::Presence,
                    severity: Severity::Critical,
                    part_of: None,
                    labels: None,
                    acknowledged: None,
                    id: IncidentId(1),
                    server: new.server,
                    presence: new.presence,
                    cause: new.cause,
                    silence_began: new.silence_began,
                    judged: new.judged,
                    hub_stalled: new.hub_stalled,
                    state: IncidentState::Open,
                });
            }
            Some(IncidentStep::Change { presence, .. }) => {
                let open = self.incident.as_mut().expect("only what is open changes");
                prop_assert_ne!(open.presence, presence, "told again");
                open.presence = presence;
            }
            Some(IncidentStep::Close { .. }) => {
                prop_assert!(self.incident.take().is_some(), "up without down");
            }
            None => {}
        }
        prop_assert_eq!(self.incident.is_some() && change.to == Presence::Up, false);
        Ok(())
    }

    fn hear(&mut self) {
        self.silence_ms = 0;
        self.slack_ms = 0;
        self.limit_ms = 5000;
        self.said_ms = None;
        self.asked = 0;
    }

    fn sign(&mut self, machine: &mut PresenceMachine, now: HubTime) -> Result<(), TestCaseError> {
        let before = machine.presence();
        let change = machine.sign_of_life(now);
        prop_assert_eq!(change.is_some(), before != Presence::Up);
        prop_assert_eq!(machine.presence(), Presence::Up);
        self.hear();
        self.told(change)
    }

    fn pulse(&mut self, machine: &mut PresenceMachine) -> Result<(), TestCaseError> {
        if self.said_ms.is_some_and(|said| said < 3000) {
            prop_assert_eq!(machine.pulse(self.now()), None);
            return Ok(());
        }
        let change = machine.pulse(self.now());
        prop_assert_eq!(machine.presence(), Presence::Up);
        self.hear();
        self.told(change)
    }

    fn goodbye(
        &mut self,
        machine: &mut PresenceMachine,
        goodbye: Goodbye,
    ) -> Result<(), TestCaseError> {
        let before = machine.presence();
        let change = machine.said_goodbye(self.now(), goodbye);
        match (before, goodbye) {
            (Presence::Leaving, _) => prop_assert_eq!(&change, &None),
            (trouble, Goodbye::Stop) if trouble.is_trouble() => {
                prop_assert_eq!(&change, &None);
                self.said_ms = Some(0);
            }
            _ => {
                self.hear();
                self.said_ms = Some(0);
                self.limit_ms = match goodbye {
                    Goodbye::Reboot => 300_000,
                    Goodbye::Upgrade => 60_000,
                    Goodbye::Stop => 5000,
                };
            }
        }
        self.told(change)
    }

    /// Neighbours are asked late in a silence, and no more than once in a minute of it.
    fn ask(&mut self, machine: &mut PresenceMachine) -> Result<(), TestCaseError> {
        if machine.wants_second_opinion(self.now()) {
            self.asked += 1;
            let least = self.limit_ms - 2000;
            prop_assert!(self.silence_ms >= least, "asked after {} ms", self.silence_ms);
            let most = 1 + usize::try_from(self.silence_ms / 60_000).unwrap();
            prop_assert!(self.asked <= most, "asked {} times", self.asked);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn the_machine_agrees_with_a_naive_model(steps in steps()) {
        let mut machine = unheard();
        let mut model = Model { limit_ms: 5000, ..Model::default() };
        for step in steps {
            match step {
                Step::Pass(ms) => model.pass(ms, &mut machine)?,
                Step::Stall(ms) => {
                    model.now_ms += ms;
                    model.stalled_ms += ms;
                }
                Step::StallCountedAfterASign(ms) => {
                    model.now_ms += ms;
                    let uncounted = model.now();
                    model.sign(&mut machine, uncounted)?;
                    model.stalled_ms += ms;
                    model.slack_ms = 500;
                }
                Step::Sign => {
                    let now = model.now();
                    model.sign(&mut machine, now)?;
                }
                Step::Pulse => model.pulse(&mut machine)?,
                Step::Goodbye(kind) => model.goodbye(&mut machine, Goodbye::ALL[kind])?,
                Step::Saw(by, kind) => machine.observe(Evidence {
                    observer: ["hub", "a", "b", "c"][by].to_owned(),
                    ..sight(model.now_ms, Sight::ALL[kind])
                }),
                Step::AskNeighbours => model.ask(&mut machine)?,
                Step::Check => model.check(&mut machine)?,
            }
        }
        // Invariant I6: whatever happened, the next sign of life heals it.
        let now = model.now();
        model.sign(&mut machine, now)?;
        prop_assert!(model.incident.is_none(), "the incident stays open");
    }
}
