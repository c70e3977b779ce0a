//! Whatever happens, and whenever the hub dies: what users know in the end is true,
//! in order, theirs, and told once.

use std::collections::HashMap;

use proptest::prelude::*;
use watchfire_model::NotificationId;

use super::*;

const SERVERS: [&str; 4] = ["a-1", "a-2", "b-1", "b-2"];

#[derive(Debug, Clone)]
enum Act {
    /// The servers of these bits change: up ones fall, down ones return.
    Turn(u8),
    /// Another verdict on one that is down.
    Change(usize),
    /// This one is late for a while.
    Late(usize),
    Pass(u64),
    Crash,
    /// The store takes nothing from here on, or takes all that happened meanwhile.
    HoldUp,
    /// The provider takes nothing from here on, or takes what waits.
    Unreachable,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (1_u8..16).prop_map(Act::Turn),
        1 => (0_usize..4).prop_map(Act::Change),
        1 => (0_usize..4).prop_map(Act::Late),
        4 => prop_oneof![1_u64..3000, 3000_u64..400_000].prop_map(Act::Pass),
        1 => Just(Act::Crash),
        1 => Just(Act::HoldUp),
        1 => Just(Act::Unreachable),
    ]
}

fn users() -> [(&'static str, Scope); 3] {
    [("ann", team("a")), ("bob", team("b")), ("eve", Scope::everything())]
}

struct World {
    room: Option<Room>,
    presence: [Presence; 4],
    /// When each was last heard: nothing is judged before five seconds of silence.
    heard: [watchfire_model::Moment; 4],
    /// What each user was last told of each server: true for trouble.
    known: HashMap<(&'static str, &'static str), bool>,
    /// The last letter that told each user of each server.
    last: HashMap<(&'static str, &'static str), NotificationId>,
    /// Every message that was sent.
    sent: Vec<String>,
    /// What waits for the store.
    held_up: Option<Vec<Transition>>,
    unreachable: bool,
}

impl World {
    fn new() -> Self {
        Self {
            room: Some(Room::new(&SERVERS, &users())),
            presence: [Presence::Up; 4],
            heard: [moment(0); 4],
            known: HashMap::new(),
            last: HashMap::new(),
            sent: Vec::new(),
            held_up: None,
            unreachable: false,
        }
    }

    fn room(&self) -> &Room {
        self.room.as_ref().expect("it is there")
    }

    fn turn(&mut self, index: usize, to: Presence) -> Transition {
        let ms = self.room().fleet.now().since(moment(0)).as_millis();
        let from = std::mem::replace(&mut self.presence[index], to);
        if to == Presence::Up {
            self.heard[index] = self.room().fleet.now();
        }
        change(SERVERS[index], from, to, u64::try_from(ms).expect("short"))
    }

    fn act(&mut self, act: &Act) {
        match *act {
            Act::Turn(bits) => {
                let turned: Vec<usize> = (0..4).filter(|index| bits >> index & 1 == 1).collect();
                let falls = |index: &&usize| !self.presence[**index].is_trouble();
                let silent = turned.iter().filter(falls).map(|index| self.heard[*index]).max();
                let awake = self.room().fleet.now().since(silent.unwrap_or_default());
                let wait = Duration::from_secs(5).saturating_sub(awake);
                self.pass(u64::try_from(wait.as_millis()).expect("short"));
                self.deliver();
                let changes: Vec<Transition> = turned
                    .into_iter()
                    .map(|index| match self.presence[index].is_trouble() {
                        true => self.turn(index, Presence::Up),
                        false => self.turn(index, Presence::Down),
                    })
                    .collect();
                self.record(&changes);
            }
            Act::Change(index) => {
                let to = match self.presence[index] {
                    Presence::Down => Presence::AgentDown,
                    Presence::AgentDown => Presence::Down,
                    _ => return,
                };
                let change = self.turn(index, to);
                self.record(&[change]);
            }
            Act::Late(index) => {
                let fleet = &self.room().fleet;
                fleet.heard(index);
                fleet.check(index, fleet.now().after(Duration::from_secs(3)));
                fleet.transitions(10).now_or_never();
            }
            Act::Pass(ms) => self.pass(ms),
            Act::HoldUp => match self.held_up.take() {
                None => self.held_up = Some(Vec::new()),
                Some(changes) => self.record(&changes),
            },
            Act::Unreachable => self.unreachable ^= true,
            Act::Crash => {
                // A hub that died sees again what it could not store.
                self.store_all();
                let room = self.room.take().expect("it is there");
                let room = room.restart(&SERVERS, &users());
                self.room = Some(room);
                self.room().advance(0);
            }
        }
    }

    fn record(&mut self, changes: &[Transition]) {
        match &mut self.held_up {
            Some(waiting) => waiting.extend_from_slice(changes),
            None => self.room().record(changes),
        }
    }

    fn pass(&mut self, ms: u64) {
        match self.held_up {
            Some(_) => self.room().hand.advance(Duration::from_millis(ms)),
            None => self.room().advance(ms),
        }
    }

    /// The store takes what waits for it.
    fn store_all(&mut self) {
        let waiting = self.held_up.take().unwrap_or_default();
        self.record(&waiting);
    }

    fn deliver(&mut self) {
        if self.unreachable {
            return;
        }
        for (user, scope) in users() {
            for letter in self.room().deliver(user) {
                assert!(!self.sent.contains(&letter.message_id), "sent twice: {letter:?}");
                self.sent.push(letter.message_id.clone());
                for server in SERVERS {
                    let of_team = scope.holds(&self.labels(server));
                    let named = letter.content.text.contains(server);
                    assert!(of_team || !named, "{user} hears of {server}: {letter:?}");
                    if named {
                        self.learn(user, server, &letter);
                    }
                }
            }
        }
    }

    fn labels(&self, server: &str) -> watchfire_model::Labels {
        let fleet = &self.room().fleet;
        let index = fleet.index(&name(server)).expect("watched");
        fleet.config(index).server.labels.clone()
    }

    fn learn(&mut self, user: &'static str, server: &'static str, letter: &Notification) {
        let text = &letter.content.subject;
        let trouble = match letter.kind {
            NotificationKind::Down | NotificationKind::Changed => true,
            NotificationKind::Flapping => !text.ends_with("up now"),
            _ => false,
        };
        let before = self.last.insert((user, server), letter.id);
        assert!(before < Some(letter.id), "an older word after a newer one: {letter:?}");
        let first = text.starts_with("[WAS DOWN]");
        let knew = self.known.insert((user, server), trouble);
        let returned = letter.kind == NotificationKind::Recovered && !first;
        let single = letter.incident.is_some();
        assert!(!returned || !single || knew == Some(true), "back, and was not gone: {letter:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_users_know_in_the_end_is_true(acts in proptest::collection::vec(act(), 1..40)) {
        let mut world = World::new();
        for act in &acts {
            world.act(act);
            world.deliver();
        }
        world.unreachable = false;
        world.store_all();
        world.deliver();
        for _ in 0..3 {
            world.room().advance(301_000);
            world.deliver();
        }
        prop_assert_eq!(world.room().store.held().expect("readable"), []);
        for (user, scope) in users() {
            for (index, server) in SERVERS.into_iter().enumerate() {
                let is_theirs = scope.holds(&world.labels(server));
                let known = world.known.get(&(user, server)).copied().unwrap_or(false);
                let wanted = is_theirs && world.presence[index].is_trouble();
                prop_assert_eq!(known, wanted, "{} of {}", user, server);
            }
        }
    }
}
