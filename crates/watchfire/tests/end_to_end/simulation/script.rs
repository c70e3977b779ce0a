//! Trouble, drawn from a seed.

use std::time::Duration;

use watchfire_testkit::conditions::Conditions;
use watchfire_testkit::seeded::Seeded;

use super::world::{END, World};

/// How long trouble goes on before all heals.
const TROUBLE: Duration = Duration::from_secs(24);
/// The world is let be for so long before the first trouble.
const QUIET: Duration = Duration::from_secs(8);
const SECOND: Duration = Duration::from_secs(1);

/// One thing that the script does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    Kill(usize),
    Start(usize),
    Boot(usize),
    Stop(usize),
    AnnounceReboot(usize),
    Freeze(usize, bool),
    Conditions(usize, Conditions),
    Cut { host: usize, out: bool, into: bool, cut: bool },
    Reset(usize),
    FreezeHub(bool),
    KillHub,
    StopHub,
    StartHub,
    JumpHub(i64),
    Skew(usize, i64),
    Mail { refuses: bool },
}

/// What happens when, in order.
pub(crate) type Script = Vec<(Duration, Act)>;

/// The trouble of this seed for so many servers.
pub(crate) fn script(seed: u64, servers: usize) -> Script {
    let mut dice = Seeded::new(seed).part("script");
    let mut script = Script::new();
    let troubles = 2 + dice.below(4);
    for _ in 0..troubles {
        let at = QUIET + dice.between(Duration::ZERO, TROUBLE - 6 * SECOND);
        trouble(&mut script, &mut dice, at, servers);
    }
    script.sort_by_key(|(at, _)| *at);
    script
}

fn trouble(script: &mut Script, dice: &mut Seeded, at: Duration, servers: usize) {
    let server = dice.below(servers as u64) as usize;
    let host = 1 + server;
    let later = at + dice.between(SECOND, 8 * SECOND);
    let mut add = |at, act| script.push((at, act));
    match dice.below(19) {
        0 => add(at, Act::Kill(server)),
        1 => {
            add(at, Act::Kill(server));
            add(later, Act::Start(server));
        }
        2 => {
            add(at, Act::Freeze(server, true));
            add(at + SECOND * if dice.chance(0.5) { 4 } else { 8 }, Act::Freeze(server, false));
        }
        3 => {
            add(at, Act::Kill(server));
            add(at, Act::Cut { host, out: true, into: true, cut: true });
            add(later, Act::Boot(server));
            add(later, Act::Cut { host, out: true, into: true, cut: false });
            add(later, Act::Start(server));
        }
        4 => {
            add(at, Act::Stop(server));
            add(at + END, Act::Kill(server));
            add(at + END + SECOND, Act::Start(server));
        }
        5 => {
            add(at, Act::AnnounceReboot(server));
            add(at, Act::Stop(server));
            add(at + END, Act::Kill(server));
            add(at + END, Act::Boot(server));
            add(at + END + SECOND, Act::Start(server));
        }
        6..=8 => add(at, Act::Conditions(host, conditions(dice))),
        9 | 10 => {
            add(at, Act::Cut { host, out: true, into: true, cut: true });
            add(later, Act::Cut { host, out: true, into: true, cut: false });
        }
        11 => {
            let out = dice.chance(0.5);
            add(at, Act::Cut { host, out, into: !out, cut: true });
            add(later, Act::Cut { host, out, into: !out, cut: false });
        }
        12 => {
            add(at, Act::Cut { host: 0, out: true, into: true, cut: true });
            add(later, Act::Cut { host: 0, out: true, into: true, cut: false });
        }
        13 => add(at, Act::Reset(server)),
        14 => {
            add(at, Act::FreezeHub(true));
            add(later, Act::FreezeHub(false));
        }
        15 => {
            add(at, Act::KillHub);
            add(later, Act::StartHub);
        }
        16 => {
            add(at, Act::StopHub);
            add(later, Act::StartHub);
        }
        17 => {
            let way = if dice.chance(0.5) { 1 } else { -1 };
            let by = if dice.chance(0.5) { 3_600_000 } else { 86_400_000 };
            add(at, Act::JumpHub(way * by));
            add(at, Act::Skew(server, way * 600_000));
            add(later, Act::Kill(server));
            add(later + SECOND, Act::Start(server));
        }
        _ => {
            // What goes wrong and ends meanwhile is told in its order afterwards.
            add(at, Act::Mail { refuses: true });
            add(at + SECOND / 2, Act::Kill(server));
            add(at + 7 * SECOND, Act::Start(server));
            add(at + 2 * (later - at), Act::Mail { refuses: false });
        }
    }
}

fn conditions(dice: &mut Seeded) -> Conditions {
    let millis = |from, to, dice: &mut Seeded| {
        dice.between(Duration::from_millis(from), Duration::from_millis(to))
    };
    let delay = millis(0, 300, dice);
    let mut conditions = Conditions::clear().delay(delay, delay / 2);
    match dice.below(3) {
        0 => conditions = conditions.loss(0.4 * dice.unit()),
        1 => {
            let (good, bad) = (millis(2_000, 10_000, dice), millis(200, 3_000, dice));
            conditions = conditions.bursts(good, bad);
        }
        _ => {
            conditions = conditions.duplicate(0.1).reorder(0.2, millis(0, 500, dice));
        }
    }
    conditions
}

/// Plays the script and heals the world after it.
pub(crate) async fn play(world: &mut World, script: &Script) {
    for (at, act) in script {
        world.pass(at.saturating_sub(world.now())).await;
        if world.broken.is_some() {
            return;
        }
        world.act(*act).await;
    }
    world.pass((QUIET + TROUBLE).saturating_sub(world.now())).await;
    world.tell("all heals");
    world.heal_network();
    world.post.refuse(false);
    world.freeze_hub(false);
    world.start_hub();
    let dead = script.iter().any(|(_, act)| matches!(act, Act::Kill(0)));
    for server in 0..world.machines.len() {
        world.machines[server].freeze(false);
        // One may stay dead, as long as there are others to be heard.
        if !(dead && server == 0) {
            world.start(server);
        }
    }
    world.converge().await;
}

impl World {
    /// Does one thing.
    pub(crate) async fn act(&mut self, act: Act) {
        self.tell(&format!("{act:?}"));
        match act {
            Act::Kill(server) => self.machines[server].kill(),
            Act::Start(server) => self.start(server),
            Act::Boot(server) => self.machines[server].boot(),
            Act::Stop(server) => self.machines[server].stop(),
            Act::AnnounceReboot(server) => {
                self.machines[server].announce_reboot();
                // Five minutes are a reboot's.
                self.may_leave(server, self.now() + 300 * SECOND);
            }
            Act::Freeze(server, frozen) => self.machines[server].freeze(frozen),
            Act::Conditions(host, conditions) => self.set_conditions(host, conditions),
            Act::Cut { host, out, into, cut } => self.cut(host, (out, into), cut),
            Act::Reset(server) => {
                let name = self.machines[server].name.clone();
                self.network.reset_between(&name, "hub");
            }
            Act::FreezeHub(frozen) => self.freeze_hub(frozen),
            Act::KillHub => self.kill_hub().await,
            Act::StopHub => self.stop_hub().await,
            Act::StartHub => self.start_hub(),
            Act::JumpHub(by) => self.house.jump(by),
            Act::Skew(server, by) => self.machines[server].skew_ms = by,
            Act::Mail { refuses } => self.post.refuse(refuses),
        }
    }
}
