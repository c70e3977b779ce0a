mod random;

use proptest::prelude::*;

use super::*;

const AFTER: u64 = 120;
const AFTER_STOP: u64 = 1800;

fn second(second: u64) -> Moment {
    Moment::default().after(Duration::from_secs(second))
}

/// The word of one that gives its part and has no reason to wait.
fn says(view: View) -> Word {
    Word { view, has_part: true, waits: false, left: None }
}

/// Agents that ask each other over ways that can be cut, and what each told.
struct World {
    judges: Vec<Judge>,
    /// When each heard the hub first without a break, and last.
    first: Vec<u64>,
    last: Vec<u64>,
    left: Vec<bool>,
    /// Who can ask whom.
    ways: Vec<Vec<bool>>,
    /// Which agents hear the hub.
    hub: Vec<bool>,
    runs: Vec<bool>,
    /// Which agents can send the message out.
    can_tell: Vec<bool>,
    /// How long it takes each to tell it, and until when it does.
    takes: Vec<u64>,
    telling: Vec<Option<u64>>,
    /// Who told, and when.
    told: Vec<(usize, u64)>,
    /// Who began to tell, and by what evidence.
    evidence: Vec<(usize, Evidence)>,
    /// How far each one's clock is ahead.
    ahead: Vec<u64>,
    /// In which order they look.
    order: Vec<usize>,
    now: u64,
}

impl World {
    fn of(members: usize) -> Self {
        let terms = |me| Terms {
            after: Duration::from_secs(AFTER),
            after_stop: Duration::from_secs(AFTER_STOP),
            quorum: members.min(3),
            members,
            me,
        };
        Self {
            judges: (0..members).map(|me| Judge::new(terms(me), false)).collect(),
            first: vec![400; members],
            last: vec![1000; members],
            left: vec![false; members],
            ways: vec![vec![true; members]; members],
            hub: vec![true; members],
            runs: vec![true; members],
            can_tell: vec![true; members],
            takes: vec![0; members],
            telling: vec![None; members],
            told: Vec::new(),
            evidence: Vec::new(),
            ahead: vec![0; members],
            order: (0..members).collect(),
            now: 1000,
        }
    }

    fn seen(&self, agent: usize) -> Seen {
        Seen {
            quiet: Duration::from_secs(self.now - self.last[agent]),
            heard_for: Duration::from_secs(self.last[agent] - self.first[agent]),
            left: self.left[agent],
        }
    }

    fn view(&self, agent: usize) -> View {
        self.judges[agent].view(self.seen(agent))
    }

    fn hub_dies(&mut self) {
        self.hub.fill(false);
    }

    fn hub_is_back(&mut self) {
        self.hub.fill(true);
        self.left.fill(false);
    }

    fn cut(&mut self, agent: usize) {
        for other in 0..self.judges.len() {
            self.ways[agent][other] = false;
            self.ways[other][agent] = false;
        }
    }

    fn clock(&self, agent: usize) -> Moment {
        second(self.now + self.ahead[agent])
    }

    fn word(&self, agent: usize) -> Word {
        let (now, view) = (self.clock(agent), self.view(agent));
        let has_part = matches!(view, View::Gone | View::Ready | View::Telling);
        let is_gone = self.judges[agent].is_gone(self.seen(agent));
        let left = self.left[agent] && !is_gone;
        let left = left.then(|| Duration::from_secs(self.now - self.last[agent]));
        Word { view, has_part, waits: self.judges[agent].waits(now), left }
    }

    /// Both learn what the other one sees.
    fn exchange(&mut self, one: usize, other: usize) {
        let (mine, theirs) = (self.word(one), self.word(other));
        for (from, word, to) in [(one, mine, other), (other, theirs, one)] {
            let view = word.view;
            let now = self.clock(to);
            self.judges[to].heard(from, word, now);
            let seen = self.seen(to);
            if view == View::Told && self.judges[to].is_gone(seen) {
                self.judges[to].was_told(false);
            }
        }
    }

