use super::*;

mod goodbye;
mod opinion;
mod property;

/// Moments are given in milliseconds since the hub's start at 1000 s of uptime.
fn moment(ms: u64) -> Moment {
    Moment {
        monotonic: Duration::from_secs(1000) + Duration::from_millis(ms),
        unix_ms: 1_700_000_000_000 + i64::try_from(ms).unwrap(),
    }
}

fn at(ms: u64) -> HubTime {
    HubTime { at: moment(ms), stalled: Duration::ZERO }
}

fn stalled(ms: u64, stalled_ms: u64) -> HubTime {
    HubTime { at: moment(ms), stalled: Duration::from_millis(stalled_ms) }
}

fn sight(ms: u64, saw: Sight) -> Evidence {
    Evidence { observer: "hub".to_owned(), at: moment(ms), saw }
}

fn unheard() -> PresenceMachine {
    let server = ServerName::new("web-1").unwrap();
    PresenceMachine::new(server, PresenceLimits::default(), at(0))
}

/// A machine whose last sign of life was at 0.
fn heard() -> PresenceMachine {
    let mut machine = unheard();
    machine.sign_of_life(at(0));
    machine
}

fn restored(presence: Presence) -> PresenceMachine {
    let server = ServerName::new("web-1").unwrap();
    PresenceMachine::restored(server, PresenceLimits::default(), presence, judged(), at(0))
}

/// A moment from before the machine's start.
fn judged() -> Moment {
    at(0).at.before(Duration::from_secs(600))
}

#[test]
fn a_restored_trouble_began_when_it_was_judged() {
    assert_eq!(restored(Presence::Down).since(), judged());
    assert_eq!(restored(Presence::Up).since(), at(0).at, "no trouble, so nothing is restored");
    let mut back = restored(Presence::Down);
    back.sign_of_life(at(7000));
    assert_eq!(back.since(), at(7000).at);
}

/// What a row of the tables does to the machine.
enum Fact {
    Sign,
    Goodbye,
    Check,
    Saw(Sight),
}

