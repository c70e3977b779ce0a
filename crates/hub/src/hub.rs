mod data;
mod error;
mod sources;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use watchfire_alert::{PresenceLimits, Recipient};
use watchfire_identity::Role;
use watchfire_identity::password::PasswordHash;
use watchfire_identity::token::TokenKey;
use watchfire_model::{Channel, Incident, IncidentKind, LabelSet, ServerName};
use watchfire_notify::{Allowed, FromFile, Notifier};
use watchfire_runtime::http::{Transport, serve};
use watchfire_runtime::net::{Listener, Net};
use watchfire_runtime::socket::CloseReason;
use watchfire_runtime::{Clock, Hangups, Shutdown, ShutdownHandle, memory, task};
use watchfire_store::{Store, StoredAgent, StoredLeaving};

use crate::accounts::Account;
use crate::ack_links::AckLinks;
use crate::acks::Acks;
use crate::address::{join_address, public_names};
use crate::agents::{self, Agents};
use crate::alerts::{AlertDesk, Returns, Tools};
use crate::archive::Archive;
use crate::around::Surroundings;
use crate::config::{Fallback, HubConfig, User};
use crate::courier::{Begun, Courier, END_PATIENCE, Undelivered};
use crate::daily::Daily;
use crate::desk::Desk;
use crate::dial::{Dialer, page_limits};
use crate::disk::Disk;
use crate::enrolment::Enrolment;
use crate::escalate::{self, Escalator};
use crate::events::{Event, Events};
use crate::fallback::{Fallbacks, Terms};
use crate::fleet::Fleet;
use crate::identity::{HubIdentity, HubTls};
use crate::muting::Muting;
use crate::pushed::{Pushes, Senders};
use crate::rules::{self, Board};
use crate::self_test::SelfTests;
use crate::shown::Shown;
use crate::silences::Silences;
use crate::streams::{Door, FAREWELL, Streams};
use crate::wording::Wording;
use crate::{heartbeat, housekeeping, http, outgoing, terminal, watch};

