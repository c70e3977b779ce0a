//! One server: it records each second, keeps a stream to the hub, and suffers
//! what the script says.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use watchfire_model::Moment;
use watchfire_runtime::backoff::Backoff;
use watchfire_runtime::{Clock, Shutdown};
use watchfire_wire::{GoodbyeReason, Hello, Message};

use crate::counters::Counters;
use crate::dial::{DialError, Opened, dial};
use crate::enrol::Seat;
use crate::episode::{Episode, Now};
use crate::member::Member;
use crate::pulses::{Beat, Pulses};
use crate::recorder::Recorder;
use crate::seeded::Seeded;
use crate::session::{Ended, Session};
use crate::trouble::Trouble;

/// The time between two ticks.
const TICK: Duration = Duration::from_secs(1);
/// So many ticks are made up for after this process stood still.
const MOST_BEHIND: u64 = 5;
/// A path that was cut for so long is dialed anew.
const QUIET_TIME: Duration = Duration::from_secs(3);
/// The pauses between tries to reach the hub.
const FIRST_PAUSE: Duration = Duration::from_millis(400);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What all servers share.
pub(crate) struct Shared {
    pub(crate) seed: u64,
    pub(crate) start: Moment,
    pub(crate) hub: SocketAddr,
    pub(crate) clock: Clock,
    pub(crate) pulses: Pulses,
    pub(crate) counters: Arc<Counters>,
    /// How many may dial at the same time.
    pub(crate) dialing: Semaphore,
    /// The time over which the first dials are spread.
    pub(crate) ramp: Duration,
    /// Takes servers that enrolled, to be kept.
    pub(crate) enrolled: mpsc::Sender<Member>,
}

type Dialing = Pin<Box<dyn Future<Output = Result<Opened, DialError>> + Send>>;

enum Link {
    /// The next try is at this moment.
    Waiting(Moment),
    Dialing(Dialing),
    Open(Box<Session>),
}

#[expect(clippy::large_enum_variant, reason = "it lives for one step and is moved once")]
enum Heard {
    Dialed(Result<Opened, DialError>),
    Said(Result<Option<Message>, Ended>),
}

/// A server that is not there.
pub(crate) struct Server {
    shared: Arc<Shared>,
    seat: Arc<Seat>,
    recorder: Recorder,
    link: Link,
    /// The pulses of the stream before, while there is no other.
    old_pulses: Option<Beat>,
    backoff: Backoff,
    episode: Option<Episode>,
    /// Since when nothing passes.
    mute_since: Option<Moment>,
    /// The next tick, in seconds after the begin.
    second: u64,
    /// How far into each second this server ticks.
    offset: Duration,
    why_started: String,
    /// Whether it records. A server that is to enrol is installed then, and has nothing
    /// from before.
    installed: bool,
}

impl Server {
    pub(crate) fn new(shared: Arc<Shared>, seat: Arc<Seat>, recorder: Recorder) -> Self {
        let number = recorder.host().number;
        let mut draw = Seeded::part(shared.seed, "offset", number);
        let offset = Duration::from_micros(draw.below(1_000_000));
        let ramp = u64::try_from(shared.ramp.as_micros()).unwrap_or(u64::MAX);
        let first = shared.start.after(Duration::from_micros(draw.below(ramp)));
        Self {
            link: Link::Waiting(first),
            old_pulses: None,
            backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            episode: None,
            mute_since: None,
            second: 0,
            why_started: String::new(),
            installed: !seat.is_to_enrol(),
            shared,
            seat,
            recorder,
            offset,
        }
    }

    /// Runs until the simulation ends.
    pub(crate) async fn run(
        mut self,
        mut episodes: watch::Receiver<Option<Episode>>,
        shutdown: Shutdown,
    ) {
        let clock = self.shared.clock.clone();
        let mut end = std::pin::pin!(shutdown.requested());
        loop {
            let due = self.due();
            tokio::select! {
                biased;
                () = &mut end => return self.leave(GoodbyeReason::Stop).await,
                Ok(()) = episodes.changed() => {
                    let episode = *episodes.borrow_and_update();
                    self.begin(episode).await;
                }
                heard = hear(&mut self.link, self.mute_since.is_some()) => self.take(heard).await,
                () = clock.sleep_until(due) => self.step().await,
            }
        }
    }