/// A name, the machine, what happens to it, and the changes expected of it.
type Row = (&'static str, PresenceMachine, Vec<(u64, Fact)>, Vec<(u64, Presence)>);

/// Feeds `facts` and gives the changes as (millisecond, presence).
fn run(machine: &mut PresenceMachine, facts: &[(u64, Fact)]) -> Vec<(u64, Presence)> {
    let mut changes = Vec::new();
    for (ms, fact) in facts {
        let change = match fact {
            Fact::Sign => machine.sign_of_life(at(*ms)),
            Fact::Goodbye => machine.goodbye(at(*ms)),
            Fact::Check => machine.check(at(*ms)),
            Fact::Saw(saw) => {
                machine.observe(sight(*ms, *saw));
                None
            }
        };
        changes.extend(change.map(|change| (*ms, change.to)));
    }
    changes
}

#[test]
fn tables_of_facts_and_time() {
    use Fact::{Check, Goodbye, Saw, Sign};
    use Presence::{AgentDown, Down, Late, Leaving, Up};
    let tables: Vec<Row> = vec![
        (
            "a quiet server",
            heard(),
            vec![(2999, Check), (3000, Check), (4999, Check), (5000, Check), (9999, Check)],
            vec![(3000, Late), (5000, Down)],
        ),
        ("a check that comes late", heard(), vec![(5000, Check)], vec![(5000, Down)]),
        (
            "a sign just in time",
            heard(),
            vec![(3000, Check), (4999, Sign), (9998, Check)],
            vec![(3000, Late), (4999, Up), (9998, Late)],
        ),
        (
            "never heard of",
            unheard(),
            vec![(3000, Check), (4999, Check), (5000, Check)],
            vec![(5000, Down)],
        ),
        (
            "never heard of, its host answers",
            unheard(),
            vec![(900, Saw(Sight::Refused)), (5000, Check)],
            vec![(5000, AgentDown)],
        ),
        (
            "heard of at last",
            unheard(),
            vec![(5000, Check), (7000, Sign)],
            vec![(5000, Down), (7000, Up)],
        ),
        ("first sign", unheard(), vec![(100, Sign), (200, Sign)], vec![(100, Up)]),
        (
            "killed agent",
            heard(),
            vec![(100, Saw(Sight::StreamClosed)), (3100, Saw(Sight::Refused)), (5000, Check)],
            vec![(5000, AgentDown)],
        ),
        (
            "stream closed, nothing else",
            heard(),
            vec![(100, Saw(Sight::StreamClosed)), (5000, Check)],
            vec![(5000, Down)],
        ),
        (
            "sights of an old silence",
            heard(),
            vec![(100, Saw(Sight::Refused)), (200, Sign), (5200, Check)],
            vec![(5200, Down)],
        ),
        (
            "a sight that comes after the sign it is older than",
            heard(),
            vec![(200, Sign), (100, Saw(Sight::Refused)), (5200, Check)],
            vec![(5200, Down)],
        ),
        (
            "the host dies after its agent",
            heard(),
            vec![
                (100, Saw(Sight::Refused)),
                (5000, Check),
                (8000, Saw(Sight::Refused)),
                (9000, Saw(Sight::NoAnswer)),
                (13_999, Check),
                (14_000, Check),
                (30_000, Check),
            ],
            vec![(5000, AgentDown), (14_000, Down)],
        ),
        (
            "the host comes back without its agent",
            heard(),
            vec![(5000, Check), (9000, Saw(Sight::Refused)), (14_000, Check)],
            vec![(5000, Down), (14_000, AgentDown)],
        ),
        (
            "mixed sights change nothing",
            heard(),
            vec![
                (5000, Check),
                (9000, Saw(Sight::Refused)),
                (12_000, Saw(Sight::NoAnswer)),
                (13_000, Saw(Sight::Refused)),
                (14_000, Check),
                (17_999, Check),
                (18_000, Check),
            ],
            vec![(5000, Down), (18_000, AgentDown)],
        ),
        (
            "a closed stream is no other kind",
            heard(),
            vec![
                (1000, Saw(Sight::Silent)),
                (5000, Check),
                (6000, Saw(Sight::StreamClosed)),
                (20_000, Check),
            ],
            vec![(5000, AgentDown)],
        ),
        (
            "goodbye",
            heard(),
            vec![(1000, Goodbye), (2000, Goodbye), (300_999, Check), (301_000, Check)],
            vec![(1000, Leaving), (301_000, Down)],
        ),
        (
            "goodbye and back",
            heard(),
            vec![(1000, Goodbye), (60_000, Sign)],
            vec![(1000, Leaving), (60_000, Up)],
        ),
        (
            "goodbye, then its agent refuses",
            heard(),
            vec![(1000, Goodbye), (290_000, Saw(Sight::Refused)), (301_000, Check)],
            vec![(1000, Leaving), (301_000, AgentDown)],
        ),
        (
            "goodbye of a server in trouble",
            heard(),
            vec![(5000, Check), (6000, Goodbye), (7000, Sign)],
            vec![(5000, Down), (6000, Leaving), (7000, Up)],
        ),
        (
            "restored, still silent",
            restored(Down),
            vec![(5000, Check), (10_000, Saw(Sight::NoAnswer)), (60_000, Check)],
            vec![],
        ),
        ("restored, then a sign", restored(AgentDown), vec![(60_000, Sign)], vec![(60_000, Up)]),
        (
            "restored, then the host dies",
            restored(AgentDown),
            vec![(1000, Saw(Sight::NoAnswer)), (5999, Check), (6000, Check)],
            vec![(6000, Down)],
        ),
        ("restored from no trouble", restored(Up), vec![(5000, Check)], vec![(5000, Down)]),
        (
            "restored unreachable, and nobody says anything else",
            restored(Presence::Unreachable),
            vec![(60_000, Check), (61_000, Sign)],
            vec![(61_000, Up)],
        ),
        (
            "restored unreachable, and its host refuses",
            restored(Presence::Unreachable),
            vec![(1000, Saw(Sight::Refused)), (5999, Check), (6000, Check), (61_000, Sign)],
            vec![(6000, AgentDown), (61_000, Up)],
        ),
    ];
    for (name, mut machine, facts, expected) in tables {
        assert_eq!(run(&mut machine, &facts), expected, "{name}");
    }
}

#[test]
fn a_transition_says_what_it_rests_on() {
    let mut machine = heard();
    machine.observe(sight(100, Sight::StreamClosed));
    machine.observe(sight(3100, Sight::Refused));
    let down = machine.check(stalled(7000, 2000)).unwrap();
    assert_eq!(down.from, Presence::Up);
    assert_eq!(down.to, Presence::AgentDown);
    assert_eq!(down.at, moment(7000));
    assert_eq!(down.last_sign, Some(moment(0)));
    assert_eq!(down.hub_stalled, Duration::from_secs(2));
    assert_eq!(down.evidence, [sight(100, Sight::StreamClosed), sight(3100, Sight::Refused)]);
    assert_eq!((machine.presence(), machine.since()), (Presence::AgentDown, moment(7000)));

    let up = machine.sign_of_life(stalled(9000, 2000)).unwrap();
    assert_eq!(up.last_sign, Some(moment(0)), "the sign before the silence");
    assert_eq!(up.evidence.len(), 2);
    assert_eq!((machine.presence(), machine.last_sign()), (Presence::Up, Some(moment(9000))));
    assert!(machine.check(stalled(14_000, 2000)).unwrap().evidence.is_empty());
}

#[test]
fn next_check_is_when_something_can_change() {
    let mut machine = unheard();
    assert_eq!(machine.next_check(), Some(moment(3000)), "to ask the neighbours");
    assert_eq!(machine.check(at(3000)), None);
    assert_eq!(machine.next_check(), Some(moment(5000)));
    machine.sign_of_life(at(3000));
    let mut machine = unheard();
    machine.sign_of_life(at(100));
    assert_eq!(machine.next_check(), Some(moment(600)), "the sign is looked at again");
    assert_eq!(machine.check(at(600)), None);
    assert_eq!(machine.next_check(), Some(moment(3100)));
    machine.check(at(3100));
    assert_eq!(machine.next_check(), Some(moment(5100)));
    machine.check(stalled(4100, 1000));
    assert_eq!(machine.next_check(), Some(moment(6100)), "a standstill moves it");
    machine.check(stalled(6100, 1000));
    assert_eq!(machine.presence(), Presence::Down);
    assert_eq!(machine.next_check(), None);
    machine.observe(sight(7000, Sight::Refused));
    assert_eq!(machine.next_check(), Some(moment(12_000)));
    machine.observe(sight(8000, Sight::NoAnswer));
    assert_eq!(machine.next_check(), None);
    machine.goodbye(stalled(9000, 1000));
    assert_eq!(machine.next_check(), Some(moment(307_000)), "to ask the neighbours");
    machine.check(stalled(307_000, 1000));
    assert_eq!(machine.next_check(), Some(moment(309_000)));
    assert_eq!(restored(Presence::Down).next_check(), None);
    let mut early = restored(Presence::Down);
    early.observe(sight(1, Sight::Refused));
    assert_eq!(early.next_check(), Some(moment(5001)));
}

#[test]
fn late_and_out_of_order_sights_never_leave_a_check_due_for_nothing() {
    let mut machine = heard();
    machine.check(at(5000));
    machine.observe(sight(7000, Sight::NoAnswer));
    machine.observe(sight(6000, Sight::Refused));
    assert_eq!(machine.next_check(), None);
    assert_eq!(machine.check(at(60_000)), None);
}

/// Fault F8: the hub is frozen from 100 s to 110 s.
#[test]
fn a_frozen_hub_judges_nobody_for_it_and_forgets_nobody() {
    let mut live = heard();
    live.sign_of_life(at(99_800));
    assert_eq!(live.check(stalled(110_000, 10_000)), None, "quiet for 0.2 s of awake time");
    live.sign_of_life(stalled(110_010, 10_000));
    assert_eq!(live.check(stalled(112_000, 10_000)), None);

    // Its last signs lay in the socket, and were read before the standstill was counted.
    let mut dead = heard();
    dead.sign_of_life(at(99_800));
    dead.sign_of_life(at(110_000));
    let mut told = None;
    for _ in 0..3 {
        let due = dead.next_check().expect("a silent server is always due");
        let ms = u64::try_from((due.monotonic - moment(0).monotonic).as_millis()).unwrap();
        told = dead.check(stalled(ms, 10_000)).filter(|change| change.to.is_trouble());
    }
    let told = told.unwrap();
    assert_eq!(told.at, moment(115_500));
    assert_eq!(told.hub_stalled, Duration::from_millis(500));
}

#[test]
fn the_wall_clock_changes_nothing() {
    let jump = |ms: u64, by: i64| {
        let mut time = at(ms);
        time.at.unix_ms += by;
        time
    };
    let day = 86_400_000;
    let mut machine = heard();
    assert_eq!(machine.check(jump(2000, day)), None);
    assert_eq!(machine.check(jump(2999, -day)), None);
    assert_eq!(machine.check(jump(3000, -day)).map(|change| change.to), Some(Presence::Late));
    assert_eq!(machine.check(jump(4999, day)), None);
    assert_eq!(machine.check(jump(5000, -day)).map(|change| change.to), Some(Presence::Down));
}

#[test]
fn clock_reads_that_overtake_each_other_cost_nothing() {
    let mut machine = heard();
    machine.sign_of_life(at(1010));
    assert_eq!(machine.check(at(1000)), None);
    machine.sign_of_life(at(1005));
    assert_eq!(machine.last_sign(), Some(moment(1010)));
    assert_eq!(machine.check(at(6009)).map(|change| change.to), Some(Presence::Late));
    assert_eq!(machine.check(at(6010)).map(|change| change.to), Some(Presence::Down));
}
