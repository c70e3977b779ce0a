//! A hub, its servers and the network between them, in one thread and one seed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::Instant;
use watchfire_model::Presence;
use watchfire_store::History;
use watchfire_testkit::conditions::Conditions;
use watchfire_testkit::invariants::{Broken, Checker, Event, Invariant, Limits, News};
use watchfire_testkit::link::network::Network;
use watchfire_testkit::seeded::Seeded;
use watchfire_testkit::smtp::Mail;

use super::house::House;
use super::machine::Machine;
use super::post::Post;
use super::records::Seen;
use super::rights;
use super::truth::Truth;

/// How often the world is looked at.
pub(crate) const STEP: Duration = Duration::from_millis(50);
/// A hub that was frozen may count up to this much of it against a server: the rest
/// of the wait that its watch was in when it froze, and what it tolerates.
const FREEZE_SHARE: Duration = Duration::from_millis(260);
/// After a start or a freeze of the hub nobody has to be judged before this is over.
const GRACE: Duration = Duration::from_millis(5500);
/// When nobody is heard for so long the hub doubts itself instead of its servers.
const DOUBT: Duration = Duration::from_millis(1400);
/// And for so long after it hears again.
const AFTER_DOUBT: Duration = Duration::from_millis(2500);
/// How often the agents' records are noted: well before their rings come round.
const LOOK_EVERY: Duration = Duration::from_secs(600);
/// The most that an end in good order takes.
pub(crate) const END: Duration = Duration::from_secs(8);

pub(crate) struct World {
    pub(crate) network: Network,
    pub(crate) house: House,
    pub(crate) machines: Vec<Machine>,
    pub(crate) post: Post,
    /// What was done and seen, with its time.
    pub(crate) story: Vec<String>,
    pub(crate) mails: Vec<Mail>,
    /// What may be false: the first broken promise.
    pub(crate) broken: Option<Box<Broken>>,
    began: Instant,
    truth: Truth,
    /// Checks what may be said (I1, I3, I4, I7), by what the hub knew.
    said: Checker,
    /// Checks what must be said (I2, I6), by what reached the hub's machine.
    unsaid: Checker,
    conditions: Vec<Conditions>,
    /// How many reasons there are for nothing to leave, and to reach, each host. The
    /// hub's comes first.
    deaf: Vec<(u32, u32)>,
    told: BTreeMap<String, Presence>,
    leaving: BTreeMap<String, Duration>,
    read: BTreeMap<String, u64>,
    alerts: BTreeMap<(String, String), Vec<News>>,
    seen_mails: BTreeSet<String>,
    hub_frozen: bool,
    seed: u64,
    /// Who was there all the time since all healed.
    lived_on: Vec<usize>,
    /// When anybody was heard last.
    heard: Duration,
    unsaid_well_at: Option<Duration>,
    /// What each agent ever recorded, and when that is looked at again.
    seen: Vec<Seen>,
    look_at: Duration,
    _folder: TempDir,
}

impl World {
    /// A world of that many servers, all of them up and heard.
    pub(crate) async fn begin(seed: u64, servers: usize) -> Self {
        let mut world = Self::new(seed, servers);
        world.house.start();
        for machine in &mut world.machines {
            machine.start();
        }
        world
    }

    /// A world in which nothing runs yet.
    pub(crate) fn new(seed: u64, servers: usize) -> Self {
        let (dice, began) = (Seeded::new(seed), Instant::now());
        let folder = super::template::folder();
        let network = Network::new(seed);
        let house = House::new(network.host("hub"), servers, folder.path(), &dice);
        let post = Post::open(&house.host, began);
        let machines: Vec<Machine> = (0..servers)
            .map(|number| {
                let host = network.host(&super::template::name(number));
                let mut machine = Machine::new(number, host, folder.path(), &dice);
                machine.hub = house.address();
                machine
            })
            .collect();
        let truth = Truth::watch(&network, house.host.ip(), began);
        let never = Duration::from_secs(1_000_000);
        let said = Limits {
            silence: Duration::from_secs(5) - FREEZE_SHARE,
            alert_by: never,
            converge: never,
        };
        let unsaid = Limits { silence: Duration::ZERO, ..Limits::default() };
        let mut world = Self {
            network,
            house,
            machines,
            post,
            story: Vec::new(),
            mails: Vec::new(),
            broken: None,
            began,
            truth,
            said: Checker::with_limits(seed, said),
            unsaid: Checker::with_limits(seed, unsaid),
            conditions: vec![Conditions::clear(); servers + 1],
            deaf: vec![(0, 0); servers + 1],
            told: BTreeMap::new(),
            leaving: BTreeMap::new(),
            read: BTreeMap::new(),
            alerts: BTreeMap::new(),
            seen_mails: BTreeSet::new(),
            hub_frozen: false,
            seed,
            lived_on: Vec::new(),
            heard: Duration::ZERO,
            unsaid_well_at: Some(GRACE),
            seen: std::iter::repeat_with(Seen::default).take(servers).collect(),
            look_at: LOOK_EVERY,
            _folder: folder,
        };
        world.begin_checks();
        world
    }