    /// When there is something to do next.
    fn due(&self) -> Moment {
        let tick = self.tick_at(self.second);
        match &self.link {
            _ if self.mute_since.is_some() => tick,
            Link::Waiting(at) => tick.min(*at),
            Link::Open(session) => session.backfill_due().map_or(tick, |due| tick.min(due)),
            Link::Dialing(_) => tick,
        }
    }

    fn tick_at(&self, second: u64) -> Moment {
        self.shared.start.after(TICK * u32::try_from(second).unwrap_or(u32::MAX) + self.offset)
    }

    async fn begin(&mut self, episode: Option<Episode>) {
        let now = self.shared.clock.now();
        self.episode = episode;
        self.old_pulses = None;
        match episode.and_then(|episode| episode.first_words()) {
            Some(Some(reason)) => self.leave(reason).await,
            Some(None) => self.link = Link::Waiting(now),
            None => {}
        }
        self.follow(now);
    }

    /// Does what is due.
    async fn step(&mut self) {
        let now = self.shared.clock.now();
        self.end_episode(now);
        self.follow(now);
        let (mut ticked, late) = (false, now.since(self.tick_at(self.second)));
        while self.tick_at(self.second).monotonic <= now.monotonic {
            ticked = true;
            self.tick(now);
        }
        if self.mute_since.is_some() {
            return;
        }
        match &mut self.link {
            Link::Waiting(at) if at.monotonic <= now.monotonic => self.dial(),
            Link::Waiting(_) | Link::Dialing(_) => {}
            Link::Open(session) => {
                let ring = self.recorder.ring();
                let mut done = if ticked { session.tick(ring, late).await } else { Ok(()) };
                if done.is_ok() && session.backfill_due().is_some_and(|due| due <= now) {
                    done = session.hand_in(ring).await;
                }
                self.keep_if(done);
            }
        }
    }

    fn tick(&mut self, now: Moment) {
        let at = self.tick_at(self.second);
        let late = now.since(at);
        let counters = &self.shared.counters;
        if late > TICK * MOST_BEHIND as u32 {
            counters.missed_ticks.add(1);
        } else if self.installed && self.state(now).records() {
            counters.ticks.add(1);
            counters.late_us.add(u64::try_from(late.as_micros()).unwrap_or(u64::MAX));
            let strain = self.episode.map(|episode| episode.strain(at)).unwrap_or_default();
            self.recorder.record(self.second, at, &strain);
        }
        self.second += 1;
    }

    fn state(&self, now: Moment) -> Now {
        self.episode.map_or(Now::Well, |episode| episode.now(now))
    }

    /// Begins or ends to be mute, as the trouble says.
    fn follow(&mut self, now: Moment) {
        let mute = !self.state(now).talks();
        match (mute, self.mute_since) {
            (true, None) => {
                self.mute_since = Some(now);
                self.old_pulses = None;
                match &self.link {
                    Link::Open(session) => session.set_mute(true),
                    _ => self.link = Link::Waiting(now),
                }
            }
            (false, Some(since)) => {
                self.mute_since = None;
                match &self.link {
                    Link::Open(session) if now.since(since) < QUIET_TIME => session.set_mute(false),
                    _ => self.link = Link::Waiting(now),
                }
            }
            _ => {}
        }
    }

    fn end_episode(&mut self, now: Moment) {
        let Some(episode) = self.episode.filter(|episode| episode.is_over(now)) else { return };
        self.episode = None;
        if episode.trouble == Trouble::Runaway {
            self.recorder.kill_runaway(now);
        }
        if let Some(why) = episode.reboots() {
            self.link = Link::Waiting(now);
            self.recorder.reboot(self.second, now);
            why.clone_into(&mut self.why_started);
        } else if episode.restarts_agent() {
            self.recorder.restart_agent();
            self.why_started.clear();
        }
    }