    fn run_for(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += 1;
            for agent in self.order.clone() {
                let now = self.clock(agent);
                if self.hub[agent] {
                    if self.now - self.last[agent] >= 10 {
                        self.first[agent] = self.now;
                    }
                    self.last[agent] = self.now;
                }
                if !self.runs[agent] || self.tell(agent) {
                    continue;
                }
                let seen = self.seen(agent);
                if self.judges[agent].is_back(seen) {
                    self.judges[agent].forget_told();
                }
                match self.judges[agent].step(seen, now) {
                    Step::Rest => {}
                    Step::Ask => {
                        for other in 0..self.judges.len() {
                            if other != agent && self.ways[agent][other] && self.runs[other] {
                                self.exchange(agent, other);
                            }
                        }
                        self.judges[agent].looked();
                    }
                    Step::Tell(evidence) => {
                        let agreeing = &evidence.agreeing;
                        let quorum = self.judges.len().min(3);
                        assert!(agreeing.len() >= quorum && agreeing.contains(&agent));
                        if self.can_tell[agent] {
                            self.evidence.push((agent, evidence));
                        }
                        self.telling[agent] = Some(self.now + self.takes[agent]);
                        self.tell(agent);
                    }
                }
            }
        }
    }

    /// One that is telling goes on, and is done when it took its time. True while it is at it.
    fn tell(&mut self, agent: usize) -> bool {
        let Some(until) = self.telling[agent] else { return false };
        if self.now < until {
            return true;
        }
        self.telling[agent] = None;
        if self.can_tell[agent] {
            self.told.push((agent, self.now));
            self.judges[agent].was_told(true);
        } else {
            let now = self.clock(agent);
            self.judges[agent].failed(now);
        }
        false
    }

    fn tellers(&self) -> Vec<usize> {
        self.told.iter().map(|(agent, _)| *agent).collect()
    }
}

#[test]
fn a_hub_that_dies_is_told_once_by_the_first_whatever_the_number_of_agents() {
    for members in 1..=9 {
        let mut world = World::of(members);
        world.run_for(600);
        assert_eq!(world.told, [], "it is there");
        world.hub_dies();
        world.run_for(AFTER - 1);
        assert_eq!(world.told, [], "it is not gone for long enough");
        world.run_for(30);
        assert_eq!(world.tellers(), [0], "{members} members");
        world.run_for(100_000);
        assert_eq!(world.tellers(), [0], "{members} members, a day later");
    }
}

#[test]
fn each_outage_is_told_once_and_a_hub_that_is_back_for_a_moment_is_no_new_one() {
    let mut world = World::of(4);
    world.hub_dies();
    world.run_for(300);
    assert_eq!(world.told.len(), 1);
    world.hub_is_back();
    world.run_for(20);
    world.hub_dies();
    world.run_for(3000);
    assert_eq!(world.told.len(), 1);
    world.hub_is_back();
    world.run_for(600);
    world.hub_dies();
    world.run_for(300);
    assert_eq!(world.told.len(), 2);
}

#[test]
fn while_one_hears_the_hub_nobody_is_told_for_long() {
    let mut world = World::of(4);
    (world.hub[0], world.hub[1]) = (false, false);
    world.run_for(100_000);
    assert_eq!(world.told, [], "two of four are no quorum");

    let mut world = World::of(4);
    (world.hub[0], world.hub[1], world.hub[2]) = (false, false, false);
    world.run_for(AFTER_STOP - 1);
    assert_eq!(world.told, [], "the fourth one hears it");
    world.run_for(100);
    assert_eq!(world.tellers(), [0], "one that lies cannot keep it from being told for ever");

    let mut world = World::of(6);
    (world.hub[0], world.hub[1], world.hub[2]) = (false, false, false);
    world.run_for(100_000);
    assert_eq!(world.told, [], "as many hear it as do not");
}

#[test]
fn whoever_is_cut_off_itself_never_tells() {
    for members in 2..=9 {
        let mut world = World::of(members);
        world.cut(0);
        world.hub[0] = false;
        world.run_for(100_000);
        assert_eq!(world.told, [], "{members} members");
    }
    // Two that are cut off together.
    let mut world = World::of(5);
    (world.hub[0], world.hub[1]) = (false, false);
    for (one, other) in (0..2).flat_map(|one| (2..5).map(move |other| (one, other))) {
        (world.ways[one][other], world.ways[other][one]) = (false, false);
    }
    world.run_for(100_000);
    assert_eq!(world.told, []);
}