    fn begin_checks(&mut self) {
        let names: Vec<String> = self.machines.iter().map(|one| one.name.clone()).collect();
        for name in names {
            for user in rights::USERS {
                let may = rights::may_know(user, &name);
                let rights = Event::Rights { user: user.to_owned(), server: name.clone(), may };
                self.feed_said(Duration::ZERO, rights);
            }
            self.quiet(Duration::ZERO, &name, true);
        }
        self.feed_unsaid(Duration::ZERO, Event::HubUnwell);
    }

    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Notes what the script does.
    pub(crate) fn tell(&mut self, what: &str) {
        self.story.push(format!("{:>9.3} {what}", self.now().as_secs_f64()));
    }

    /// Lets time pass, and looks on.
    pub(crate) async fn pass(&mut self, time: Duration) {
        let until = self.now() + time;
        while self.now() < until && self.broken.is_none() {
            tokio::time::sleep(STEP.min(until.saturating_sub(self.now()))).await;
            self.observe();
        }
        if self.now() >= self.look_at {
            self.look_at = self.now() + LOOK_EVERY;
            self.look_at_records();
        }
    }

    /// Notes what the agents recorded.
    fn look_at_records(&mut self) {
        let both = self.seen.iter_mut().zip(&self.machines);
        both.for_each(|(seen, machine)| seen.look(machine));
    }

    /// The folder of the hub.
    pub(crate) fn hub_data(&self) -> &Path {
        self.house.data()
    }

    /// What the hub shows of that server.
    pub(crate) fn presence(&self, server: usize) -> Option<Presence> {
        self.told.get(&self.machines[server].name).copied()
    }

    // What happens to hosts. The hub is host 0, the server n is n + 1.

    /// Sets what the ways from and to a host do, as long as they are not cut.
    pub(crate) fn set_conditions(&mut self, host: usize, conditions: Conditions) {
        self.conditions[host] = conditions;
        self.wire();
    }

    /// Adds or takes a reason for nothing to leave a host, and to reach it.
    pub(crate) fn cut(&mut self, host: usize, (out, into): (bool, bool), cut: bool) {
        let add = |count: &mut u32, does: bool| {
            if does {
                *count = if cut { *count + 1 } else { count.saturating_sub(1) };
            }
        };
        add(&mut self.deaf[host].0, out);
        add(&mut self.deaf[host].1, into);
        self.wire();
    }

    /// All ways are free and clear again.
    pub(crate) fn heal_network(&mut self) {
        self.conditions.fill(Conditions::clear());
        self.deaf.fill((0, 0));
        self.wire();
    }

    fn wire(&self) {
        let name = |host: usize| match host {
            0 => "hub",
            server => self.machines[server - 1].name.as_str(),
        };
        for from in 0..self.deaf.len() {
            for to in (0..self.deaf.len()).filter(|to| *to != from) {
                // The worse of the two is the server's, whose way it is.
                let conditions = self.conditions[if from == 0 { to } else { from }];
                let blocked = self.deaf[from].0 > 0 || self.deaf[to].1 > 0;
                self.network.set(name(from), name(to), Conditions { blocked, ..conditions });
            }
        }
    }

    // What happens to the hub.

    pub(crate) fn start_hub(&mut self) {
        if self.house.is_running() {
            return;
        }
        self.house.start();
        self.truth.forget_sessions();
        let now = self.now();
        self.feed_said(now, Event::HubWell);
        self.unsaid_well_at = Some(now + GRACE);
    }

