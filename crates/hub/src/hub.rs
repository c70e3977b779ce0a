mod asking;
mod data;
mod error;
mod ground;
mod members;
mod people;
mod sources;
mod telling;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use watchfire_alert::PresenceLimits;
use watchfire_identity::password::PasswordHash;
use watchfire_identity::token::TokenKey;
use watchfire_model::Incident;
use watchfire_notify::{FromFile, Notifier};
use watchfire_runtime::http::{Transport, serve};
use watchfire_runtime::net::{Listener, Net};
use watchfire_runtime::task::{self, Task};
use watchfire_runtime::{Clock, Hangups, Shutdown, ShutdownHandle, memory};
use watchfire_store::{Store, StoredAgent, StoredLeaving};

use crate::accounts::Account;
use crate::address::{join_address, public_names};
use crate::agents;
use crate::config::HubConfig;
use crate::courier::END_PATIENCE;
use crate::dial::{Dialer, page_limits};
use crate::disk::Disk;
use crate::events::Events;
use crate::factors::Factors;
use crate::fleet::Fleet;
use crate::identity::{HubIdentity, HubTls};
use crate::shown::Shown;
use crate::streams::{Door, FAREWELL, Streams};
use crate::{heartbeat, housekeeping, http, watch};

use asking::Asking;
use data::{Data, keep_join_address, token_key};
use ground::Ground;
use members::Members;
use people::tell_on_terminal;
use sources::elsewhere;
use telling::Telling;

pub(crate) use data::kept_join_address;
pub use error::HubError;

pub(crate) use crate::folder_lock::{FolderLock, LOCK, lock};

/// How long the end waits for the courier.
const COURIER_END: Duration = END_PATIENCE.saturating_add(Duration::from_secs(1));
/// How long it waits for groups of rules to be stored.
const RULES_END: Duration = Duration::from_secs(1);
/// How long it waits for what is being sealed, which is sealed after the next start else.
const SEAL_END: Duration = Duration::from_secs(1);
/// How long it waits for what was pushed. What is not stored then, senders push again.
const PUSH_END: Duration = Duration::from_secs(1);

/// A hub that listens and is ready to run.
pub struct Hub {
    listener: Listener,
    address: SocketAddr,
    config: HubConfig,
    store: Store,
    /// The agents that had enrolled when it started.
    stored: Vec<StoredAgent>,
    identity: Arc<HubIdentity>,
    tls: Arc<HubTls>,
    /// The servers that were leaving when the last run of the hub ended.
    leaving: Vec<StoredLeaving>,
    /// Where agents find it.
    join_address: String,
    open: Vec<Incident>,
    accounts: Vec<Account>,
    factors: Factors,
    first: Option<FirstPassword>,
    hub_id: String,
    notifier: Notifier,
    clock: Clock,
    net: Net,
    shown: Shown,
    token_key: TokenKey,
    open_on_loopback: bool,
    hangups: Option<Hangups>,
    lock: FolderLock,
}

/// The user that a first start made. It is shown once and not kept.
#[derive(Clone)]
pub struct FirstPassword {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

impl Hub {
    /// Opens the data, makes the first user where there is none, and listens. A
    /// damaged database is kept aside and a fresh one takes its place: a watch
    /// without its history is better than no watch.
    ///
    /// # Errors
    /// [`HubError`] says what stands in the way.
    pub async fn bind(config: HubConfig, clock: Clock) -> Result<Self, HubError> {
        Self::bind_on(config, clock, Net::system()).await
    }

