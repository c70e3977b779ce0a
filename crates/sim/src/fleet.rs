//! All servers of a simulation.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use watchfire_identity::enrol::EnrolToken;
use watchfire_model::Moment;
use watchfire_runtime::{Clock, Shutdown, task};

use crate::counters::{Counters, Counts};
use crate::enrol::Seat;
use crate::episode::Episode;
use crate::member::{MAX_SERVERS, Member};
use crate::pulses::Pulses;
use crate::recorder::{Plan, Recorder};
use crate::script::{Act, Director, Script};
use crate::server::{Server, Shared};
use crate::{SimError, Trouble};

/// So many servers dial at the same time; the others wait for their turn.
const DIALING: usize = 16;
/// So many servers begin in a second.
const BEGIN_A_SECOND: u64 = 200;
/// The most memory that all rings together take, in bytes.
const RING_BYTES: usize = 384 << 20;
/// The most and the least of one ring.
const MOST_RING_BYTES: usize = 4 << 20;
const LEAST_RING_BYTES: usize = 16 << 10;
/// So many new servers wait to be kept; the others wait before they dial.
const KEEPING: usize = 64;
/// The time that the servers get to say goodbye.
const FAREWELL_TIME: Duration = Duration::from_secs(3);

/// What a simulation is to be.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the hub listens.
    pub hub: SocketAddr,
    /// What everything that differs is drawn from.
    pub seed: u64,
    /// What happens.
    pub script: Script,
}

/// Something that began to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// When it was planned for, from the begin of the simulation.
    pub at: Duration,
    /// When it began.
    pub begun: Moment,
    /// How long it lasts.
    pub lasts: Duration,
    /// What.
    pub trouble: Trouble,
    /// To which servers.
    pub servers: Vec<String>,
}

/// What a fleet tells while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Something began to happen.
    Happening(Happening),
    /// A server enrolled: keep it, for its token is used up.
    Enrolled(Box<Member>),
}

/// A fleet that is not there.
pub struct Fleet {
    shared: Arc<Shared>,
    seats: Vec<Arc<Seat>>,
    director: Director,
    enrolled: mpsc::Receiver<Member>,
}

/// Tells what a fleet did, while it runs.
#[derive(Debug, Clone)]
pub struct Progress(Arc<Counters>);

impl Fleet {
    /// Sets a simulation up: of servers that are enrolled, and one more with
    /// each token, which enrols when it dials for the first time. Its time begins
    /// now; [`run`](Self::run) it.
    ///
    /// # Errors
    /// [`SimError`] when there are no servers or too many, when the script
    /// names one that is not there, or without a socket for the pulses.
    pub fn new(
        settings: &Settings,
        members: &[Member],
        tokens: Vec<EnrolToken>,
        clock: Clock,
    ) -> Result<Self, SimError> {
        let seats = seats(settings.seed, members, tokens);
        if seats.is_empty() || seats.len() > MAX_SERVERS {
            return Err(SimError::Size);
        }
        let names: Vec<&str> = seats.iter().map(|seat| seat.host().name.as_str()).collect();
        let director = Director::new(&settings.script, settings.seed, &names)?;
        let counters = Arc::new(Counters::default());
        let pulses = Pulses::towards(settings.hub, clock.clone(), Arc::clone(&counters));
        let (keep, enrolled) = mpsc::channel(KEEPING);
        let shared = Shared {
            seed: settings.seed,
            start: clock.now(),
            hub: settings.hub,
            clock,
            pulses: pulses.map_err(SimError::Pulses)?,
            counters,
            dialing: Semaphore::new(DIALING),
            ramp: Duration::from_millis(seats.len() as u64 * 1000 / BEGIN_A_SECOND),
            enrolled: keep,
        };
        Ok(Self { shared: Arc::new(shared), seats, director, enrolled })
    }