    /// Kills the hub, and looks at what its disk holds of what it acknowledged.
    pub(crate) async fn kill_hub(&mut self) {
        self.observe();
        self.house.kill();
        self.hub_frozen = false;
        let now = self.now();
        self.unsaid_well_at = None;
        self.feed_said(now, Event::HubUnwell);
        self.feed_unsaid(now, Event::HubUnwell);
        self.told.clear();
        // The tasks end when the runtime comes to them.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let now = self.now();
        self.feed_said(now, Event::Crashed);
        self.tell_stored();
        self.feed_said(now, Event::Recovered);
    }

    /// Ends the hub in good order.
    pub(crate) async fn stop_hub(&mut self) {
        self.house.stop();
        let now = self.now();
        self.unsaid_well_at = None;
        self.feed_said(now, Event::HubUnwell);
        self.feed_unsaid(now, Event::HubUnwell);
        self.pass(END).await;
        self.kill_hub().await;
    }

    pub(crate) fn freeze_hub(&mut self, frozen: bool) {
        if !self.house.is_running() || self.hub_frozen == frozen {
            return;
        }
        self.observe();
        self.hub_frozen = frozen;
        self.house.freeze(frozen);
        let now = self.now();
        if frozen {
            self.unsaid_well_at = None;
            self.feed_said(now, Event::HubUnwell);
            self.feed_unsaid(now, Event::HubUnwell);
        } else {
            self.feed_said(now, Event::HubWell);
            self.unsaid_well_at = Some(now + AFTER_DOUBT);
        }
    }

    /// A server leaves and said so: it may be silent until then.
    pub(crate) fn may_leave(&mut self, server: usize, until: Duration) {
        let (now, server) = (self.now(), self.machines[server].name.clone());
        self.leaving.insert(server.clone(), until);
        self.feed_unsaid(now, Event::Goodbye { server, until });
    }

    /// Starts the agent of a server, if it does not run.
    pub(crate) fn start(&mut self, server: usize) {
        let machine = &mut self.machines[server];
        machine.start();
        self.leaving.remove(&machine.name);
    }

    // Looking on.

    fn observe(&mut self) {
        let mut happened: Vec<(Duration, Event)> = Vec::new();
        let names: BTreeMap<_, _> =
            self.machines.iter().map(|one| (one.host.ip(), one.name.clone())).collect();
        for (at, ip) in self.truth.take() {
            happened.extend(names.get(&ip).map(|name| (at, Event::Sign { server: name.clone() })));
        }
        for machine in &self.machines {
            let mut list = machine.acknowledged.lock().expect("nobody panicked");
            happened.extend(list.drain(..).map(|(at, sequence)| {
                let server = machine.name.clone();
                (at, Event::Acknowledged { server, from: sequence, to: sequence })
            }));
        }
        let new = self.post.mails(self.mails.len());
        self.mails.extend(new.iter().cloned());
        happened.extend(new.iter().flat_map(|mail| self.accepted(mail)));
        happened.sort_by_key(|(at, _)| *at);
        for (at, event) in happened {
            self.feed_said(at, event.clone());
            if let Event::Sign { server } = event {
                self.feed_said(at, Event::Silent { server });
            }
        }
        self.observe_bytes();
        self.observe_presences();
        let now = self.now();
        let passed = self.said.pass(now).and_then(|()| self.unsaid.pass(now));
        self.keep(passed);
    }

    /// Whatever reaches the hub's machine might be a sign of life.
    fn observe_bytes(&mut self) {
        let now = self.now();
        let names: Vec<String> = self.machines.iter().map(|one| one.name.clone()).collect();
        let mut anybody = false;
        for name in names {
            let bytes =
                self.network.streamed(&name, "hub") + self.network.traffic(&name, "hub").delivered;
            if self.read.insert(name.clone(), bytes) != Some(bytes) {
                anybody = true;
                self.quiet(now, &name, false);
            }
        }
        self.observe_doubt(now, anybody);
    }

    /// While nobody is heard the hub has no say, and a little longer.
    fn observe_doubt(&mut self, now: Duration, anybody: bool) {
        if anybody {
            self.heard = now;
        }
        let is_up = self.house.is_running() && !self.hub_frozen;
        if is_up && now.saturating_sub(self.heard) >= DOUBT {
            self.feed_unsaid(now, Event::HubUnwell);
            self.unsaid_well_at = Some(now + AFTER_DOUBT);
        } else if self.unsaid_well_at.is_some_and(|at| now >= at) {
            self.unsaid_well_at = None;
            self.feed_unsaid(now, Event::HubWell);
            // Who was quiet meanwhile is judged anew.
            let names: Vec<String> = self.machines.iter().map(|one| one.name.clone()).collect();
            names.iter().for_each(|name| self.quiet_again(now, name));
        }
    }