    /// The same on a network of its own: a simulation's.
    ///
    /// # Errors
    /// As [`Hub::bind`].
    pub async fn bind_on(mut config: HubConfig, clock: Clock, net: Net) -> Result<Self, HubError> {
        let listen = config.listen;
        let listener = net
            .listen(listen)
            .await
            .map_err(|source| HubError::Listen { address: listen, source })?;
        let address =
            listener.local_addr().map_err(|source| HubError::Listen { address: listen, source })?;
        let Data { store, lock, stored, leaving, open, accounts, factors, hub_id } =
            Data::open(&config, &clock)?;
        let enrolled = stored.iter().filter(|agent| agent.removed_unix_ms.is_none()).count();
        let identity = Arc::new(HubIdentity::open(&config.data, enrolled, clock.now())?);
        let names = public_names(&config.public_url, address);
        let tls = Arc::new(HubTls::new(identity.clone(), names, &clock)?);
        let join_address = join_address(&config.public_url, address);
        keep_join_address(&store, &join_address)?;
        let token_key = token_key(&store)?;
        let notifier = Notifier::over(config.mail.clone(), clock.clone(), net.clone())?;
        let notifier = notifier.with_own(FromFile::new(config.channels()));
        let notifier = notifier.allowing(config.allowed.clone());
        if config.mail.is_none() {
            tell_on_terminal(&mut config.users);
        }
        // What waits is sent by the channels of now.
        store.know_channels(config.channels());
        let first = accounts.first.map(|(user, password)| FirstPassword { user, password });
        let accounts = accounts.all;
        Ok(Self {
            listener,
            address,
            config,
            store,
            stored,
            leaving,
            identity,
            tls,
            join_address,
            open,
            accounts,
            factors,
            first,
            hub_id,
            notifier,
            clock,
            net,
            shown: Shown::default(),
            token_key,
            open_on_loopback: false,
            hangups: None,
            lock,
        })
    }

    /// Lets programs and people on this machine read without a login, all servers: for tests and
    /// tools. What comes by way of a proxy, or of another site's page, still needs one.
    ///
    /// # Errors
    /// [`HubError::OpenBeyondLoopback`] when the hub can be reached from elsewhere.
    pub fn open_on_loopback(mut self) -> Result<Self, HubError> {
        if !self.address.ip().to_canonical().is_loopback() {
            return Err(HubError::OpenBeyondLoopback { address: self.address });
        }
        self.open_on_loopback = true;
        Ok(self)
    }

    /// Reads the files of rules again at each hangup.
    #[must_use]
    pub fn reloading_on(mut self, hangups: Hangups) -> Self {
        self.hangups = Some(hangups);
        self
    }

    /// Where the hub listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What it shows of its servers once it runs.
    #[must_use]
    pub fn shown(&self) -> Shown {
        self.shown.clone()
    }

    /// The user that this start made, if it made one.
    #[must_use]
    pub fn first_password(&self) -> Option<&FirstPassword> {
        self.first.as_ref()
    }

    /// The users that can log in, with their passwords' hashes: `watchfire up`
    /// lets them in at its agent as well.
    pub fn logins(&self) -> impl Iterator<Item = (&str, &PasswordHash)> {
        self.accounts.iter().map(|account| (account.name.as_str(), &account.password))
    }