use data::{Data, keep_join_address, token_key};
use sources::{elsewhere, of_everything, sources};

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
        let Data { store, lock, stored, leaving, open, accounts, hub_id } =
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
        let events = Events::new();
        let clock = self.clock;
        let config = self.config;
        let limits = PresenceLimits::with_down_after(config.down_after);
        let servers = agents::merge(&config.servers, &self.stored);
        let fleet = Fleet::new(servers, limits, &self.open, clock.clone(), events.clone());
        fleet.take_over(&self.leaving);
        let fleet = Arc::new(fleet);
        self.shown.begin(&fleet);
        let hosts = http::hosts(&config.public_url);
        let arrived = Arc::new(Notify::new());
        let begun = Arc::new(Begun::default());
        let recipients = recipients(&config.users, &config.users);
        let letters = (recipients.clone(), config.public_url.clone(), self.hub_id.clone());
        let desk = Desk::new(
            fleet.clone(),
            self.store.clone(),
            self.open,
            letters,
            events.clone(),
            arrived.clone(),
            begun.clone(),
        );
        let courier =
            Courier::new(self.store.clone(), self.notifier, clock.clone(), arrived.clone(), begun);
        let undelivered = Undelivered {
            recipients: recipients.clone(),
            admins: admins(&config.users),
            hub_id: self.hub_id.clone(),
            public_url: config.public_url.clone(),
        };
        let courier = courier.with_budget(config.budget).telling(undelivered);
        let muting = Arc::new(Muting::new(config.maintenance));
        let silences =
            Silences::open(self.store.clone(), fleet.clone(), muting.clone(), clock.clone());
        let users = config.users.iter().map(|user| (user.name.as_str(), user.role));
        let ack_links = Arc::new(AckLinks::new(&self.token_key, &config.public_url, users));
        let returns = Arc::new(Returns::default());
        let around = Arc::new(Surroundings::default());
        let wording = Wording { around: around.clone(), own: Arc::new(config.messages.words) };
        let alerts = AlertDesk::new(Tools {
            fleet: fleet.clone(),
            store: self.store.clone(),
            recipients: recipients.clone(),
            muting: muting.clone(),
            events: events.clone(),
            courier: arrived.clone(),
            ack_links: Some(ack_links.clone()),
            public_url: config.public_url.clone(),
            hub_id: self.hub_id.clone(),
            wording: wording.clone(),
        });
        let alerts = Arc::new(alerts.with_returns(returns.clone()));
        let silences = Arc::new(silences.with_alerts(alerts.clone()));
        let desk = desk.with_muting(muting.clone()).with_returns(returns);
        let desk = Arc::new(desk.with_wording(wording).with_ack_links(ack_links.clone()));
        let on_change = on_change(&desk, &alerts, &events);
        let escalator = Escalator {
            fleet: fleet.clone(),
            store: self.store.clone(),
            recipients: recipients.clone(),
            plans: escalate::plans(&config.users),
            muting: muting.clone(),
            links: ack_links.clone(),
            alerts: Some(alerts.clone()),
            on_change: on_change.clone(),
            public_url: config.public_url.clone(),
            hub_id: self.hub_id.clone(),
            courier: arrived.clone(),
            known: Mutex::default(),
        };
        let acks = Acks::new(self.store.clone(), on_change);
        let admins = admins(&config.users);
        let self_tests = SelfTests::new(
            self.store.clone(),
            config.users.clone(),
            (config.public_url.clone(), self.hub_id.clone()),
            arrived.clone(),
        );
        let self_tests = Arc::new(self_tests);
        let missed = (desk.clone(), admins.clone());
        let terms = fallback_terms(config.fallback.as_ref(), &config.allowed, &config.public_url);
        let fallbacks = Fallbacks::open(terms, &config.data, fleet.clone(), clock.clone());
        let daily = Daily {
            fleet: fleet.clone(),
            store: self.store.clone(),
            users: config.users,
            public_url: config.public_url.clone(),
            hub_id: self.hub_id,
            courier: arrived,
        };
        let critical = |name, work: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
            task::spawn_critical(name, end.clone(), async move {
                work.await;
                Ok::<(), std::convert::Infallible>(())
            })
        };
        // Before anything is sent: its user may have gone, or have other channels by now.
        let looking = desk.clone();
        match task::blocking("outbox", move || looking.reroute()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "what waits goes where it was to go"),
            Err(failed) => tracing::error!(%failed, "what waits goes where it was to go"),
        }
        let courier = critical("courier", Box::pin(Arc::new(courier).run(shutdown.clone())));
        let signs = task::Apart::start("signs");
        let (watched, timers, until) = (fleet.clone(), clock.clone(), shutdown.clone());
        let watching = signs.spawn("watch", async move {
            watch::watch(watched, timers, until).await;
            Ok::<(), std::convert::Infallible>(())
        });
        let mut tasks = vec![
            task::critical("watch", end.clone(), watching),
            critical("desk", Box::pin(desk.clone().run(clock.clone(), shutdown.clone()))),
            task::spawn("self tests", self_tests.clone().run(clock.clone(), shutdown.clone())),
            critical("alerts", Box::pin(alerts.clone().run(clock.clone(), shutdown.clone()))),
            task::spawn_restarting("escalations", clock.clone(), {
                let (escalator, clock) = (Arc::new(escalator), clock.clone());
                let shutdown = shutdown.clone();
                move || escalator.clone().run(clock.clone(), shutdown.clone())
            }),
            critical("daily", Box::pin(Arc::new(daily).run(clock.clone(), shutdown.clone()))),
        ];
        tasks.push(task::spawn("silences", silences.clone().keep(shutdown.clone())));
        let page = page_limits(fleet.places(), &config.trusted_proxies);
        let place = (config.data.as_path(), config.disk, self.address);
        let told = (self.store.clone(), desk.clone());
        let streams = Streams::open(fleet.clone(), place, told, clock.clone(), &self.net);
        let sessions = streams.sessions.clone();
        let (store, history) = (self.store.clone(), streams.historian.history().cloned());
        let disk = Arc::new(Disk::new(&config.data, store.clone(), history.clone()));
        let watching = disk.clone().watch(desk.clone(), admins, clock.clone(), shutdown.clone());
        tasks.push(task::spawn("disk", watching));
        let house = housekeeping::keep(store, history, clock.clone(), shutdown.clone());
        tasks.push(task::spawn("housekeeping", house));
        if let Some(heartbeat) = config.heartbeat {
            let (store, clock) = (self.store.clone(), clock.clone());
            let beating = heartbeat::beat(heartbeat, store, clock, shutdown.clone());
            tasks.push(task::spawn("heartbeat", beating));
        }
        let historian = streams.historian.clone();
        let pushes = Pushes::new(historian.clone(), clock.clone());
        let pushing = task::spawn("pushes", pushes.clone().run(shutdown.clone()));
        let senders = Senders::new(&config.senders, self.open_on_loopback);
        let archive = Archive::new(historian, fleet.clone(), sessions.pool(), clock.clone());
        let reading = (around, Arc::new(archive.clone()), clock.clone(), shutdown.clone());
        tasks.push(task::spawn_restarting("around", clock.clone(), move || {
            let (around, archive, clock, shutdown) = reading.clone();
            around.read(archive, clock, shutdown)
        }));
        let sealing = task::spawn("seal", archive.clone().seal_loop(shutdown.clone()));
        let sources = sources(archive.clone(), senders.clone());
        let board = Board::default();
        let parts = rules::Parts {
            source: of_everything(sources.clone()),
            pushes: pushes.clone(),
            store: self.store.clone(),
            sink: Arc::new(alerts.clone()),
            clock: clock.clone(),
            external_labels: LabelSet::empty(),
            public_url: config.public_url.clone(),
            #[cfg(test)]
            unreadable: std::sync::Mutex::default(),
        };
        let engine = rules::Engine::new(config.rules, parts, board.clone());
        let ruling = task::spawn("rules", engine.run(self.hangups, shutdown.clone()));
        let (hand_overs, handing_over) =
            outgoing::start(config.remote_writes, &archive, &clock, &shutdown);
        tasks.extend(handing_over);
        let tls = self.tls.clone();
        let dialer =
            Dialer::new(clock.clone()).over(self.net).with_tls(Arc::new(move || tls.client()));
        let running = streams.start(dialer, &signs, &shutdown);
        let (store, closing) = (self.store.clone(), (desk, clock.clone(), sessions.weak()));
        let on_gone = Box::new(move |index: usize, server: &ServerName| {
            let (desk, clock, sessions) = &closing;
            if let Some(sessions) = sessions() {
                sessions.close(index, CloseReason::Forbidden);
            }
            if let Err(error) = desk.server_gone(server, clock.now()) {
                tracing::warn!(%server, %error, "its incident stays open until the next start");
            }
        });
        let agents =
            Agents::new(store.clone(), fleet.clone(), config.servers, &self.stored, on_gone);
        let agents = Arc::new(agents);
        let enrolment = Enrolment::new(self.identity, store, agents.clone(), clock.clone());
        let enrolment = Arc::new(enrolment);
        sessions.set_renewal(Box::new(enrolment.clone()));
        sessions.set_fallback(Box::new(fallbacks.clone()));
        let handing_out = fallbacks.run(sessions.weak(), missed, shutdown.clone());
        tasks.push(task::spawn("fallback", handing_out));
        tasks.push(task::spawn_restarting("agents", clock.clone(), {
            let (agents, clock, shutdown) = (agents.clone(), clock.clone(), shutdown.clone());
            move || agents.clone().keep(clock.clone(), shutdown.clone())
        }));
        let elsewhere = config.read_from.and_then(|service| elsewhere(service, &clock));
        let transport = Transport { tls: Some(self.tls.server()), plain: config.plain };
        tasks.push(task::spawn("certificate", self.tls.keep(clock.clone(), shutdown.clone())));
        tasks.push(task::spawn("settle memory", memory::settle(clock.clone())));
        let door = Door::new(sessions, clock.clone(), shutdown.clone());
        let on_stream = door.on_stream();
        let app = http::router(http::Parts {
            fleet,
            store: self.store,
            accounts: self.accounts,
            events,
            clock: clock.clone(),
            mail_configured: config.mail.is_some(),
            trusted_proxies: config.trusted_proxies,
            hosts,
            shutdown: shutdown.clone(),
            agents,
            enrolment,
            installer: http::Installer::new(self.join_address),
            on_stream,
            past: http::Past::new(Arc::new(archive), clock.clone()),
            sources,
            elsewhere,
            question_limits: http::QuestionLimits::default(),
            senders,
            pushes,
            hand_overs,
            recipients: recipients.into(),
            muting,
            self_tests,
            silences,
            alerts,
            acks,
            ack_links,
            token_key: self.token_key,
            open_on_loopback: self.open_on_loopback,
            disk,
            rules: board,
            public_url: config.public_url,
        });
        let answer = http::answer(app);
        let counters = Arc::default();
        serve(self.listener, transport, answer, page, counters, clock.clone(), shutdown).await;
        // What is being sent is to be recorded, or it would be sent again. The
        // courier keeps its own limit; this one is for a store that hangs.
        let _ = clock.within(COURIER_END, courier.join()).await;
        let _ = clock.within(FAREWELL, door.all_left()).await;
        running.end(&clock).await;
        let _ = clock.within(RULES_END, ruling.join()).await;
        let _ = clock.within(SEAL_END, sealing.join()).await;
        let _ = clock.within(PUSH_END, pushing.join()).await;
        drop(tasks);
    }
}