    /// What the fleet did, to be asked while it runs.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress(Arc::clone(&self.shared.counters))
    }

    /// Runs until the end is asked for, and tells what happens.
    pub async fn run(mut self, shutdown: Shutdown, mut tell: impl FnMut(Told)) {
        let shared = Arc::clone(&self.shared);
        let of_pulses = [Arc::clone(&shared), Arc::clone(&shared)];
        let [sending, receiving] = of_pulses;
        let apart = task::Apart::start("pulses");
        let _sending = apart.spawn("pulses", async move { sending.pulses.send().await });
        let _receiving = apart.spawn("echoes", async move { receiving.pulses.receive().await });
        let (servers, tell_server) = self.start_servers(&shutdown);
        let mut end = std::pin::pin!(shutdown.requested());
        let mut next = self.director.next();
        loop {
            let due = next.as_ref().map(|act| shared.start.after(act.at));
            tokio::select! {
                biased;
                () = &mut end => break,
                Some(member) = self.enrolled.recv() => tell(Told::Enrolled(Box::new(member))),
                () = reached(&shared.clock, due) => {
                    let Some(act) = next.take() else { continue };
                    let begun = shared.clock.now();
                    begin(&act, begun, &tell_server);
                    if !act.servers.is_empty() {
                        tell(Told::Happening(happening(&act, begun, &self.seats)));
                    }
                    next = self.director.next();
                }
            }
        }
        let leaving = async {
            for server in servers {
                // One that panicked was logged and counted.
                let _ = server.join().await;
            }
        };
        shared.clock.within(FAREWELL_TIME, leaving).await;
        while let Ok(member) = self.enrolled.try_recv() {
            tell(Told::Enrolled(Box::new(member)));
        }
    }

    fn start_servers(
        &self,
        shutdown: &Shutdown,
    ) -> (Vec<task::Task<()>>, Vec<watch::Sender<Option<Episode>>>) {
        let shared = &self.shared;
        let ring_bytes = RING_BYTES / self.seats.len();
        let ring_bytes = ring_bytes.clamp(LEAST_RING_BYTES, MOST_RING_BYTES);
        let plan = Plan { seed: shared.seed, start: shared.start, ring_bytes };
        let started = self.seats.iter().map(|seat| {
            let (sender, episodes) = watch::channel(None);
            let (shared, seat) = (Arc::clone(shared), Arc::clone(seat));
            let shutdown = shutdown.clone();
            let server = task::spawn("server", async move {
                let recorder = Recorder::new(plan, seat.host().clone());
                let server = Server::new(shared, seat, recorder);
                server.run(episodes, shutdown).await;
            });
            (server, sender)
        });
        started.unzip()
    }
}

impl Progress {
    /// What the fleet did so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.0.counts()
    }
}

fn seats(seed: u64, members: &[Member], tokens: Vec<EnrolToken>) -> Vec<Arc<Seat>> {
    let enrolled = (0..).zip(members);
    let enrolled = enrolled.map(|(number, member)| Seat::enrolled(seed, number, member.clone()));
    let others = (members.len() as u64..).zip(tokens);
    let others = others.map(|(number, token)| Seat::with_token(seed, number, token));
    enrolled.chain(others).map(Arc::new).collect()
}

/// Waits until this moment, or for ever when there is none.
async fn reached(clock: &Clock, due: Option<Moment>) {
    match due {
        Some(due) => clock.sleep_until(due).await,
        None => std::future::pending().await,
    }
}

fn begin(act: &Act, begun: Moment, tell_server: &[watch::Sender<Option<Episode>>]) {
    let until = begun.after(act.until.saturating_sub(act.at));
    for &place in &act.servers {
        let episode = Episode { trouble: act.trouble, from: begun, until };
        tell_server[place].send_replace(Some(episode));
    }
}

fn happening(act: &Act, begun: Moment, seats: &[Arc<Seat>]) -> Happening {
    Happening {
        at: act.at,
        begun,
        lasts: act.until.saturating_sub(act.at),
        trouble: act.trouble,
        servers: act.servers.iter().map(|&place| seats[place].host().name.clone()).collect(),
    }
}
