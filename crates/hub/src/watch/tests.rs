use futures_util::FutureExt;
use watchfire_model::{Presence, Sight, Transition};
use watchfire_runtime::{ManualClock, ShutdownHandle, task::Task};

use super::*;
use crate::testing::{fleet_of, manual_clock, moment, settle};

/// Time moves in these steps, so that no wait of the watch is overslept.
const TICK: Duration = Duration::from_millis(10);

struct Tower {
    fleet: Arc<Fleet>,
    hand: ManualClock,
    now_ms: u64,
    changes: Vec<Transition>,
    _end: ShutdownHandle,
    _watch: Task<()>,
}

impl Tower {
    async fn new(servers: &[&str]) -> Self {
        let (clock, hand) = manual_clock();
        let fleet = fleet_of(servers, &[], &clock);
        let (shutdown, end) = Shutdown::new();
        let watch = watch(fleet.clone(), clock, shutdown);
        let watch = watchfire_runtime::task::spawn("watch", watch);
        settle().await;
        Self { fleet, hand, now_ms: 0, changes: Vec::new(), _end: end, _watch: watch }
    }

    /// Moves the time to `ms` in small steps.
    async fn until(&mut self, ms: u64) {
        while self.now_ms < ms {
            self.jump(TICK).await;
        }
    }

    /// Moves the time at once: nobody of this process ran meanwhile.
    async fn jump(&mut self, by: Duration) {
        self.hand.advance(by);
        self.now_ms += u64::try_from(by.as_millis()).expect("short");
        settle().await;
        if let Some(changes) = self.fleet.transitions(100).now_or_never() {
            self.changes.extend(changes);
        }
    }

    /// The changes so far of the server at `index`: when, and to what.
    fn of(&self, index: usize) -> Vec<(u64, Presence)> {
        let name = &self.fleet.config(index).server.name;
        let own = self.changes.iter().filter(|change| change.server == *name);
        let ms = |at: Moment| u64::try_from(at.since(moment(0)).as_millis()).expect("short");
        own.map(|change| (ms(change.at), change.to)).collect()
    }
}

#[tokio::test]
async fn each_server_is_judged_at_its_own_five_seconds() {
    let mut tower = Tower::new(&["a-1", "b-1", "c-1"]).await;
    for (index, ms) in [(0, 40), (1, 70), (2, 1230)] {
        tower.until(ms).await;
        tower.fleet.heard(index);
    }
    tower.until(4_000).await;
    tower.fleet.observed(1, Sight::Refused);
    tower.until(6_000).await;
    assert_eq!(tower.of(0), [(40, Presence::Up), (3_040, Presence::Late), (5_040, Presence::Down)]);
    let refused = [(70, Presence::Up), (3_070, Presence::Late), (5_070, Presence::AgentDown)];
    assert_eq!(tower.of(1), refused);
    assert_eq!(tower.of(2), [(1_230, Presence::Up), (4_230, Presence::Late)]);
    tower.until(6_500).await;
    assert_eq!(tower.of(2).last(), Some(&(6_230, Presence::Down)));
    assert_eq!(tower.fleet.stall().total(), Duration::ZERO, "no step was overslept");
    tower.fleet.heard(0);
    tower.until(6_510).await;
    assert_eq!(tower.of(0).last(), Some(&(6_500, Presence::Up)), "a sign is not waited for");
}

/// Its goodbye allows five minutes, and its return ends that.
#[tokio::test]
async fn a_server_that_dies_soon_after_a_planned_stop_is_judged_on_time() {
    let mut tower = Tower::new(&["a-1"]).await;
    tower.fleet.heard(0);
    tower.until(1_000).await;
    tower.fleet.said_goodbye(0, watchfire_model::Goodbye::Reboot);
    tower.until(20_000).await;
    assert_eq!(tower.of(0).last(), Some(&(1_000, Presence::Leaving)));
    tower.fleet.heard(0);
    tower.until(26_000).await;
    assert_eq!(tower.of(0).last(), Some(&(25_000, Presence::Down)));
}

#[tokio::test]
async fn a_server_that_never_came_is_judged_too() {
    let mut tower = Tower::new(&["a-1"]).await;
    tower.until(5_500).await;
    assert_eq!(tower.of(0), [(5_000, Presence::Down)]);
}

#[tokio::test]
async fn a_standstill_of_the_hub_is_no_silence_of_a_server() {
    let mut tower = Tower::new(&["live", "dead"]).await;
    tower.until(1_000).await;
    tower.fleet.heard(0);
    tower.fleet.heard(1);
    tower.until(2_000).await;
    tower.jump(Duration::from_secs(60)).await;
    let trouble = |tower: &Tower| tower.changes.iter().any(|change| change.to.is_trouble());
    assert!(!trouble(&tower), "quiet for one second of the hub's own time: {:?}", tower.changes);
    tower.fleet.heard(0);
    tower.until(67_000).await;
    let down = tower.changes.iter().find(|change| change.to.is_trouble());
    let down = down.expect("the dead one is found all the same");
    assert_eq!(down.server.as_str(), "dead");
    let awake = down.at.since(moment(1_000)) - down.hub_stalled;
    assert_eq!(awake, Duration::from_secs(5), "{down:?}");
    // Up to one sleep of the watch may have been over when the standstill began.
    let longest = Duration::from_secs(60);
    assert!(down.hub_stalled <= longest && down.hub_stalled >= longest - STEP, "{down:?}");
}

#[tokio::test]
async fn a_jump_of_the_wall_clock_changes_nothing() {
    let mut tower = Tower::new(&["a-1"]).await;
    tower.fleet.heard(0);
    tower.until(2_000).await;
    tower.hand.jump_wall(-3_600_000);
    tower.until(4_900).await;
    tower.hand.jump_wall(86_400_000);
    tower.until(5_100).await;
    let last = tower.of(0).last().copied();
    assert_eq!(last, Some((5_000, Presence::Down)));
}