/// Whom agents tell when this hub is gone, as the config says.
fn fallback_terms(config: Option<&Fallback>, allowed: &Allowed, hub: &str) -> Option<Terms> {
    let allow = allowed.hosts().iter().map(ToString::to_string).collect();
    config.map(|fallback| Terms::new(fallback, allow, hub))
}

/// Without mail, whoever has no other channel is told on the terminal.
fn tell_on_terminal(users: &mut [User]) {
    for user in users.iter_mut().filter(|user| !user.has_channel()) {
        user.channels.push(Channel::new(terminal::URL));
    }
}

/// Who is told of the hub's own troubles: administrators, or all where none can be reached.
fn admins(users: &[User]) -> Vec<Recipient> {
    let reached = || users.iter().filter(|user| user.has_channel());
    let admins: Vec<&User> = reached().filter(|user| user.role == Role::Admin).collect();
    if admins.is_empty() { recipients(reached(), users) } else { recipients(admins, users) }
}

/// As far as being told is concerned; `all` may have escalations that lead to them.
fn recipients<'a>(users: impl IntoIterator<Item = &'a User>, all: &[User]) -> Vec<Recipient> {
    users
        .into_iter()
        .map(|user| Recipient {
            name: user.name.clone(),
            scope: user.scope.clone(),
            channels: user.channels.clone(),
            ways: user.ways.clone(),
            escalated: escalate::channels_to(&user.name, all),
            awake: user.awake.clone(),
            time_zone: user.time_zone.clone(),
        })
        .collect()
}

/// Tells the desks and the open pages that somebody looks after an incident, or wrote to it.
fn on_change(
    desk: &Arc<Desk>,
    alerts: &Arc<AlertDesk>,
    events: &Events,
) -> Arc<dyn Fn(&Incident) + Send + Sync> {
    let (desk, alerts, events) = (desk.clone(), alerts.clone(), events.clone());
    Arc::new(move |incident| {
        match incident.kind {
            IncidentKind::Presence => desk.tended(incident),
            IncidentKind::Alerts => alerts.tended(incident),
        }
        events.tell(Event::of(incident));
    })
}

#[cfg(test)]
mod tests;