    fn quiet_again(&mut self, now: Duration, name: &str) {
        if !self.told.get(name).is_some_and(|told| told.is_trouble()) {
            self.quiet(now, name, false);
        }
    }

    /// The server was heard just now, and is not heard from then on.
    fn quiet(&mut self, now: Duration, name: &str, both: bool) {
        for event in
            [Event::Sign { server: name.to_owned() }, Event::Silent { server: name.to_owned() }]
        {
            if both {
                self.feed_said(now, event.clone());
            }
            self.feed_unsaid(now, event);
        }
        // Its last words are bytes as well.
        if let Some(until) = self.leaving.get(name).copied() {
            self.feed_unsaid(now, Event::Goodbye { server: name.to_owned(), until });
        }
    }

    fn observe_presences(&mut self) {
        let now = self.now();
        let presences = self.house.presences();
        self.told.retain(|server, _| presences.iter().any(|(shown, _)| shown == server));
        for (server, presence) in presences {
            if self.told.insert(server.clone(), presence) == Some(presence) {
                continue;
            }
            self.tell(&format!("  {server} is {presence}"));
            let told = Event::Told { server, presence };
            self.feed_said(now, told.clone());
            self.feed_unsaid(now, told);
        }
    }

    /// What a mail says, by server: a letter may tell of several.
    fn accepted(&mut self, mail: &Mail) -> Vec<(Duration, Event)> {
        let subject = mail.subject().to_owned();
        let user =
            mail.to.first().and_then(|to| to.split('@').next()).unwrap_or_default().to_owned();
        let again =
            if self.seen_mails.insert(mail.message_id().to_owned()) { "" } else { " (again)" };
        self.story.push(format!("{:>9.3}   {user}: {subject}{again}", mail.received.as_secs_f64()));
        let mut told = self.foreign(mail, &user);
        let Some(news) = news(mail).filter(|_| again.is_empty()) else { return told };
        let named = self.machines.iter().map(|one| one.name.clone());
        let named: Vec<String> = named.filter(|name| names(mail, name)).collect();
        let about = named.into_iter().map(|server| {
            let key = (user.clone(), server.clone());
            let known = self.alerts.entry(key).or_default();
            known.push(news);
            // Each down after an up begins another one.
            let over = |two: &&[News]| two[0] != News::Down && two[1] != News::Up;
            let count = known.windows(2).filter(over).count();
            let event = Event::Accepted {
                alert: format!("{server}/{count}"),
                servers: vec![server],
                channel: format!("mailto:{user}"),
                user: user.clone(),
                news,
            };
            (mail.received, event)
        });
        told.extend(about);
        told
    }

    /// The servers that a mail names, as observers for example, and that are not its
    /// reader's to know of. There must be none (I7).
    fn foreign(&self, mail: &Mail, user: &str) -> Vec<(Duration, Event)> {
        let names = self.machines.iter().map(|one| one.name.clone());
        let foreign: Vec<String> = names
            .filter(|name| !rights::may_know(user, name) && rights::names_anywhere(mail, name))
            .collect();
        if foreign.is_empty() {
            return Vec::new();
        }
        let event = Event::Accepted {
            alert: format!("the words of {}", mail.message_id()),
            servers: foreign,
            channel: format!("mailto:{user}"),
            user: user.to_owned(),
            news: News::Down,
        };
        vec![(mail.received, event)]
    }

    /// What a user was told of a server, in order.
    pub(crate) fn news_of(&self, user: &str, server: usize) -> Vec<News> {
        let key = (user.to_owned(), self.machines[server].name.clone());
        self.alerts.get(&key).cloned().unwrap_or_default()
    }

    /// The records of a server that the hub's disk holds. The hub must not run.
    pub(crate) fn stored(&mut self, server: usize) -> Vec<(u64, u64)> {
        self.look_at_records();
        super::records::stored(&self.history(), &self.machines[server], &self.seen[server])
    }

    /// The records that the agent has and the hub does not know of, but for the last
    /// seconds. The hub must not run.
    pub(crate) fn missing(&self, server: usize) -> Vec<u64> {
        super::records::missing(&self.history(), &self.machines[server])
    }

