//! Groups over a clock that is moved by hand, a source that is filled by hand, and a store and a
//! history of their own.

mod making;
mod reload;
mod restart;
mod turns;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use watchfire_alert::rules::{Alert, AlertState};
use watchfire_model::{LabelSet, SeriesSource};
use watchfire_promql::memory::MemorySource;
use watchfire_runtime::config::Located;
use watchfire_runtime::task::{self, Task};
use watchfire_runtime::{Clock, ManualClock, Shutdown, ShutdownHandle};
use watchfire_store::{History, Store, StoredRuleState};

use super::schedule::Schedule;
use super::*;
use crate::alerts::{Firing, Round};
use crate::config::RuleFiles;
use crate::historian::Historian;
use crate::pushed::{Pushes, Senders};
use crate::testing::{manual_clock, settle, until};

/// One group with one alert that waits for half a minute, evaluated every 10 s.
const RULES: &str = "groups:
- name: g
  interval: 10s
  rules:
  - alert: Full
    expr: used > 90
    for: 30s
    labels: { severity: critical }
    annotations: { summary: '{{ $labels.instance }} is full' }
";

/// What stands between a rule and its answer.
#[derive(Default)]
struct Gate {
    /// Whether it is shut, and how many stand before it.
    state: Mutex<(bool, usize)>,
    opened: Condvar,
}

/// Keeps what fires, and refuses it as often as it is told to.
#[derive(Default)]
struct Ears {
    heard: Mutex<Vec<Round>>,
    refusals: Mutex<usize>,
}

impl AlertSink for Ears {
    fn take(&self, round: Round) -> BoxFuture<'_, Result<(), String>> {
        let mut refusals = self.refusals.lock().expect("nobody panicked");
        let refused = *refusals > 0;
        *refusals = refusals.saturating_sub(1);
        if !refused {
            self.heard.lock().expect("nobody panicked").push(round);
        }
        let answer = if refused { Err("no room".to_owned()) } else { Ok(()) };
        Box::pin(std::future::ready(answer))
    }

    /// What a desk would have: each source's last whole round.
    fn by_source(&self) -> BoxFuture<'_, Result<BTreeMap<String, Vec<Firing>>, String>> {
        let mut by_source = BTreeMap::new();
        for round in &*self.heard.lock().expect("nobody panicked") {
            if round.is_whole {
                by_source.insert(round.source.clone(), round.alerts.clone());
            }
        }
        by_source.retain(|_, alerts: &mut Vec<Firing>| !alerts.is_empty());
        Box::pin(std::future::ready(Ok(by_source)))
    }

    fn is_known(&self, _: &LabelSet) -> bool {
        true
    }
}

impl Gate {
    fn pass(&self) {
        let mut state = self.state.lock().expect("nobody panicked");
        state.1 += 1;
        while state.0 {
            state = self.opened.wait(state).expect("nobody panicked");
        }
        state.1 -= 1;
    }

    fn set(&self, shut: bool) {
        self.state.lock().expect("nobody panicked").0 = shut;
        self.opened.notify_all();
    }

    fn waiting(&self) -> usize {
        self.state.lock().expect("nobody panicked").1
    }
}

impl Drop for Rig {
    /// A thread that stands there would hold up the end of a test that failed.
    fn drop(&mut self) {
        self.gate.set(false);
    }
}

struct Rig {
    clock: Clock,
    hand: ManualClock,
    source: Arc<Mutex<Vec<(String, i64, f64)>>>,
    gate: Arc<Gate>,
    ears: Arc<Ears>,
    store: Store,
    history: History,
    pushes: Pushes,
    board: Board,
    made: Made,
    nudges: Option<Nudges>,
    shutdown: Shutdown,
    end: ShutdownHandle,
    unreadable: Mutex<Vec<String>>,
    _writer: Task<()>,
    folder: tempfile::TempDir,
}

impl Rig {
    fn new(rules: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (clock, hand) = manual_clock();
        let history = History::open(folder.path(), 1 << 30).expect("a good history");
        let store = Store::open(folder.path()).expect("a good store");
        let pushes =
            Pushes::new(Historian::new(Some(history.clone()), clock.clone()), clock.clone());
        let (shutdown, end) = Shutdown::new();
        let _writer = task::spawn("pushes", pushes.clone().run(shutdown.clone()));
        let board = Board::default();
        let (made, nudges) = Made::open(store.clone(), board.clone(), clock.clone());
        let rig = Self {
            made,
            nudges: Some(nudges),
            clock,
            hand,
            source: Arc::default(),
            gate: Arc::default(),
            ears: Arc::default(),
            store,
            history,
            pushes,
            board,
            shutdown,
            end,
            unreadable: Mutex::default(),
            _writer,
            folder,
        };
        rig.write("rules.yml", rules);
        rig
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("a file");
    }