    fn dial(&mut self) {
        let (shared, seat) = (Arc::clone(&self.shared), Arc::clone(&self.seat));
        let mut hello = self.hello();
        self.link = Link::Dialing(Box::pin(async move {
            let _turn = shared.dialing.acquire().await;
            shared.counters.dials.add(1);
            let (member, fresh) = seat.member(shared.hub, &shared.clock).await?;
            if fresh {
                // Nobody keeps it when the simulation is about to end.
                let _ = shared.enrolled.send(member.clone()).await;
            }
            hello.agent_id = member.id.to_string();
            dial(shared.hub, member.credentials(), hello, &shared.clock).await
        }));
    }

    fn hello(&self) -> Hello {
        let (host, boot) = (self.recorder.host(), self.recorder.boot());
        let now = self.shared.clock.now();
        let up = boot.moment(now).monotonic.as_millis();
        Hello {
            server: host.name.clone(),
            boot_id: self.recorder.boot_id(),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            labels: host.labels(),
            unix_ms: now.unix_ms,
            ring: Some(self.recorder.ring_state()),
            uptime_ms: u64::try_from(up).ok(),
            reboot_reason: self.why_started.clone(),
            ..Hello::default()
        }
    }

    async fn take(&mut self, heard: Heard) {
        match heard {
            Heard::Dialed(Ok(opened)) => {
                self.installed = true;
                self.backoff.reset();
                // Who reads from here on knows nothing of what came before.
                self.recorder.restart_chain();
                let sent = self.recorder.ring_state().newest;
                let shared = &self.shared;
                let session =
                    Session::new(opened, sent, &shared.pulses, &shared.clock, &shared.counters);
                let mut session = Box::new(session);
                let offered = session.offer().await;
                self.link = Link::Open(session);
                self.old_pulses = None;
                self.keep_if(offered);
            }
            Heard::Dialed(Err(error)) => {
                let (server, failed) = (&self.seat.host().name, &self.shared.counters.failed_dials);
                // Ten thousand servers fail for one reason: it is told the first time, and rarely after.
                if failed.add(1).is_power_of_two() {
                    tracing::warn!(%server, %error, "a server gets no stream");
                } else {
                    tracing::debug!(%server, %error, "a server gets no stream");
                }
                self.retry();
            }
            Heard::Said(Ok(Some(message))) => {
                let Link::Open(session) = &mut self.link else { return };
                let done = session.answer(message, self.recorder.ring()).await;
                self.keep_if(done);
            }
            // A newer hub says more than this version knows.
            Heard::Said(Ok(None)) => {}
            Heard::Said(Err(why)) => self.keep_if(Err(why)),
        }
    }

    fn keep_if(&mut self, done: Result<(), Ended>) {
        if let Err(why) = done {
            self.shared.counters.lost_streams.add(1);
            tracing::debug!(server = self.seat.host().name, %why, "a stream ends");
            let link = std::mem::replace(&mut self.link, Link::Waiting(self.shared.clock.now()));
            if let (Link::Open(session), false) = (link, matches!(why, Ended::Goodbye)) {
                self.old_pulses = session.outlived_by();
            }
            self.retry();
        }
    }

    fn retry(&mut self) {
        let pause = self.backoff.next_pause();
        self.link = Link::Waiting(self.shared.clock.now().after(pause));
    }

    async fn leave(&mut self, reason: GoodbyeReason) {
        let link = std::mem::replace(&mut self.link, Link::Waiting(self.shared.clock.now()));
        if let (Link::Open(session), None) = (link, self.mute_since) {
            session.leave(reason).await;
        }
    }
}

/// What comes next on the link; nothing while it is mute.
async fn hear(link: &mut Link, mute: bool) -> Heard {
    match link {
        Link::Dialing(dialing) if !mute => Heard::Dialed(dialing.await),
        Link::Open(session) if !mute => Heard::Said(session.recv().await),
        _ => std::future::pending().await,
    }
}