    fn history(&self) -> History {
        History::open(self.hub_data(), 1 << 30).expect("it is whole and nobody has it open")
    }

    fn tell_stored(&mut self) {
        let now = self.now();
        let history = self.history();
        self.look_at_records();
        let mut stored = Vec::new();
        for (machine, seen) in self.machines.iter().zip(&self.seen) {
            for (from, to) in super::records::stored(&history, machine, seen) {
                stored.push(Event::Stored { server: machine.name.clone(), from, to });
            }
        }
        stored.into_iter().for_each(|event| self.feed_said(now, event));
    }

    fn feed_said(&mut self, at: Duration, event: Event) {
        let fed = self.said.feed(at, event);
        self.keep(fed);
    }

    fn feed_unsaid(&mut self, at: Duration, event: Event) {
        let fed = self.unsaid.feed(at, event);
        self.keep(fed);
    }

    fn keep(&mut self, checked: Result<(), Box<Broken>>) {
        if let Err(broken) = checked {
            self.broken.get_or_insert(broken);
        }
    }

    // The end.

    /// From now on all is well: checks that the world is true again in time.
    pub(crate) async fn converge(&mut self) {
        let now = self.now();
        self.feed_unsaid(now, Event::Healed);
        let starts: Vec<_> = self.machines.iter().map(Machine::is_alive).collect();
        self.pass(Duration::from_secs(30) - STEP * 2).await;
        let now = self.now();
        let alive = self.machines.iter().filter(|one| one.is_alive());
        let alive: Vec<String> = alive.map(|one| one.name.clone()).collect();
        for server in alive {
            self.feed_unsaid(now, Event::Sign { server });
        }
        let checked = self.unsaid.pass(now + STEP * 2);
        self.keep(checked);
        tokio::time::sleep(STEP * 2).await;
        self.all_are_shown();
        let lived_on = |server: &usize| starts[*server] && self.machines[*server].is_alive();
        self.lived_on = (0..starts.len()).filter(lived_on).collect();
    }

    /// Every server is shown, whatever is said of it (I6).
    fn all_are_shown(&mut self) {
        let hidden = self.machines.iter().find(|one| !self.told.contains_key(&one.name));
        let what = hidden.map(|one| format!("{} is not shown at all", one.name));
        what.into_iter().for_each(|what| self.broke(Invariant::I6, what));
    }

    /// Ends the world: the hub dies once more, and everything acknowledged is there. So
    /// is, of those that had a minute to hand it in (F7), what was not.
    pub(crate) async fn end(&mut self) {
        self.pass(Duration::from_secs(30)).await;
        self.kill_hub().await;
        let now = self.now();
        let ended = self.said.end(now);
        self.keep(ended);
        for server in std::mem::take(&mut self.lived_on) {
            let missing = self.missing(server);
            if let (Some(first), Some(last)) = (missing.first(), missing.last()) {
                let (name, many) = (&self.machines[server].name, missing.len());
                let what = format!("{many} records of {name} are missing, {first} to {last}");
                self.broke(Invariant::I4, what);
            }
        }
    }

    /// Notes a broken promise that the checkers do not know of.
    pub(crate) fn broke(&mut self, invariant: Invariant, what: String) {
        let (at, seed) = (self.now(), self.seed);
        self.keep(Err(Box::new(Broken { invariant, at, seed, what, events: Vec::new() })));
    }
}

fn news(mail: &Mail) -> Option<News> {
    let kind = mail.message_id().trim_start_matches('<').split('.').next()?.to_owned();
    match kind.as_str() {
        "down" => Some(News::Down),
        "recovered" if mail.subject().starts_with("[WAS") => Some(News::DownAndUp),
        "recovered" => Some(News::Up),
        _ => None,
    }
}

/// True when the mail is about that server: `[DOWN] web-1: …`, or one of a list. What
/// follows the colon may also name who looked at it.
fn names(mail: &Mail, server: &str) -> bool {
    let is_word = |text: &str| rights::has_word(text, server);
    let subject = mail.subject();
    let (about, rest) = subject.split_once(": ").unwrap_or((subject, ""));
    if !(about.ends_with(" servers") || about.ends_with(" 1 server")) {
        return is_word(about);
    }
    is_word(rest) || (rest.contains(" more") && is_word(&mail.text))
}