    fn files(&self) -> RuleFiles {
        let pattern = Located::default_value("*.yml".to_owned());
        let folder: &Path = self.folder.path();
        RuleFiles::read(folder.to_owned(), vec![pattern], false).expect("good files")
    }

    /// A hub's rules, begun.
    async fn engine(&self) -> Engine {
        let mut engine = self.not_begun();
        engine.begin(&self.shutdown).await;
        settle().await;
        engine
    }

    fn not_begun(&self) -> Engine {
        let (samples, gate) = (self.source.clone(), self.gate.clone());
        let parts = Parts {
            source: Arc::new(move || {
                gate.pass();
                let mut columns: BTreeMap<String, Vec<(i64, f64)>> = BTreeMap::new();
                for (instance, at_ms, value) in &*samples.lock().expect("nobody panicked") {
                    columns.entry(instance.clone()).or_default().push((*at_ms, *value));
                }
                let mut source = MemorySource::default();
                for (instance, column) in &columns {
                    source.add(&[("__name__", "used"), ("instance", instance.as_str())], column);
                }
                let source: Box<dyn SeriesSource> = Box::new(source);
                source
            }),
            pushes: self.pushes.clone(),
            store: self.store.clone(),
            sink: self.ears.clone(),
            clock: self.clock.clone(),
            external_labels: LabelSet::empty(),
            public_url: "https://hub.test".to_owned(),
            unreadable: Mutex::new(std::mem::take(&mut self.unreadable.lock().expect("whole"))),
        };
        Engine::new(self.files(), parts, self.board.clone(), self.made.clone())
    }

    /// What a hangup does.
    async fn reload(&self, engine: &mut Engine) {
        engine.reload(&self.shutdown).await;
        settle().await;
    }

    /// How full a server is from now on.
    fn fill(&self, instance: &str, value: f64) {
        let sample = (instance.to_owned(), self.clock.now().unix_ms, value);
        self.source.lock().expect("nobody panicked").push(sample);
    }

    /// The group of that name, of `rules.yml` before those of other files.
    fn group(&self, name: &str) -> Arc<Watched> {
        let mut groups = self.board.groups();
        groups.retain(|watched| watched.group().name == name);
        groups.sort_by_key(|watched| *watched.group().file != *"rules.yml");
        groups.into_iter().next().expect("there is such a group")
    }

    /// Goes to the next turn of a group of `rules.yml`, and waits until it is over.
    async fn turn(&self, name: &str) {
        self.turn_of("rules.yml", name).await;
    }

    /// The same of a group of another file.
    async fn turn_of(&self, file: &str, name: &str) {
        let watched = self.group(name);
        let schedule = Schedule::new(file, name, watched.interval_ms);
        let now_ms = self.clock.now().unix_ms;
        let next = schedule.next(now_ms);
        self.hand.advance(Duration::from_millis(u64::try_from(next - now_ms).expect("later")));
        until("the group is evaluated", || {
            (self.group(name).kept_of.load(Ordering::Relaxed) == next).then_some(())
        })
        .await;
        settle().await;
    }

    async fn turns(&self, name: &str, times: usize) {
        for _ in 0..times {
            self.turn(name).await;
        }
    }

    /// What the group's first rule has.
    fn alerts(&self, name: &str) -> Vec<Alert> {
        self.group(name).snapshot().state.alerts(0).cloned().collect()
    }

    fn states(&self, name: &str) -> Vec<AlertState> {
        self.alerts(name).iter().map(|alert| alert.state).collect()
    }

    /// The names of servers in each round that was heard, of one source.
    fn heard(&self, source: &str) -> Vec<Vec<String>> {
        let heard = self.ears.heard.lock().expect("nobody panicked");
        let of = heard.iter().filter(|round| round.source == source && round.is_whole);
        let name = |firing: &Firing| firing.labels.get("instance").to_owned();
        of.map(|round| round.alerts.iter().map(name).collect()).collect()
    }

    async fn stored(&self) -> Vec<StoredRuleState> {
        settle().await;
        self.store.rule_states().expect("it is readable")
    }

    /// The last value of each of the series that rules gave, up to now; those that ended are not
    /// there.
    fn series(&self, selector: &str) -> Vec<String> {
        let senders = Senders::default().of(&watchfire_model::Scope::everything());
        let fleet = crate::testing::fleet_of(&["web-1"], &[], &self.clock);
        let source = crate::pushed::PushedSource::new(Some(self.history.clone()), fleet, senders);
        let query = watchfire_promql::Query::parse(selector, Default::default()).expect("good");
        let now_ms = self.clock.now().unix_ms;
        let answer = query.instant(&source, now_ms, &Default::default(), &|| false).expect("read");
        let watchfire_promql::Value::Vector(samples) = answer.value else { panic!("a vector") };
        let text = |sample: &watchfire_promql::Sample| {
            let labels = watchfire_promql::memory::notation::series_text(&sample.labels);
            format!("{labels} {}", sample.value)
        };
        samples.iter().map(text).collect()
    }
}