#[test]
fn a_hub_that_said_that_it_stops_is_missed_later() {
    let mut world = World::of(3);
    world.run_for(10);
    world.left.fill(true);
    world.hub_dies();
    world.run_for(AFTER_STOP - 2);
    assert_eq!(world.told, []);
    world.run_for(30);
    assert_eq!(world.tellers(), [0]);
}

#[test]
fn the_next_one_steps_in_for_one_that_is_dead_or_cannot_tell() {
    let mut world = World::of(4);
    world.hub_dies();
    world.runs[0] = false;
    world.run_for(300);
    assert_eq!(world.tellers(), [1], "the first one is dead, and three are left");

    let mut world = World::of(4);
    world.hub_dies();
    world.can_tell[0] = false;
    world.can_tell[1] = false;
    world.run_for(400);
    assert_eq!(world.tellers(), [2]);

    let mut world = World::of(4);
    (world.runs[0], world.runs[1]) = (false, false);
    world.hub_dies();
    world.run_for(100_000);
    assert_eq!(world.told, [], "two are no quorum");
}

#[test]
fn an_agent_that_says_gone_without_its_part_does_not_count_and_nobody_speaks_for_another() {
    let terms = Terms {
        after: Duration::from_secs(AFTER),
        after_stop: Duration::from_secs(AFTER_STOP),
        quorum: 3,
        members: 4,
        me: 0,
    };
    let gone = Seen { quiet: Duration::from_secs(500), heard_for: Duration::ZERO, left: false };
    let mut judge = Judge::new(terms, false);
    for at in 0..60 {
        judge.heard(1, says(View::Gone), second(at));
        judge.heard(2, Word { has_part: false, ..says(View::Gone) }, second(at));
        judge.heard(0, says(View::Gone), second(at));
        judge.heard(9, says(View::Gone), second(at));
        assert!(!matches!(judge.step(gone, second(at)), Step::Tell(_)), "{at}");
    }
}

#[test]
fn no_other_agent_makes_one_that_hears_the_hub_say_or_do_anything() {
    let mut world = World::of(4);
    world.run_for(10);
    for at in 0..1000 {
        for liar in 1..4 {
            world.judges[0].heard(liar, says(View::Gone), second(at));
        }
        let seen = Seen { quiet: Duration::ZERO, heard_for: Duration::from_secs(60), left: false };
        assert_eq!(world.judges[0].step(seen, second(at)), Step::Rest);
        assert_eq!(world.judges[0].view(seen), View::Hears);
    }
}

#[test]
fn one_that_claims_to_be_telling_is_waited_for_once() {
    let mut world = World::of(4);
    world.hub_dies();
    world.runs[3] = false;
    let mut told = None;
    for at in 0..500 {
        for judge in &mut world.judges[..3] {
            judge.heard(3, says(View::Telling), second(1000 + at));
        }
        world.run_for(1);
        if told.is_none() && !world.told.is_empty() {
            told = Some(at);
        }
    }
    assert_eq!(world.tellers(), [0]);
    // It counts from when the hub was missed.
    let waited = AFTER + 298..AFTER + 310;
    assert!(told.is_some_and(|at| waited.contains(&at)), "{told:?}");
}

#[test]
fn one_that_has_just_begun_says_nothing_for_or_against() {
    let world = World::of(3);
    let seen = Seen { quiet: Duration::from_secs(3), heard_for: Duration::ZERO, left: false };
    assert_eq!(world.judges[0].view(seen), View::Unsure);
    let seen = Seen { quiet: Duration::from_secs(11), ..seen };
    assert_eq!(world.judges[0].view(seen), View::Unsure);
}

#[test]
fn one_that_hears_the_hub_holds_those_who_can_only_ask_others_that_ask_it() {
    let mut world = World::of(5);
    (0..3).for_each(|agent| world.hub[agent] = false);
    for far in 3..5 {
        // Only the second one can still ask those who hear it.
        for (one, other) in (0..3).filter(|one| *one != 1).map(|one| (one, far)) {
            (world.ways[one][other], world.ways[other][one]) = (false, false);
        }
    }
    world.run_for(AFTER_STOP - 1);
    assert_eq!(world.told, []);
    world.run_for(100);
    assert_eq!(world.told.len(), 1, "one that lies cannot keep it from being told for ever");
}