    /// Runs until the end is asked for. When a part that the hub cannot do
    /// without fails, it asks for the end itself through `end`.
    pub async fn run(self, shutdown: Shutdown, end: ShutdownHandle) {
        // It falls when this returns, or with the process.
        let _lock = self.lock;
        let config = self.config;
        let events = Events::new();
        let limits = PresenceLimits::with_down_after(config.down_after);
        let servers = agents::merge(&config.servers, &self.stored);
        let fleet = Fleet::new(servers, limits, &self.open, self.clock.clone(), events.clone());
        fleet.take_over(&self.leaving);
        let ground = Ground {
            fleet: Arc::new(fleet),
            store: self.store,
            events,
            clock: self.clock,
            shutdown,
            end,
            public_url: config.public_url.clone(),
            hub_id: self.hub_id,
        };
        self.shown.begin(&ground.fleet);
        let telling = Telling::open(&ground, &config, self.open, self.notifier, &self.token_key);
        let fallbacks = members::fallbacks(&ground, &config);
        let courier = telling.send(&ground).await;
        let signs = task::Apart::start("signs");
        let mut tasks = vec![watch(&ground, &signs)];
        tasks.extend(telling.start(&ground));
        let page = page_limits(ground.fleet.places(), &config.trusted_proxies);
        let place = (config.data.as_path(), config.disk, self.address);
        let told = (ground.store.clone(), telling.desk.clone());
        let (fleet, clock) = (ground.fleet.clone(), ground.clock.clone());
        let streams = Streams::open(fleet, place, told, clock, &self.net);
        let sessions = streams.sessions.clone();
        let disk = keep_house(&ground, &config, &streams, &telling, &mut tasks);
        let asking = Asking::open(&ground, &config, &streams, self.open_on_loopback);
        tasks.push(asking.look_around(&ground, &telling));
        let (answering, made) = asking.start(&ground, &telling, config.rules, self.hangups);
        let (hand_overs, handing_over) = asking.hand_over(&ground, config.remote_writes);
        tasks.extend(handing_over);
        let tls = self.tls.clone();
        let dialer = Dialer::new(ground.clock.clone()).over(self.net);
        let dialer = dialer.with_tls(Arc::new(move || tls.client()));
        let running = streams.start(dialer, &signs, &ground.shutdown);
        let known = (config.servers, self.stored.as_slice());
        let standing_in = (fallbacks, &sessions);
        let members = Members::open(&ground, known, self.identity, &telling, standing_in);
        tasks.extend(members.start(&ground, &telling, &sessions));
        let elsewhere = config.read_from.and_then(|service| elsewhere(service, &ground.clock));
        let transport = Transport { tls: Some(self.tls.server()), plain: config.plain };
        let keeping = self.tls.keep(ground.clock.clone(), ground.shutdown.clone());
        tasks.push(task::spawn("certificate", keeping));
        tasks.push(task::spawn("settle memory", memory::settle(ground.clock.clone())));
        let door = Door::new(sessions, ground.clock.clone(), ground.shutdown.clone());
        let app = http::router(http::Parts {
            fleet: ground.fleet.clone(),
            store: ground.store.clone(),
            accounts: self.accounts,
            events: ground.events.clone(),
            clock: ground.clock.clone(),
            mail_configured: config.mail.is_some(),
            trusted_proxies: config.trusted_proxies,
            hosts: http::hosts(&config.public_url),
            shutdown: ground.shutdown.clone(),
            agents: members.agents,
            enrolment: members.enrolment,
            runs: members.runs,
            installer: http::Installer::new(self.join_address),
            on_stream: door.on_stream(),
            past: http::Past::new(Arc::new(asking.archive), ground.clock.clone()),
            sources: asking.sources,
            elsewhere,
            question_limits: http::QuestionLimits::default(),
            senders: asking.senders,
            pushes: asking.pushes,
            hand_overs,
            recipients: telling.recipients.into(),
            muting: telling.muting,
            self_tests: telling.self_tests,
            silences: telling.silences,
            alerts: telling.alerts,
            acks: telling.acks,
            ack_links: telling.ack_links,
            token_key: self.token_key,
            open_on_loopback: self.open_on_loopback,
            disk,
            rules: asking.board,
            made,
            public_url: config.public_url,
            unsigned_runs_need_proof: config.unsigned_runs_need_proof,
            factors: self.factors,
        });
        let answer = http::answer(app);
        let (counters, clock) = (Arc::default(), ground.clock.clone());
        let until = ground.shutdown.clone();
        serve(self.listener, transport, answer, page, counters, clock, until).await;
        // What is being sent is to be recorded, or it would be sent again. The
        // courier keeps its own limit; this one is for a store that hangs.
        let _ = ground.clock.within(COURIER_END, courier.join()).await;
        let _ = ground.clock.within(FAREWELL, door.all_left()).await;
        running.end(&ground.clock).await;
        answering.end(&ground).await;
        drop(tasks);
    }
}

/// Starts the timers of presence, on the thread of the signs of life.
fn watch(ground: &Ground, signs: &task::Apart) -> Task<()> {
    let parts = (ground.fleet.clone(), ground.clock.clone(), ground.shutdown.clone());
    let watching = signs.spawn("watch", async move {
        let (fleet, timers, until) = parts;
        watch::watch(fleet, timers, until).await;
        Ok::<(), Infallible>(())
    });
    task::critical("watch", ground.end.clone(), watching)
}

/// Starts what looks after the hub's own disk and says outside that it lives.
fn keep_house(
    ground: &Ground,
    config: &HubConfig,
    streams: &Streams,
    telling: &Telling,
    tasks: &mut Vec<Task<()>>,
) -> Arc<Disk> {
    let (store, history) = (ground.store.clone(), streams.historian.history().cloned());
    let (clock, shutdown) = (|| ground.clock.clone(), || ground.shutdown.clone());
    let disk = Arc::new(Disk::new(&config.data, store.clone(), history.clone()));
    let (desk, admins) = (telling.desk.clone(), telling.admins.clone());
    let watching = disk.clone().watch(desk, admins, clock(), shutdown());
    tasks.push(task::spawn("disk", watching));
    let house = housekeeping::keep(store.clone(), history, clock(), shutdown());
    tasks.push(task::spawn("housekeeping", house));
    if let Some(heartbeat) = config.heartbeat.clone() {
        let beating = heartbeat::beat(heartbeat, store, clock(), shutdown());
        tasks.push(task::spawn("heartbeat", beating));
    }
    disk
}

#[cfg(test)]
mod tests;
