use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Pass(u64),
    Stall(u64),
    StallCountedAfterASign(u64),
    Sign,
    Saw(usize),
    Check,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0_u64..4000).prop_map(Step::Pass),
        1 => (0_u64..20_000).prop_map(Step::Stall),
        1 => (0_u64..20_000).prop_map(Step::StallCountedAfterASign),
        2 => Just(Step::Sign),
        2 => (0_usize..8).prop_map(Step::Saw),
        4 => Just(Step::Check),
    ];
    proptest::collection::vec(step, 0..60)
}

/// The naive model: it knows for each silence how long the hub was truly awake in it.
struct Model {
    now_ms: u64,
    stalled_ms: u64,
    silence_ms: u64,
    /// How much a sign read before its standstill was counted may add.
    slack_ms: u64,
}

impl Model {
    fn now(&self) -> HubTime {
        stalled(self.now_ms, self.stalled_ms)
    }

    /// Time passes while the hub runs; it checks whenever a check is due.
    fn pass(&mut self, ms: u64, machine: &mut PresenceMachine) -> Result<(), TestCaseError> {
        let end = self.now_ms + ms;
        loop {
            let due =
                machine.next_check().map(|due| due.monotonic.saturating_sub(moment(0).monotonic));
            let due_ms = due.map(|due| u64::try_from(due.as_millis()).unwrap());
            let Some(due_ms) = due_ms.filter(|due| *due <= end) else { break };
            let step = due_ms.saturating_sub(self.now_ms);
            self.now_ms += step;
            self.silence_ms += step;
            self.check(machine)?;
            let later =
                machine.next_check().is_none_or(|next| next.monotonic > self.now().at.monotonic);
            prop_assert!(later, "a check that was due must not be due again at once");
        }
        self.silence_ms += end - self.now_ms;
        self.now_ms = end;
        Ok(())
    }

    fn check(&mut self, machine: &mut PresenceMachine) -> Result<(), TestCaseError> {
        let before = machine.presence();
        machine.check(self.now());
        let after = machine.presence();
        if after.is_trouble() && !before.is_trouble() {
            prop_assert!(self.silence_ms >= 5000, "judged after {} ms", self.silence_ms);
        }
        prop_assert!(
            after.is_trouble() || self.silence_ms < 5000 + self.slack_ms,
            "not judged after {} ms",
            self.silence_ms
        );
        Ok(())
    }

    fn sign(&mut self, machine: &mut PresenceMachine, now: HubTime) -> Result<(), TestCaseError> {
        let before = machine.presence();
        let change = machine.sign_of_life(now);
        prop_assert_eq!(change.is_some(), before != Presence::Up);
        prop_assert_eq!(machine.presence(), Presence::Up);
        self.silence_ms = 0;
        self.slack_ms = 0;
        Ok(())
    }
}

proptest! {
    #[test]
    fn the_machine_agrees_with_a_naive_model(steps in steps()) {
        let mut machine = unheard();
        let mut model = Model { now_ms: 0, stalled_ms: 0, silence_ms: 0, slack_ms: 0 };
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
                Step::Saw(kind) => machine.observe(sight(model.now_ms, Sight::ALL[kind])),
                Step::Check => model.check(&mut machine)?,
            }
        }
    }
}