#[test]
fn a_majority_behind_one_broken_link_says_who_was_not_heard() {
    let mut world = World::of(5);
    for (one, other) in (0..3).flat_map(|one| (3..5).map(move |other| (one, other))) {
        (world.ways[one][other], world.ways[other][one]) = (false, false);
    }
    (0..3).for_each(|agent| world.hub[agent] = false);
    world.run_for(300);
    let evidence = Evidence { agreeing: vec![0, 1, 2], hearing: Vec::new() };
    assert_eq!(world.evidence, [(0, evidence)]);
}

#[test]
fn where_only_the_last_one_can_be_asked_it_tells_in_its_turn() {
    for ahead in 0..30 {
        let mut world = World::of(3);
        world.ways = vec![vec![false, false, true], vec![false, false, true], vec![false; 3]];
        // They ask at other times than it does.
        world.last[1] += ahead;
        world.last[2] += ahead / 2;
        world.now += 30;
        world.hub_dies();
        world.run_for(AFTER + 30 + 3 * 20);
        assert_eq!(world.tellers(), [2], "{ahead}");
        world.run_for(1000);
        assert_eq!(world.tellers(), [2], "{ahead}");
    }
    // Also when they came too late for their first questions.
    let mut world = World::of(3);
    world.ways = vec![vec![false, false, true], vec![false, false, true], vec![false; 3]];
    world.runs[2] = false;
    world.hub_dies();
    world.run_for(1000);
    world.runs[2] = true;
    world.run_for(150);
    assert_eq!(world.tellers(), [2]);
}

#[test]
fn one_that_claims_to_be_about_to_tell_for_ever_is_waited_for_only_so_long() {
    let mut world = World::of(4);
    world.hub_dies();
    world.runs[0] = false;
    let mut told = None;
    for at in 0..1000 {
        for judge in &mut world.judges[1..] {
            judge.heard(0, says(View::Ready), second(1001 + at));
        }
        world.run_for(1);
        told = told.or(world.told.first().map(|_| at));
    }
    assert_eq!(world.tellers(), [1]);
    let waited = AFTER + 298..AFTER + 325;
    assert!(told.is_some_and(|at| waited.contains(&at)), "{told:?}");
}

#[test]
fn a_goodbye_that_some_missed_holds_them_and_one_of_before_does_not() {
    let mut world = World::of(4);
    world.run_for(10);
    world.left[3] = true;
    world.hub_dies();
    world.run_for(AFTER_STOP - 20);
    assert_eq!(world.told, [], "one of them was told that the hub stops");
    world.run_for(100);
    assert_eq!(world.told.len(), 1);

    let mut world = World::of(4);
    // It was not there when the hub came back.
    (world.left[3], world.hub[3]) = (true, false);
    world.run_for(600);
    world.hub_dies();
    world.run_for(AFTER + 30);
    assert_eq!(world.tellers(), [0]);
}

proptest! {
    /// Whatever is cut between agents: nobody tells without a quorum that really sees the hub
    /// gone, and as long as all reach each other it is told once.
    #[test]
    fn it_is_told_at_most_once_where_all_reach_each_other(
        members in 1_usize..=9,
        hears in proptest::collection::vec(any::<bool>(), 9),
        runs in proptest::collection::vec(any::<bool>(), 9),
        delays in proptest::collection::vec(0_u64..40, 9),
    ) {
        let mut world = World::of(members);
        for agent in 0..members {
            (world.hub[agent], world.runs[agent]) = (hears[agent], runs[agent]);
            world.last[agent] += delays[agent];
        }
        world.now += 40;
        world.run_for(1500);
        let gone = (0..members).filter(|agent| runs[*agent] && !hears[*agent]).count();
        let hearing = (0..members).filter(|agent| runs[*agent] && hears[*agent]).count();
        // No majority may be cut off together: it waits for longer than this.
        let expected = gone >= members.min(3) && hearing == 0 && gone * 2 > members;
        let expected = usize::from(expected);
        prop_assert_eq!(world.told.len(), expected, "{:?}", world.told);
    }
}
